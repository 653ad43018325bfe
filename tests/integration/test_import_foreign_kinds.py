"""What other programs leave unsaid in their files, or say in other words: capitals, bytes that are text, calendars."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError, SourceFileError, ValueDoesNotFitError
from tests.integration.import_cases import import_files, rows_of, write_parquet

LEGACY = {"org.apache.spark.version": "3.5.1", "org.apache.spark.legacyDateTime": ""}
# A text's converted and logical type in the footer, UTF8 and STRING, and those that are written over them.
TEXT = bytes.fromhex("25004c1c000000")
OTHER_TEXTS = {"ENUM": bytes.fromhex("25084c4c000000"), "JSON": bytes.fromhex("25264ccc000000")}


def test_capitals_are_read_as_cql_reads_them(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TYPE {keyspace}.place (street text, zip int)")
    session.execute(f'CREATE TABLE {keyspace}.c (id int PRIMARY KEY, home frozen<place>, day int, "Odd" int)')
    homes = pa.array([{"STREET": "a", "ZIP": 1}])
    write_parquet(tmp_path / "DAY=5" / "a.parquet", ID=[1], HOME=homes, Odd=[3])
    import_files(session, keyspace, "c", str(tmp_path), verify="all")
    assert [
        tuple(row) for row in session.execute(f'SELECT id, home.street, home.zip, day, "Odd" FROM {keyspace}.c')
    ] == [(1, "a", 1, 5, 3)]


def test_capitals_that_fold_into_one_name_are_an_error(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TYPE {keyspace}.place (zip int)")
    session.execute(f"CREATE TABLE {keyspace}.c (id int PRIMARY KEY, home frozen<place>)")
    both = write_parquet(tmp_path / "both.parquet", ID=[1], Id=[2])
    with pytest.raises(ImportPlanError, match="two columns are id"):
        import_files(session, keyspace, "c", both, columns=["id"])
    beside = write_parquet(tmp_path / "beside.parquet", ID=[1], id=[2])
    with pytest.raises(ImportPlanError, match="column ID is not in the table"):
        import_files(session, keyspace, "c", beside, columns=["id"])
    fields = write_parquet(tmp_path / "fields.parquet", id=[1], home=pa.array([{"ZIP": 1, "Zip": 2}]))
    with pytest.raises(ImportPlanError, match="a field is there twice"):
        import_files(session, keyspace, "c", fields)


def test_keys_that_fold_into_one_name_are_an_error(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (id int PRIMARY KEY, year int)")
    write_parquet(tmp_path / "YEAR=2024" / "year=2023" / "a.parquet", id=[1])
    with pytest.raises(ImportPlanError, match="two keys of the directories are year: year and YEAR"):
        import_files(session, keyspace, "c", str(tmp_path))


def test_bytes_are_text_where_that_is_said(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.b (k int PRIMARY KEY, v text, vs list<text>)")
    path = write_parquet(tmp_path / "b.parquet", k=[1, 2], v=[b"a", "ü".encode()], vs=[[b"x"], [b"y", b""]])
    with pytest.raises(ImportPlanError, match="v: binary cannot become text"):
        import_files(session, keyspace, "b", path)
    import_files(session, keyspace, "b", path, binary_as_text="v,vs", verify="all")
    assert rows_of(session, keyspace, "b") == [(1, "a", ["x"]), (2, "ü", ["y", ""])]
    with pytest.raises(ImportPlanError, match=r"binary_as_text.*nope|nope"):
        import_files(session, keyspace, "b", path, binary_as_text="nope")


@pytest.mark.parametrize("options", [{}, {"max_errors": 1, "rejected_path": "rejected.parquet"}])
def test_bytes_that_are_no_text_stay_an_error(
    session: Session, keyspace: str, tmp_path: Path, options: dict[str, Any]
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.b (k int PRIMARY KEY, vs list<text>)")
    path = write_parquet(tmp_path / "b.parquet", k=[1, 2, 3], vs=[[b"x"], [b"\xff"], [b"y"]])
    if not options:
        with pytest.raises(ValueDoesNotFitError, match=r"b\.vs: Invalid UTF8.*row 1"):
            import_files(session, keyspace, "b", path, binary_as_text="vs")
        return
    options = {**options, "rejected_path": tmp_path / options["rejected_path"]}
    assert import_files(session, keyspace, "b", path, binary_as_text="vs", **options).rows == 2
    assert rows_of(session, keyspace, "b") == [(1, ["x"]), (3, ["y"])]


@pytest.mark.parametrize("kind", ["ENUM", "JSON"])
def test_text_by_another_name(session: Session, keyspace: str, tmp_path: Path, kind: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.e (k int PRIMARY KEY, v text, vs list<text>)")
    path = tmp_path / "e.parquet"
    table = pa.table({"k": [1, 2], "v": ['"A"', None], "vs": [['"B"', "1"], None]})
    pq.write_table(table, path, store_schema=False)
    content = path.read_bytes()
    assert content.count(TEXT) == 2
    path.write_bytes(content.replace(TEXT, OTHER_TEXTS[kind]))
    assert pq.ParquetFile(path).schema.column(1).logical_type.type == kind
    import_files(session, keyspace, "e", str(path), verify="all")
    assert rows_of(session, keyspace, "e") == [(1, '"A"', ['"B"', "1"]), (2, None, None)]


def _write_as_spark(path: Path, metadata: dict[str, str], **columns: Any) -> str:
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return str(path)


def test_ancient_date_of_spark_keeps_its_name(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int PRIMARY KEY, v date)")
    # What Spark stores for 1000-01-01: pyarrow, DuckDB and Polars read it as the sixth.
    days = [datetime.date(1000, 1, 6), None, datetime.date(2024, 2, 29)]
    path = _write_as_spark(tmp_path / "d.parquet", LEGACY, k=[1, 2, 3], v=days)
    import_files(session, keyspace, "d", path, verify="all")
    found = {row.k: row.v and row.v.date() for row in session.execute(f"SELECT k, v FROM {keyspace}.d")}
    assert found == {1: datetime.date(1000, 1, 1), 2: None, 3: days[2]}
    path = _write_as_spark(tmp_path / "d.parquet", {"org.apache.spark.version": "3.5.1"}, k=[1], v=days[:1])
    import_files(session, keyspace, "d", path)
    assert session.execute(f"SELECT v FROM {keyspace}.d WHERE k = 1").one().v.date() == days[0]


def test_ancient_timestamp_of_spark_is_an_error_for_its_row(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v timestamp)")
    moments = pa.array([0, -(10**15) * 3, 1], pa.timestamp("us"))
    path = _write_as_spark(tmp_path / "t.parquet", LEGACY, k=[1, 2, 3], v=moments)
    with pytest.raises(ValueDoesNotFitError, match=r"t\.v: 1874-.*timezone of its writer.*primary key \{'k': '2'\}"):
        import_files(session, keyspace, "t", path)
    rejected = tmp_path / "rejected.parquet"
    options = {"max_errors": 1, "rejected_path": rejected, "allow_lossy": "v"}
    assert import_files(session, keyspace, "t", path, **options).rows == 2
    assert import_files(session, keyspace, "t", path, where=[("k", "!=", 2)], allow_lossy="v", verify="all").rows == 2


def test_ancient_value_of_a_filter_is_an_error(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int PRIMARY KEY, v date)")
    path = _write_as_spark(tmp_path / "d.parquet", LEGACY, k=[1], v=[datetime.date(1000, 1, 6)])
    with pytest.raises(ImportPlanError, match="where: v: 1000-01-01 is of Spark's old calendar"):
        import_files(session, keyspace, "d", path, where=[("v", "=", "1000-01-01")])
    assert import_files(session, keyspace, "d", path, where=[("v", "<", "1900-01-01")]).rows == 1


def test_rejected_rows_of_spark_stay_in_its_calendar(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.r (k int PRIMARY KEY, d date, t timestamp, v tinyint)")
    days = [datetime.date(1000, 1, 6), datetime.date(2024, 1, 1), datetime.date(1000, 1, 6)]
    moments = pa.array([0, -(10**15) * 4, 0], pa.timestamp("us"))
    path = _write_as_spark(tmp_path / "r.parquet", LEGACY, k=[1, 2, 3], d=days, t=moments, v=[300, 1, 1])
    rejected = tmp_path / "rejected.parquet"
    options = {"max_errors": 2, "rejected_path": rejected, "allow_lossy": "t"}
    assert import_files(session, keyspace, "r", path, **options).rejected_rows == 2
    again = {"on_extra_column": "ignore", "allow_lossy": "t"}
    with pytest.raises(ValueDoesNotFitError, match="timezone of its writer"):
        import_files(session, keyspace, "r", str(rejected), columns=["k", "t"], **again)
    import_files(session, keyspace, "r", str(rejected), columns=["k", "d"], where=[("k", "=", 1)], **again)
    found = {row.k: row.d.date() for row in session.execute(f"SELECT k, d FROM {keyspace}.r")}
    assert found == {1: datetime.date(1000, 1, 1), 3: datetime.date(1000, 1, 1)}
    plain = write_parquet(tmp_path / "plain.parquet", k=[1], d=days[:1], t=moments.slice(0, 1), v=[1])
    with pytest.raises(OptionError, match="import the files of Spark apart"):
        import_files(session, keyspace, "r", [path, plain], **options)


def test_rejected_rows_of_files_that_spell_names_differently(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (id int PRIMARY KEY, v int, y int)")
    write_parquet(tmp_path / "in" / "Y=1" / "a.parquet", id=[1], V=[2**40])
    write_parquet(tmp_path / "in" / "y=2" / "b.parquet", id=[2], v=[2**41])
    rejected = tmp_path / "rejected.parquet"
    import_files(session, keyspace, "s", str(tmp_path / "in"), max_errors="all", rejected_path=rejected)
    rows = pq.read_table(rejected, columns=["id", "v", "y"]).to_pylist()
    assert rows == [{"id": 1, "v": 2**40, "y": 1}, {"id": 2, "v": 2**41, "y": 2}]
    assert "V" not in pq.read_schema(rejected).names


def test_a_type_that_pyarrow_does_not_read_is_an_error_of_the_file(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.i (id int PRIMARY KEY, v varint)")
    path = tmp_path / "i.parquet"
    pl.DataFrame({"id": [1], "v": pl.Series([5], dtype=pl.Int128)}).write_parquet(path)
    with pytest.raises(SourceFileError, match=r"not a readable Parquet file: .*64 bits"):
        import_files(session, keyspace, "i", str(path))
