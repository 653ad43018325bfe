"""An import on a real server: the table holds what the files hold, or nothing was written."""

from __future__ import annotations

import datetime
import itertools
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.copy_from import copy_from
from airflow_provider_cqlai.engine.copy_to import copy_to
from airflow_provider_cqlai.engine.errors import (
    ImportPlanError,
    OptionError,
    SourceFileError,
    TableMetadataError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.import_options import CopyFromOptions
from airflow_provider_cqlai.engine.importing.plan import plan_import
from airflow_provider_cqlai.engine.options import CopyToOptions, TimeWindow
from dev.server_address import ServerAddress
from tests.cql_values import ALL_TYPES, plain_values
from tests.integration.all_types_table import create_all_types_table
from tests.object_store import S3Server
from tests.raw_reader import connect, read_arrow_table

pytestmark = pytest.mark.usefixtures("codec")


def import_files(session: Session, keyspace: str, table: str, path: Any, **options: Any) -> Any:
    return copy_from(session, CopyFromOptions(table=f"{keyspace}.{table}", path=path, **options))


def rows_of(session: Session, keyspace: str, table: str) -> list[tuple[Any, ...]]:
    rows = session.execute(f"SELECT * FROM {keyspace}.{table}", timeout=60)
    return sorted((tuple(row) for row in rows), key=str)


def write_parquet(path: Path, **columns: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return str(path)


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


def test_a_file_replaced_after_it_was_checked_is_an_error(
    session: Session, keyspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.r (k int PRIMARY KEY)")
    path = write_parquet(tmp_path / "r.parquet", k=[1])

    def replace_and_plan(*arguments: Any) -> Any:
        plan = plan_import(*arguments)
        write_parquet(tmp_path / "r.parquet", k=[1, 2, 3])
        return plan

    monkeypatch.setattr("airflow_provider_cqlai.engine.copy_from.plan_import", replace_and_plan)
    with pytest.raises(SourceFileError, match="replaced"):
        import_files(session, keyspace, "r", path)
    assert rows_of(session, keyspace, "r") == []


def test_null_leaves_the_cell_or_deletes_it(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.n (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "n.parquet", k=[1], v=pa.array([None], pa.int32()))
    session.execute(f"INSERT INTO {keyspace}.n (k, v) VALUES (1, 5)")
    import_files(session, keyspace, "n", path)
    assert rows_of(session, keyspace, "n") == [(1, 5)]
    import_files(session, keyspace, "n", path, null_handling="null")
    assert rows_of(session, keyspace, "n") == [(1, None)]


def test_hive_dataset_of_an_export_and_one_of_its_directories(session: Session, keyspace: str, tmp_path: Path) -> None:
    for table in ("source", "copy", "part"):
        session.execute(f"CREATE TABLE {keyspace}.{table} (k text, c int, v text, PRIMARY KEY (k, c))")
    keys = ["a/b", " ", "100%", "x=y", "ü"]
    for key in keys:
        for number in range(3):
            session.execute(f"INSERT INTO {keyspace}.source (k, c, v) VALUES (%s, %s, 'v')", (key, number))
    root = str(tmp_path / "dataset")
    copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=root, partition_by=["k", "c"]))
    assert import_files(session, keyspace, "copy", root).rows == 15
    assert rows_of(session, keyspace, "copy") == rows_of(session, keyspace, "source")
    assert import_files(session, keyspace, "part", f"{root}/k=x%3Dy").rows == 3
    assert rows_of(session, keyspace, "part") == [("x=y", number, "v") for number in range(3)]


def test_dataset_and_glob_in_an_object_store(session: Session, keyspace: str, s3_server: S3Server) -> None:
    for table in ("source", "copy", "part", "gone"):
        session.execute(f"CREATE TABLE {keyspace}.{table} (k text, c int, v text, PRIMARY KEY (k, c))")
    for number in range(20):
        session.execute(f"INSERT INTO {keyspace}.source (k, c, v) VALUES (%s, %s, 'v')", (f"k {number % 2}", number))
    filesystem = fsspec.filesystem("s3", **s3_server.fsspec_options())
    root = f"s3://{s3_server.bucket}/events"
    copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=root, partition_by="k"), filesystem=filesystem)

    def import_from(table: str, path: str) -> int:
        options = CopyFromOptions(table=f"{keyspace}.{table}", path=path)
        return copy_from(session, options, filesystem=filesystem).rows

    assert import_from("copy", root) == 20
    assert rows_of(session, keyspace, "copy") == rows_of(session, keyspace, "source")
    assert import_from("part", f"{root}/k=*1/*.parquet") == 10
    with pytest.raises(SourceFileError, match="no such file"):
        import_from("gone", f"{root}/k=k 1/gone.parquet")


