"""Runs `export_process` or `capture_day_process` for a day, to its end or to be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


def start_day(module: str, cassandra: Any, table: str, root: Path, day: int) -> subprocess.Popen[str]:
    """The process of ``tests.faults.<module>``, as soon as its work begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.faults.{module}", str(cassandra.port), table, str(root), str(day)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().endswith("ing\n"), process.stderr.read() if process.stderr else ""
    return process


def run_day(module: str, cassandra: Any, table: str, root: Path, day: int, *, rows: int) -> float:
    """Seconds that the day took; it must come out with ``rows`` rows."""
    process = start_day(module, cassandra, table, root, day)
    started = time.monotonic()
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert int(output) == rows
    return time.monotonic() - started


def kill_day(module: str, cassandra: Any, table: str, root: Path, day: int, *, after_seconds: float) -> None:
    """Start the day and end it with SIGKILL."""
    process = start_day(module, cassandra, table, root, day)
    time.sleep(after_seconds)
    process.kill()
    process.communicate()
