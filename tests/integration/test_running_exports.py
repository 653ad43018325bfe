"""Exports while they run: pages, rates, progress, cancelling, and the caller's session."""

import gc
import logging
import re
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import plan_export
from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import (
    CopyCancelledError,
)
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import options


def test_pages_that_were_read_do_not_wait_for_the_garbage_collector(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.many (id int PRIMARY KEY)")
    insert_rows(session, f"INSERT INTO {keyspace}.many (id) VALUES (?)", ((n,) for n in range(120)))
    asked = options(f"{keyspace}.many", "/nowhere/", page_size=10)
    plan = plan_export(session, asked)
    pages = 0
    gc.collect()
    # Of tests before this one.
    earlier = sum(type(kept) is RawPage for kept in gc.get_objects())
    gc.disable()
    try:
        with open_engine_session(session, asked) as engine_session:
            reader = PageReader(engine_session, asked)
            for read in plan.reads:
                for _page in reader.read_pages(read, Cancellation()):
                    pages += 1
                    # This one, and one before it while the reader still holds it.
                    assert sum(type(kept) is RawPage for kept in gc.get_objects()) <= earlier + 2
    finally:
        gc.enable()
    assert pages >= 12


def test_large_rows_are_read_in_small_pages(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.large (id int PRIMARY KEY, content blob)")
    insert_rows(
        session,
        f"INSERT INTO {keyspace}.large (id, content) VALUES (?, ?)",
        ((n, n.to_bytes(4, "big") * 25_000) for n in range(200)),
        rows_a_request=1,
    )
    result = copy_to(session, options(f"{keyspace}.large", tmp_path / "large.parquet", page_bytes="1MB"))
    table = pq.read_table(tmp_path / "large.parquet")
    assert result.rows == 200
    assert {row["id"]: row["content"] for row in table.to_pylist()} == {
        n: n.to_bytes(4, "big") * 25_000 for n in range(200)
    }


def test_the_rate_limit_in_rows_holds(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.calm (id int PRIMARY KEY)")
    insert_rows(session, f"INSERT INTO {keyspace}.calm (id) VALUES (?)", ((n,) for n in range(1000)))
    result = copy_to(
        session, options(f"{keyspace}.calm", tmp_path / "calm", page_size=50, rate_limit_rows_per_second=500)
    )
    assert result.rows == 1000
    # 1,000 rows at 500 a second; the last page of each token range is not waited for.
    assert result.elapsed_seconds > 1.0


def test_progress_tells_rows_rate_size_and_share(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.slow (id int PRIMARY KEY)")
    insert_rows(session, f"INSERT INTO {keyspace}.slow (id) VALUES (?)", ((n,) for n in range(500)))
    with caplog.at_level(logging.INFO, logger="airflow_provider_cqlai"):
        copy_to(
            session,
            options(
                f"{keyspace}.slow",
                tmp_path / "slow",
                page_size=10,
                rate_limit_rows_per_second=500,
                progress_interval_seconds=0.2,
            ),
        )
    lines = [record.getMessage() for record in caplog.records if "of the ring done" in record.getMessage()]
    assert len(lines) >= 2
    for line in lines:
        assert re.search(r"[\d,]+ rows?, [\d,]+ rows/s, [\d.]+ MB, \d+% of the ring done", line), line


def test_cancelling_ends_within_two_seconds_and_leaves_nothing(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.slow (id int PRIMARY KEY)")
    insert_rows(session, f"INSERT INTO {keyspace}.slow (id) VALUES (?)", ((n,) for n in range(500)))
    cancellation = Cancellation()
    timer = threading.Timer(0.5, cancellation.cancel)
    timer.start()
    with pytest.raises(CopyCancelledError):
        copy_to(
            session,
            options(f"{keyspace}.slow", tmp_path / "slow", page_size=10, rate_limit_rows_per_second=10),
            cancellation=cancellation,
        )
    timer.join()
    assert [file for file in (tmp_path / "slow").glob("**/*") if file.is_file() and file.suffix != ".json"] == []


def test_the_callers_session_is_left_as_it_was(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY)")
    before = session.client_protocol_handler
    copy_to(session, options(f"{keyspace}.t", tmp_path / "t"))
    assert session.execute(f"SELECT count(*) FROM {keyspace}.t").one()[0] == 0
    assert session.client_protocol_handler is before
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("cqlai-") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
