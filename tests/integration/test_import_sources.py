"""What an import reads: datasets, globs, lists, windows, filters, and files that are not as they should be."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import (
    ImportPlanError,
    OptionError,
    SourceFileError,
    TableMetadataError,
)
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.integration.import_cases import import_files, rows_of, write_parquet
from tests.object_store import S3Server

pytestmark = pytest.mark.usefixtures("codec")


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
    days = [datetime.datetime(2024, 1, day, tzinfo=datetime.timezone.utc) for day in (1, 2, 3)]
    root = str(tmp_path / "dataset")
    for day in days[:2]:
        session.execute(f"INSERT INTO {keyspace}.source (k, at) VALUES (1, %s)", (day,))
    for start, end in itertools.pairwise(days):
        window = TimeWindow(start=start, end=end)
        copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=root, window=window, time_column="at"))
    result = import_files(session, keyspace, "copy", root, window=TimeWindow(start=days[1], end=days[2]))
    assert result.rows == 1
    assert [row.at for row in session.execute(f"SELECT at FROM {keyspace}.copy")] == [days[1].replace(tzinfo=None)]


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
    begin = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
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


def test_the_tables_names_are_filled_in(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f'CREATE TABLE {keyspace}."Orders" (k int PRIMARY KEY, v int)')
    session.execute(f'INSERT INTO {keyspace}."Orders" (k, v) VALUES (1, 10)')
    table = f'{keyspace}."Orders"'
    exported = copy_to(session, CopyToOptions(table=table, path=f"{tmp_path}/{{keyspace}}/{{table}}/"))
    assert exported.path.rstrip("/") == f"{tmp_path}/{keyspace}/Orders"
    session.execute(f"TRUNCATE {table}")
    import_files(session, keyspace, '"Orders"', f"{tmp_path}/{{keyspace}}/{{table}}/")
    assert rows_of(session, keyspace, '"Orders"') == [(1, 10)]
    # Braces of other names are a part of the path, as foreign files have them.
    write_parquet(tmp_path / "a{b}.parquet", k=[2], v=[20])
    import_files(session, keyspace, '"Orders"', tmp_path / "a{b}.parquet")
    assert rows_of(session, keyspace, '"Orders"') == [(1, 10), (2, 20)]
    with pytest.raises(
        OptionError, match=r"unknown placeholder \{day\}; known are \{keyspace\}, \{table\}, \{window_start\}"
    ):
        copy_to(session, CopyToOptions(table=table, path=f"{tmp_path}/{{day}}.parquet"))