def test_window_picks_runs_of_a_dataset(session: Session, keyspace: str, tmp_path: Path) -> None:
    for table in ("source", "copy"):
        session.execute(f"CREATE TABLE {keyspace}.{table} (k int, at timestamp, PRIMARY KEY (k, at))")
    days = [datetime.datetime(2024, 1, day, tzinfo=datetime.UTC) for day in (1, 2, 3)]
    root = str(tmp_path / "dataset")
    for day in days[:2]:
        session.execute(f"INSERT INTO {keyspace}.source (k, at) VALUES (1, %s)", (day,))
    for start, end in itertools.pairwise(days):
        window = TimeWindow(start=start, end=end)
        copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=root, window=window, time_column="at"))
    result = import_files(session, keyspace, "copy", root, window=TimeWindow(start=days[1], end=days[2]))
    assert result.rows == 1
    assert [row.at for row in session.execute(f"SELECT at FROM {keyspace}.copy")] == [days[1].replace(tzinfo=None)]


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
    path = write_parquet(tmp_path / directories / "c.parquet", k=[1], **columns)
    with pytest.raises(ImportPlanError, match=problem):
        import_files(session, keyspace, "c", path, column_mapping={"day": "v"})


def test_a_column_of_a_file_counts_where_its_directory_has_the_name_too(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int PRIMARY KEY, v int)")
    import_files(session, keyspace, "c", write_parquet(tmp_path / "v=7" / "c.parquet", k=[1], v=[5]))
    assert rows_of(session, keyspace, "c") == [(1, 5)]


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


