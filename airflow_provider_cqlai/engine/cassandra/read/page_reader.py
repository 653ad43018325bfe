"""Reads one planned SELECT page by page, undecoded and in the server's order, and survives transient failures.

A page that fails is requested again from its own paging state, so a token range with rows already out never starts from
its beginning.

`PageSizer` chooses how many rows are asked for, over all token ranges of an export.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from cassandra.protocol import ProtocolException
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
    has_too_many_tombstones,
    is_page_too_large,
    name_down_hosts,
    translate_driver_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import EngineSession
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import PoolRenewal
from airflow_provider_cqlai.engine.cassandra.connect.rate_limit import PageRateLimits
from airflow_provider_cqlai.engine.cassandra.connect.waiting import RETRY_PAUSE, wait_for_response
from airflow_provider_cqlai.engine.cassandra.metadata.server_release import name_server
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableWatch
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import PlannedRead
from airflow_provider_cqlai.engine.cassandra.read.page_sizer import PageSizer
from airflow_provider_cqlai.engine.cassandra.read.replication import find_unreachable_level
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import (
    ClusterUnavailableError,
    CqlaiError,
    PageReadError,
    QueryError,
)
from airflow_provider_cqlai.engine.options.read import ReadOptions

logger = logging.getLogger(__name__)

# The first tries ask for the same page; from then on each asks for half the rows of the one before.
TRIES_AT_FULL_SIZE = 2


class PageReader:
    """Reads the planned SELECTs of one export; one object serves all reader threads."""

    def __init__(
        self,
        engine_session: EngineSession,
        options: ReadOptions,
        watch: TableWatch | None = None,
        *,
        asked: str = "",
        has_fixed_pages: bool = False,
        row_limit: int | None = None,
        on_retry: Callable[[], None] | None = None,
    ) -> None:
        """Reads with the size of pages, the tries and the rates of ``options``.

        Args:
            engine_session: to read with.
            options: how.
            watch: on the table that is read.
            asked: what the user wrote, for the message of a query that the server refuses.
            has_fixed_pages: all pages have the size of ``options``.
            row_limit: LIMIT of the query.
            on_retry: called before each further try of a page, by the thread that reads it.
        """
        self._engine_session = engine_session
        self._pools = PoolRenewal(engine_session.session)
        self._options = options
        self._watch = watch
        self._limits = PageRateLimits(options)
        self._asked = asked
        self._on_retry = on_retry
        page_rows = engine_session.page_size_rows
        if row_limit is not None and page_rows:
            # Asked for a page of LIMIT rows or more, the server answers from the first row, wherever the pages were:
            # a page that has grown to that size would bring all rows a second time.
            page_rows = max(1, min(page_rows, row_limit - 1))
        self._sizer = PageSizer(page_rows=page_rows, page_bytes=int(options.page_bytes), is_fixed=has_fixed_pages)

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
            retry_error_callback=self._give_up,
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

    def _give_up(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        raise PageReadError(
            f"gave up after {state.attempt_number} tries in {state.seconds_since_start or 0:.0f} s (max_page_attempts,"
            f" request_timeout_seconds and page_size are the options to change): {error}"
            f"{name_down_hosts(self._engine_session.session)}"
        ) from error

    def _before_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        logger.warning("%s; try %d follows in %.1f s", error, state.attempt_number + 1, pause)
        if self._on_retry is not None:
            self._on_retry()
        self._pools.renew()

    def _request_page(
        self, read: PlannedRead, paging_state: bytes | None, rows: int, cancellation: Cancellation
    ) -> tuple[RawPage, bytes | None]:
        bound = read.statement.bind(read.parameters)
        while True:
            # The driver's way to say that there are to be no pages.
            bound.fetch_size = rows or None
            future = None
            try:
                future = self._engine_session.session.execute_async(
                    bound, execution_profile=self._engine_session.profile, paging_state=paging_state
                )
                wait_for_response(future, cancellation)
                result = future.result()
                break
            except DRIVER_EXCEPTIONS as error:
                smaller = self._find_smaller_page(error, rows)
                if smaller is None:
                    raise self._translate(error, read, future, is_first=paging_state is None) from error
                rows = smaller
        # Taken out: the driver keeps the result for longer than anybody needs it.
        return result.current_rows.pop(), result.paging_state

    def _find_smaller_page(self, error: Exception, rows: int) -> int | None:
        """What to ask for at once where so many rows were too many; None where their number is not to blame."""
        if rows <= 1:
            return None
        if is_page_too_large(error):
            self._sizer.limit(rows // 2)
            logger.info("the cluster's guardrails refuse pages of %d rows; half as many are asked for", rows)
            return rows // 2
        if has_too_many_tombstones(error):
            self._sizer.shrink(rows)
            return rows // 2
        return None

    def _translate(self, error: Exception, read: PlannedRead, future: Any, *, is_first: bool) -> CqlaiError:
        coordinator = getattr(future, "coordinator_host", None)
        unreachable = find_unreachable_level(
            error,
            self._engine_session.session.cluster.metadata,
            read.statement.result_metadata[0][0],
            coordinator.datacenter if coordinator is not None else None,
        )
        if unreachable is not None:
            return unreachable
        if has_too_many_tombstones(error):
            return QueryError(
                "compact the table, raise tombstone_failure_threshold, or leave the deleted rows out by where: reading"
                f" {read.description} meets too many tombstones even in pages of one row: {error}"
            )
        if not is_first and isinstance(error, ProtocolException):
            return QueryError(
                "a larger page_size, or page_size=0 of a capture, reads it in one page:"
                f" {name_server(self._engine_session.session)} does not go on with {read.description} after a page:"
                f" {error}{self._asked}"
            )
        translated = translate_driver_error(error, f"reading {read.description}")
        if isinstance(translated, QueryError):
            advice = "page_size=0 of the capture switches paging off; " if "disable paging" in str(error) else ""
            translated = QueryError(f"{advice}{translated}{self._asked}", **translated.details)
        if self._watch is not None and isinstance(error, SERVER_ANSWERS):
            # The server took this very query when it was planned.
            return self._watch.explain(translated)
        return translated
