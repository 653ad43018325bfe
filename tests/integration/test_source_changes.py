"""A table that becomes another one while it is read: nothing is published, and a retry has all rows of one state."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.errors import TableChangedError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import Capture, capture
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import data_files, options

ROWS = 2_000
CREATE = "CREATE TABLE {table} (id int PRIMARY KEY, v text, w text)"
CHANGES = [
    (["TRUNCATE {table}"], "was truncated at 20"),
    (["DROP TABLE {table}", CREATE], "was dropped and created again"),
    (["DROP TABLE {table}"], "was dropped"),
    (["DROP KEYSPACE {keyspace}", "CREATE KEYSPACE {keyspace} WITH {replication}", CREATE], "created again"),
    (["ALTER TABLE {table} DROP w", "ALTER TABLE {table} ADD w text"], "column w dropped and added again"),
    (["ALTER TABLE {table} RENAME id TO key"], "column id is no longer there|query 1 of 1 was altered"),
]
REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
PAGES = {"page_size": 50}


@pytest.fixture
def before_the_second_page(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Takes what is to happen between two pages of the next read."""

    def install(action: Callable[[], None]) -> None:
        read_page = PageReader._read_page
        calls = itertools.count(1)

        def read_page_after_action(self: PageReader, *arguments: Any) -> Any:
            if next(calls) == 2:
                action()
            return read_page(self, *arguments)

        monkeypatch.setattr(PageReader, "_read_page", read_page_after_action)

    return install


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(CREATE.format(table=f"{keyspace}.t"))
    fill(session, f"{keyspace}.t", "old")
    return f"{keyspace}.t"


def fill(session: Session, table: str, value: str) -> None:
    insert = f"INSERT INTO {table} (id, v, w) VALUES (?, ?, ?)"
    insert_rows(session, insert, ((number, value, value) for number in range(ROWS)))


def change(session: Session, table: str, statements: list[str]) -> None:
    """Run ``statements``; a table that was created anew gets as many rows as it had."""
    for statement in statements:
        names = {"table": table, "keyspace": table.partition(".")[0], "replication": REPLICATION}
        session.execute(statement.format(**names), timeout=60)
    if statements[-1] == CREATE:
        fill(session, table, "new")


READ: dict[str, Callable[[Session, str, Path], Any]] = {
    "export": lambda session, table, path: copy_to(session, options(table, path, **PAGES)),
    "capture": lambda session, table, path: capture(
        session, CaptureOptions(queries=f"SELECT * FROM {table}", path=str(path), **PAGES)
    ),
}


@pytest.mark.parametrize(("statements", "told"), CHANGES)
@pytest.mark.parametrize("verb", READ)
def test_a_table_that_becomes_another_while_it_is_read_is_not_published(
    verb: str,
    statements: list[str],
    told: str,
    session: Session,
    table: str,
    tmp_path: Path,
    before_the_second_page: Any,
) -> None:
    before_the_second_page(lambda: change(session, table, statements))
    with pytest.raises(TableChangedError, match=told) as caught:
        READ[verb](session, table, tmp_path / "out")
    assert table in str(caught.value) or "query 1 of 1" in str(caught.value)
    assert caught.value.is_retryable
    assert data_files(tmp_path / "out") == []


def test_a_retry_has_the_rows_of_the_new_table_alone(
    session: Session, table: str, tmp_path: Path, before_the_second_page: Any
) -> None:
    before_the_second_page(lambda: change(session, table, ["DROP TABLE {table}", CREATE]))
    with pytest.raises(TableChangedError):
        copy_to(session, options(table, tmp_path / "out", **PAGES))
    assert copy_to(session, options(table, tmp_path / "out")).rows == ROWS
    (file,) = data_files(tmp_path / "out")
    assert set(pq.read_table(file, columns=["v"])["v"].to_pylist()) == {"new"}


def test_a_column_that_is_not_read_may_come_and_go(
    session: Session, table: str, tmp_path: Path, before_the_second_page: Any
) -> None:
    alterations = ["ALTER TABLE {table} DROP w", "ALTER TABLE {table} ADD x int"]
    before_the_second_page(lambda: change(session, table, alterations))
    assert copy_to(session, options(table, tmp_path / "out", columns=["id", "v"], **PAGES)).rows == ROWS


def test_queries_of_one_capture_show_one_state_of_a_table(session: Session, table: str, tmp_path: Path) -> None:
    """The first query has ended when the table is truncated: what the second reads belongs to another state."""
    queries = [f"SELECT id FROM {table} LIMIT 1", f"SELECT id FROM {table}"]
    with ExitStack() as stack:
        running = stack.enter_context(Capture(session, CaptureOptions(queries=queries, path=str(tmp_path / "out"))))
        running.prepare_all(queries)
        running.run(running.prepared[0])
        session.execute(f"TRUNCATE {table}")
        with pytest.raises(TableChangedError, match="truncated") as caught:
            running.run(running.prepared[1])
        stack.__exit__(TableChangedError, caught.value, None)
    assert data_files(tmp_path / "out") == []


def test_who_sends_queries_one_by_one_may_change_the_table_between_them(
    session: Session, table: str, tmp_path: Path
) -> None:
    with Capture(session, CaptureOptions(path=str(tmp_path / "out"))) as running:
        assert running.execute(f"SELECT id FROM {table}") == ROWS
        session.execute(f"TRUNCATE {table}")
        assert running.execute(f"SELECT id FROM {table}") == 0
    assert running.result is not None
    assert running.result.rows == ROWS


def test_a_view_is_watched_as_its_table_is(
    session: Session, table: str, tmp_path: Path, before_the_second_page: Any
) -> None:
    view = f"{table}_by_v"
    session.execute(
        f"CREATE MATERIALIZED VIEW {view} AS SELECT id, v FROM {table} WHERE v IS NOT NULL AND id IS NOT NULL"
        " PRIMARY KEY (id, v)"
    )
    deadline = time.monotonic() + 60
    while session.execute(f"SELECT count(*) FROM {view}").one()[0] < ROWS:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    before_the_second_page(lambda: change(session, table, ["TRUNCATE {table}"]))
    with pytest.raises(TableChangedError, match="truncated"):
        copy_to(session, options(view, tmp_path / "out", **PAGES))
