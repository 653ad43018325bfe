"""kill -9 in captures at random moments, then a retry: exactly the queries' rows, other windows untouched."""

import random
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from .day_process import kill_day, run_day
from .events_table import create_events, day_window, leftovers, rows_by_glob, rows_in_cassandra, rows_on_disk

ROWS_PER_DAY = 6_000
DAY_BEFORE, DAY = 0, 1
KILLS = 20
SAMPLE = (6, 15)


@pytest.fixture(scope="module")
def events(module_keyspace: str, module_session: Session) -> str:
    return create_events(module_session, module_keyspace, days=2, rows_per_day=ROWS_PER_DAY)


def run_capture(cassandra: Any, table: str, root: Path, day: int) -> float:
    return run_day("capture_day_process", cassandra, table, root, day, rows=ROWS_PER_DAY)


@pytest.fixture(scope="module")
def capture_seconds(cassandra: Any, events: str, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long one capture takes here, so that kills fall into all of its phases."""
    return run_capture(cassandra, events, tmp_path_factory.mktemp("timing") / "data", DAY)


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.fault_full) for n in range(KILLS)]
)
def test_a_killed_capture_and_its_retry_equal_the_queries(
    number: int, cassandra: Any, events: str, module_session: Session, capture_seconds: float, tmp_path: Path
) -> None:
    """Every other time over what an earlier capture of the window published."""
    root = tmp_path / "data"
    run_capture(cassandra, events, root, DAY_BEFORE)
    is_recapture = number % 2 == 1
    if is_recapture:
        run_capture(cassandra, events, root, DAY)
    others = {path: path.stat().st_mtime_ns for path in root.glob("event_id.date=2024-03-01/**/*.parquet")}
    assert others

    # Each number has its own slice of the capture's time, and a random moment within it.
    share = (number + random.Random(number).random()) / KILLS
    kill_day("capture_day_process", cassandra, events, root, DAY, after_seconds=share * capture_seconds)

    if is_recapture:
        assert rows_on_disk(root, day_window(DAY)) == rows_in_cassandra(module_session, events, day_window(DAY))
    run_capture(cassandra, events, root, DAY)
    assert rows_on_disk(root) == rows_in_cassandra(module_session, events)
    assert rows_by_glob(root) == rows_on_disk(root)
    assert leftovers(root) == []
    assert {path: path.stat().st_mtime_ns for path in others} == others
