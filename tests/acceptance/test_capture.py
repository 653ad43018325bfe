"""The specification's sections "How Capture Works", "Paging Behavior" and "Capture Syntax Examples"."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.airflow_compat import AirflowFailException
from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from tests.acceptance.conftest import Scripts, compressions, read_with_duckdb
from tests.specification import CAPTURE, EXAMPLES

HOW = f"{CAPTURE} / How Capture Works"
PAGING = f"{CAPTURE} / Paging Behavior"
SYNTAX = f"{CAPTURE} / Capture Syntax Examples"
RESULTS = "/tmp/analysis_results.parquet"


def make_users(scripts: Scripts) -> None:
    """Ten in each of three countries, aged 10 to 39."""
    scripts.cql(
        "CREATE TABLE users (id int PRIMARY KEY, name text, email text, country text, age int)",
        "CREATE TABLE orders (id int PRIMARY KEY, order_total double)",
    )
    rows = [(n, f"n{n}", None, ("US", "UK", "DE")[n % 3], 10 + n) for n in range(30)]
    scripts.insert("users", "id, name, email, country, age", rows)


@pytest.mark.specification(HOW, 1)
def test_results_of_the_same_columns_append_to_one_file(scripts: Scripts) -> None:
    make_users(scripts)
    scripts.index("users(country)", "users(age)")
    [captured] = scripts.run_example(HOW)
    assert [query["rows"] for query in captured["queries"]] == [10, 10, 21]
    assert set(pq.read_schema(scripts.path(RESULTS)).names) == {"id", "name", "email", "country", "age"}
    expected = [(n,) for n in range(30) for is_in in (n % 3 == 0, n % 3 == 1, n > 8) if is_in]
    assert read_with_duckdb(f"SELECT id FROM '{scripts.path(RESULTS)}'") == sorted(expected, key=repr)


def test_a_query_of_other_columns_fails_before_any_query_runs(scripts: Scripts, caplog: Any) -> None:
    make_users(scripts)
    scripts.index("users(country)", "users(age)")
    text = EXAMPLES[HOW][0].replace("-- SELECT id, order_total", "SELECT id, order_total")
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(AirflowFailException, match=r"OptionError: line 13, SELECT: .*do not return the same columns"),
    ):
        scripts.run(text)
    assert "the query on line 5: 10 rows" not in caplog.text
    assert not scripts.path(RESULTS).exists()


def test_cassandra_refuses_its_queries_without_indexes(scripts: Scripts) -> None:
    make_users(scripts)
    reason = "Cannot execute this query as it might involve data filtering"
    with pytest.raises(AirflowFailException, match=rf"QueryError: line 5, SELECT: .*{reason}.*ALLOW FILTERING"):
        scripts.run_example(HOW)
    allowed = EXAMPLES[HOW][0].replace("';  -- ✓", "' ALLOW FILTERING; -- ✓").replace("'US';", "'US' ALLOW FILTERING;")
    [captured] = scripts.run(allowed.replace("18;", "18 ALLOW FILTERING;"))
    assert captured["rows"] == 41


@pytest.mark.specification(PAGING, 1)
def test_a_large_result_is_read_in_pages_of_5000_rows(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE events (bucket int, id int, date date, PRIMARY KEY (bucket, id))")
    scripts.index("events(date)")
    rows = [(n % 40, n, f"202{3 + (n % 8 > 0)}-01-01") for n in range(6_400)]
    scripts.insert("events", "bucket, id, date", rows)
    [captured] = scripts.run_example(PAGING)
    assert captured["queries"][0]["rows"] == captured["rows"] == 5_600
    assert captured["queries"][0]["pages"] >= 2
    file = scripts.path("/tmp/large_results.parquet")
    assert read_with_duckdb(f"SELECT count(DISTINCT id), min(date)::text FROM '{file}'") == [(5_600, "2024-01-01")]


def test_progress_names_the_page(scripts: Scripts, caplog: Any) -> None:
    scripts.cql("CREATE TABLE events (bucket int, id int, PRIMARY KEY (bucket, id))")
    scripts.insert("events", "bucket, id", [(0, n) for n in range(200)])
    options = "PAGE_SIZE=10 AND PROGRESS_INTERVAL_SECONDS=0.01 AND RATE_LIMIT_ROWS_PER_SECOND=500"
    with caplog.at_level(logging.INFO):
        scripts.run(f"CAPTURE PARQUET '/tmp/r.parquet' WITH {options};\nSELECT * FROM events;\nCAPTURE OFF")
    assert "the query on line 2, page 3: " in caplog.text


@pytest.mark.specification(SYNTAX, 1)
def test_every_form_of_capture_with_a_query_in_each(scripts: Scripts, caplog: Any) -> None:
    scripts.cql("CREATE TABLE metrics (id int PRIMARY KEY, year int, month int, date date)")
    scripts.insert(
        "metrics", "id, year, month, date", [(n, 2024, 1 + n % 2, f"2024-0{1 + n % 2}-01") for n in range(8)]
    )
    *captures, status, off = [statement.text for statement in split_statements(EXAMPLES[SYNTAX][0])]
    with caplog.at_level(logging.INFO):
        results = scripts.run(";\nSELECT * FROM metrics;\n".join([*captures, status]) + f";\n{off};")
    assert [captured["rows"] for captured in results] == [8] * 4
    assert f"capturing to {scripts.path('/data/output/')}/: 1 query, 8 rows, nothing is published yet" in caplog.text
    assert compressions(scripts.path("/tmp/results.parquet")) == {"SNAPPY"}
    assert compressions(scripts.path("/tmp/compressed.parquet")) == {"ZSTD"}
    assert scripts.tree("/tmp/partitioned/") == [f"date=2024-0{month}-01/part-00000.parquet" for month in (1, 2)]
    output = [f"year=2024/month={month}/part-00000.parquet" for month in (1, 2)]
    assert scripts.tree("/data/output/") == output
    assert compressions(scripts.path(f"/data/output/{output[0]}")) == {"LZ4"}


def test_its_text_as_it_stands_has_no_query_and_publishes_nothing(scripts: Scripts, caplog: Any) -> None:
    with caplog.at_level(logging.INFO):
        assert scripts.run_example(SYNTAX) == []
    assert caplog.text.count("no query follows this CAPTURE") == 4
    assert not list(scripts.root.glob("**/*.parquet"))
