"""How many rows of a page are asked for: few of large rows, fewer where the server cannot manage so many.

The protocol counts a page in rows, memory is counted in bytes: 5,000 rows of 100 KB are half a gigabyte, and 32 rows of
4 MiB more than the memory that an export is to take. So the first page has one row, and sizes follow the bytes seen.
"""

from __future__ import annotations

import threading

# Of rows nothing is known about.
FIRST_PAGE_ROWS = 1
# Growth from one page to the next: a jump to full size after a few small rows would meet large rows unprepared.
GROWTH = 8
# How fast the memory of larger rows fades, page by page.
FADE = 0.9
# How fast pages grow again after one was too heavy for the server: twice as many rows after some 14 pages.
RECOVERY = 1.05


class PageSizer:
    """Chooses ``fetch_size``; shared by the reader threads of one export.

    Args:
        page_rows: rows of a page at the most; 0 reads a whole result as one page.
        page_bytes: that a page should not exceed.
        is_fixed: every page has ``page_rows``. The server counts the rows of an aggregate by pages of that size, of
            which it sends none: smaller ones only cost it more.
    """

    def __init__(self, *, page_rows: int, page_bytes: int, is_fixed: bool = False) -> None:
        self._page_rows = page_rows
        self._page_bytes = page_bytes
        self._is_fixed = is_fixed or page_rows == 0
        self._lock = threading.Lock()
        self._bytes_per_row = 0.0
        self._limit_rows = min(FIRST_PAGE_ROWS, page_rows)
        # What the server is known to manage.
        self._bearable_rows = float(page_rows)

    def next_rows(self) -> int:
        """Rows to ask for in the next page, at least 1; 0 for all that there are."""
        with self._lock:
            if self._is_fixed:
                return self._page_rows
            return max(1, min(self._limit_rows, self._page_rows, int(self._bearable_rows)))

    def limit(self, rows: int) -> None:
        """The server takes no requests for more than ``rows``."""
        with self._lock:
            self._page_rows = min(self._page_rows, rows)

    def shrink(self, rows: int) -> None:
        """A page of so many rows failed again and again: it is too heavy, and so are those after it."""
        with self._lock:
            self._bearable_rows = max(1.0, min(self._bearable_rows, rows / 2))

    def record(self, rows: int, byte_count: int) -> None:
        """Learn from a page that arrived."""
        with self._lock:
            self._bearable_rows = min(float(self._page_rows), self._bearable_rows * RECOVERY)
            if rows == 0:
                return
            self._bytes_per_row = max(byte_count / rows, self._bytes_per_row * FADE)
            affordable = int(self._page_bytes / max(self._bytes_per_row, 1.0))
            self._limit_rows = max(1, min(self._page_rows, affordable, self._limit_rows * GROWTH))
