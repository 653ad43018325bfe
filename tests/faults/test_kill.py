"""kill -9 at random moments, then a retry: exactly the table, nothing left over, other windows untouched."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from .events_table import create_events, day_window, leftovers, rows_by_glob, rows_in_cassandra, rows_on_disk

PROJECT = Path(__file__).resolve().parents[2]
ROWS_PER_DAY = 6_000
DAY_BEFORE, DAY = 0, 1
KILLS = 20
SAMPLE = (0, 7, 14)


@pytest.fixture(scope="module")
def events(module_keyspace: str, module_session: Session) -> str:
    return create_events(module_session, module_keyspace, days=2, rows_per_day=ROWS_PER_DAY)


def start_export(cassandra: Any, table: str, root: Path, day: int) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.export_process", str(cassandra.port), table, str(root), str(day)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "exporting\n", process.stderr.read() if process.stderr else ""
    return process


def run_export(cassandra: Any, table: str, root: Path, day: int) -> float:
    process = start_export(cassandra, table, root, day)
    started = time.monotonic()
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert int(output) == ROWS_PER_DAY
    return time.monotonic() - started


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
    process = start_export(cassandra, events, root, DAY)
    time.sleep(share * export_seconds)
    process.kill()
    process.communicate()

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
    first = start_export(cassandra, events, root, DAY)
    second = start_export(cassandra, events, root, DAY)
    outputs = [process.communicate(timeout=120) for process in (first, second)]
    codes = sorted(process.returncode for process in (first, second))
    assert codes[0] == 0, outputs
    if codes[1] != 0:
        assert any("SupersededError" in error for _output, error in outputs)
    assert rows_by_glob(root) == rows_in_cassandra(module_session, events, day_window(DAY))
    assert leftovers(root) == []
