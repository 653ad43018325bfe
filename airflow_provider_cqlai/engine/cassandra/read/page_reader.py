"""Reads one planned SELECT page by page, undecoded and in the server's order, and survives transient failures.

A page that fails is requested again from its own paging state, so a token range with rows already out never starts from
its beginning.

The protocol counts a page in rows, memory is counted in bytes: 5,000 rows of 100 KB are half a gigabyte. So the first
page of an export is small, and `PageSizer` follows the bytes that were seen, over all token ranges.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
)

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    SERVER_ANSWERS,
    is_page_too_large,
    translate_driver_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import EngineSession
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import PoolRenewal
from airflow_provider_cqlai.engine.cassandra.connect.rate_limit import PageRateLimits
from airflow_provider_cqlai.engine.cassandra.connect.waiting import RETRY_PAUSE, wait_for_response
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableWatch
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import PlannedRead
from airflow_provider_cqlai.engine.cassandra.read.replication import find_unreachable_level
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import (
    ClusterUnavailableError,
    CqlaiError,
    PageReadError,
)
from airflow_provider_cqlai.engine.options.read import ReadOptions

logger = logging.getLogger(__name__)

# The first tries ask for the same page; from then on each asks for half the rows of the one before, and so do the pages
# after it, of all token ranges: what was too heavy once is too heavy again.
TRIES_AT_FULL_SIZE = 2

# Of rows nothing is known about; 32 rows of 100 KB are 3 MB.
FIRST_PAGE_ROWS = 32
# Growth from one page to the next: a jump to full size after a few small rows would meet large rows unprepared.
GROWTH = 8
# How fast the memory of larger rows fades, page by page.
FADE = 0.9
# How fast pages grow again after one was too heavy for the server: twice as many rows after some 14 pages.
RECOVERY = 1.05


class PageReader:
    """Reads the planned SELECTs of one export; one object serves all reader threads."""

    def __init__(
        self,
        engine_session: EngineSession,
        options: ReadOptions,
        watch: TableWatch | None = None,
    ) -> None:
        self._engine_session = engine_session
        self._pools = PoolRenewal(engine_session.session)
        self._options = options
        self._watch = watch
        self._limits = PageRateLimits(options)
        self._sizer = PageSizer(page_rows=engine_session.page_size_rows, page_bytes=int(options.page_bytes))

    def read_pages(self, read: PlannedRead, cancellation: Cancellation) -> Iterator[RawPage]:
        """All pages of ``read``; empty ones occur before the end.

        Raises:
            PageReadError: a page failed ``max_page_attempts`` times.
            OptionError: the keyspace has fewer replicas than the consistency level needs.
            CqlaiError: what the server refuses for good, for example a permission that was withdrawn.
        """
        paging_state: bytes | None = None
        while True:
            page, paging_state = self._read_page(read, paging_state, cancellation)
            self._sizer.record(page.row_count, page.byte_count)
            yield page
            if paging_state is None:
                return
            self._limits.spend(page.row_count, page.byte_count, cancellation)

    def _read_page(
        self, read: PlannedRead, paging_state: bytes | None, cancellation: Cancellation
    ) -> tuple[RawPage, bytes | None]:
        attempts = Retrying(
            stop=stop_after_attempt(self._options.max_page_attempts),
            wait=RETRY_PAUSE,
            # Not every retryable error: a cancelled export or an altered table must leave at once.
            retry=retry_if_exception_type(ClusterUnavailableError),
            sleep=cancellation.wait,
            before_sleep=self._before_retry,
            retry_error_callback=lambda state: _give_up(read, state),
        )
        for attempt in attempts:
            with attempt:
                cancellation.raise_if_cancelled()
                rows = self._sizer.next_rows()
                try:
                    return self._request_page(read, paging_state, rows, cancellation)
                except ClusterUnavailableError:
                    if attempt.retry_state.attempt_number >= TRIES_AT_FULL_SIZE:
                        self._sizer.shrink(rows)
                    raise
        raise AssertionError("tenacity ends with a page or an error")

    def _before_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        logger.warning("%s; try %d follows in %.1f s", error, state.attempt_number + 1, pause)
        self._pools.renew()

    def _request_page(
        self, read: PlannedRead, paging_state: bytes | None, rows: int, cancellation: Cancellation
    ) -> tuple[RawPage, bytes | None]:
        bound = read.statement.bind(read.parameters)
        while True:
            bound.fetch_size = rows
            future = None
            try:
                future = self._engine_session.session.execute_async(
                    bound, execution_profile=self._engine_session.profile, paging_state=paging_state
                )
                wait_for_response(future, cancellation)
                result = future.result()
                break
            except DRIVER_EXCEPTIONS as error:
                if rows == 1 or not is_page_too_large(error):
                    raise self._translate(error, read, future) from error
                rows //= 2
                self._sizer.limit(rows)
                logger.info("the server's guardrails allow no pages that large: %d rows are asked for", rows)
        # Taken out: the driver keeps the result for longer than anybody needs it.
        return result.current_rows.pop(), result.paging_state

    def _translate(self, error: Exception, read: PlannedRead, future: Any) -> CqlaiError:
        coordinator = getattr(future, "coordinator_host", None)
        unreachable = find_unreachable_level(
            error,
            self._engine_session.session.cluster.metadata,
            read.statement.result_metadata[0][0],
            coordinator.datacenter if coordinator is not None else None,
        )
        if unreachable is not None:
            return unreachable
        translated = translate_driver_error(error, f"reading {read.description}")
        if self._watch is not None and isinstance(error, SERVER_ANSWERS):
            # The server took this very query when it was planned.
            return self._watch.explain(translated)
        return translated


def _give_up(read: PlannedRead, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    raise PageReadError(
        f"gave up after {state.attempt_number} tries (max_page_attempts, request_timeout_seconds and page_size are the"
        f" options to change): {error}"
    ) from error


class PageSizer:
    """Chooses ``fetch_size``; shared by the reader threads of one export."""

    def __init__(self, *, page_rows: int, page_bytes: int) -> None:
        self._page_rows = page_rows
        self._page_bytes = page_bytes
        self._lock = threading.Lock()
        self._bytes_per_row = 0.0
        self._limit_rows = min(FIRST_PAGE_ROWS, page_rows)
        # What the server is known to manage.
        self._bearable_rows = float(page_rows)

    def next_rows(self) -> int:
        """Rows to ask for in the next page, at least 1."""
        with self._lock:
            return max(1, min(self._limit_rows, self._page_rows, int(self._bearable_rows)))

    def limit(self, rows: int) -> None:
        """The server takes no requests for more than ``rows``."""
        with self._lock:
            self._page_rows = min(self._page_rows, rows)

    def shrink(self, rows: int) -> None:
        """A page of so many rows failed again and again."""
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
