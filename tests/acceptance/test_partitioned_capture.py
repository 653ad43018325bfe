"""The specification's section "Partitioned Capture" with its subsections."""

from __future__ import annotations

import logging
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.airflow_compat import AirflowFailException
from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from tests.acceptance.conftest import Scripts, compressions, read_with_duckdb, timeuuid
from tests.specification import CAPTURE, EXAMPLES

PARTITIONED = f"{CAPTURE} / Partitioned Capture"
VIRTUAL = f"{PARTITIONED} / Virtual Column Extraction from TimeUUIDs"
OPTIONS = f"{PARTITIONED} / Compression and Performance Options"
MONTHS = ["event_id.year=2024/event_id.month=01", "event_id.year=2024/event_id.month=02"]


def make_metrics(scripts: Scripts) -> None:
    scripts.cql(
        "CREATE TABLE metrics (year int, month text, day text, value double, PRIMARY KEY (year, month, day))",
    )
    days = [(2024, "01", "01"), (2024, "01", "02"), (2023, "12", "31")]
    scripts.insert("metrics", "year, month, day, value", [(*day, 0.5) for day in days])


@pytest.mark.specification(PARTITIONED, 1)
def test_two_captures_one_after_the_other_into_directories(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE events (id int PRIMARY KEY, date date, name text)")
    scripts.index("events(date)")
    scripts.insert("events", "id, date, name", [(n, f"202{3 + n % 2}-01-0{1 + n % 4}", "e") for n in range(40)])
    make_metrics(scripts)
    first, second = scripts.run_example(PARTITIONED)

    assert (first["rows"], second["rows"]) == (20, 2)
    assert scripts.tree("/data/analysis/") == [
        "date=2024-01-02/part-00000.parquet",
        "date=2024-01-04/part-00000.parquet",
    ]
    counts = f"SELECT date::text, count(*) FROM '{scripts.path('/data/analysis')}/*/*.parquet' GROUP BY ALL"
    assert read_with_duckdb(counts) == [("2024-01-02", 10), ("2024-01-04", 10)]
    assert scripts.tree("/data/metrics/") == [
        "year=2024/month=01/day=01/part-00000.parquet",
        "year=2024/month=01/day=02/part-00000.parquet",
    ]


@pytest.mark.parametrize(
    "columns",
    ["date date PRIMARY KEY, id int", "id int PRIMARY KEY, date date", "id int, date date, PRIMARY KEY (id, date)"],
)
def test_cassandra_refuses_a_range_of_dates_without_an_index(scripts: Scripts, columns: str) -> None:
    reason = "Cannot execute this query as it might involve data filtering.*use ALLOW FILTERING"
    scripts.cql(f"CREATE TABLE events ({columns})")
    make_metrics(scripts)
    with pytest.raises(AirflowFailException, match=rf"QueryError: line 5, SELECT: .*{reason}"):
        scripts.run_example(PARTITIONED)
    assert not scripts.path("/data").exists()
    allowed = EXAMPLES[PARTITIONED][0].replace("'2024-01-01';", "'2024-01-01' ALLOW FILTERING;")
    assert [captured["rows"] for captured in scripts.run(allowed)] == [0, 2]


@pytest.mark.specification(VIRTUAL, 1)
def test_parts_of_a_timeuuid_are_directories_and_in_no_file(scripts: Scripts) -> None:
    create, *capture = [statement.text for statement in split_statements(EXAMPLES[VIRTUAL][0])]
    scripts.run(create)
    rows = [(timeuuid(2024, month, number), "e", number) for month in (1, 2) for number in range(30)]
    scripts.insert("events", "event_id, event_name, event_value", rows)
    [captured] = scripts.run(";".join(capture))
    assert captured["rows"] == 60
    assert scripts.tree("/data/events/") == [f"{month}/part-00000.parquet" for month in MONTHS]
    file = pq.ParquetFile(scripts.path(f"/data/events/{MONTHS[0]}/part-00000.parquet"))
    assert file.schema_arrow.names == ["event_id", "event_name", "event_value"]
    query = 'SELECT "event_id.year"::int, "event_id.month"::int, count(*), min(event_value) FROM \'{}/**/*.parquet\''
    found = read_with_duckdb(f"{query.format(scripts.path('/data/events'))} GROUP BY ALL")
    assert found == [(2024, 1, 30, 0), (2024, 2, 30, 0)]


@pytest.mark.parametrize(
    ("part", "directory"),
    [
        ("year", "event_id.year=2024"),
        ("month", "event_id.month=02"),
        ("day", "event_id.day=01"),
        ("hour", "event_id.hour=00"),
        ("date", "event_id.date=2024-02-01"),
    ],
)
def test_each_virtual_column_is_there(scripts: Scripts, part: str, directory: str) -> None:
    scripts.cql("CREATE TABLE events (event_id timeuuid PRIMARY KEY)")
    scripts.insert("events", "event_id", [(timeuuid(2024, 2, 0),)])
    scripts.run(f"CAPTURE PARQUET '/data/events/' WITH PARTITION='event_id.{part}'; SELECT * FROM events; CAPTURE OFF")
    assert scripts.tree("/data/events/") == [f"{directory}/part-00000.parquet"]


def make_dated_events(scripts: Scripts) -> None:
    # Bytes that no codec makes much smaller.
    random = Random(1)
    scripts.cql("CREATE TABLE events (event_id timeuuid PRIMARY KEY, date date, payload text)")
    scripts.insert(
        "events",
        "event_id, date, payload",
        [(timeuuid(2024, 1 + n % 2, n), f"2024-0{1 + n % 2}-01", random.randbytes(50).hex()) for n in range(3_000)],
    )


@pytest.mark.specification(OPTIONS, 1)
def test_every_option_of_a_capture_with_a_query_in_each(scripts: Scripts) -> None:
    make_dated_events(scripts)
    text = EXAMPLES[OPTIONS][0]
    captures = [statement.text for statement in split_statements(text)][:-1]
    results = scripts.run("".join(f"{capture};\nSELECT * FROM events;\n" for capture in captures) + "CAPTURE OFF;")
    assert [captured["rows"] for captured in results] == [3_000] * 4
    expected = {
        "compressed": (["date=2024-01-01", "date=2024-02-01"], "ZSTD"),
        "fast": (["."], "LZ4"),
        "sized": (["date=2024-01-01", "date=2024-02-01"], "SNAPPY"),
        "optimized": (MONTHS, "ZSTD"),
    }
    for name, (directories, codec) in expected.items():
        root = scripts.path(f"/data/{name}")
        files = sorted(root.glob("**/*.parquet"))
        assert [str(file.parent.relative_to(root)) for file in files] == directories
        assert {codec for file in files for codec in compressions(file)} == {codec}


def test_a_file_that_exceeds_its_size_goes_on_in_part_00001(scripts: Scripts) -> None:
    make_dated_events(scripts)
    statement = split_statements(EXAMPLES[OPTIONS][0])[2].text.replace("500MB", "50KB")
    [captured] = scripts.run(f"{statement}; SELECT * FROM events; CAPTURE OFF")
    directories = ("date=2024-01-01", "date=2024-02-01")
    assert {f"{directory}/part-0000{n}.parquet" for directory in directories for n in (0, 1)} <= set(
        scripts.tree("/data/sized/")
    )
    root = scripts.path("/data/sized")
    sizes = [file.stat().st_size for file in root.glob("*/part-00000.parquet")]
    assert all(size < 200_000 for size in sizes)
    assert captured["rows"] == 3_000
    assert len(read_with_duckdb(f"SELECT DISTINCT payload FROM '{root}/*/*.parquet'")) == 3_000


def test_captures_without_a_query_publish_nothing_and_warn(scripts: Scripts, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        assert scripts.run_example(OPTIONS) == []
    warned = [record.getMessage() for record in caplog.records if "no query follows" in record.getMessage()]
    assert [message.partition(":")[0] for message in warned] == ["line 2", "line 5", "line 8", "line 12"]
    assert not scripts.path("/data").exists()
