"""kill -9 in captures at random moments, then a retry: exactly the queries' rows, other windows untouched."""

import random
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from .killed_days import DAY, Days

KILLS = 20
SAMPLE = (6,)


@pytest.fixture(scope="module")
def days(cassandra: Any, module_session: Session, two_days: str) -> Days:
    return Days("capture_day_process", cassandra, module_session, two_days)


@pytest.fixture(scope="module")
def capture_seconds(days: Days, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long one capture takes here, so that kills fall into all of its phases."""
    return days.run(tmp_path_factory.mktemp("timing") / "data", DAY)


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.fault_full) for n in range(KILLS)]
)
def test_a_killed_capture_and_its_retry_equal_the_queries(
    number: int, days: Days, capture_seconds: float, tmp_path: Path
) -> None:
    """Every other time over what an earlier capture of the window published."""
    # Each number has its own slice of the capture's time, and a random moment within it.
    share = (number + random.Random(number).random()) / KILLS
    days.check_kill(tmp_path / "data", share * capture_seconds, is_again=number % 2 == 1)
