"""A request that was sent in, its answer awaited; asked to stop, the wait ends at once and the answer is left alone."""

from __future__ import annotations

import threading
from typing import Any

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS, Cancellation


def wait_for_response(future: Any, cancellation: Cancellation) -> None:
    """Wait until the response is there; `ResponseFuture.result` alone could not be interrupted."""
    arrived = threading.Event()
    future.add_callbacks(lambda _result: arrived.set(), lambda _error: arrived.set())
    while not arrived.wait(POLL_SECONDS):
        cancellation.raise_if_cancelled()
