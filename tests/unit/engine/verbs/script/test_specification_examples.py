"""Every SQL example of the specification parses to the options that it says, and these make the engine's options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, DatasetOptions, PublishOptions, ReadOptions
from airflow_provider_cqlai.engine.verbs.script.parse import (
    CaptureStatus,
    CopyFromStatement,
    CopyToStatement,
    CqlStatement,
    ParsedStatement,
    StartCapture,
    StopCapture,
    UseKeyspace,
    parse_script,
)
from tests.specification import CAPTURE, CAPTURE_USES, EXAMPLES, PLANNED


def to(table: str, path: str, **options: Any) -> tuple[type, dict[str, Any]]:
    return CopyToStatement, {"table": table, "path": path, "format": "PARQUET", **options}


def from_(table: str, path: str, **options: Any) -> tuple[type, dict[str, Any]]:
    return CopyFromStatement, {"table": table, "path": path, **options}


def capture(path: str, **options: Any) -> tuple[type, dict[str, Any]]:
    return StartCapture, {"path": path, "format": "parquet", **options}


def cql(text: str) -> tuple[type, str]:
    """A statement that begins so; one on a line of its own is whole."""
    return CqlStatement, text


OFF = (StopCapture, None)
STATUS = (CaptureStatus, None)
VIRTUAL = "event_id.year,event_id.month"

EXPECTED: Mapping[str, list[tuple[type, Any]]] = {
    "COPY TO Parquet / Basic Usage": [
        to("users", "/path/to/users.parquet"),
        to("users", "/path/to/users.parquet", columns=("id", "name", "email")),
        to("users", "/path/to/active_users.parquet", where="status='active'"),
    ],
    "COPY TO Parquet / Partitioned Datasets": [
        to("events", "/data/events/", partition_by="date"),
        to("metrics", "/data/metrics/", partition_by="year,month,day"),
    ],
    "COPY TO Parquet / Compression Options": [
        to("users", "users.parquet", compression=compression)
        for compression in ("SNAPPY", "GZIP", "ZSTD", "LZ4", "NONE")
    ],
    "COPY TO Parquet / Performance Optimization": [
        to("large_table", "data.parquet", chunk_size=50_000),
        to("large_table", "data.parquet", chunk_size="50K"),
        to("huge_table", "data.parquet", chunk_size="1M"),
    ],
    "COPY FROM Parquet / Basic Usage": [
        from_("users", "/path/to/users.parquet"),
        from_("users", "/path/to/users.parquet", columns=("id", "name", "email")),
        from_("users", "data.parquet", columns=("user_id", "full_name")),
    ],
    "COPY FROM Parquet / Importing Partitioned Datasets": [
        from_("events", "/data/events/"),
        from_("events", "/data/events/", partition_filter="year=2024,month=01"),
        from_("metrics", "/data/metrics/year=2024/"),
    ],
    "COPY FROM Parquet / Import Options": [
        from_("users", "users.parquet", skip_rows=1),
        from_("users", "users.parquet", max_rows=10_000),
        from_("users", "users.parquet", skip_rows=1, max_rows=5000),
        from_("events", "/data/events/"),
    ],
    "Data Type Support / Collection Types": [
        cql("CREATE TABLE products (\n    id int PRIMARY KEY,\n    tags list<text>,\n    prices list<decimal>\n)"),
        cql("CREATE TABLE users ("),
        cql("CREATE TABLE settings ("),
    ],
    "Data Type Support / User-Defined Types (UDTs)": [
        cql("CREATE TYPE address ("),
        cql("CREATE TABLE customers ("),
        to("customers", "customers.parquet"),
        from_("customers", "customers.parquet"),
    ],
    "Data Type Support / Vector Types (Cassandra 5.0+)": [
        cql("CREATE TABLE embeddings ("),
        to("embeddings", "embeddings.parquet"),
    ],
    "Advanced Features / Streaming Large Datasets": [
        to("large_events_table", "events.parquet", compression="ZSTD", chunk_size="100K"),
    ],
    f"{CAPTURE} / Partitioned Capture": [
        capture("/data/analysis/", partition_by="date"),
        cql("SELECT * FROM events WHERE date >= '2024-01-01'"),
        capture("/data/metrics/", partition_by="year,month,day"),
        cql("SELECT * FROM metrics WHERE year = 2024"),
        OFF,
    ],
    f"{CAPTURE} / Partitioned Capture / Virtual Column Extraction from TimeUUIDs": [
        cql("CREATE TABLE events ("),
        capture("/data/events/", partition_by=VIRTUAL),
        cql("SELECT * FROM events"),
        OFF,
    ],
    f"{CAPTURE} / Partitioned Capture / Compression and Performance Options": [
        capture("/data/compressed/", compression="ZSTD", partition_by="date"),
        capture("/data/fast/", compression="LZ4"),
        capture("/data/sized/", max_file_size="500MB", partition_by="date"),
        capture("/data/optimized/", partition_by=VIRTUAL, compression="ZSTD", max_file_size="1GB"),
        OFF,
    ],
    f"{CAPTURE} / How Capture Works": [
        capture("/tmp/analysis_results.parquet"),
        cql("SELECT * FROM users WHERE country='US'"),
        cql("SELECT * FROM users WHERE country='UK'"),
        cql("SELECT * FROM users WHERE age > 18"),
        OFF,
    ],
    f"{CAPTURE} / Paging Behavior": [
        capture("/tmp/large_results.parquet"),
        cql("SELECT * FROM events WHERE date >= '2024-01-01'"),
        OFF,
    ],
    f"{CAPTURE} / Capture Syntax Examples": [
        capture("/tmp/results.parquet"),
        capture("/tmp/compressed.parquet", compression="ZSTD"),
        capture("/tmp/partitioned/", partition_by="date"),
        capture("/data/output/", partition_by="year,month", compression="LZ4", max_file_size="100MB"),
        STATUS,
        OFF,
    ],
    f"{CAPTURE_USES} / Filtering and Combining Same-Schema Results": [
        capture("/tmp/filtered_users.parquet", format="PARQUET"),
        *(cql(f"SELECT * FROM users WHERE country='{country}' AND status='active'") for country in ("US", "UK", "CA")),
        OFF,
    ],
    f"{CAPTURE_USES} / Time-Series Data Collection": [
        capture("/tmp/metrics_snapshot.parquet", format="PARQUET"),
        *(
            cql(f"SELECT hour, metric_name, value FROM metrics WHERE hour='2024-01-01 {hour}:00:00'")
            for hour in ("00", "01", "02")
        ),
        OFF,
    ],
    f"{CAPTURE_USES} / Paged Export of Large Tables": [
        capture("/tmp/large_export.parquet", format="PARQUET"),
        *(cql(f"SELECT * FROM events WHERE date='2024-01-{day}' LIMIT 100000") for day in ("01", "02", "03")),
        OFF,
        capture("/tmp/mixed_results.json", format="JSON"),
        cql("SELECT COUNT(*) as user_count FROM users"),
        cql("SELECT id, name, email FROM users LIMIT 10"),
        cql("SELECT order_id, total FROM orders LIMIT 10"),
        OFF,
    ],
    "Advanced Features / File Detection": [
        (CopyToStatement, {"table": "users", "path": "users.parquet"}),
        from_("users", "data.parquet"),
    ],
    "Use Cases / 1. Data Analytics Pipeline": [to("events", "s3://bucket/events.parquet", compression="SNAPPY")],
    "Use Cases / 2. Data Archival": [
        to("historical_data", "/archive/data_2023.parquet", compression="ZSTD", where="year=2023"),
    ],
    "Use Cases / 3. Machine Learning Workflows": [to("ml_features", "training_data.parquet", compression="SNAPPY")],
    "Use Cases / 4. Data Migration": [
        to("users", "users_backup.parquet"),
        from_("users", "users_backup.parquet"),
    ],
    "Troubleshooting / Common Issues": [
        cql("DESCRIBE TABLE your_table"),
        to("large_table", "data.parquet", chunk_size=1000),
        to("table", "data.parquet", compression="LZ4", chunk_size="50K"),
    ],
    "Examples / Complete Export/Import Workflow": [
        cql("CREATE KEYSPACE IF NOT EXISTS analytics\nWITH replication ="),
        (UseKeyspace, "analytics"),
        cql("CREATE TABLE IF NOT EXISTS user_events ("),
        cql("INSERT INTO user_events (user_id, event_time, event_type, properties, vector)\nVALUES (uuid()"),
        to("user_events", "/tmp/events.parquet", compression="ZSTD"),
        cql("CREATE TABLE IF NOT EXISTS user_events_archive ("),
        from_("user_events_archive", "/tmp/events.parquet"),
        cql("SELECT COUNT(*) FROM user_events_archive"),
    ],
    "Examples / Complete Partitioned Capture Workflow": [
        cql("CREATE TABLE IF NOT EXISTS events ("),
        *(
            cql(f"INSERT INTO events (event_id, event_type, user_id, data)\nVALUES (now(), {values})")
            for values in (
                "'login', 123, 'user logged in'",
                "'purchase', 123, 'bought item ABC'",
                "'logout', 123, 'user logged out'",
            )
        ),
        capture("/data/events/", partition_by=VIRTUAL, compression="ZSTD"),
        cql("SELECT * FROM events WHERE event_type = 'login'"),
        cql("SELECT * FROM events WHERE event_type = 'purchase'"),
        cql("SELECT * FROM events WHERE user_id = 123"),
        OFF,
    ],
}
CAPTURE_PARTS = (ReadOptions, DatasetOptions, PublishOptions)


def summarize(statement: ParsedStatement) -> tuple[type, Any]:
    """What the expectations above are compared with."""
    if isinstance(statement, CopyToStatement | CopyFromStatement | StartCapture):
        return type(statement), dict(statement.options)
    if isinstance(statement, UseKeyspace):
        return UseKeyspace, statement.name
    return type(statement), statement.text if isinstance(statement, CqlStatement) else None


def test_every_section_of_the_specification_is_expected_here() -> None:
    assert sum(map(len, EXAMPLES.values())) == 38
    assert {section for section in EXAMPLES if not section.startswith(PLANNED)} == set(EXPECTED)


@pytest.mark.parametrize("section", EXPECTED)
def test_the_specifications_examples_parse_to_what_they_say(section: str) -> None:
    found = [summarize(statement) for statement in parse_script("".join(EXAMPLES[section]))]
    assert [kind for kind, _ in found] == [kind for kind, _ in EXPECTED[section]]
    for (kind, what), (_, expected) in zip(found, EXPECTED[section], strict=True):
        if kind is CqlStatement and what.startswith(("CREATE", "INSERT")):
            assert what.startswith(expected)
            assert what.endswith(("}", ")"))
        else:
            assert what == expected


def test_the_options_of_the_examples_make_the_engines_options() -> None:
    made = Counter[type]()
    for statement in parse_script("".join(block for section in EXPECTED for block in EXAMPLES[section])):
        made[type(statement)] += 1
        if isinstance(statement, CopyToStatement):
            assert CopyToOptions(**statement.options).format in (None, "parquet")
        elif isinstance(statement, CopyFromStatement):
            assert CopyFromOptions(**statement.options).table == statement.options["table"]
        elif isinstance(statement, StartCapture):
            known = {name for part in CAPTURE_PARTS for name in part.__dataclass_fields__}
            assert set(statement.options) <= known
    assert (made[CopyToStatement], made[CopyFromStatement], made[StartCapture]) == (24, 14, 18)


def test_an_example_begins_on_its_line() -> None:
    statements = parse_script(EXAMPLES["Examples / Complete Export/Import Workflow"][0])
    assert [statement.line for statement in statements] == [2, 5, 7, 17, 23, 28, 38, 42]


def test_an_imports_chunk_size_is_checked_and_noted_to_change_nothing() -> None:
    *others, last = parse_script(EXAMPLES["COPY FROM Parquet / Import Options"][0])
    assert isinstance(last, CopyFromStatement)
    assert "CHUNKSIZE=5000 changes nothing" in last.notes[0]
    assert not any(statement.notes for statement in others if isinstance(statement, CopyFromStatement))
    with pytest.raises(OptionError, match="line 1: COPY FROM: chunk_size='many' is not an amount"):
        parse_script("COPY events FROM '/data/events/' WITH CHUNKSIZE='many'")


def planned(title: str) -> list[str]:
    return next(blocks for section, blocks in EXAMPLES.items() if section.startswith(PLANNED) and title in section)


def test_planned_stores_parse() -> None:
    aws, azure = parse_script(planned("S3/Cloud Storage Integration")[0])
    assert isinstance(aws, CopyToStatement)
    assert aws.options["aws_profile"] == "default"
    assert summarize(azure) == to("users", "azure://container/users.parquet")


def test_planned_increments_and_upserts_parse() -> None:
    export, merge = parse_script(planned("Incremental Export/Import")[0])
    assert summarize(export) == to("users", "users_delta.parquet")
    assert isinstance(export, CopyToStatement)
    assert export.window == {"since": "2024-01-01 00:00:00"}
    assert summarize(merge) == from_("users", "users_update.parquet", mode="UPSERT")


@pytest.mark.parametrize(
    ("title", "line", "words"),
    [
        ("Data Transformation", 4, ["TRANSFORM", "no value"]),
        ("Compression Profiles", 4, ["PROFILE", "COMPRESSION"]),
        ("Streaming CDC", 2, ["expected PARQUET, JSON, CSV, OFF or a path in quotes", "STREAM"]),
        ("Delta Lake Format", 7, ["format='DELTA'", "parquet"]),
    ],
)
def test_planned_features_that_are_not_there_are_refused_with_their_line(
    title: str, line: int, words: list[str]
) -> None:
    with pytest.raises(OptionError) as raised:
        parse_script(planned(title)[0])
    assert raised.value.line == line
    assert str(raised.value).startswith(f"line {line}")
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize("title", ["Delta Lake Format", "Integration with ML Frameworks"])
def test_planned_formats_are_refused_by_the_engines_options(title: str) -> None:
    export = parse_script(planned(title)[0].partition(";")[0])[0]
    assert isinstance(export, CopyToStatement)
    with pytest.raises(OptionError, match="format="):
        CopyToOptions(**export.options)
