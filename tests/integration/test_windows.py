"""Each route of a time window on a real table: exactly the window's rows, to the tick, at both edges."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.util import Date

from airflow_provider_cqlai.engine.cassandra.plan import export_plan, time_window
from airflow_provider_cqlai.engine.errors import OptionError, QueryError, TimeWindowError
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from tests.integration.planned_rows import plan_table, read_rows
from tests.integration.window_layouts import (
    DAY,
    LARGEST_NODE,
    LAYOUTS,
    SMALLEST_NODE,
    START,
    UTC,
    Layout,
    edge_milliseconds,
    fill,
    layout_parameters,
    make_timeuuid,
    milliseconds,
)


@pytest.mark.parametrize("layout", layout_parameters())
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


@pytest.mark.parametrize("layout", layout_parameters())
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
    layout_parameters(
        layout for layout in LAYOUTS if "time_column" in layout.options and layout.options["time_column"] != "day"
    ),
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


@pytest.mark.needs_cassandra("4.1", "a part of the partition key in a list")
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
    with pytest.raises(OptionError, match=f"leave out {option} and the window: .* takes one of the two") as caught:
        plan_table(session, f"{keyspace}.t", window=DAY, where=where, **window_options)
    assert caught.value.option == "where"


def test_where_on_a_time_column_stands_without_a_window(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int, ts timestamp, PRIMARY KEY (id, ts))")
    assert plan_table(session, f"{keyspace}.t", where="ts > '2024-01-01'").route == time_window.WHOLE_TABLE
    plan = plan_table(session, f"{keyspace}.t", window=DAY, time_column="ts", where="id = 1")
    assert plan.route == time_window.KEY_BOUNDS


@pytest.mark.needs_cassandra("4.1", "a part of the partition key in a list")
def test_time_bounds_do_alone_where_the_server_refuses_the_listed_buckets(
    session: Session, keyspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = next(layout for layout in LAYOUTS if layout.name == "device_and_bucket_with_timeuuid")
    table = f"{keyspace}.t"
    expected = fill(session, table, layout, DAY)

    def choose_refused_route(*arguments: Any) -> time_window.WindowRoute:
        route = time_window.choose_route(*arguments)
        listed, *bounds = route.restrictions
        # As a server that does not know lists: this one refuses a LIKE without an index.
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


def test_time_column_of_another_type_names_those_that_tell_time(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id uuid PRIMARY KEY, at timestamp, day date)")
    with pytest.raises(TimeWindowError, match=r"is a uuid.*at \(timestamp\), day \(date\)"):
        plan_table(session, f"{keyspace}.t", window=DAY, time_column="id")


def test_bucket_outside_of_the_primary_key_is_refused(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY, bucket text)")
    with pytest.raises(TimeWindowError, match="not part of the primary key"):
        plan_table(session, f"{keyspace}.t", window=DAY, bucket_column="bucket", bucket_format="%Y-%m-%d")
