"""The specification's section "Use Cases for Capture with Parquet"."""

from __future__ import annotations

import json

import pytest

from airflow_provider_cqlai.airflow_compat import AirflowFailException
from tests.acceptance.conftest import Scripts, read_with_duckdb
from tests.specification import CAPTURE_USES

FILTERING = f"{CAPTURE_USES} / Filtering and Combining Same-Schema Results"
TIME_SERIES = f"{CAPTURE_USES} / Time-Series Data Collection"
PAGED = f"{CAPTURE_USES} / Paged Export of Large Tables"


def make_users(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE users (id int PRIMARY KEY, name text, email text, country text, status text)")
    countries, statuses = ("US", "UK", "CA", "DE"), ("active", "away")
    rows = [(n, "n", "e", countries[n % 4], statuses[n // 4 % 2]) for n in range(40)]
    scripts.insert("users", "id, name, email, country, status", rows)


@pytest.mark.specification(FILTERING, 1)
def test_filtered_results_of_one_table_append(scripts: Scripts) -> None:
    make_users(scripts)
    scripts.index("users(country)", "users(status)")
    [captured] = scripts.run_example(FILTERING)
    assert [query["rows"] for query in captured["queries"]] == [5, 5, 5]
    file = scripts.path("/tmp/filtered_users.parquet")
    assert read_with_duckdb(f"SELECT id FROM '{file}'") == sorted(
        ((n,) for n in range(40) if n % 4 < 3 and n // 4 % 2 == 0), key=repr
    )


def test_cassandra_refuses_two_filters_without_indexes(scripts: Scripts) -> None:
    make_users(scripts)
    reason = "Cannot execute this query as it might involve data filtering"
    with pytest.raises(AirflowFailException, match=rf"QueryError: line 3, SELECT: .*{reason}"):
        scripts.run_example(FILTERING)
    assert not scripts.path("/tmp").exists()


@pytest.mark.specification(TIME_SERIES, 1)
def test_hourly_snapshots_append(scripts: Scripts) -> None:
    scripts.cql(
        "CREATE TABLE metrics (hour timestamp, metric_name text, value double, PRIMARY KEY (hour, metric_name))"
    )
    rows = [(f"2024-01-01 0{hour}:00:00+0000", name, hour) for hour in range(4) for name in ("cpu", "disk")]
    for hour, name, value in rows:
        scripts.cql(f"INSERT INTO metrics (hour, metric_name, value) VALUES ('{hour}', '{name}', {value})")
    [captured] = scripts.run_example(TIME_SERIES)
    assert [query["rows"] for query in captured["queries"]] == [2, 2, 2]
    file = scripts.path("/tmp/metrics_snapshot.parquet")
    found = read_with_duckdb(f"SELECT epoch(hour)::bigint // 3600 % 24, metric_name, value FROM '{file}'")
    assert found == [(hour, name, float(hour)) for hour in range(3) for name in ("cpu", "disk")]


@pytest.mark.specification(PAGED, 1)
def test_a_table_is_exported_day_by_day(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE events (date date, id int, PRIMARY KEY (date, id))")
    rows = [(f"2024-01-0{1 + n % 4}", n) for n in range(200)]
    scripts.insert("events", "date, id", rows)
    [captured] = scripts.run_example(PAGED)
    assert [query["rows"] for query in captured["queries"]] == [50, 50, 50]
    found = read_with_duckdb(f"SELECT date::text, id FROM '{scripts.path('/tmp/large_export.parquet')}'")
    assert found == sorted((row for row in rows if row[0] != "2024-01-04"), key=repr)


@pytest.mark.specification(PAGED, 2)
def test_results_of_different_columns_go_into_one_json_file(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE orders (order_id int PRIMARY KEY, total decimal)")
    make_users(scripts)
    scripts.insert("orders", "order_id, total", [(number, None) for number in range(12)])
    [captured] = scripts.run_example(PAGED, 2)
    assert [query["rows"] for query in captured["queries"]] == [1, 10, 10]
    lines = scripts.path("/tmp/mixed_results.json").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [row["_query"] for row in found] == [1] + [2] * 10 + [3] * 10
    assert [row["user_count"] for row in found if "user_count" in row] == [40]
    assert sum("email" in row for row in found) == sum("order_id" in row for row in found) == 10
