"""The specification's section "COPY TO Parquet"."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.airflow_compat import AirflowFailException
from tests.acceptance.conftest import Scripts, compressions, read_with_duckdb

BASIC = "COPY TO Parquet / Basic Usage"
PARTITIONED = "COPY TO Parquet / Partitioned Datasets"
COMPRESSION = "COPY TO Parquet / Compression Options"
PERFORMANCE = "COPY TO Parquet / Performance Optimization"


def make_users(scripts: Scripts, count: int = 20) -> list[tuple[object, ...]]:
    """Every fourth one is inactive, and every fifth one has no e-mail."""
    scripts.cql("CREATE TABLE users (id int PRIMARY KEY, name text, email text, status text)")
    rows = [
        (number, f"name {number}", None if number % 5 == 0 else f"{number}@x", "active" if number % 4 else "away")
        for number in range(count)
    ]
    scripts.insert("users", "id, name, email, status", rows)
    return sorted(rows, key=repr)


@pytest.mark.specification(BASIC, 1)
def test_a_table_its_columns_and_its_rows_of_one_status(scripts: Scripts) -> None:
    rows = make_users(scripts)
    statements = scripts.run_each(BASIC)
    file = scripts.path("/path/to/users.parquet")
    assert next(statements)["rows"] == 20
    assert read_with_duckdb(f"SELECT id, name, email, status FROM '{file}'") == rows

    # The second one exports something else, which needs another path or, as here, an empty one.
    file.unlink()
    assert next(statements)["rows"] == 20
    assert pq.read_schema(file).names == ["id", "name", "email"]
    assert read_with_duckdb(f"SELECT * FROM '{file}'") == [row[:3] for row in rows]

    assert next(statements)["rows"] == 15
    active = scripts.path("/path/to/active_users.parquet")
    assert read_with_duckdb(f"SELECT id, name, email, status FROM '{active}'") == [
        row for row in rows if row[3] == "active"
    ]


def test_one_path_is_not_taken_by_another_choice_of_columns(scripts: Scripts) -> None:
    make_users(scripts)
    with pytest.raises(AirflowFailException, match=r"SourceMismatchError: line 5, COPY TO: .* belongs to another"):
        scripts.run_example(BASIC)
    assert pq.read_metadata(scripts.path("/path/to/users.parquet")).num_columns == 4


def test_cassandra_refuses_the_where_clause_without_allow_filtering(scripts: Scripts) -> None:
    make_users(scripts)
    statement = "COPY users TO '/path/to/active_users.parquet' WITH FORMAT='PARQUET' AND ALLOW_FILTERING=FALSE"
    with pytest.raises(AirflowFailException, match="allow_filtering"):
        scripts.run(f"{statement} WHERE status='active'")
    scripts.index("users(status)")
    assert scripts.run(f"{statement} WHERE status='active'")[0]["rows"] == 15


@pytest.mark.specification(PARTITIONED, 1)
def test_partition_columns_become_directories(scripts: Scripts) -> None:
    scripts.cql(
        "CREATE TABLE events (date date, id int, kind text, PRIMARY KEY (date, id))",
        "CREATE TABLE metrics (year int, month text, day text, name text, value double,"
        " PRIMARY KEY ((year, month, day), name))",
    )
    days = [("2024-01-01", 1), ("2024-01-01", 2), ("2024-01-02", 3)]
    scripts.insert("events", "date, id, kind", [(day, number, "click") for day, number in days])
    parts = [(2024, "01", "01"), (2024, "01", "02"), (2024, "02", "01")]
    scripts.insert("metrics", "year, month, day, name, value", [(*part, n, 0.5) for part in parts for n in "ab"])
    scripts.run_example(PARTITIONED)

    assert scripts.tree("/data/events/") == ["date=2024-01-01/part-00000.parquet", "date=2024-01-02/part-00000.parquet"]
    counts = "SELECT date::text, count(*) FROM '{}/*/*.parquet' GROUP BY ALL"
    assert read_with_duckdb(counts.format(scripts.path("/data/events"))) == [("2024-01-01", 2), ("2024-01-02", 1)]
    # As the specification draws the tree.
    assert scripts.tree("/data/metrics/") == [
        "year=2024/month=01/day=01/part-00000.parquet",
        "year=2024/month=01/day=02/part-00000.parquet",
        "year=2024/month=02/day=01/part-00000.parquet",
    ]
    first = scripts.path("/data/metrics/year=2024/month=01/day=01/part-00000.parquet")
    assert pq.ParquetFile(first).schema_arrow.names == ["name", "value"]
    assert len(pd.read_parquet(scripts.path("/data/metrics"))) == 6


@pytest.mark.specification(COMPRESSION, 1)
def test_each_compression_is_the_codec_in_the_footer(scripts: Scripts) -> None:
    rows = make_users(scripts)
    found = []
    for exported in scripts.run_each(COMPRESSION):
        assert exported["rows"] == 20
        found.append(compressions(scripts.path("users.parquet")))
        assert read_with_duckdb(f"SELECT id, name, email, status FROM '{scripts.path('users.parquet')}'") == rows
    assert found == [{"SNAPPY"}, {"GZIP"}, {"ZSTD"}, {"LZ4"}, {"UNCOMPRESSED"}]


@pytest.mark.specification(PERFORMANCE, 1)
def test_chunk_sizes_are_numbers_or_shorthands_and_change_no_row(scripts: Scripts) -> None:
    for table in ("large_table", "huge_table"):
        scripts.cql(f"CREATE TABLE {table} (id int PRIMARY KEY, name text)")
        scripts.insert(table, "id, name", [(number, table) for number in range(500)])
    exported = []
    for statement in scripts.run_each(PERFORMANCE):
        exported.append(statement["table"].partition(".")[2])
        found = read_with_duckdb(f"SELECT * FROM '{scripts.path('data.parquet')}'")
        assert found == sorted(((number, exported[-1]) for number in range(500)), key=repr)
        # The third one exports another table, which needs another path or, as here, an empty one.
        scripts.path("data.parquet").unlink()
    assert exported == ["large_table", "large_table", "huge_table"]
