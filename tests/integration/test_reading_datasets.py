"""Readers downstream: texts as directories, columns that are directories and in the files, names without dots."""

from __future__ import annotations

import datetime
import json
import logging
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai import datasets
from airflow_provider_cqlai.engine import dataset_files, dataset_schema
from airflow_provider_cqlai.engine.errors import OptionError, SourceMismatchError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.integration.import_cases import import_files, rows_of
from tests.object_store import S3Server

ZIPS = ["01234", "1234", "true", "2024-01-01"]


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    for name in ("t", "copy"):
        session.execute(f"CREATE TABLE {keyspace}.{name} (zip text, at timestamp, v int, PRIMARY KEY (zip, at))")
    for number, zip_code in enumerate(ZIPS):
        at = datetime.datetime(2024, 1, 1 + number, tzinfo=datetime.timezone.utc)
        session.execute(f"INSERT INTO {keyspace}.t (zip, at, v) VALUES (%s, %s, %s)", (zip_code, at, number))
    return f"{keyspace}.t"


def export(session: Session, table: str, path: Path, **options: Any) -> None:
    copy_to(session, CopyToOptions(table=table, path=str(path), **options))


def read_pyarrow(path: Path, schema: Any) -> list[Any]:
    hive = ds.partitioning(pa.schema([schema.field("zip")]), flavor="hive")
    return ds.dataset(dataset_files(path), schema=schema, partitioning=hive).to_table()["zip"].to_pylist()


def read_pandas(path: Path, schema: Any) -> list[Any]:
    hive = ds.partitioning(pa.schema([schema.field("zip")]), flavor="hive")
    return pd.read_parquet(dataset_files(path), partitioning=hive)["zip"].astype(object).tolist()


def read_duckdb(path: Path, schema: Any) -> list[Any]:
    query = "SELECT zip FROM read_parquet($files, hive_partitioning = true, hive_types_autocast = false)"
    rows = duckdb.execute(query, {"files": dataset_files(path)}).fetchall()
    return [zip_code for (zip_code,) in rows]


def read_polars(path: Path, schema: Any) -> list[Any]:
    frame = pl.read_parquet(dataset_files(path), hive_partitioning=True, hive_schema={"zip": pl.String})
    return frame["zip"].to_list()


@pytest.mark.parametrize("read", [read_pyarrow, read_pandas, read_duckdb, read_polars])
def test_texts_of_directories_keep_their_zeros(session: Session, table: str, tmp_path: Path, read: Any) -> None:
    export(session, table, tmp_path / "ds", partition_by=["zip"])
    schema = dataset_schema(tmp_path / "ds")
    assert schema.field("zip").type == pa.string()
    assert sorted(read(tmp_path / "ds", schema)) == sorted(ZIPS)


