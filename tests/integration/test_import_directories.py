"""What the names of directories and files say of rows: keys above the path, keys that a file has too, no extension."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError, SourceFileError, ValueDoesNotFitError
from tests.integration.import_cases import import_files, rows_of, write_parquet


@pytest.fixture
def years(session: Session, keyspace: str, tmp_path: Path) -> Path:
    """Two files of a hive dataset in a directory that looks like a key, and a table with columns of both names."""
    session.execute(f"CREATE TABLE {keyspace}.y (k int PRIMARY KEY, year int, x int)")
    write_parquet(tmp_path / "x=9" / "years" / "year=2023" / "a.parquet", k=[1])
    write_parquet(tmp_path / "x=9" / "years" / "year=2024" / "a.parquet", k=[2])
    return tmp_path / "x=9" / "years"


@pytest.mark.parametrize("path", ["year=2024", "year=2024/", "year=2024/a.parquet", "year=2024/*.parquet"])
def test_key_at_the_end_of_the_path_is_a_column_and_one_above_is_not(
    session: Session, keyspace: str, tmp_path: Path, years: Path, path: str
) -> None:
    given = f"{years}/{path}"
    with pytest.raises(ImportPlanError, match=r"x is missing.*x=9 stands above.*partition_base_path"):
        import_files(session, keyspace, "y", given)
    import_files(session, keyspace, "y", given, on_missing_column="ignore")
    assert rows_of(session, keyspace, "y", "k, year, x") == [(2, 2024, None)]
    import_files(session, keyspace, "y", given, partition_base_path=years, on_missing_column="ignore")
    assert rows_of(session, keyspace, "y", "k, year, x") == [(2, 2024, None)]
    import_files(session, keyspace, "y", given, partition_base_path=tmp_path)
    assert rows_of(session, keyspace, "y", "k, year, x") == [(2, 2024, 9)]


@pytest.mark.parametrize("path", ["", "*", "year=*", "year=*/a.parquet", "**"])
def test_key_below_the_path_is_a_column(session: Session, keyspace: str, years: Path, path: str) -> None:
    import_files(session, keyspace, "y", str(years / path), on_missing_column="ignore")
    assert rows_of(session, keyspace, "y", "k, year, x") == [(1, 2023, None), (2, 2024, None)]


def test_base_that_is_not_above_the_path(session: Session, keyspace: str, years: Path) -> None:
    for base in (years / "year=2023", "/elsewhere", f"{years}/year"):
        with pytest.raises(OptionError, match=r"partition_base_path=.* is no directory above"):
            import_files(session, keyspace, "y", str(years / "year=2024"), partition_base_path=base)


@pytest.mark.parametrize(
    ("cql_type", "text", "same", "other"),
    [
        ("int", "2024", pa.array([2024]), pa.array([2023])),
        ("text", "01", pa.array(["01"]), pa.array(["1"])),
        ("date", "2024-01-31", pa.array([19_753], pa.int32()).cast(pa.date32()), pa.array(["2024-02-01"])),
        ("timestamp", "2024-01-31 00:00:00", pa.array(["2024-01-31"]), pa.array(["2024-01-31 00:00:01"])),
        ("decimal", "1.50", pa.array(["1.5"]), pa.array(["1.51"])),
        ("boolean", "true", pa.array([True]), pa.array([False])),
        ("uuid", "b0e5a9c2-1f6e-4f5a-8a52-6b1b9f5f0d11", pa.array(["B0E5A9C21F6E4F5A8A526B1B9F5F0D11"]),
         pa.array(["00000000-1f6e-4f5a-8a52-6b1b9f5f0d11"])),
        ("int", "__HIVE_DEFAULT_PARTITION__", pa.array([None], pa.int32()), pa.array([1])),
        ("int", "1", pa.array([1]), pa.array([None], pa.int32())),
    ],
)  # fmt: skip
def test_difference_between_file_and_directory_is_an_error(
    session: Session, keyspace: str, tmp_path: Path, cql_type: str, text: str, same: Any, other: Any
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int PRIMARY KEY, v {cql_type})")
    write_parquet(tmp_path / "same" / f"v={text}" / "a.parquet", k=[1], v=same)
    import_files(session, keyspace, "d", str(tmp_path / "same"), verify="all")
    path = tmp_path / "other" / f"v={text}" / "a.parquet"
    write_parquet(path, k=[1], v=other)
    with pytest.raises(ValueDoesNotFitError, match=rf"\.d\.v: the file has .*directories say v=.*{path}"):
        import_files(session, keyspace, "d", str(tmp_path / "other"))
    import_files(session, keyspace, "d", str(tmp_path / "other"), on_directory_difference="ignore", verify="all")


def test_one_row_that_differs_from_its_directory_is_rejected_alone(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int PRIMARY KEY, v int)")
    write_parquet(tmp_path / "in" / "v=7" / "a.parquet", k=[1, 2, 3], v=[7, 8, 7])
    rejected = tmp_path / "rejected.parquet"
    result = import_files(session, keyspace, "d", str(tmp_path / "in"), max_errors=1, rejected_path=rejected)
    assert (result.rows, result.rejected_rows) == (2, 1)
    assert rows_of(session, keyspace, "d") == [(1, 7), (3, 7)]
    [reason] = pq.read_table(rejected)["rejected_reason"].to_pylist()
    assert "the file has 8, where its directories say v=7" in reason


@pytest.fixture
def unnamed(session: Session, keyspace: str, tmp_path: Path) -> Path:
    """As Hive and Athena write: names without an extension. One file of text is among them."""
    session.execute(f"CREATE TABLE {keyspace}.u (k int PRIMARY KEY)")
    for number in range(2):
        write_parquet(tmp_path / "u" / f"00000{number}_0", k=[number])
    write_parquet(tmp_path / "u" / "named.parquet", k=[2])
    (tmp_path / "u" / "notes.txt").write_text("nothing")
    return tmp_path / "u"


def test_file_without_an_extension_is_read_where_it_is_named(session: Session, keyspace: str, unnamed: Path) -> None:
    import_files(session, keyspace, "u", str(unnamed / "000000_0"))
    assert rows_of(session, keyspace, "u") == [(0,)]
    import_files(session, keyspace, "u", str(unnamed / "0*"))
    assert rows_of(session, keyspace, "u") == [(0,), (1,)]


def test_file_that_would_be_left_out_is_an_error(
    session: Session, keyspace: str, unnamed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (str(unnamed), str(unnamed.parent), f"{unnamed.parent}/*", f"{unnamed}/**"):
        with pytest.raises(OptionError, match=r"on_unnamed_files='read' reads.*2 files: .*000000_0, .*000001_0"):
            import_files(session, keyspace, "u", path)
    assert rows_of(session, keyspace, "u") == []
    with caplog.at_level(logging.WARNING):
        import_files(session, keyspace, "u", str(unnamed), on_unnamed_files="ignore")
    assert "3 files: 000000_0, 000001_0, notes.txt" in caplog.text
    assert rows_of(session, keyspace, "u") == [(2,)]
    import_files(session, keyspace, "u", str(unnamed), on_unnamed_files="read")
    assert rows_of(session, keyspace, "u") == [(0,), (1,), (2,)]


def test_what_a_pattern_names_and_is_no_parquet_is_an_error(session: Session, keyspace: str, unnamed: Path) -> None:
    with pytest.raises(OptionError, match=r"leaves out what is no Parquet.*1 file: notes\.txt"):
        import_files(session, keyspace, "u", str(unnamed / "*"))
    assert import_files(session, keyspace, "u", str(unnamed / "*"), on_unnamed_files="ignore").rows == 3


def test_named_file_that_is_no_parquet_is_an_error(session: Session, keyspace: str, unnamed: Path) -> None:
    (unnamed / "data").write_text("no Parquet at all")
    with pytest.raises(SourceFileError, match="not a readable Parquet file"):
        import_files(session, keyspace, "u", str(unnamed / "data"))
