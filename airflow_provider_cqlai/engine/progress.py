"""What a running export or import says in the log, at steady intervals."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger(__name__)


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """``number`` with its noun: ``"1 file"``, ``"20,000 rows"``."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


class Progress:
    """Counts rows, bytes and the share of the whole that is done; logs a line every ``interval_seconds``.

    Used by one thread only, the one that writes. ``share_of`` names the whole: the ring, or the files' rows.
    """

    def __init__(self, what: str, interval_seconds: float, *, share_of: str = "the ring") -> None:
        self._what = what
        self._share_of = share_of
        self._interval_seconds = interval_seconds
        self._started = time.monotonic()
        self._last_line = self._started
        self.rows = 0
        self.bytes = 0
        self.share = 0.0
        self.retried_pages = 0
        self._retries_lock = threading.Lock()
        self._share_left_out = 0.0

    def add_rows(self, rows: int, byte_count: int) -> None:
        """Count rows that reached the writer, and their size in memory in bytes."""
        self.rows += rows
        self.bytes += byte_count

    def count_retry(self) -> None:
        """Count one more try of a page; from any thread."""
        with self._retries_lock:
            self.retried_pages += 1

    def finish_read(self, share: float) -> None:
        """Count one planned read as done; ``share`` is its part of the whole, 0 to 1."""
        self.share = min(1.0, self.share + share)

    def leave_out(self, share: float) -> None:
        """Count a planned read as done that was not needed: it took no time, so it tells nothing of the time left."""
        self.finish_read(share)
        self._share_left_out += share

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
        """Rows, rows/s, MB, the share that is done and, once it can be told, the time left."""
        elapsed = max(self.elapsed_seconds, 1e-9)
        line = (
            f"{self._what}: {count_of(self.rows, 'row')}, {self.rows / elapsed:,.0f} rows/s, "
            f"{self.bytes / 1e6:,.1f} MB, {self.share:.0%} of {self._share_of} done"
        )
        share_read = self.share - self._share_left_out
        # Sums of shares are not exact.
        if share_read > 1e-9 and self.share < 1:
            line += f", about {elapsed * (1 - self.share) / share_read:,.0f} s left"
        return line
