"""Each route of a time window on a real table: exactly the window's rows, to the tick, at both edges."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import time as time_module
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.util import Date

from airflow_provider_cqlai.engine.cql import export_plan, time_window
from airflow_provider_cqlai.engine.errors import OptionError, QueryError, TimeWindowError
from airflow_provider_cqlai.engine.options import TimeWindow
from tests.integration.planned_rows import plan_table, read_rows

UTC = datetime.UTC
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
    deadline = time_module.monotonic() + 60
    query = "SELECT table_name, is_queryable FROM system_views.sai_column_indexes WHERE keyspace_name = %s"
    while any(row.table_name == name and not row.is_queryable for row in session.execute(query, [keyspace])):
        assert time_module.monotonic() < deadline, f"the index of {table} does not get ready"


def fill(session: Session, table: str, layout: Layout, window: TimeWindow) -> set[int]:
    """Create and fill the table; the numbers of the window's rows."""
    for statement in layout.create.format(table, table).split("; "):
        session.execute(statement)
    wait_until_indexes_answer(session, table)
    columns = layout.columns.split(", ")
    insert = session.prepare(f"INSERT INTO {table} ({layout.columns}) VALUES ({', '.join('?' for _ in columns)})")
    times: list[Any] = edge_timeuuids(window) if layout.time_type == "timeuuid" else edge_milliseconds(window)
    for number, time in enumerate(times):
        session.execute(insert, [column_value(column, layout, number, time) for column in columns])
    return {number for number, time in enumerate(times) if is_inside(time, window)}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_window_returns_exactly_its_rows(
    session: Session, keyspace: str, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    table = f"{keyspace}.{layout.name}"
    expected = fill(session, table, layout, DAY)
    assert len(expected) >= 4
    with caplog.at_level(logging.INFO):
        plan = plan_table(session, table, window=DAY, columns="n", **layout.options)
    found = sorted(row[0] for row in read_rows(session, plan))
    assert found == sorted(expected)
    assert plan.route == layout.route
    assert sum(read.ring_share for read in plan.reads) == pytest.approx(1.0)
    assert any(f"route {layout.route}" in record.getMessage() for record in caplog.records)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert bool([record for record in warnings if "reads more" in record.getMessage()]) == layout.is_warned


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_shards_of_a_window_share_its_rows(session: Session, keyspace: str, layout: Layout) -> None:
    table = f"{keyspace}.{layout.name}"
    expected = fill(session, table, layout, DAY)
    found: list[int] = []
    for shard in range(3):
        plan = plan_table(session, table, window=DAY, columns="n", shard_index=shard, shard_count=3, **layout.options)
        found += [row[0] for row in read_rows(session, plan)]
    assert sorted(found) == sorted(expected)


WITHIN_A_DAY = TimeWindow(
    start=START.replace(hour=7, minute=30), end=START.replace(hour=9, minute=15, microsecond=7_000)
)


@pytest.mark.parametrize(
    "layout",
    [layout for layout in LAYOUTS if "time_column" in layout.options and layout.options["time_column"] != "day"],
    ids=lambda layout: layout.name,
)
def test_window_off_the_bucket_edges_is_exact_by_its_time_column(
    session: Session, keyspace: str, layout: Layout
) -> None:
    table = f"{keyspace}.{layout.name}"
    expected = fill(session, table, layout, WITHIN_A_DAY)
    plan = plan_table(session, table, window=WITHIN_A_DAY, columns="n", **layout.options)
    assert sorted(row[0] for row in read_rows(session, plan)) == sorted(expected)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("day date, n int, PRIMARY KEY (day, n)", {"time_column": "day"}, "midnight UTC"),
        (
            "day text, n int, PRIMARY KEY (day, n)",
            {"bucket_column": "day", "bucket_format": "%Y-%m-%d"},
            "whole buckets only",
        ),
    ],
)
def test_window_off_the_bucket_edges_is_refused_without_time_column(
    session: Session, keyspace: str, table: str, options: dict[str, str], message: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t ({table})")
    with pytest.raises(TimeWindowError, match=message):
        plan_table(session, f"{keyspace}.t", window=WITHIN_A_DAY, **options)


def test_days_of_the_key_are_read_one_by_one(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (day date, n int, PRIMARY KEY (day, n))")
    week = TimeWindow(start=START, end=START + datetime.timedelta(days=7))
    plan = plan_table(session, f"{keyspace}.t", window=week, time_column="day")
    assert [str(read.parameters[0]) for read in plan.reads] == [f"2024-01-{day:02}" for day in range(2, 9)]
    assert "ALLOW FILTERING" not in plan.reads[0].statement.query_string


def test_days_are_read_directly_when_where_lists_the_rest_of_the_key(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (device text, day date, n int, PRIMARY KEY ((device, day), n))")
    for device in ("a", "b", "c"):
        for day in (1, 2, 3):
            session.execute(f"INSERT INTO {table} (device, day, n) VALUES ('{device}', '2024-01-0{day}', {day})")
    plan = plan_table(session, table, window=DAY, time_column="day", where="device IN ('a', 'c')")
    assert plan.route == time_window.DIRECT
    assert sorted((row[0], str(row[1])) for row in read_rows(session, plan)) == [
        ("a", "2024-01-02"),
        ("c", "2024-01-02"),
    ]


def test_key_listed_in_where_takes_bounds_without_filtering(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int, ts timestamp, n int, PRIMARY KEY (id, ts))")
    insert = session.prepare(f"INSERT INTO {table} (id, ts, n) VALUES (?, ?, ?)")
    for number, time in enumerate(edge_milliseconds(DAY)):
        session.execute(insert, (number % 2, time, number))
    plan = plan_table(session, table, window=DAY, time_column="ts", where="id = 1", columns="n")
    assert [read.token_range for read in plan.reads] == [None]
    assert "ALLOW FILTERING" not in plan.reads[0].statement.query_string
    assert sorted(row[0] for row in read_rows(session, plan)) == [3, 5]


def test_where_narrows_a_window(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int, ts timestamp, n int, PRIMARY KEY (id, ts))")
    insert = session.prepare(f"INSERT INTO {table} (id, ts, n) VALUES (?, ?, ?)")
    for number, time in enumerate(edge_milliseconds(DAY)):
        session.execute(insert, (number, time, number))
    plan = plan_table(session, table, window=DAY, time_column="ts", where="n > 2 -- the later ones", columns="n")
    assert sorted(row[0] for row in read_rows(session, plan)) == [3, 4, 5]


@pytest.mark.parametrize(
    ("where", "window_options", "option"),
    [
        ("ts > '2024-01-01'", {"time_column": "ts"}, "time_column"),
        ("(day, ts) >= ('2024-01-02', '2024-01-02')", {"time_column": "ts"}, "time_column"),
        ("day = '2024-01-02'", {"time_column": "day"}, "time_column"),
        ("day IN ('2024-01-02')", {"bucket_column": "day", "bucket_format": "%Y-%m-%d"}, "bucket_column"),
    ],
)
def test_where_on_the_windows_own_column_is_refused_by_name(
    session: Session, keyspace: str, where: str, window_options: dict[str, str], option: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int, day date, ts timestamp, PRIMARY KEY (id, day, ts))")
    with pytest.raises(OptionError, match=f"{option}: Cassandra takes one of the two") as caught:
        plan_table(session, f"{keyspace}.t", window=DAY, where=where, **window_options)
    assert caught.value.option == "where"


def test_where_on_a_time_column_stands_without_a_window(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int, ts timestamp, PRIMARY KEY (id, ts))")
    assert plan_table(session, f"{keyspace}.t", where="ts > '2024-01-01'").route == time_window.WHOLE_TABLE
    plan = plan_table(session, f"{keyspace}.t", window=DAY, time_column="ts", where="id = 1")
    assert plan.route == time_window.KEY_BOUNDS


def test_time_bounds_do_alone_where_the_server_refuses_the_listed_buckets(
    session: Session, keyspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = next(layout for layout in LAYOUTS if layout.name == "device_and_bucket_with_timeuuid")
    table = f"{keyspace}.t"
    expected = fill(session, table, layout, DAY)

    def choose_refused_route(*arguments: Any) -> time_window.WindowRoute:
        route = time_window.choose_route(*arguments)
        listed, *bounds = route.restrictions
        # Cassandra before 5.0 refuses to filter by IN; this one refuses a LIKE without an index.
        refused = dataclasses.replace(listed, cql='"bucket" LIKE ?', values=("x",))
        return dataclasses.replace(route, restrictions=(refused, *bounds))

    monkeypatch.setattr(export_plan, "choose_route", choose_refused_route)
    plan = plan_table(session, table, window=DAY, columns="n", **layout.options)
    assert "LIKE" not in plan.reads[0].statement.query_string
    assert sorted(row[0] for row in read_rows(session, plan)) == sorted(expected)


def test_filtering_route_is_refused_without_allow_filtering(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY, ts timestamp)")
    with pytest.raises(QueryError, match="allow_filtering=False"):
        plan_table(session, f"{keyspace}.t", window=DAY, time_column="ts", allow_filtering=False)


@pytest.mark.parametrize("time_type", ["timestamp", "timeuuid", "date"])
def test_widest_window_returns_every_row(session: Session, keyspace: str, time_type: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int, at {time_type}, PRIMARY KEY (id, at))")
    insert = session.prepare(f"INSERT INTO {table} (id, at) VALUES (?, ?)")
    first, last = datetime.datetime(1, 1, 1, tzinfo=UTC), datetime.datetime(9999, 12, 31, tzinfo=UTC)
    times: list[Any] = {
        "timestamp": [milliseconds(first), 0, milliseconds(last) - 1],
        "timeuuid": [make_timeuuid(0, SMALLEST_NODE), make_timeuuid(2**60 - 1, LARGEST_NODE)],
        "date": [Date(first.date()), Date(last.date() - datetime.timedelta(days=1))],
    }[time_type]
    for number, time in enumerate(times):
        session.execute(insert, (number, time))
    if time_type == "timestamp":
        session.execute(insert, (98, milliseconds(first) - 1))
        session.execute(insert, (99, milliseconds(last)))
    window = TimeWindow(start=first, end=last)
    plan = plan_table(session, table, window=window, time_column="at", columns="id", allow_future_end=True)
    assert sorted(row[0] for row in read_rows(session, plan)) == list(range(len(times)))


def test_partition_of_static_columns_alone_is_in_no_clustering_window(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int, ts timestamp, s int static, PRIMARY KEY (id, ts))")
    session.execute(f"INSERT INTO {table} (id, s) VALUES (1, 1)")
    session.execute(f"INSERT INTO {table} (id, ts, s) VALUES (2, '2024-01-02', 1)")
    whole = plan_table(session, table, columns="id")
    assert sorted(read_rows(session, whole)) == [(1,), (2,)]
    plan = plan_table(session, table, columns="id", window=DAY, time_column="ts")
    assert read_rows(session, plan) == [(2,)]


MICROSECONDS = 1_000


@pytest.fixture
def written_rows(session: Session, keyspace: str) -> tuple[str, dict[int, int]]:
    """A table with every kind of stored column, and the newest write time of each row by id."""
    table = f"{keyspace}.written"
    session.execute(f"CREATE TYPE {keyspace}.point (x int, y int)")
    session.execute(
        f"CREATE TABLE {table} (id int, c int, s int static, v int, tags set<text>, fixed frozen<list<int>>,"
        " place point, PRIMARY KEY (id, c))".replace("point", f"{keyspace}.point")
    )
    start, end = milliseconds(START) * MICROSECONDS, milliseconds(END) * MICROSECONDS
    old = start - 86_400_000_000
    assignments = ["v = 1", "tags = tags + {'a'}", "fixed = [1]", "place.x = 1", "s = 1"]
    newest: dict[int, int] = {}
    number = 0
    for assignment in assignments:
        for time in (start - 1, start, end - 1, end):
            session.execute(
                f"INSERT INTO {table} (id, c, v, tags) VALUES ({number}, 1, 0, {{'z'}}) USING TIMESTAMP {old}"
            )
            key = f"id = {number}" + ("" if assignment.startswith("s ") else " AND c = 1")
            session.execute(f"UPDATE {table} USING TIMESTAMP {time} SET {assignment} WHERE {key}")
            newest[number] = time
            number += 1
    return table, newest


@pytest.mark.parametrize("columns", ["id", "id,c,v", None])
def test_writetime_window_looks_at_every_stored_column(
    session: Session, written_rows: tuple[str, dict[int, int]], columns: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    table, newest = written_rows
    plan = plan_table(session, table, window=DAY, window_by="writetime", columns=columns)
    start, end = milliseconds(START) * MICROSECONDS, milliseconds(END) * MICROSECONDS
    expected = sorted(number for number, time in newest.items() if start <= time < end)
    if columns is None:
        # Nested values are the codec's; here only the keys of the rows are compared.
        plan = plan_table(session, table, window=DAY, window_by="writetime", columns="id,c,s,v")
    rows = read_rows(session, plan)
    assert sorted(row[0] for row in rows) == expected
    assert plan.route == time_window.WRITETIME
    assert "reads more rows than it returns" in caplog.text


def test_writetime_window_takes_no_counters(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY, hits counter)")
    with pytest.raises(TimeWindowError, match="counters"):
        plan_table(session, f"{keyspace}.t", window=DAY, window_by="writetime")


@pytest.mark.parametrize(("choice", "expected"), [("include", [1, 2]), ("skip", [1])])
def test_row_of_its_key_alone_follows_rows_without_writetime(
    session: Session, keyspace: str, choice: str, expected: list[int]
) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v int)")
    session.execute(f"INSERT INTO {table} (id, v) VALUES (1, 1) USING TIMESTAMP {milliseconds(START) * MICROSECONDS}")
    session.execute(f"INSERT INTO {table} (id) VALUES (2) USING TIMESTAMP {milliseconds(START) * MICROSECONDS}")
    options = {"window": DAY, "window_by": "writetime", "columns": "id"}
    with pytest.raises(TimeWindowError, match=r"nothing but its primary key.*'id': '2'.*rows_without_writetime"):
        read_rows(session, plan_table(session, table, **options))
    plan = plan_table(session, table, **options, rows_without_writetime=choice)
    assert sorted(row[0] for row in read_rows(session, plan)) == expected


def test_time_column_of_another_type_names_those_that_tell_time(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id uuid PRIMARY KEY, at timestamp, day date)")
    with pytest.raises(TimeWindowError, match=r"is a uuid.*at \(timestamp\), day \(date\)"):
        plan_table(session, f"{keyspace}.t", window=DAY, time_column="id")


def test_bucket_outside_of_the_primary_key_is_refused(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY, bucket text)")
    with pytest.raises(TimeWindowError, match="not part of the primary key"):
        plan_table(session, f"{keyspace}.t", window=DAY, bucket_column="bucket", bucket_format="%Y-%m-%d")
