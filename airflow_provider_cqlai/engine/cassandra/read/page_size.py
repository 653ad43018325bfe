"""How many rows to ask for in the next page, so that a page stays below its bound in bytes.

The protocol counts a page in rows, memory is counted in bytes: 5,000 rows of 100 KB are half a gigabyte. So the first
page of an export is small and the size follows the bytes that were seen, over all token ranges.
"""

from __future__ import annotations

import threading

# Of rows nothing is known about; 32 rows of 100 KB are 3 MB.
FIRST_PAGE_ROWS = 32
# Growth from one page to the next: a jump to full size after a few small rows would meet large rows unprepared.
GROWTH = 8
# How fast the memory of larger rows fades, page by page.
FADE = 0.9


class PageSizer:
    """Chooses ``fetch_size``; shared by the reader threads of one export."""

    def __init__(self, *, page_rows: int, page_bytes: int) -> None:
        self._page_rows = page_rows
        self._page_bytes = page_bytes
        self._lock = threading.Lock()
        self._bytes_per_row = 0.0
        self._limit_rows = min(FIRST_PAGE_ROWS, page_rows)

    def next_rows(self) -> int:
        """Rows to ask for in the next page, at least 1."""
        with self._lock:
            return self._limit_rows

    def record(self, rows: int, byte_count: int) -> None:
        """Learn from a page that arrived."""
        if rows == 0:
            return
        with self._lock:
            self._bytes_per_row = max(byte_count / rows, self._bytes_per_row * FADE)
            affordable = int(self._page_bytes / max(self._bytes_per_row, 1.0))
            self._limit_rows = max(1, min(self._page_rows, affordable, self._limit_rows * GROWTH))
