"""One running Airflow for the tests that need a scheduler or its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.dags.conftest import MakeHome
from tests.dags.event_rows import EVENT_COLUMNS, Events
from tests.dags.readings import create_tables, write_readings
from tests.dags.running_airflow import RunningAirflow, run_airflow

if TYPE_CHECKING:
    from cassandra.cluster import Session

BACKFILLED_DAYS = 4


@pytest.fixture(scope="package")
def airflow(make_home: MakeHome, events: Events, session: Session, shared_keyspace: str) -> Iterator[RunningAirflow]:
    """A running Airflow 3 for all tests here, with two backfills to begin with; it ends with the last of them."""
    home = make_home()
    write_readings(home.lake)
    session.execute(f"CREATE TABLE {shared_keyspace}.import_announced {EVENT_COLUMNS}")
    tables = ("killed", "killed_and_cleared", "cleared_while_running", "rejecting")
    create_tables(session, shared_keyspace, ["slow_import", *(f"import_{name}" for name in tables)])
    with run_airflow(home) as running:
        running.backfill("backfilled_window", "2024-01-01", f"2024-01-0{BACKFILLED_DAYS}")
        running.backfill("partition_window_backfilled", "2024-01-03", "2024-01-04")
        running.start_scheduler()
        yield running
