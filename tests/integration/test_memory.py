"""Peak memory of whole exports and captures, each in a process of its own, where leaks and unbounded buffers show."""

import os
from typing import Any

import pytest
from cassandra.cluster import Session

from benchmarks.runs import run_case
from benchmarks.tables import TABLES, create_and_fill

BOUND_MEGABYTES = 400

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def peak_megabytes(session: Session, cassandra: Any, table: str, rows: int, case: str) -> float:
    name = create_and_fill(session, TABLES[table], rows)
    try:
        peak: float = run_case(case, name, rows, cassandra.host, cassandra.port)["peak_rss_megabytes"]
    finally:
        session.execute(f"DROP TABLE {name}", timeout=60)
    return peak


@pytest.mark.parametrize("case", ["export_file", "export_by_day", "capture_queries"])
def test_a_million_rows_of_12_columns_stay_below_the_bound(case: str, session: Session, cassandra: Any) -> None:
    assert peak_megabytes(session, cassandra, "events", 1_000_000, case) < BOUND_MEGABYTES


def test_memory_does_not_grow_with_the_table(session: Session, cassandra: Any) -> None:
    small = peak_megabytes(session, cassandra, "events", 200_000, "export_file")
    large = peak_megabytes(session, cassandra, "events", 1_000_000, "export_file")
    # 800,000 rows more are 200 MB. The smaller table leaves the buffers (48 MiB together) partly empty, and the
    # allocators of several threads keep a part of what was freed.
    assert large < small + 100


def test_rows_of_100_kilobytes_stay_below_the_same_bound(session: Session, cassandra: Any) -> None:
    assert peak_megabytes(session, cassandra, "large_rows", 1_000, "export_file") < BOUND_MEGABYTES


def test_rows_of_4_mebibytes_stay_below_the_same_bound(session: Session, keyspace: str, cassandra: Any) -> None:
    table = f"{keyspace}.megabytes"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, value blob)")
    insert = session.prepare(f"INSERT INTO {table} (id, value) VALUES (?, ?)")
    for number in range(32):
        session.execute(insert, (number, os.urandom(4 * 1024 * 1024)))
    peak = run_case("export_file", table, 32, cassandra.host, cassandra.port)["peak_rss_megabytes"]
    assert peak < BOUND_MEGABYTES, peak
