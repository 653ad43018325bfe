"""Waiting for an answer, and between two tries of a request that the cluster could not serve."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from tenacity import RetryCallState, Retrying, wait_exponential, wait_random

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS, Cancellation

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# Between two log lines about requests that are tried again.
LOG_SECONDS = 1.0

# The random part keeps requests that failed together from coming back together.
RETRY_PAUSE = wait_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS) + wait_random(
    0, FIRST_PAUSE_SECONDS
)


def wait_for_response(future: Any, cancellation: Cancellation) -> None:
    """Wait until the response is there; `ResponseFuture.result` alone could not be interrupted.

    Asked to stop, the wait ends at once and the answer is left alone.
    """
    arrived = threading.Event()
    future.add_callbacks(lambda _result: arrived.set(), lambda _error: arrived.set())
    while not arrived.wait(POLL_SECONDS):
        cancellation.raise_if_cancelled()


class RetryPauses:
    """For many requests in flight at once; used by one thread."""

    def __init__(self, noun: str) -> None:
        """``noun`` is what the requests are in the log, such as "statements"."""
        self._noun = noun
        self._logged_at = float("-inf")
        self._unlogged = 0

    def plan(self, error: Exception, attempt: int) -> float:
        """Seconds to wait after try ``attempt``, which failed with ``error``.

        One log line stands for many: when a node goes, everything in flight fails at once.
        """
        # The state of a loop that is not run: it would wait for one request while others could go on.
        state = RetryCallState(Retrying(wait=RETRY_PAUSE), fn=None, args=(), kwargs={})
        state.attempt_number = attempt
        pause = state.retry_object.wait(state)
        now = time.monotonic()
        if now - self._logged_at < LOG_SECONDS:
            self._unlogged += 1
            return pause
        others = f" (and {self._unlogged} other {self._noun} before)" if self._unlogged else ""
        logger.warning("%s; try %d follows in %.1f s%s", error, attempt + 1, pause, others)
        self._logged_at, self._unlogged = now, 0
        return pause
