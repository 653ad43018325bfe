"""An import on a real server: the table holds what the files hold, or nothing was written."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import (
    ImportPlanError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from dev.server_address import ServerAddress
from tests.cql_values import ALL_TYPES, plain_values
from tests.integration.all_types_table import create_all_types_table
from tests.integration.import_cases import import_files, rows_of, write_parquet
from tests.pyarrow_versions import NEEDS_NULL_VECTORS
from tests.raw_reader import connect, read_arrow_table

pytestmark = pytest.mark.usefixtures("codec")


@NEEDS_NULL_VECTORS
@pytest.mark.parametrize("protocol_version", [5, 4])
def test_every_type_comes_back_as_it_was(
    cassandra: ServerAddress, keyspace: str, session: Session, tmp_path: Path, protocol_version: int
) -> None:
    for table in ("source", "copy"):
        create_all_types_table(session, keyspace, table, ALL_TYPES)
    session.execute(f"TRUNCATE {keyspace}.copy", timeout=60)
    path = str(tmp_path / "all.parquet")
    exported = copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=path))
    with connect(cassandra.host, cassandra.port, protocol_version) as own_session:
        result = import_files(own_session, keyspace, "copy", path, null_handling="null")
        source, _ = read_arrow_table(own_session, keyspace, "source")
        copy, _ = read_arrow_table(own_session, keyspace, "copy")
    assert result.rows == exported.rows == source.num_rows
    source, copy = source.sort_by("id"), copy.sort_by("id")
    for name in source.column_names:
        assert plain_values(copy.column(name)) == plain_values(source.column(name)), name


def test_bytes_of_the_server_go_back_only_to_the_type_they_came_from(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    for table, cql_type in (("source", "varint"), ("copy", "varint"), ("other", "int")):
        session.execute(f"CREATE TABLE {keyspace}.{table} (k int PRIMARY KEY, v {cql_type})")
    session.execute(f"INSERT INTO {keyspace}.source (k, v) VALUES (1, {10**60})")
    path = str(tmp_path / "raw.parquet")
    copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=path, types={"v": "binary"}))
    import_files(session, keyspace, "copy", path)
    assert rows_of(session, keyspace, "copy") == [(1, 10**60)]
    with pytest.raises(ImportPlanError, match="binary cannot become int"):
        import_files(session, keyspace, "other", path)


def test_partitions_of_many_rows_arrive_whole(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.m (k int, c int, v text, PRIMARY KEY (k, c))")
    count = 25_000
    path = write_parquet(
        tmp_path / "m.parquet",
        k=pa.array([number % 37 for number in range(count)], pa.int32()),
        c=pa.array(range(count), pa.int32()),
        v=[f"value {number}" * (number % 50) for number in range(count)],
    )
    result = import_files(session, keyspace, "m", path, max_batch_bytes="4KB", max_bytes_in_flight="64KB")
    assert result.rows == count
    assert rows_of(session, keyspace, "m") == sorted(
        ((number % 37, number, f"value {number}" * (number % 50)) for number in range(count)), key=str
    )


def test_import_twice_leaves_the_same_rows_and_lists(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.lists (k int PRIMARY KEY, v list<int>)")
    path = write_parquet(tmp_path / "l.parquet", k=[1, 2], v=[[1, 2], [3]])
    for _ in range(2):
        import_files(session, keyspace, "lists", path)
    assert rows_of(session, keyspace, "lists") == [(1, [1, 2]), (2, [3])]


def test_last_of_rows_with_one_primary_key_wins(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int, c int, v int, w int, PRIMARY KEY (k, c))")
    # The greater value comes first: with equal timestamps Cassandra would keep it.
    path = write_parquet(
        tmp_path / "d.parquet", k=[1, 1, 1, 1], c=[1, 1, 2, 1], v=[9, 5, 7, 1], w=[None, 3, None, None]
    )
    result = import_files(session, keyspace, "d", path)
    assert (result.rows, result.duplicate_rows) == (4, 2)
    assert rows_of(session, keyspace, "d") == [(1, 1, 1, 3), (1, 2, 7, None)]


def test_last_static_cell_of_a_partition_wins(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (k int, c int, s text static, v int, PRIMARY KEY (k, c))")
    # As a foreign program may write it: the greater value comes first, and partitions alternate.
    path = write_parquet(
        tmp_path / "s.parquet", k=[1, 2, 1, 2, 1], c=[1, 1, 2, 2, 3], s=["z", "b", "a", "b", None], v=[1, 2, 3, 4, 5]
    )
    assert import_files(session, keyspace, "s", path).duplicate_rows == 0
    assert rows_of(session, keyspace, "s") == [(1, c, "a", v) for c, v in ((1, 1), (2, 3), (3, 5))] + [
        (2, c, "b", v) for c, v in ((1, 2), (2, 4))
    ]


def test_clustering_keys_that_are_equal_to_cassandra_are_one_row(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(
        f"CREATE TABLE {keyspace}.e (k decimal, c decimal, f frozen<set<int>>, v int, PRIMARY KEY (k, c, f))"
    )
    path = write_parquet(
        tmp_path / "e.parquet",
        k=["1", "1", "1.0"],
        c=["1.50", "1.5", "1.5"],
        f=pa.array([[1, 2], [2, 1], [1, 2]], pa.list_(pa.int32())),
        v=[9, 1, 5],
    )
    assert import_files(session, keyspace, "e", path).duplicate_rows == 1
    # As partition keys 1 and 1.0 are two.
    assert sorted(row.v for row in session.execute(f"SELECT v FROM {keyspace}.e")) == [1, 5]


def test_null_leaves_the_cell_or_deletes_it(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.n (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "n.parquet", k=[1], v=pa.array([None], pa.int32()))
    session.execute(f"INSERT INTO {keyspace}.n (k, v) VALUES (1, 5)")
    import_files(session, keyspace, "n", path)
    assert rows_of(session, keyspace, "n") == [(1, 5)]
    import_files(session, keyspace, "n", path, null_handling="null")
    assert rows_of(session, keyspace, "n") == [(1, None)]


def test_files_of_pandas_and_polars(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(
        f"CREATE TABLE {keyspace}.f (k int PRIMARY KEY, id uuid, at timestamp, day date, n bigint, kind text,"
        " x list<int>)"
    )
    moment = datetime.datetime.fromisoformat("2024-05-01T12:30:00")
    frame = pd.DataFrame(
        {
            "k": [1, 2],
            "id": ["{0B3F6A8E-2B4A-4F5C-9F0E-000000000001}", None],
            "at": pd.to_datetime([moment, None]),
            "day": ["2024-05-01", None],
            "n": [1.0, None],
            "kind": pd.Categorical(["a", "b"]),
            "x": [[1, 2], None],
        }
    )
    (tmp_path / "pandas").mkdir()
    frame.to_parquet(tmp_path / "pandas" / "one.parquet")
    import_files(session, keyspace, "f", str(tmp_path / "pandas"), on_missing_column="error")
    expected = (1, moment, datetime.date(2024, 5, 1), uuid.UUID("0b3f6a8e-2b4a-4f5c-9f0e-000000000001"), "a", 1, [1, 2])
    row = session.execute(f"SELECT k, at, day, id, kind, n, x FROM {keyspace}.f WHERE k = 1").one()
    assert (row.k, row.at, row.day.date(), row.id, row.kind, row.n, row.x) == expected
    pl.DataFrame({"k": [3], "kind": ["c"], "n": [7]}).write_parquet(tmp_path / "polars.parquet")
    import_files(session, keyspace, "f", str(tmp_path / "polars.parquet"), on_missing_column="ignore")
    assert session.execute(f"SELECT kind, n FROM {keyspace}.f WHERE k = 3").one() == ("c", 7)


@pytest.mark.parametrize(
    ("values", "reason"),
    [(pa.array([1, 300], pa.int64()), "300"), (pa.array([1.0, 1.5]), "1.5")],
)
def test_value_that_does_not_fit_names_table_column_and_key(
    session: Session, keyspace: str, tmp_path: Path, values: Any, reason: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.v (k int PRIMARY KEY, v tinyint)")
    path = write_parquet(tmp_path / "v.parquet", k=[7, 8], v=values)
    with pytest.raises(ValueDoesNotFitError, match=reason) as raised:
        import_files(session, keyspace, "v", path)
    assert (raised.value.table, raised.value.column, raised.value.primary_key) == (f"{keyspace}.v", "v", {"k": "8"})


def test_microseconds_are_refused_or_cut_by_name(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, at timestamp)")
    moment = datetime.datetime.fromisoformat("2024-05-01T00:00:00.123456")
    path = write_parquet(tmp_path / "t.parquet", k=[1], at=[moment])
    with pytest.raises(ValueDoesNotFitError, match="allow_lossy"):
        import_files(session, keyspace, "t", path)
    import_files(session, keyspace, "t", path, allow_lossy="at")
    assert rows_of(session, keyspace, "t") == [(1, moment.replace(microsecond=123000))]


def test_static_columns_of_a_partition_without_rows(session: Session, keyspace: str, tmp_path: Path) -> None:
    for table in ("source", "copy"):
        session.execute(f"CREATE TABLE {keyspace}.{table} (k int, c int, s text static, v int, PRIMARY KEY (k, c))")
    session.execute(f"INSERT INTO {keyspace}.source (k, s) VALUES (1, 'alone')")
    session.execute(f"INSERT INTO {keyspace}.source (k, c, s, v) VALUES (2, 1, 'with rows', 3)")
    path = str(tmp_path / "static.parquet")
    copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=path))
    assert import_files(session, keyspace, "copy", path).rows == 2
    assert rows_of(session, keyspace, "copy") == [(1, None, "alone", None), (2, 1, "with rows", 3)]


def test_value_without_its_clustering_key_is_refused(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (k int, c int, s text static, v int, PRIMARY KEY (k, c))")
    path = write_parquet(tmp_path / "s.parquet", k=[1], c=pa.array([None], pa.int32()), s=["x"], v=[5])
    with pytest.raises(ValueDoesNotFitError):
        import_files(session, keyspace, "s", path)
    assert rows_of(session, keyspace, "s") == []


@pytest.mark.parametrize("with_write_times", [False, True])
def test_row_of_which_there_is_nothing_to_write_is_refused(
    session: Session, keyspace: str, tmp_path: Path, with_write_times: bool
) -> None:
    """Neither a clustering key nor a static value: it would count as written and be nowhere."""
    definition = "(k int, c int, s text static, other text static, v int, PRIMARY KEY (k, c))"
    for table in ("source", "copy"):
        session.execute(f"CREATE TABLE {keyspace}.{table} {definition}")
    session.execute(f"INSERT INTO {keyspace}.source (k, other) VALUES (1, 'not exported')")
    path = str(tmp_path / "s.parquet")
    options = CopyToOptions(
        table=f"{keyspace}.source", path=path, columns=["k", "c", "s", "v"], include_writetime=with_write_times
    )
    assert copy_to(session, options).rows == 1
    with pytest.raises(ValueDoesNotFitError, match=r"\bc\b"):
        import_files(session, keyspace, "copy", path, columns=["k", "c", "s", "v"])
    assert rows_of(session, keyspace, "copy") == []


def test_dry_run_checks_every_row_and_writes_none(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.dry (k int PRIMARY KEY, v tinyint)")
    result = import_files(session, keyspace, "dry", write_parquet(tmp_path / "a.parquet", k=[1], v=[1]), dry_run=True)
    assert (result.rows, result.is_dry_run, result.bytes) == (1, True, 0)
    with pytest.raises(ValueDoesNotFitError):
        import_files(session, keyspace, "dry", write_parquet(tmp_path / "b.parquet", k=[1], v=[300]), dry_run=True)
    assert rows_of(session, keyspace, "dry") == []