def test_directory_that_is_no_value_is_told_before_the_first_write(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.h (k int PRIMARY KEY, v int)")
    write_parquet(tmp_path / "k=1" / "a.parquet", v=[1])
    write_parquet(tmp_path / "k=two" / "a.parquet", v=[2])
    write_parquet(tmp_path / "k=99999999999" / "a.parquet", v=[3])
    with pytest.raises(ImportPlanError, match="k=two in the directories") as caught:
        import_files(session, keyspace, "h", str(tmp_path))
    assert len(caught.value.problems) == 2
    assert rows_of(session, keyspace, "h") == []
    rejected_path = str(tmp_path / "_rejected.parquet")
    result = import_files(session, keyspace, "h", str(tmp_path), max_errors=2, rejected_path=rejected_path)
    assert (result.rows, result.rejected_rows) == (1, 2)


def test_filter_that_selects_no_file_is_named(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.h (k int PRIMARY KEY, v int)")
    write_parquet(tmp_path / "k=1" / "a.parquet", v=[1])
    with pytest.raises(OptionError, match=r"partition_filter.* selects none of the 1 files"):
        import_files(session, keyspace, "h", str(tmp_path), partition_filter="k=1 AND k=2")


def test_run_without_rows_is_imported_as_none(session: Session, keyspace: str, tmp_path: Path) -> None:
    for table in ("days", "copy"):
        session.execute(f"CREATE TABLE {keyspace}.{table} (day date, c int, s int static, v int, PRIMARY KEY (day, c))")
    session.execute(f"INSERT INTO {keyspace}.days (day, c, v) VALUES ('2024-01-01', 1, 1)")
    begin = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    window = TimeWindow(start=begin, end=begin + datetime.timedelta(days=1))
    options = {"window": window, "time_column": "day", "partition_by": ["v"]}
    assert copy_to(session, CopyToOptions(table=f"{keyspace}.days", path=str(tmp_path / "days"), **options)).rows == 0
    result = import_files(session, keyspace, "copy", str(tmp_path / "days"), window=window, verify="all")
    assert (result.rows, result.files) == (0, ())


def test_glob_list_hidden_files_and_nothing_found(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.g (k int PRIMARY KEY)")
    for number, name in enumerate(["a1.parquet", "a2.parquet", "b.parquet", "_hidden.parquet", ".tmp.parquet"]):
        write_parquet(tmp_path / name, k=[number])
    assert import_files(session, keyspace, "g", f"{tmp_path}/a*.parquet").rows == 2
    assert import_files(session, keyspace, "g", [f"{tmp_path}/a1.parquet", f"{tmp_path}/b.parquet"]).rows == 2
    assert import_files(session, keyspace, "g", str(tmp_path)).rows == 3
    assert rows_of(session, keyspace, "g") == [(0,), (1,), (2,)]
    with pytest.raises(OptionError, match="no Parquet file"):
        import_files(session, keyspace, "g", f"{tmp_path}/c*.parquet")
    with pytest.raises(SourceFileError, match="no such file"):
        import_files(session, keyspace, "g", f"{tmp_path}/gone.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(SourceFileError, match="not a readable Parquet file"):
        import_files(session, keyspace, "g", f"{tmp_path}/torn.parquet")
    with pytest.raises(TableMetadataError):
        import_files(session, keyspace, "absent", str(tmp_path))


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


@pytest.mark.parametrize(("skip_rows", "max_rows"), [(0, 0), (3, None), (7_000, 4_000), (0, 12_000), (99_999, None)])
def test_skip_and_max_rows_are_exact_over_all_files(
    session: Session, keyspace: str, tmp_path: Path, skip_rows: int, max_rows: int | None
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.r (k int PRIMARY KEY)")
    for number in range(3):
        write_parquet(tmp_path / f"{number}.parquet", k=list(range(number * 6_000, number * 6_000 + 6_000)))
    result = import_files(session, keyspace, "r", str(tmp_path), skip_rows=skip_rows, max_rows=max_rows)
    expected = list(range(18_000))[skip_rows:][:max_rows]
    assert (result.rows, result.skipped_rows) == (len(expected), 18_000 - len(expected))
    assert rows_of(session, keyspace, "r") == sorted([(k,) for k in expected], key=str)


def test_dry_run_checks_every_row_and_writes_none(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.dry (k int PRIMARY KEY, v tinyint)")
    result = import_files(session, keyspace, "dry", write_parquet(tmp_path / "a.parquet", k=[1], v=[1]), dry_run=True)
    assert (result.rows, result.is_dry_run, result.bytes) == (1, True, 0)
    with pytest.raises(ValueDoesNotFitError):
        import_files(session, keyspace, "dry", write_parquet(tmp_path / "b.parquet", k=[1], v=[300]), dry_run=True)
    assert rows_of(session, keyspace, "dry") == []


@pytest.mark.parametrize("verify", [False, "all"])
def test_file_whose_page_checksum_does_not_agree_is_an_error(
    session: Session, keyspace: str, tmp_path: Path, verify: bool | str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.torn (k int PRIMARY KEY, v text)")
    path = tmp_path / "torn.parquet"
    table = pa.table({"k": pa.array(range(300), pa.int32()), "v": [f"value {number}" for number in range(300)]})
    pq.write_table(table, path, row_group_size=100, compression="none", use_dictionary=False, write_page_checksum=True)
    path.write_bytes(path.read_bytes().replace(b"value 150", b"value 950"))
    with pytest.raises(SourceFileError, match=r"/torn\.parquet: row group 1, column v: the file is damaged.* CRC"):
        import_files(session, keyspace, "torn", str(path), verify=verify)
    assert {v for _, v in rows_of(session, keyspace, "torn")}.isdisjoint(["value 150", "value 950"])


@pytest.mark.parametrize(
    ("partition_filter", "expected"),
    [
        ("year=2024,month=1", {(2024, 1)}),
        ([("year", "=", 2024), ("month", ">=", 2)], {(2024, 2), (2024, 10)}),
        ([("month", "in", ["01", "10"])], {(2023, 1), (2023, 10), (2024, 1), (2024, 10)}),
        ([("month", "not in", [1, 2])], {(2023, 10), (2024, 10)}),
        ([("year", "!=", "2023"), ("month", "<", 2)], {(2024, 1)}),
    ],
)
def test_partition_filter_reads_no_other_file(
    session: Session, keyspace: str, tmp_path: Path, partition_filter: Any, expected: set[tuple[int, int]]
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.h (year int, month int, k int, PRIMARY KEY (year, month, k))")
    for year in (2023, 2024):
        for month in (1, 2, 10):
            directory = tmp_path / f"year={year}" / f"month={month:02}"
            directory.mkdir(parents=True)
            file = directory / "part.parquet"
            if (year, month) in expected:
                write_parquet(file, k=[7])
            else:
                file.write_bytes(b"opening this would fail")
    import_files(session, keyspace, "h", str(tmp_path), partition_filter=partition_filter)
    assert {(year, month) for year, month, _ in rows_of(session, keyspace, "h")} == expected
    with pytest.raises(OptionError, match="keys: year, month"):
        import_files(session, keyspace, "h", str(tmp_path), partition_filter="day=1")
