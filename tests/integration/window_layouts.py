"""Tables by which a time window reaches the server, and rows at both edges of the window."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.util import Date

from airflow_provider_cqlai.engine.cassandra.plan import time_window
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from tests.cassandra_versions import NEEDS_SAI
from tests.waiting import wait_until

UTC = datetime.timezone.utc


START = datetime.datetime(2024, 1, 2, tzinfo=UTC)


END = datetime.datetime(2024, 1, 3, tzinfo=UTC)


DAY = TimeWindow(start=START, end=END)


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


# 100 ns from 1582-10-15 to 1970 (RFC 9562).
UUID_EPOCH_TICKS = 0x01B21DD213814000


# The last eight bytes of a timeuuid compare as signed bytes in Cassandra.
SMALLEST_NODE, LARGEST_NODE = 0x8080808080808080, 0x7F7F7F7F7F7F7F7F


def milliseconds(moment: datetime.datetime) -> int:
    return (moment - EPOCH) // datetime.timedelta(milliseconds=1)


def make_timeuuid(ticks: int, node: int) -> uuid.UUID:
    high = (ticks & 0xFFFFFFFF) << 32 | (ticks >> 32 & 0xFFFF) << 16 | 0x1000 | ticks >> 48
    return uuid.UUID(int=high << 64 | node)


def ticks_of(moment: datetime.datetime) -> int:
    return milliseconds(moment) * 10_000 + UUID_EPOCH_TICKS


def edge_milliseconds(window: TimeWindow) -> list[int]:
    start, end = milliseconds(window.start), milliseconds(window.end)
    return [start - 86_400_000, start - 1, start, start + 1, (start + end) // 2, end - 1, end, end + 86_400_000]


def edge_timeuuids(window: TimeWindow) -> list[uuid.UUID]:
    start, end = ticks_of(window.start), ticks_of(window.end)
    ticks = [start - 864_000_000_000, start - 1, start, start + 1, (start + end) // 2, end - 1, end, end + 1]
    return [make_timeuuid(tick, node) for tick in ticks for node in (SMALLEST_NODE, 0, LARGEST_NODE)]


@dataclass(frozen=True)
class Layout:
    """A table, its rows as ``(number, moment in ticks or milliseconds, values)``, and how it is exported."""

    name: str
    create: str
    route: str
    options: dict[str, Any]
    columns: str
    """Of the INSERT, ``n`` (the row's number) first."""
    time_type: str
    """``timestamp`` or ``timeuuid``: what of the row's time goes into the column of that type."""
    is_warned: bool = False

    @property
    def has_sai(self) -> bool:
        return "USING 'sai'" in self.create


TIMEUUID = {"time_column": "event_id"}


TIMESTAMP = {"time_column": "ts"}


LAYOUTS = [
    Layout(
        "day_is_the_key",
        "CREATE TABLE {} (day date, n int, v int, PRIMARY KEY (day, n))",
        time_window.DIRECT,
        {"time_column": "day"},
        "n, day",
        "timestamp",
    ),
    Layout(
        "text_bucket_is_the_key",
        "CREATE TABLE {} (bucket text, n int, v int, PRIMARY KEY (bucket, n))",
        time_window.DIRECT,
        {"bucket_column": "bucket", "bucket_format": "%Y-%m-%d"},
        "n, bucket",
        "timestamp",
    ),
    Layout(
        "int_bucket_of_hours_with_timeuuid",
        "CREATE TABLE {} (hour int, event_id timeuuid, n int, PRIMARY KEY (hour, event_id))",
        time_window.DIRECT,
        {"bucket_column": "hour", "bucket_format": "%Y%m%d%H", **TIMEUUID},
        "n, hour, event_id",
        "timeuuid",
    ),
    Layout(
        "month_bucket_with_timestamp",
        "CREATE TABLE {} (month date, ts timestamp, n int, PRIMARY KEY (month, ts))",
        time_window.DIRECT,
        {"bucket_column": "month", "bucket_format": "%Y-%m", **TIMESTAMP},
        "n, month, ts",
        "timestamp",
    ),
    Layout(
        "timestamp_bucket_of_days",
        "CREATE TABLE {} (day_start timestamp, n int, v int, PRIMARY KEY (day_start, n))",
        time_window.DIRECT,
        {"bucket_column": "day_start", "bucket_format": "%Y-%m-%d"},
        "n, day_start",
        "timestamp",
    ),
    Layout(
        "device_and_day_with_timeuuid",
        "CREATE TABLE {} (device text, day date, event_id timeuuid, n int, PRIMARY KEY ((device, day), event_id))",
        time_window.KEY_BOUNDS,
        TIMEUUID,
        "n, device, day, event_id",
        "timeuuid",
    ),
    Layout(
        "device_and_day_by_day",
        "CREATE TABLE {} (device text, day date, n int, v int, PRIMARY KEY ((device, day), n))",
        time_window.KEY_BOUNDS,
        {"time_column": "day"},
        "n, device, day",
        "timestamp",
    ),
    Layout(
        "device_and_bucket",
        "CREATE TABLE {} (device text, bucket text, n int, v int, PRIMARY KEY ((device, bucket), n))",
        time_window.KEY_BOUNDS,
        {"bucket_column": "bucket", "bucket_format": "%Y-%m-%d"},
        "n, device, bucket",
        "timestamp",
    ),
    Layout(
        "device_and_bucket_with_timeuuid",
        "CREATE TABLE {} (device text, bucket text, event_id timeuuid, n int,"
        " PRIMARY KEY ((device, bucket), event_id))",
        time_window.KEY_BOUNDS,
        {"bucket_column": "bucket", "bucket_format": "%Y-%m-%d", **TIMEUUID},
        "n, device, bucket, event_id",
        "timeuuid",
    ),
    Layout(
        "clustering_bucket",
        "CREATE TABLE {} (device text, bucket text, n int, v int, PRIMARY KEY (device, bucket, n))",
        time_window.KEY_BOUNDS,
        {"bucket_column": "bucket", "bucket_format": "%Y-%m-%d"},
        "n, device, bucket",
        "timestamp",
    ),
    Layout(
        "clustering_timestamp_descending",
        "CREATE TABLE {} (id int, ts timestamp, n int, PRIMARY KEY (id, ts)) WITH CLUSTERING ORDER BY (ts DESC)",
        time_window.KEY_BOUNDS,
        TIMESTAMP,
        "n, id, ts",
        "timestamp",
    ),
    Layout(
        "second_clustering_column",
        "CREATE TABLE {} (id int, n int, ts timestamp, PRIMARY KEY (id, n, ts))",
        time_window.KEY_BOUNDS,
        TIMESTAMP,
        "n, id, ts",
        "timestamp",
    ),
    Layout(
        "timeuuid_is_the_key",
        "CREATE TABLE {} (event_id timeuuid PRIMARY KEY, n int)",
        time_window.KEY_BOUNDS,
        TIMEUUID,
        "n, event_id",
        "timeuuid",
    ),
    Layout(
        "timestamp_is_the_key",
        "CREATE TABLE {} (ts timestamp PRIMARY KEY, n int)",
        time_window.KEY_BOUNDS,
        TIMESTAMP,
        "n, ts",
        "timestamp",
    ),
    Layout(
        "mixed_case_names",
        'CREATE TABLE {} ("Id" int, "Limit" timestamp, n int, PRIMARY KEY ("Id", "Limit"))',
        time_window.KEY_BOUNDS,
        {"time_column": "Limit"},
        'n, "Id", "Limit"',
        "timestamp",
    ),
    Layout(
        "indexed_timestamp",
        "CREATE TABLE {0} (n int PRIMARY KEY, ts timestamp); CREATE INDEX ON {0} (ts) USING 'sai'",
        time_window.INDEX,
        TIMESTAMP,
        "n, ts",
        "timestamp",
    ),
    Layout(
        "indexed_timeuuid",
        "CREATE TABLE {0} (n int PRIMARY KEY, event_id timeuuid); CREATE INDEX ON {0} (event_id) USING 'sai'",
        time_window.INDEX,
        TIMEUUID,
        "n, event_id",
        "timeuuid",
    ),
    Layout(
        "indexed_date",
        "CREATE TABLE {0} (n int PRIMARY KEY, day date); CREATE INDEX ON {0} (day) USING 'sai'",
        time_window.INDEX,
        {"time_column": "day"},
        "n, day",
        "timestamp",
    ),
    Layout(
        "legacy_index_serves_no_range",
        "CREATE TABLE {0} (n int PRIMARY KEY, ts timestamp); CREATE INDEX ON {0} (ts)",
        time_window.FILTERING,
        TIMESTAMP,
        "n, ts",
        "timestamp",
        is_warned=True,
    ),
    Layout(
        "plain_timestamp",
        "CREATE TABLE {} (n int PRIMARY KEY, ts timestamp)",
        time_window.FILTERING,
        TIMESTAMP,
        "n, ts",
        "timestamp",
        is_warned=True,
    ),
    Layout(
        "plain_timeuuid",
        "CREATE TABLE {} (n int PRIMARY KEY, event_id timeuuid)",
        time_window.FILTERING,
        TIMEUUID,
        "n, event_id",
        "timeuuid",
        is_warned=True,
    ),
    Layout(
        "static_timestamp",
        "CREATE TABLE {} (id int, n int, ts timestamp static, PRIMARY KEY (id, n))",
        time_window.FILTERING,
        TIMESTAMP,
        "n, id, ts",
        "timestamp",
        is_warned=True,
    ),
]


def layout_parameters(layouts: Iterable[Layout] = LAYOUTS) -> list[Any]:
    """For a test that is run on each; the server must have the layout's kind of index."""
    return [pytest.param(layout, id=layout.name, marks=NEEDS_SAI if layout.has_sai else ()) for layout in layouts]


def column_value(column: str, layout: Layout, number: int, time: int | uuid.UUID) -> Any:
    """What row ``number`` holds in ``column``; buckets are cut here by hand, in UTC."""
    if isinstance(time, uuid.UUID):
        moment = EPOCH + datetime.timedelta(microseconds=(time.time - UUID_EPOCH_TICKS) // 10)
    else:
        moment = EPOCH + datetime.timedelta(milliseconds=time)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match column:
        case "n":
            return number
        case "id" | '"Id"':
            return number if layout.name == "static_timestamp" else number % 3
        case "device":
            return f"device {number % 3}"
        case "ts" | '"Limit"' | "event_id":
            return time
        case "day":
            return Date(moment.date())
        case "day_start":
            return milliseconds(day)
        case "bucket":
            return f"{moment:%Y-%m-%d}"
        case "hour":
            return moment.year * 1_000_000 + moment.month * 10_000 + moment.day * 100 + moment.hour
        case "month":
            return Date(moment.date().replace(day=1))
    raise AssertionError(column)


def is_inside(time: int | uuid.UUID, window: TimeWindow) -> bool:
    """Judged by Python's own reading of a UUID's time."""
    if isinstance(time, uuid.UUID):
        return ticks_of(window.start) <= time.time < ticks_of(window.end)
    return milliseconds(window.start) <= time < milliseconds(window.end)


def wait_until_indexes_answer(session: Session, table: str) -> None:
    """A new SAI index is built in the background and refuses queries until then."""
    keyspace, name = table.split(".")
    query = "SELECT table_name, is_queryable FROM system_views.sai_column_indexes WHERE keyspace_name = %s"

    def is_ready() -> bool:
        return all(row.is_queryable for row in session.execute(query, [keyspace]) if row.table_name == name)

    wait_until(is_ready, f"the index of {table} answers")


def fill(session: Session, table: str, layout: Layout, window: TimeWindow) -> set[int]:
    """Create and fill the table; the numbers of the window's rows."""
    for statement in layout.create.format(table, table).split("; "):
        session.execute(statement)
    if layout.has_sai:
        wait_until_indexes_answer(session, table)
    columns = layout.columns.split(", ")
    insert = session.prepare(f"INSERT INTO {table} ({layout.columns}) VALUES ({', '.join('?' for _ in columns)})")
    times: list[Any] = edge_timeuuids(window) if layout.time_type == "timeuuid" else edge_milliseconds(window)
    for number, time in enumerate(times):
        session.execute(insert, [column_value(column, layout, number, time) for column in columns])
    return {number for number, time in enumerate(times) if is_inside(time, window)}
