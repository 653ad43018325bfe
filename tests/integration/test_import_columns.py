"""Which column of a file goes where: every mistake is told, all at once, before anything is written."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import (
    ImportPlanError,
)
from tests.integration.import_cases import import_files, rows_of, write_parquet

pytestmark = pytest.mark.usefixtures("codec")


def test_all_problems_are_one_error_and_nothing_is_written(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.p (k int, c int, v float, w int, PRIMARY KEY (k, c))")
    paths = [
        write_parquet(tmp_path / "good.parquet", k=[1], c=[1], v=pa.array([1.0], pa.float32()), w=[1]),
        write_parquet(tmp_path / "bad.parquet", k=[1], v=[0.1], w=["x"], extra=[1]),
    ]
    with pytest.raises(ImportPlanError) as raised:
        import_files(session, keyspace, "p", paths)
    assert len(raised.value.problems) == 4
    for words in ("primary key column c is missing", "column extra is not in the table", "v: ", "w: "):
        assert words in str(raised.value)
    assert "allow_lossy" in str(raised.value)
    paths[1] = write_parquet(tmp_path / "bad.parquet", k=[1], c=[1], v=[0.1], w=["x"])
    with pytest.raises(ImportPlanError, match="allow_lossy") as raised:
        import_files(session, keyspace, "p", paths)
    assert len(raised.value.problems) == 2
    assert rows_of(session, keyspace, "p") == []


def test_mapping_and_columns(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int PRIMARY KEY, v int, w int)")
    path = write_parquet(tmp_path / "c.parquet", key=[1], v=[2], w=[3])
    import_files(session, keyspace, "c", path, column_mapping={"key": "k"}, columns=["v"])
    assert rows_of(session, keyspace, "c") == [(1, 2, None)]


def test_mapping_takes_quoted_names_and_refuses_unknown_ones(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f'CREATE TABLE {keyspace}.c (k int PRIMARY KEY, "Total" int)')
    path = write_parquet(tmp_path / "c.parquet", k=[1], total=[2])
    import_files(session, keyspace, "c", path, column_mapping={"total": '"Total"'})
    assert rows_of(session, keyspace, "c") == [(1, 2)]
    lenient = {"on_extra_column": "ignore", "on_missing_column": "ignore"}
    with pytest.raises(ImportPlanError, match=r'no column Totals .did you mean "Total"'):
        import_files(session, keyspace, "c", path, column_mapping={"total": "Totals"}, **lenient)
    with pytest.raises(ImportPlanError, match="names sum, which every file lacks"):
        import_files(session, keyspace, "c", path, column_mapping={"sum": "Total"}, **lenient)


def test_allow_lossy_takes_quoted_names_and_refuses_unknown_ones(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f'CREATE TABLE {keyspace}.t (k int PRIMARY KEY, "At" timestamp)')
    moment = datetime.datetime.fromisoformat("2024-05-01T00:00:00.123456")
    path = write_parquet(tmp_path / "t.parquet", k=[1], At=[moment])
    import_files(session, keyspace, "t", path, allow_lossy=['"At"'])
    assert rows_of(session, keyspace, "t") == [(1, moment.replace(microsecond=123000))]
    with pytest.raises(ImportPlanError, match=r"allow_lossy: table .* has no column 'at'.*\"At\""):
        import_files(session, keyspace, "t", path, allow_lossy=["at"])


@pytest.mark.parametrize(
    ("directories", "columns", "problem"),
    [
        ("day=7", {"v": [5]}, r"column v and the directories' key day are both v \(column_mapping\)"),
        ("v=5/day=7", {}, r"two keys of the directories are v: v, day \(column_mapping\)"),
        ("v=5/v=7/day=7", {}, "two keys of the directories are v: v, v, day"),
    ],
)
def test_two_sources_of_a_column_of_which_one_is_a_directory(
    session: Session, keyspace: str, tmp_path: Path, directories: str, columns: dict[str, list[int]], problem: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int PRIMARY KEY, v int)")
    write_parquet(tmp_path / directories / "c.parquet", k=[1], **columns)
    with pytest.raises(ImportPlanError, match=problem):
        import_files(session, keyspace, "c", str(tmp_path), column_mapping={"day": "v"})


def test_mapped_column_may_be_missing_in_some_files(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int PRIMARY KEY, v int)")
    write_parquet(tmp_path / "old.parquet", k=[1])
    write_parquet(tmp_path / "young.parquet", k=[2], value=[3])
    mapping = {"value": "v"}
    with pytest.raises(ImportPlanError, match=r"old\.parquet: column v is missing"):
        import_files(session, keyspace, "c", str(tmp_path), column_mapping=mapping)
    import_files(session, keyspace, "c", str(tmp_path), column_mapping=mapping, on_missing_column="ignore")
    assert rows_of(session, keyspace, "c") == [(1, None), (2, 3)]


def test_every_name_of_columns_that_the_table_lacks_is_told(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int PRIMARY KEY, v int, w int)")
    path = write_parquet(tmp_path / "c.parquet", k=[1], v=[2])
    with pytest.raises(ImportPlanError) as caught:
        import_files(session, keyspace, "c", path, columns=["v", "x", "w", "y"])
    first, second, third = caught.value.problems
    assert "no column 'x'" in first
    assert "no column 'y'" in second
    assert "column w is missing" in third
    assert rows_of(session, keyspace, "c") == []
