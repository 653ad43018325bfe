"""Days of the events table, each published by a process that may be killed: what a kill and a retry must leave."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from . import killed_process
from .events_table import day_window, leftovers, rows_by_glob, rows_in_cassandra, rows_on_disk

ROWS_PER_DAY = 6_000
DAY_BEFORE, DAY = 0, 1


@dataclass(frozen=True)
class Days:
    """Publishes days with ``tests.faults.<module>``, whose arguments are table, root and day."""

    module: str
    cassandra: Any
    session: Session
    table: str

    def run(self, root: Path, day: int) -> float:
        """Seconds that a day took; it must come out whole."""
        process = killed_process.start(self.module, self.cassandra, self.table, root, day)
        started = time.monotonic()
        assert int(killed_process.finish(process)) == ROWS_PER_DAY
        return time.monotonic() - started

    def check_kill(self, root: Path, after_seconds: float, *, is_again: bool) -> None:
        """Kill `DAY`, published before where ``is_again``, and try again: exactly the table, `DAY_BEFORE` as it was."""
        self.run(root, DAY_BEFORE)
        others = {path: path.stat().st_mtime_ns for path in root.glob("event_id.date=2024-03-01/**/*.parquet")}
        assert others
        if is_again:
            self.run(root, DAY)
        arguments = self.module, self.cassandra, self.table, root, DAY
        killed_process.kill(*arguments, after_seconds=after_seconds)
        if is_again:
            assert rows_on_disk(root, day_window(DAY)) == rows_in_cassandra(self.session, self.table, day_window(DAY))
        self.run(root, DAY)
        assert rows_on_disk(root) == rows_in_cassandra(self.session, self.table)
        assert rows_by_glob(root) == rows_on_disk(root)
        assert leftovers(root) == []
        assert {path: path.stat().st_mtime_ns for path in others} == others
