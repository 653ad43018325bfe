"""Waits for what happens elsewhere: in the server, in another thread, in the driver's own."""

from __future__ import annotations

import time
from collections.abc import Callable

from cassandra.cluster import Session

_POLL_SECONDS = 0.02


def wait_until(is_true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Until ``is_true()``; fails with ``what`` did not happen after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(_POLL_SECONDS)


def wait_for_first_row(session: Session, table: str) -> None:
    """Until another thread or process has written a row of ``table``, which has a column ``c``."""
    wait_until(lambda: session.execute(f"SELECT c FROM {table} LIMIT 1").one() is not None, f"a row in {table}")
