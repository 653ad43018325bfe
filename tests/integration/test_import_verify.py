"""Imports with ``verify``: what was written is read back, and a difference fails the import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import OptionError, VerificationError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.cql_values import ALL_TYPES
from tests.integration.all_types_table import create_all_types_table

pytestmark = pytest.mark.usefixtures("codec")


def import_file(session: Session, table: str, path: Path | str, **options: Any) -> Any:
    return copy_from(session, CopyFromOptions(table=table, path=str(path), **options))


def write_rows(path: Path, count: int) -> Path:
    numbers = range(count)
    columns = {
        "k": pa.array([number % 20 for number in numbers], pa.int32()),
        "c": pa.array(numbers, pa.int32()),
        "v": [f"value {number}" for number in numbers],
    }
    pq.write_table(pa.table(columns), path, row_group_size=3_000)
    return path


def test_every_type_is_verified(session: Session, keyspace: str, tmp_path: Path) -> None:
    for table in ("source", "copy"):
        create_all_types_table(session, keyspace, table, ALL_TYPES)
    session.execute(f"TRUNCATE {keyspace}.copy", timeout=60)
    path = tmp_path / "all.parquet"
    exported = copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=str(path)))
    result = import_file(session, f"{keyspace}.copy", path, verify="all", null_handling="null")
    assert result.verification.rows_checked == exported.rows
    assert result.verification.is_complete
    assert result.to_dict()["verification"]["cells_compared"] == result.verification.cells_compared > 0


def test_a_sample_looks_for_every_key(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, v text, PRIMARY KEY (k, c))")
    path = write_rows(tmp_path / "t.parquet", 10_000)
    result = import_file(session, f"{keyspace}.t", path, verify=True, verify_sample_rows=100)
    assert result.verification.rows_checked == 10_000
    assert 100 <= result.verification.cells_compared < 200
    assert not result.verification.is_complete


def test_a_cell_that_another_writer_has_the_last_word_on_fails_the_import(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, v text, PRIMARY KEY (k, c))")
    # Both are of the far future, so that the import cannot overwrite them.
    session.execute(f"INSERT INTO {keyspace}.t (k, c, v) VALUES (7, 7, 'x') USING TIMESTAMP 4000000000000000")
    session.execute(f"DELETE FROM {keyspace}.t USING TIMESTAMP 4000000000000000 WHERE k = 8 AND c = 28")
    path = write_rows(tmp_path / "t.parquet", 10_000)
    with pytest.raises(VerificationError, match="k=7, c=7: column v differs") as raised:
        import_file(session, f"{keyspace}.t", path, verify="all")
    assert "k=8, c=28: is missing" in str(raised.value)
    assert len(raised.value.differences) == 2


def test_rejected_and_skipped_rows_are_not_looked_for(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v tinyint)")
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"k": list(range(1000)), "v": [500 if k % 100 == 0 else 1 for k in range(1000)]}), path)
    result = import_file(
        session, f"{keyspace}.t", path, verify="all", max_errors=10, rejected_path=str(tmp_path / "bad.parquet"),
        skip_rows=50, where=[("k", "<", 800)],
    )  # fmt: skip
    assert (result.rows, result.rejected_rows, result.verification.rows_checked) == (743, 7, 743)


def test_restored_cells_are_verified_without_the_expired_ones(session: Session, keyspace: str, tmp_path: Path) -> None:
    for table in ("source", "copy"):
        session.execute(f"CREATE TABLE {keyspace}.{table} (k int PRIMARY KEY, a int, b int)")
    for k in range(10):
        session.execute(f"INSERT INTO {keyspace}.source (k, a) VALUES ({k}, {k}) USING TIMESTAMP {k + 1}")
        session.execute(f"UPDATE {keyspace}.source USING TIMESTAMP 50 AND TTL 90000 SET b = 1 WHERE k = {k}")
    path = tmp_path / "t.parquet"
    copy_to(
        session,
        CopyToOptions(table=f"{keyspace}.source", path=str(path), include_writetime=True, include_ttl=True),
    )
    result = import_file(session, f"{keyspace}.copy", path, verify="all")
    assert (result.verification.rows_checked, result.verification.cells_compared) == (10, 20)


def test_verify_is_refused_where_the_files_do_not_say_what_the_table_holds() -> None:
    for mode in ("insert_if_not_exists", "counter_update"):
        with pytest.raises(OptionError, match="verify"):
            CopyFromOptions(table="ks.t", path="p", mode=mode, verify=True)
    with pytest.raises(OptionError, match="sample, all"):
        CopyFromOptions(table="ks.t", path="p", verify="some")
