"""What a running export says in the log, at steady intervals."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """``number`` with its noun: ``"1 file"``, ``"20,000 rows"``."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


class Progress:
    """Counts rows, bytes and the share of the ring that is done; logs a line every ``interval_seconds``.

    Used by one thread only, the one that writes.
    """

    def __init__(self, what: str, interval_seconds: float) -> None:
        self._what = what
        self._interval_seconds = interval_seconds
        self._started = time.monotonic()
        self._last_line = self._started
        self.rows = 0
        self.bytes = 0
        self.ring_share = 0.0

    def add_rows(self, rows: int, byte_count: int) -> None:
        """Count rows that reached the writer, and their size in memory in bytes."""
        self.rows += rows
        self.bytes += byte_count

    def finish_read(self, ring_share: float) -> None:
        """Count one planned read as done; ``ring_share`` is its part of the whole, 0 to 1."""
        self.ring_share = min(1.0, self.ring_share + ring_share)

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self._started

    def log_if_due(self) -> None:
        """Log a line when the interval has passed since the last one."""
        now = time.monotonic()
        if now - self._last_line >= self._interval_seconds:
            self._last_line = now
            logger.info("%s", self.describe())

    def describe(self) -> str:
        """Rows, rows/s, MB, share of the ring done and, once it can be told, the time left."""
        elapsed = max(self.elapsed_seconds, 1e-9)
        line = (
            f"{self._what}: {count_of(self.rows, 'row')}, {self.rows / elapsed:,.0f} rows/s, "
            f"{self.bytes / 1e6:,.1f} MB, {self.ring_share:.0%} of the ring done"
        )
        if 0 < self.ring_share < 1:
            line += f", about {elapsed / self.ring_share - elapsed:,.0f} s left"
        return line
