"""Upper bounds for rows and bytes per second over all reader threads.

Written here because the wait has to end at once when the export is cancelled, which the libraries' waits do not.
"""

from __future__ import annotations

import threading
import time

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.options.read import ReadOptions


class RateLimit:
    """A meter that threads share: each spends what a page held and waits until the rate allows the next page.

    A page is paid for after it has arrived, since its size is unknown before; the long-run rate is exact.
    """

    def __init__(self, amount_per_second: float) -> None:
        self._amount_per_second = amount_per_second
        self._lock = threading.Lock()
        self._paid_until = time.monotonic()

    def spend(self, amount: float) -> float:
        """Record ``amount`` and return the seconds to wait before asking for more."""
        with self._lock:
            now = time.monotonic()
            # Unused time is not saved up: a pause must not be followed by a burst.
            self._paid_until = max(self._paid_until, now) + amount / self._amount_per_second
            return self._paid_until - now


class PageRateLimits:
    """The rows and bytes limits of one export; either may be absent."""

    def __init__(self, options: ReadOptions) -> None:
        self._rows = RateLimit(options.rate_limit_rows_per_second) if options.rate_limit_rows_per_second else None
        byte_rate = options.rate_limit_bytes_per_second
        self._bytes = RateLimit(float(byte_rate)) if byte_rate else None

    def spend(self, rows: int, byte_count: int, cancellation: Cancellation) -> None:
        """Wait until the limits allow the next page after one of ``rows`` and ``byte_count``."""
        waits = [0.0]
        if self._rows is not None:
            waits.append(self._rows.spend(rows))
        if self._bytes is not None:
            waits.append(self._bytes.spend(byte_count))
        if max(waits) > 0:
            cancellation.wait(max(waits))
