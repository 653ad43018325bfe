"""Windows by write time: every stored column of a row counts, and what has no write time is told."""

from __future__ import annotations

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.plan import time_window
from airflow_provider_cqlai.engine.errors import TimeWindowError
from tests.cassandra_versions import several_cells
from tests.integration.planned_rows import plan_table, read_rows
from tests.integration.window_layouts import (
    DAY,
    END,
    START,
    milliseconds,
)

MICROSECONDS = 1_000


@pytest.fixture
def written_rows(session: Session, keyspace: str) -> tuple[str, dict[int, int]]:
    """A table with every kind of stored column, and the newest write time of each row by id."""
    table = f"{keyspace}.written"
    session.execute(f"CREATE TYPE {keyspace}.point (x int, y int)")
    session.execute(
        f"CREATE TABLE {table} (id int, c int, s int static, v int, tags {several_cells('set<text>')},"
        f" fixed frozen<list<int>>, place {several_cells(f'{keyspace}.point')}, PRIMARY KEY (id, c))"
    )
    start, end = milliseconds(START) * MICROSECONDS, milliseconds(END) * MICROSECONDS
    old = start - 86_400_000_000
    assignments = ["v = 1", "fixed = [1]", "s = 1", "tags = {'a'}", "place = {x: 1}"]
    if several_cells("set<text>") == "set<text>":
        assignments[-2:] = ["tags = tags + {'a'}", "place.x = 1"]
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
    with pytest.raises(TimeWindowError, match=r"rows_without_writetime.*nothing but their primary key.*'id': '2'"):
        read_rows(session, plan_table(session, table, **options))
    plan = plan_table(session, table, **options, rows_without_writetime=choice)
    assert sorted(row[0] for row in read_rows(session, plan)) == expected
