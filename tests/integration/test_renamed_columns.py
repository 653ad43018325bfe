"""Columns and directories with other names than the table's: in files, for readers, and back in an import."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError, SourceMismatchError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files, dataset_schema
from tests.cassandra_versions import server_under_test

# Of the elements of others Cassandra 4 tells no write times.
PRICES = "map<text, int>" if server_under_test().is_at_least("5.0") else "frozen<map<text, int>>"
COLUMNS = f"region text, at timestamp, id int, name text, prices {PRICES}, PRIMARY KEY ((region), at, id)"
RENAME = {
    "at.date": "day",
    "region": "area",
    "id": "event_number",
    "prices": "price_list",
    "writetime(name)": "name_written",
}


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    for name in ("events", "back"):
        session.execute(f"CREATE TABLE {keyspace}.{name} ({COLUMNS})")
    for number in range(20):
        session.execute(
            f"INSERT INTO {keyspace}.events (region, at, id, name, prices) VALUES ('0{number % 3}',"
            f" '2024-03-0{number % 4 + 1}', {number}, 'event {number}', {{'a': {number}}}) USING TIMESTAMP {number + 1}"
        )
    return f"{keyspace}.events"


def _rows(session: Session, table: str) -> list[Any]:
    return sorted(session.execute(f"SELECT region, at, id, name, prices, writetime(name) FROM {table}"))


def _export(session: Session, table: str, path: object, **options: Any) -> None:
    copy_to(session, CopyToOptions(table=table, path=str(path), **options))


def test_dataset_has_the_new_names_and_comes_back(session: Session, table: str, tmp_path: Path) -> None:
    root = tmp_path / "events"
    _export(session, table, root, partition_by="at.date,region", rename=RENAME, include_writetime=True,
            on_mixed_cell_times="max")  # fmt: skip
    directories = {str(Path(file).parent.relative_to(root)) for file in dataset_files(root)}
    assert "day=2024-03-01/area=00" in directories
    assert len(directories) == 12
    names = ["at", "event_number", "name", "price_list", "name_written", "writetime(prices)"]
    assert {tuple(pq.read_schema(file).names) for file in dataset_files(root)} == {tuple(names)}
    assert pq.read_schema(root / "_common_metadata").names == names
    # The types that readers are told, so that 01 is no number.
    schema = dataset_schema(root)
    assert schema.names == [*names, "day", "area"]
    told = ds.dataset(
        dataset_files(root), partitioning=ds.partitioning(schema, flavor="hive"), partition_base_dir=str(root)
    )
    assert set(told.to_table()["area"].to_pylist()) == {"00", "01", "02"}
    found = duckdb.sql(f"SELECT count(*), max(name_written) FROM read_parquet('{root}/**/*.parquet')").fetchall()
    assert found == [(20, 20)]

    back = table.replace("events", "back")
    imported = copy_from(
        session,
        CopyFromOptions(table=back, path=str(root), cell_times="restore", verify="all", allow_list_duplicates=True),
    )
    assert imported.rows == 20
    assert _rows(session, back) == _rows(session, table)


def test_one_file_comes_back_by_what_it_says_of_its_columns(session: Session, table: str, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    # The first two are each other's names.
    _export(session, table, file, rename={"region": "name", "name": "region", "id": "ID"})
    (row,) = (row for row in pq.read_table(file).to_pylist() if row["ID"] == 7)
    assert (row["name"], row["region"]) == ("01", "event 7")
    back = table.replace("events", "back")
    copy_from(session, CopyFromOptions(table=back, path=str(file), verify="all"))
    assert [row[:5] for row in _rows(session, back)] == [row[:5] for row in _rows(session, table)]


def test_what_somebody_rewrote_needs_a_mapping(session: Session, table: str, tmp_path: Path) -> None:
    file, foreign = tmp_path / "events.parquet", tmp_path / "foreign.parquet"
    _export(session, table, file, rename={"id": "number"})
    duckdb.sql(f"COPY (SELECT * FROM read_parquet('{file}')) TO '{foreign}' (FORMAT parquet)")
    back = table.replace("events", "back")
    with pytest.raises(Exception, match="column number is not in the table"):
        copy_from(session, CopyFromOptions(table=back, path=str(foreign)))
    mapped = CopyFromOptions(table=back, path=str(foreign), column_mapping={"number": "id"}, verify="all")
    assert copy_from(session, mapped).rows == 20


def test_other_options_keep_the_names_of_the_result(session: Session, table: str, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    _export(
        session,
        table,
        file,
        rename={"name": "title", "prices": "p"},
        statistics=["name", "prices.key_value.value"],
        dictionary=["name"],
        types={"at": "timestamp[us, UTC]"},
    )
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = {group.column(number).path_in_schema: group.column(number) for number in range(group.num_columns)}
    assert {path for path, column in columns.items() if column.is_stats_set} == {"title", "p.key_value.value"}
    assert {path for path, column in columns.items() if "RLE_DICTIONARY" in column.encodings} == {"title"}


@pytest.mark.parametrize(
    ("rename", "options", "message"),
    [
        ({"nam": "x"}, {}, r"rename: the result has no column 'nam'.*name"),
        ({"name": "id"}, {}, r"rename: two columns would be 'id'"),
        ({"name": "x", "id": "x"}, {}, r"rename: two columns would be 'x'"),
        ({"name": " "}, {}, r"rename: 'name': the new name is empty"),
        ({"at.date": "name"}, {"partition_by": "at.date"}, r"rename: two columns would be 'name'"),
        ({"at.date": "day"}, {}, r"rename: the result has no column 'at.date'"),
    ],
)
def test_names_that_cannot_be_are_errors(
    session: Session, table: str, tmp_path: Path, rename: dict[str, str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        _export(session, table, tmp_path / "events", rename=rename, **options)
    assert not (tmp_path / "events").exists()


def test_a_dataset_keeps_its_names(session: Session, table: str, tmp_path: Path) -> None:
    _export(session, table, tmp_path / "events", rename={"name": "title"})
    with pytest.raises(SourceMismatchError, match="rename is"):
        _export(session, table, tmp_path / "events")


def test_names_that_readers_refuse_are_told(
    session: Session, table: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings() -> list[str]:
        return [record.message for record in caplog.records if "refuse dots" in record.message]

    caplog.set_level(logging.WARNING)
    _export(session, table, tmp_path / "plain", partition_by="at.date", virtual_column_separator="_")
    _export(session, table, tmp_path / "renamed", partition_by="at.date", rename={"at.date": "day"})
    assert warnings() == []
    _export(session, table, tmp_path / "dotted", partition_by="at.date", include_writetime=True,
            on_mixed_cell_times="max")  # fmt: skip
    assert len(warnings()) == 1
    assert "at.date, writetime(name), writetime(prices)" in warnings()[0]


def test_columns_of_a_capture(session: Session, table: str, tmp_path: Path) -> None:
    query = f"SELECT region, max(id), count(*) AS rows FROM {table} GROUP BY region"
    rename = {"system.max(id)": "last_id"}
    options = CaptureOptions(queries=query, path=str(tmp_path / "c.parquet"), rename=rename)
    capture(session, options)
    assert pq.read_schema(tmp_path / "c.parquet").names == ["region", "last_id", "rows"]
    with pytest.raises(OptionError, match=r"rename=.*not an option of json files"):
        CaptureOptions(queries=query, path=str(tmp_path / "c.json"), rename=rename)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize(
    "rename", [{"name": "id", "id": "name"}, {"name": "id", "id": "region", "region": "name"}, {"name": "ID"}]
)
def test_directories_with_the_names_of_other_columns_come_back(
    session: Session, table: str, tmp_path: Path, rename: dict[str, str], keeps: bool
) -> None:
    _export(session, table, tmp_path / "d", partition_by="name,id,region", rename=rename, keep_partition_columns=keeps)
    back = table.replace("events", "back")
    copy_from(session, CopyFromOptions(table=back, path=str(tmp_path / "d"), verify="all"))
    assert [row[:5] for row in _rows(session, back)] == [row[:5] for row in _rows(session, table)]


def test_a_companion_with_the_name_of_a_column_has_to_be_chosen(session: Session, table: str, tmp_path: Path) -> None:
    """As a column of values it would leave the cells without their write times."""
    file = tmp_path / "events.parquet"
    _export(session, table, file, columns=["region", "at", "id", "name"], include_writetime=True,
            rename={"writetime(name)": "written"})  # fmt: skip
    back = table.replace("events", "back")
    session.execute(f"ALTER TABLE {back} ADD written bigint")
    with pytest.raises(ImportPlanError, match=r"column written is the writetime of name, and the table has a column"):
        copy_from(session, CopyFromOptions(table=back, path=str(file), on_missing_column="ignore"))
    restoring = CopyFromOptions(
        table=back, path=str(file), columns=["name"], on_missing_column="ignore", on_extra_column="ignore", verify="all"
    )
    copy_from(session, restoring)
    found = list(session.execute(f"SELECT id, writetime(name), written FROM {back}"))
    assert len(found) == 20
    assert all((moment, written) == (number + 1, None) for number, moment, written in found)
    mapped = CopyFromOptions(
        table=back, path=str(file), column_mapping={"written": "written"}, on_missing_column="ignore", verify="all"
    )
    copy_from(session, mapped)
    assert all(row.written == row.id + 1 for row in session.execute(f"SELECT id, written FROM {back}"))


def test_columns_that_were_renamed_again_are_what_they_are_called(session: Session, table: str, tmp_path: Path) -> None:
    """pyarrow keeps the metadata of a field that it renames."""
    file = tmp_path / "events.parquet"
    _export(session, table, file, columns=["region", "at", "id", "name"], rename={"name": "x"})
    back = table.replace("events", "back")
    session.execute(f"ALTER TABLE {back} ADD title text")
    pq.write_table(pq.read_table(file).rename_columns(["region", "at", "id", "title"]), file)
    copy_from(session, CopyFromOptions(table=back, path=str(file), on_missing_column="ignore", verify="all"))
    found = list(session.execute(f"SELECT id, name, title FROM {back}"))
    assert all(row == (row.id, None, f"event {row.id}") for row in found)
    assert len(found) == 20


def test_a_copy_without_manifests_has_its_names_in_its_footers(session: Session, table: str, tmp_path: Path) -> None:
    _export(
        session,
        table,
        tmp_path / "d",
        partition_by="at.date,name",
        rename={"name": "region", "region": "name", "at.date": "x"},
    )
    shutil.rmtree(tmp_path / "d" / "_cqlai")
    back = table.replace("events", "back")
    session.execute(f"ALTER TABLE {back} ADD x text")
    copy_from(session, CopyFromOptions(table=back, path=str(tmp_path / "d"), on_missing_column="ignore", verify="all"))
    assert [row[:5] for row in _rows(session, back)] == [row[:5] for row in _rows(session, table)]
    assert all(row.x is None for row in session.execute(f"SELECT x FROM {back}"))
