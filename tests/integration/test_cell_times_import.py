"""Files with companions that no export writes: far expiries, rows of one key, keys with a null."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.write import MAX_TTL_SECONDS
from airflow_provider_cqlai.engine.types.companions import EXPIRY, WRITETIME, Companion
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.integration.import_cases import check_counts, import_files, rows_of
from tests.journal_files import CancellingJournal

pytestmark = pytest.mark.usefixtures("codec")

HOUR = 3_600


def expiry(column: str, *seconds: int | None) -> tuple[Any, Any]:
    """Moments so many seconds ahead, null where there is no number."""
    now = int(time.time())
    moments = [None if ahead is None else (now + ahead) * 1000 for ahead in seconds]
    return Companion(EXPIRY, column).arrow_field, pa.array(moments, pa.timestamp("ms", "UTC"))


def writetime(column: str, *microseconds: int | None) -> tuple[Any, Any]:
    return Companion(WRITETIME, column).arrow_field, pa.array(microseconds, pa.int64())


def write_file(
    path: Path, *companions: tuple[Any, Any], row_group_size: int | None = None, **columns: list[int | None]
) -> str:
    fields = [pa.field(name, pa.int32()) for name in columns] + [field for field, _ in companions]
    arrays = [pa.array(values, pa.int32()) for values in columns.values()] + [array for _, array in companions]
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path, row_group_size=row_group_size)
    return str(path)


@pytest.mark.parametrize("ahead", [MAX_TTL_SECONDS + HOUR, 2**31 + HOUR, 2**32 + HOUR, 2**33])
def test_an_expiry_that_no_cell_can_have_rejects_its_row(
    session: Session, keyspace: str, tmp_path: Path, ahead: int
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    file = write_file(tmp_path / "t.parquet", expiry("v", HOUR, ahead, None), k=[1, 2, 3], v=[1, 2, 3])
    with pytest.raises(ValueDoesNotFitError, match=r"cell_times.*t\.v: expiry\(v\).*'k': '2'"):
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
    result = import_files(session, keyspace, "t", file, max_errors="all", rejected_path=rejected_path)
    assert (result.rows, result.rejected_rows) == (0, 3)
    assert rows_of(session, keyspace, "t") == []


def test_a_row_without_the_first_of_its_clustering_columns_is_refused(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, d int, s int static, v int, PRIMARY KEY (k, c, d))")
    file = write_file(tmp_path / "t.parquet", writetime("s", 1000), k=[1], c=[None], d=[7], s=[3], v=[None])
    with pytest.raises(ValueDoesNotFitError, match=r"column c, row .*null"):
        import_files(session, keyspace, "t", file)
    assert rows_of(session, keyspace, "t") == []
    file = write_file(tmp_path / "t.parquet", writetime("s", 1000), k=[1], c=[None], d=[None], s=[3], v=[None])
    assert import_files(session, keyspace, "t", file, verify="all").rows == 1
    assert rows_of(session, keyspace, "t") == [(1, None, None, 3, None)]


def test_the_last_of_two_rows_wins_each_of_its_cells_whichever_expires_first(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int, w int)")
    file = write_file(
        tmp_path / "t.parquet",
        expiry("v", 5 * HOUR, None, 9 * HOUR), expiry("w", 9 * HOUR, None, 5 * HOUR),
        k=[1, 2, 1], v=[1, 8, 3], w=[2, 9, 4],
    )  # fmt: skip
    result = import_files(session, keyspace, "t", file, verify="all")
    assert (result.rows, result.duplicate_rows) == (3, 1)
    assert rows_of(session, keyspace, "t") == [(1, 3, 4), (2, 8, 9)]


@pytest.mark.parametrize("has_expiries", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_static_cells_with_and_without_a_row_keep_the_order_of_the_file(
    session: Session, keyspace: str, tmp_path: Path, first: int, *, has_expiries: bool
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, s int static, t int static, v int, PRIMARY KEY (k, c))")
    columns = {
        "k": [1, 1, 2, 3],
        "c": [1, None, None, 1],
        "s": [9, 1, 5, 6],
        "t": [9, 1, 5, 6],
        "v": [5, None, None, 6],
    }
    if first:
        columns = {name: [values[1], values[0], *values[2:]] for name, values in columns.items()}
    seconds = [HOUR, 2 * HOUR]
    companions = (
        [expiry("s", *seconds, None, None), expiry("t", *reversed(seconds), None, None)] if has_expiries else []
    )
    file = write_file(tmp_path / "t.parquet", *(companions if has_expiries else ()), **columns)
    assert import_files(session, keyspace, "t", file, verify="all").rows == 4
    last = columns["s"][1]
    assert rows_of(session, keyspace, "t") == [(1, 1, last, last, 5), (2, None, 5, 5, None), (3, 1, 6, 6, 6)]


def test_the_last_static_cell_of_a_partition_wins_whichever_expires_first(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, s int static, t int static, PRIMARY KEY (k, c))")
    file = write_file(
        tmp_path / "t.parquet",
        expiry("s", HOUR, 2 * HOUR), expiry("t", 2 * HOUR, 2 * HOUR), k=[1, 1], c=[1, 2], s=[9, 1], t=[9, 1],
    )  # fmt: skip
    import_files(session, keyspace, "t", file, verify="all")
    assert rows_of(session, keyspace, "t", "c, s, t") == [(1, 1, 1), (2, 1, 1)]


@pytest.mark.parametrize(("cql_type", "arrow_type"), [("float", pa.float32()), ("double", pa.float64())])
def test_zeros_of_both_signs_are_two_static_values_and_two_partitions(
    session: Session, keyspace: str, tmp_path: Path, cql_type: str, arrow_type: Any
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k {cql_type}, c int, s {cql_type} static, v int, PRIMARY KEY (k, c))")
    field, expiries = expiry("v", *[None] * 5)
    columns = {
        "k": pa.array([1.0, 1.0, 0.0, -0.0, float("nan")], arrow_type),
        "c": pa.array([1, 2, 1, 1, 1], pa.int32()),
        "s": pa.array([0.0, -0.0, 5.0, 5.0, float("nan")], arrow_type),
        "v": pa.array(range(5), pa.int32()),
    }
    fields = [pa.field(name, array.type) for name, array in columns.items()]
    file = str(tmp_path / "t.parquet")
    pq.write_table(pa.Table.from_arrays([*columns.values(), expiries], schema=pa.schema([*fields, field])), file)
    import_files(session, keyspace, "t", file, verify="all")
    found = {(str(k), str(s)) for k, s in rows_of(session, keyspace, "t", "k, s")}
    assert found == {("1.0", "-0.0"), ("0.0", "5.0"), ("-0.0", "5.0"), ("nan", "nan")}


def test_expired_rows_of_an_earlier_try_do_not_count_as_written(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    count, expired = 2_000, 299
    file = write_file(
        tmp_path / "t.parquet",
        expiry("v", *[-HOUR] * expired, *[HOUR] * (count - expired)), k=list(range(count)), v=[1] * count,
        row_group_size=300,
    )  # fmt: skip
    cancellation = Cancellation()
    journal = CancellingJournal(cancellation)
    options = CopyFromOptions(table=f"{keyspace}.t", path=file, rate_limit_rows_per_second=1_000)
    with pytest.raises(CopyCancelledError):
        copy_from(session, options, journal_store=journal, cancellation=cancellation)
    result = copy_from(session, options, journal_store=journal)
    check_counts(result)
    assert 0 < result.resumed_rows < count - expired
    assert result.rows + result.resumed_rows == count - expired == len(rows_of(session, keyspace, "t"))
    assert result.files[0].rows_expired == expired
