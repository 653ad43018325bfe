"""Files with companions that no export writes: far expiries, rows of one key, keys with a null."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.types.companions import EXPIRY, WRITETIME, Companion
from airflow_provider_cqlai.engine.write_options import MAX_TTL_SECONDS
from tests.integration.import_cases import import_files, rows_of

pytestmark = pytest.mark.usefixtures("codec")

HOUR = 3_600


def expiry(column: str, *seconds: int | None) -> tuple[Any, Any]:
    """Moments so many seconds ahead, null where there is no number."""
    now = int(time.time())
    moments = [None if ahead is None else (now + ahead) * 1000 for ahead in seconds]
    return Companion(EXPIRY, column).arrow_field, pa.array(moments, pa.timestamp("ms", "UTC"))


def writetime(column: str, *microseconds: int | None) -> tuple[Any, Any]:
    return Companion(WRITETIME, column).arrow_field, pa.array(microseconds, pa.int64())


def write_file(path: Path, *companions: tuple[Any, Any], **columns: list[int | None]) -> str:
    fields = [pa.field(name, pa.int32()) for name in columns] + [field for field, _ in companions]
    arrays = [pa.array(values, pa.int32()) for values in columns.values()] + [array for _, array in companions]
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)
    return str(path)


@pytest.mark.parametrize("ahead", [MAX_TTL_SECONDS + HOUR, 2**31 + HOUR, 2**32 + HOUR, 2**33])
def test_an_expiry_that_no_cell_can_have_rejects_its_row(
    session: Session, keyspace: str, tmp_path: Path, ahead: int
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    file = write_file(tmp_path / "t.parquet", expiry("v", HOUR, ahead, None), k=[1, 2, 3], v=[1, 2, 3])
    with pytest.raises(ValueDoesNotFitError, match=r"t\.v: expiry\(v\).*cell_times.*'k': '2'"):
        import_files(session, keyspace, "t", file)
    assert rows_of(session, keyspace, "t") == []
    rejected_path = str(tmp_path / "rejected.parquet")
    result = import_files(session, keyspace, "t", file, max_errors=1, rejected_path=rejected_path, verify="all")
    assert (result.rows, result.rejected_rows) == (2, 1)
    assert rows_of(session, keyspace, "t") == [(1, 1), (3, 3)]


def test_an_expiry_of_a_static_cell_that_it_cannot_have_rejects_each_row_of_the_partition(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, s int static, v int, PRIMARY KEY (k, c))")
    file = write_file(
        tmp_path / "t.parquet",
        expiry("s", *[MAX_TTL_SECONDS + HOUR] * 3), k=[1, 1, 1], c=[1, 2, 3], s=[7, 7, 7], v=[1, 2, 3],
    )  # fmt: skip
    rejected_path = str(tmp_path / "rejected.parquet")
    result = import_files(session, keyspace, "t", file, max_errors=3, rejected_path=rejected_path)
    assert (result.rows, result.rejected_rows) == (0, 3)
    assert rows_of(session, keyspace, "t") == []