def test_a_text_as_a_directory_is_warned_of(
    session: Session, table: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    export(session, table, tmp_path / "quiet", partition_by=["at.year"])
    assert "partition_by" not in caplog.text
    export(session, table, tmp_path / "loud", partition_by=["zip"])
    assert "partition_by: zip of texts: pyarrow, pandas and Polars guess" in caplog.text


def test_columns_that_are_directories_can_be_in_the_files_too(
    session: Session, keyspace: str, table: str, tmp_path: Path
) -> None:
    export(session, table, tmp_path / "ds", partition_by=["zip", "at.year"], keep_partition_columns=True)
    files = dataset_files(tmp_path / "ds")
    alone = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    assert sorted(row["zip"] for row in alone) == sorted(ZIPS)
    assert set(alone[0]) == {"zip", "at", "v"}
    assert pq.read_schema(tmp_path / "ds" / "_common_metadata").names == ["zip", "at", "v"]
    import_files(session, keyspace, "copy", str(tmp_path / "ds"), verify="all")
    assert rows_of(session, keyspace, "copy") == rows_of(session, keyspace, "t")
    # Files of both kinds in one dataset would be two schemas to a reader.
    with pytest.raises(SourceMismatchError, match="keep_partition_columns"):
        export(session, table, tmp_path / "ds", partition_by=["zip", "at.year"])


@pytest.mark.parametrize("extension", ["", "json", "csv"])
def test_captures_keep_columns_too(session: Session, table: str, tmp_path: Path, extension: str) -> None:
    options = CaptureOptions(
        queries=f"SELECT zip, v FROM {table}", path=str(tmp_path / "c"), format=extension or None, partition_by="zip",
        keep_partition_columns=True,
    )  # fmt: skip
    capture(session, options)
    files = [Path(file) for file in dataset_files(tmp_path / "c")]
    assert len(files) == len(ZIPS)
    for file in files:
        zip_code = file.parent.name.removeprefix("zip=")
        if extension:
            assert zip_code in file.read_text()
        else:
            assert pq.ParquetFile(file).read()["zip"].to_pylist() == [zip_code]


def test_directories_of_virtual_columns_without_dots(session: Session, table: str, tmp_path: Path) -> None:
    partition_by = ["at.year", "at.date"]
    export(session, table, tmp_path / "ds", partition_by=partition_by, virtual_column_separator="_")
    assert {path.name for path in (tmp_path / "ds").glob("at_year=*/*")} == {
        f"at_date=2024-01-0{day}" for day in range(1, 5)
    }
    schema = dataset_schema(tmp_path / "ds")
    assert (schema.names, schema.field("at_date").type) == (["zip", "at", "v", "at_year", "at_date"], pa.date32())
    with pytest.raises(SourceMismatchError, match="virtual_column_separator"):
        export(session, table, tmp_path / "ds", partition_by=partition_by)


def test_directory_with_the_name_of_a_column_is_an_error(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.both (k int PRIMARY KEY, at timestamp, at_year int)")
    options = {"partition_by": ["at.year"], "virtual_column_separator": "_"}
    with pytest.raises(OptionError, match="the directory at_year= would have the name of another column"):
        export(session, f"{keyspace}.both", tmp_path / "ds", **options)


def test_functions_of_datasets_take_a_connection(
    session: Session, table: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = s3_server.fsspec_options()
    extra = {"endpoint_url": options["client_kwargs"]["endpoint_url"], "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": options["key"], "password": options["secret"], "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MY_AWS", json.dumps(connection))
    filesystem = fsspec.filesystem("s3", **options)
    path = f"s3://{s3_server.bucket}/zips"
    copy_to(session, CopyToOptions(table=table, path=path, partition_by=["zip"]), filesystem=filesystem)
    with_connection = path.replace("://", "://my_aws@")
    assert datasets.dataset_files(with_connection) == dataset_files(path, filesystem=filesystem)
    assert datasets.dataset_files(path, storage_conn_id="my_aws") == dataset_files(path, filesystem=filesystem)
    assert datasets.dataset_schema(with_connection).field("zip").type == pa.string()
    assert [window.rows for window in datasets.dataset_windows(with_connection)] == [len(ZIPS)]
    assert datasets.check_dataset(with_connection).problems == ()


def test_directory_of_a_virtual_column_is_no_column_of_another_name(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.o (id int PRIMARY KEY, at timestamp, at_date text)")
    session.execute(f"INSERT INTO {keyspace}.o (id, at, at_date) VALUES (1, '2024-01-01T00:00:00Z', 'mine')")
    options = {"columns": ["id", "at"], "partition_by": ["at.date"], "virtual_column_separator": "_"}
    export(session, f"{keyspace}.o", tmp_path / "lake" / "ds", **options)
    for path in ("ds", "", "ds/at_date=2024-01-01", "*/*/*.parquet"):
        import_files(session, keyspace, "o", str(tmp_path / "lake" / path), on_missing_column="ignore")
        assert [row.at_date for row in session.execute(f"SELECT at_date FROM {keyspace}.o")] == ["mine"], path
    filtered = {"partition_filter": "at_date=2024-01-02", "on_missing_column": "ignore"}
    with pytest.raises(OptionError, match="selects none"):
        import_files(session, keyspace, "o", str(tmp_path / "lake" / "ds"), **filtered)


def test_decimals_of_directories_are_those_of_the_files(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.m (m decimal, id int, PRIMARY KEY (m, id))")
    for number, text in enumerate(["1.5", "2", "0", "-10", "100", "0.05"]):
        session.execute(f"INSERT INTO {keyspace}.m (m, id) VALUES ({text}, {number})")
    before = rows_of(session, keyspace, "m")
    for name, types in (("arrow", {"m": "decimal128(10,2)"}), ("default", {})):
        export(session, f"{keyspace}.m", tmp_path / name, partition_by="m", types=types)
        import_files(session, keyspace, "m", str(tmp_path / name), verify="all")
        assert rows_of(session, keyspace, "m") == before, name


def test_mapped_column_that_is_a_directory_and_in_the_files(
    session: Session, keyspace: str, table: str, tmp_path: Path
) -> None:
    session.execute(f'CREATE TABLE {keyspace}.mapped ("ZIP" text, at timestamp, v int, PRIMARY KEY ("ZIP", at))')
    export(session, table, tmp_path / "ds", partition_by=["zip"], keep_partition_columns=True)
    import_files(session, keyspace, "mapped", str(tmp_path / "ds"), column_mapping={"zip": '"ZIP"'}, verify="all")
    assert [row[0] for row in rows_of(session, keyspace, "mapped")] == [
        row[0] for row in rows_of(session, keyspace, "t")
    ]
