"""``docker/tables.cql`` on a server: what an example finds when it is unpaused, and what of January 2024."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.docker_tables import NEEDS_DOCKERS_CASSANDRA, create_docker_tables
from tests.example_dags import read_examples
from tests.integration.import_cases import import_files

UTC = datetime.timezone.utc
DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
FIXED_DAY = datetime.datetime(2024, 1, 4, tzinfo=UTC)

pytestmark = NEEDS_DOCKERS_CASSANDRA


@pytest.fixture(scope="module")
def shop(session: Session) -> str:
    """The keyspace ``shop``, with another name."""
    return create_docker_tables(session)["shop"]


@pytest.fixture(scope="module")
def today(session: Session, shop: str) -> datetime.datetime:
    """The day that was today when the rows were written."""
    days = [row.day.date() for row in session.execute(f"SELECT DISTINCT device, day FROM {shop}.events")]
    return datetime.datetime.combine(max(days), datetime.time(), UTC)


@pytest.mark.parametrize("days_ago", [1, 0, None], ids=["yesterday", "today", "January 2024"])
def test_a_day_of_events_is_exported_and_restored_with_both_of_its_edges(
    session: Session, shop: str, today: datetime.datetime, tmp_path: Path, days_ago: int | None
) -> None:
    start = FIXED_DAY if days_ago is None else today - days_ago * DAY
    path = str(tmp_path / "events")
    window = TimeWindow(start=start, end=start + DAY)
    options = CopyToOptions(
        table=f"{shop}.events",
        path=path,
        time_column="event_id",
        window=window,
        partition_by=["event_id.date"],
        allow_future_end=True,
    )
    assert copy_to(session, options).rows == 3
    of_the_day = f"WHERE day = '{start.date()}' ALLOW FILTERING"
    rows = rows_of_a_day(session, f"SELECT * FROM {shop}.events {of_the_day}")
    assert {row[0] for row in rows} == {"device-0", "device-1", "device-2"}
    moments = session.execute(f"SELECT toTimestamp(event_id) AS at FROM {shop}.events {of_the_day}")
    assert [milliseconds(moment) for moment in sorted(row.at for row in moments)][::2] == [
        milliseconds(start),
        milliseconds(start + DAY) - 1,
    ]
    session.execute(f"TRUNCATE {shop}.restored_events", timeout=60)
    import_files(session, shop, "restored_events", path)
    assert rows_of_a_day(session, f"SELECT * FROM {shop}.restored_events") == rows


def rows_of_a_day(session: Session, query: str) -> list[Any]:
    return sorted((tuple(row) for row in session.execute(query)), key=str)


def milliseconds(moment: datetime.datetime) -> int:
    return (moment.replace(tzinfo=UTC) - FIXED_DAY) // datetime.timedelta(milliseconds=1)


def test_an_hour_of_readings_has_both_of_its_edges(session: Session, shop: str) -> None:
    # As the server knows them: to the millisecond, and without a timezone.
    rows = session.execute(f"SELECT at FROM {shop}.readings WHERE device = 'd' AND at > '2024-02-01'")
    moments = [row.at for row in rows]
    assert len(moments) >= 4
    hours = sorted({moment.replace(minute=0, second=0, microsecond=0) for moment in moments})
    assert hours[1] - hours[0] == HOUR
    last_millisecond = HOUR - datetime.timedelta(milliseconds=1)
    assert moments == sorted(hour + offset for hour in hours for offset in (datetime.timedelta(), last_millisecond))


@pytest.mark.parametrize("example", read_examples(), ids=lambda example: example.name)
def test_every_table_that_an_example_reads_has_rows(session: Session, shop: str, example: Any) -> None:
    filled = {"measurements", "restored_events"}
    for table in example.columns.keys() - example.created_tables - filled:
        assert session.execute(f"SELECT * FROM {shop}.{table} LIMIT 1").one() is not None, table
