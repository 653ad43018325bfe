"""What the codec wrote is read by programs that are not ours: DuckDB and pandas, in the ranges of docs/types.md."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from dev.server_address import ServerAddress
from tests.cassandra_versions import NEEDS_VECTORS
from tests.cql_values import ALL_TYPES, READER_TYPES, plain_values
from tests.integration.all_types_table import FIRST_VALUE_ROW, column_parameters, create_all_types_table, expected_rows
from tests.keyspaces import make_keyspace
from tests.raw_reader import connect, read_arrow_table

PROTOCOL_VERSION = 5
ALL_COLUMNS = column_parameters(ALL_TYPES)
EXPECTED = expected_rows(ALL_TYPES)
READER_EXPECTED = expected_rows(READER_TYPES)
EPOCH = datetime.date(1970, 1, 1)
# Days that Python's date, and so pandas without Arrow columns, can tell: the years 1 to 9999.
PYTHON_DAYS = range((datetime.date.min - EPOCH).days, (datetime.date.max - EPOCH).days + 1)


@pytest.fixture(scope="module")
def files(session: Session, cassandra: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``all``: every value; ``reader``: with moments and days that every reader holds."""
    root = tmp_path_factory.mktemp("types")
    keyspace = make_keyspace(session)
    with connect(cassandra.host, cassandra.port, PROTOCOL_VERSION) as own_session:
        for name, all_types in (("all", ALL_TYPES), ("reader", READER_TYPES)):
            create_all_types_table(session, keyspace, f"{name}_types", all_types)
            pq.write_table(read_arrow_table(own_session, keyspace, f"{name}_types")[0], root / f"{name}.parquet")
    return {name: root / f"{name}.parquet" for name in ("all", "reader")}


def values_by_row(table: Any, column: str) -> dict[int, Any]:
    return dict(zip(table.column("id").to_pylist(), plain_values(table.column(column)), strict=True))


def query_duckdb(query: str) -> Any:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(query).to_arrow_table()


@pytest.mark.parametrize("column", ALL_COLUMNS)
def test_duckdb_reads_every_value(files: dict[str, Path], column: str) -> None:
    found = query_duckdb(f"SELECT id, {column} FROM '{files['reader']}'")
    written = pq.read_schema(files["reader"])
    # DuckDB's units and kinds of lists are cast to what was written, which fails where a digit would be lost.
    same_types = found.cast(pa.schema([written.field("id"), written.field(column)]))
    assert values_by_row(same_types, column) == {row: values.get(column) for row, values in enumerate(READER_EXPECTED)}


@pytest.mark.parametrize("column", ALL_COLUMNS)
def test_pandas_reads_every_value_into_arrow_columns(files: dict[str, Path], column: str) -> None:
    frame = pd.read_parquet(files["all"], columns=["id", column], dtype_backend="pyarrow")
    table = pa.table({name: frame[name].array.__arrow_array__() for name in frame})
    assert values_by_row(table, column) == {row: values.get(column) for row, values in enumerate(EXPECTED)}


@pytest.mark.parametrize("number", range(len(READER_TYPES)), ids=[types.cql_type for types in READER_TYPES])
def test_pandas_reads_values_into_columns_of_its_own(files: dict[str, Path], number: int) -> None:
    types, column, expected = READER_TYPES[number], f"v{number}", READER_TYPES[number].expected
    filters: list[Any] = [("id", ">=", FIRST_VALUE_ROW), ("id", "<", FIRST_VALUE_ROW + len(expected))]
    if types.cql_type == "date":
        filters += [(column, ">=", datetime.date.min), (column, "<=", datetime.date.max)]
        expected = [day for day in expected if day in PYTHON_DAYS]
    series = pd.read_parquet(files["reader"], columns=["id", column], filters=filters).sort_values("id")[column]
    values = series.astype("int64").tolist() if types.cql_type == "timestamp" else series.tolist()
    assert plain_values(pa.array(values, types.arrow_type)) == expected


def write_column(path: Path, array: Any) -> Path:
    pq.write_table(pa.table({"c": array}), path)
    return path


def moments(*milliseconds: int) -> Any:
    return pa.array(milliseconds, pa.int64()).view(pa.timestamp("ms", "UTC"))


@pytest.mark.parametrize("milliseconds", [-(2**63), -9_223_372_036_854_776, 9_223_372_036_854_776])
def test_duckdb_refuses_moments_beyond_its_range(tmp_path: Path, milliseconds: int) -> None:
    path = write_column(tmp_path / "c.parquet", moments(milliseconds))
    with pytest.raises(duckdb.ConversionException):
        query_duckdb(f"SELECT c FROM '{path}'")


def test_duckdb_takes_the_last_moments_and_days_for_infinity(tmp_path: Path) -> None:
    days = pa.array([-(2**31) + 1, 2**31 - 1], pa.int32()).view(pa.date32())
    path = write_column(tmp_path / "days.parquet", days)
    assert query_duckdb(f"SELECT c::text AS t FROM '{path}'").column("t").to_pylist() == ["-infinity", "infinity"]
    path = write_column(tmp_path / "moments.parquet", moments(2**63 - 1))
    assert query_duckdb(f"SELECT c::text AS t FROM '{path}'").column("t").to_pylist() == ["infinity"]


def test_duckdb_reads_decimal256_as_double(tmp_path: Path) -> None:
    path = write_column(tmp_path / "c.parquet", pa.array([1], pa.int64()).cast(pa.decimal256(76, 20)))
    assert query_duckdb(f"SELECT c FROM '{path}'").column("c").type == pa.float64()


def test_pandas_takes_the_first_moment_for_nat(tmp_path: Path) -> None:
    path = write_column(tmp_path / "c.parquet", moments(-(2**63), -(2**63) + 1, 2**63 - 1))
    series = pd.read_parquet(path)["c"]
    assert series.isna().tolist() == [True, False, False]
    assert series.astype("int64").tolist()[1:] == [-(2**63) + 1, 2**63 - 1]


def test_pandas_makes_floats_of_integers_beside_nulls_unless_asked_for_arrow_columns(tmp_path: Path) -> None:
    path = write_column(tmp_path / "c.parquet", pa.array([2**53 + 1, None]))
    assert int(pd.read_parquet(path)["c"][0]) == 2**53
    assert pd.read_parquet(path, dtype_backend="pyarrow")["c"][0] == 2**53 + 1


@NEEDS_VECTORS
def test_vectors_without_nulls_stack_to_a_matrix(files: dict[str, Path]) -> None:
    import numpy as np

    number = next(number for number, types in enumerate(ALL_TYPES) if types.cql_type == "int")
    column = f"e{number}"
    frame = pd.read_parquet(files["all"], columns=[column], filters=[("id", "==", 1)])
    matrix = np.stack(frame[column].to_list())
    assert matrix.dtype == np.int32
    assert matrix.tolist() == [[-(2**31), 2**31 - 1]]
