"""kill -9 at random moments, then a retry: exactly the table, nothing left over, other windows untouched."""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from .events_table import day_window, leftovers, rows_by_glob, rows_in_cassandra
from .killed_days import DAY, Days
from .killed_process import start

KILLS = 20
# Of first exports and of those over an earlier one.
SAMPLE = {(False, 7), (True, 14)}


@pytest.fixture(scope="module")
def days(cassandra: Any, module_session: Session, two_days: str) -> Days:
    return Days("export_process", cassandra, module_session, two_days)


@pytest.fixture(scope="module")
def export_seconds(days: Days, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long one export takes here, so that kills fall into all of its phases."""
    return days.run(tmp_path_factory.mktemp("timing") / "data", DAY)


@pytest.mark.parametrize(
    ("is_reexport", "number"),
    [
        pytest.param(*case, marks=() if case in SAMPLE else pytest.mark.fault_full)
        for case in itertools.product((False, True), range(KILLS))
    ],
)
def test_a_killed_export_and_its_retry_equal_the_table(
    number: int, is_reexport: bool, days: Days, export_seconds: float, tmp_path: Path
) -> None:
    # Each number has its own slice of the export's time, and a random moment within it.
    share = (number + random.Random(number).random()) / KILLS
    days.check_kill(tmp_path / "data", share * export_seconds, is_again=is_reexport)


def test_two_attempts_of_the_same_window_at_once_leave_one_complete_result(days: Days, tmp_path: Path) -> None:
    root = tmp_path / "data"
    processes = [start(days.module, days.cassandra, days.table, root, DAY) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0, outputs
    if codes[1] != 0:
        assert any("SupersededError" in error for _output, error in outputs)
    assert rows_by_glob(root) == rows_in_cassandra(days.session, days.table, day_window(DAY))
    assert leftovers(root) == []
