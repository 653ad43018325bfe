"""Hive datasets read back by readers that are not ours: DuckDB, Polars, pandas and pyarrow's datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions
from tests.unit.engine.files.local_staged_files import LocalFolder

Row = tuple[int, object]

VALUES = [
    "plain",
    "with space",
    "a/b",
    "50%",
    "%2F",
    "a=b",
    "10:30",
    "Zürich",
    "東京",
    "🚀",
    ".",
    "..",
    "quote\"'",
    "new\nline",
    "[{^}]#*?\\",
    "",
    "NULL",
    None,
]


def read_with_duckdb(root: Path, key: str) -> list[Row]:
    query = f"""select n, "{key}" from read_parquet('{root}/**/*.parquet', hive_partitioning = true)"""
    return duckdb.sql(query).fetchall()


def read_with_polars(root: Path, key: str) -> list[Row]:
    return pl.read_parquet(f"{root}/**/*.parquet", hive_partitioning=True).select("n", key).rows()


def read_with_pyarrow(root: Path, key: str) -> list[Row]:
    table = pads.dataset(root, partitioning="hive").to_table()
    return list(zip(table["n"].to_pylist(), table[key].to_pylist(), strict=True))


def read_with_pandas(root: Path, key: str) -> list[Row]:
    # pandas' default asks for dictionaries, which pyarrow cannot unify where one of them is null.
    frame = pd.read_parquet(root, partitioning=pads.partitioning(flavor="hive"))
    return [(n, None if pd.isna(value) else value) for n, value in zip(frame["n"], frame[key], strict=True)]


readers = pytest.mark.parametrize(
    "read", [read_with_duckdb, read_with_polars, read_with_pyarrow, read_with_pandas], ids=lambda read: read.__name__
)


@readers
def test_each_row_is_read_once_with_its_own_text(tmp_path: Path, read: Callable[[Path, str], list[Row]]) -> None:
    rows = [(number, VALUES[number % len(VALUES)]) for number in range(3 * len(VALUES))]
    record_batch = pa.record_batch({"n": [n for n, _ in rows], "k": pa.array([value for _, value in rows])})
    LocalFolder(tmp_path).write(record_batch, options=DatasetOptions(partition_by="k"))
    # DuckDB before 2.0 takes this text for a null.
    lost = {"NULL": None} if read is read_with_duckdb and duckdb.__version__ < "2" else {}
    assert sorted(read(tmp_path, "k")) == [(number, lost.get(value, value)) for number, value in rows]


@readers
def test_virtual_columns_are_read_as_numbers(tmp_path: Path, read: Callable[[Path, str], list[Row]]) -> None:
    days = pa.array([0, 31, 365, None], pa.date32())
    record_batch = pa.record_batch({"n": range(4), "on": days})
    LocalFolder(tmp_path).write(record_batch, options=DatasetOptions(partition_by="on.year,on.month"))
    assert sorted(read(tmp_path, "on.year"))[:3] == [(0, 1970), (1, 1970), (2, 1971)]
    # DuckDB keeps "01" a text, which equals 1 all the same; pandas has no integer column with nulls.
    months = [None if value is None else int(float(str(value))) for _, value in sorted(read(tmp_path, "on.month"))]
    assert months == [1, 2, 1, None]


@readers
@pytest.mark.parametrize("key", ["_id", ".id"])
def test_rows_below_a_key_that_looks_hidden_are_not_lost(
    tmp_path: Path, read: Callable[[Path, str], list[Row]], key: str
) -> None:
    record_batch = pa.record_batch({"n": [1, 2], key: ["a", "b"]})
    LocalFolder(tmp_path).write(record_batch, options=DatasetOptions(partition_by=key))
    # DuckDB and Polars leave keys escaped.
    is_unescaped = read in (read_with_pyarrow, read_with_pandas)
    assert sorted(read(tmp_path, key if is_unescaped else f"%{ord(key[0]):02X}id")) == [(1, "a"), (2, "b")]


def test_query_of_the_specification_reads_one_month(tmp_path: Path) -> None:
    record_batch = pa.record_batch({"n": range(3), "on": pa.array([0, 31, 365], pa.date32())})
    LocalFolder(tmp_path).write(record_batch, options=DatasetOptions(partition_by="on.year,on.month"))
    query = f"""select n from '{tmp_path}/**/*.parquet' where "on.year" = 1970 and "on.month" = 1"""
    assert duckdb.sql(query).fetchall() == [(0,)]


def test_date_directory_prunes_in_duckdb(tmp_path: Path) -> None:
    moments = pa.array([0, 86_399_999, 86_400_000], pa.timestamp("ms", "UTC"))
    record_batch = pa.record_batch({"n": range(3), "at": moments})
    LocalFolder(tmp_path).write(record_batch, options=DatasetOptions(partition_by="at.date"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at.date=1970-01-01", "at.date=1970-01-02"]
    query = f"""select n from read_parquet('{tmp_path}/**/*.parquet', hive_partitioning = true)
        where "at.date" = date '1970-01-01' order by n"""
    assert duckdb.sql(query).fetchall() == [(0,), (1,)]
