"""Reopens the connections that the driver gave up for good, before a request is retried.

A session whose connection breaks shuts its pool and leaves the rest to the cluster, which ignores the loss while
another session has a connection to that host. Note: a hook's session and the engine's share one cluster, so the pool
would stay shut, and each request would fail with "Pool is shutdown", for as long as the process lives.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from concurrent.futures import Future, wait

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.progress import count_of

logger = logging.getLogger(__name__)


class PoolRenewal:
    """The lost pools of one session; one object serves all threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._opening: Collection[Future[bool]] = ()

    def renew(self) -> None:
        """Begin to open a pool for each host that is up and has none; returns at once.

        Does nothing while the last call's are being opened: a pool that takes the place of another closes that one's
        connection, with the requests in flight.
        """
        with self._lock:
            if not all(future.done() for future in self._opening):
                return
            self._opening = self._session.update_created_pools()
            if self._opening:
                # Of a host that is lost, `driver_log` has told already.
                logger.info("opening the connections to %s again", count_of(len(self._opening), "host"))


def open_lost_pools(session: Session) -> None:
    """Open what ``session`` lost since it was last used, and wait for it as long as for any connection."""
    wait(session.update_created_pools(), timeout=session.cluster.connect_timeout)
