"""kill -9 at random moments, then a retry: exactly the table, nothing left over, other windows untouched."""

import random
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from .day_process import kill_day, run_day, start_day
from .events_table import create_events, day_window, leftovers, rows_by_glob, rows_in_cassandra, rows_on_disk

ROWS_PER_DAY = 6_000
DAY_BEFORE, DAY = 0, 1
KILLS = 20
SAMPLE = (0, 7, 14)


@pytest.fixture(scope="module")
def events(module_keyspace: str, module_session: Session) -> str:
    return create_events(module_session, module_keyspace, days=2, rows_per_day=ROWS_PER_DAY)


def run_export(cassandra: Any, table: str, root: Path, day: int) -> float:
    return run_day("export_process", cassandra, table, root, day, rows=ROWS_PER_DAY)


@pytest.fixture(scope="module")
def export_seconds(cassandra: Any, events: str, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long one export takes here, so that kills fall into all of its phases."""
    return run_export(cassandra, events, tmp_path_factory.mktemp("timing") / "data", DAY)


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.fault_full) for n in range(KILLS)]
)
@pytest.mark.parametrize("is_reexport", [False, True])
def test_a_killed_export_and_its_retry_equal_the_table(
    number: int,
    is_reexport: bool,
    cassandra: Any,
    events: str,
    module_session: Session,
    export_seconds: float,
    tmp_path: Path,
) -> None:
    root = tmp_path / "data"
    run_export(cassandra, events, root, DAY_BEFORE)
    if is_reexport:
        run_export(cassandra, events, root, DAY)
    others = {path: path.stat().st_mtime_ns for path in root.glob("**/*.parquet")}
    others = {path: changed for path, changed in others.items() if "date=2024-03-01" in str(path)}

    # Each number has its own slice of the export's time, and a random moment within it.
    share = (number + random.Random(number).random()) / KILLS
    kill_day("export_process", cassandra, events, root, DAY, after_seconds=share * export_seconds)

    if is_reexport:
        assert rows_on_disk(root, day_window(DAY)) == rows_in_cassandra(module_session, events, day_window(DAY))
    run_export(cassandra, events, root, DAY)
    assert rows_on_disk(root) == rows_in_cassandra(module_session, events)
    assert rows_by_glob(root) == rows_on_disk(root)
    assert leftovers(root) == []
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_two_attempts_of_the_same_window_at_once_leave_one_complete_result(
    cassandra: Any, events: str, module_session: Session, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    first = start_day("export_process", cassandra, events, root, DAY)
    second = start_day("export_process", cassandra, events, root, DAY)
    outputs = [process.communicate(timeout=120) for process in (first, second)]
    codes = sorted(process.returncode for process in (first, second))
    assert codes[0] == 0, outputs
    if codes[1] != 0:
        assert any("SupersededError" in error for _output, error in outputs)
    assert rows_by_glob(root) == rows_in_cassandra(module_session, events, day_window(DAY))
    assert leftovers(root) == []
