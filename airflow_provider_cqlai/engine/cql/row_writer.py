"""Writes encoded rows to the cluster: bounded in flight, to a replica, again where it did not work.

One thread calls `write` and at the end `drain`; the driver's event loop answers through callbacks, which only count and
put failures aside. A row counts as written once the cluster confirmed it at the consistency level asked for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResponseFuture, Session
from cassandra.policies import FallthroughRetryPolicy
from cassandra.query import PreparedStatement, Statement
from tenacity import RetryCallState

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS, Cancellation
from airflow_provider_cqlai.engine.cql.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cql.rate_limit import RateLimit
from airflow_provider_cqlai.engine.cql.retry_pause import RETRY_PAUSE
from airflow_provider_cqlai.engine.cql.row_encoder import EncodedRows
from airflow_provider_cqlai.engine.cql.write_message import MAX_BATCH_ROWS, MessageBuilder, RowMessage
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, CqlaiError, RowWriteError
from airflow_provider_cqlai.engine.import_options import WriteOptions

logger = logging.getLogger(__name__)

# Between the timestamps of two messages there is room for every try of the first: a list that is written again needs a
# greater timestamp than before, and must still lose to the row after it.
TIMESTAMPS_PER_MESSAGE = 16


class RowWriter:
    """Sends the rows of one prepared statement. ``rows_written`` counts what the cluster confirmed."""

    def __init__(
        self,
        session: Session,
        statement: PreparedStatement,
        options: WriteOptions,
        *,
        column_count: int,
        table: str,
        keyspace: str,
        has_multi_cell_lists: bool,
        cancellation: Cancellation,
    ) -> None:
        self._session = session
        self._options = options
        self._table = table
        self._keyspace = keyspace
        self._cancellation = cancellation
        self._profile = session.get_execution_profile(EXEC_PROFILE_DEFAULT)
        level = self._profile.consistency_level
        if options.consistency_level is not None:
            level = ConsistencyLevel.name_to_value[options.consistency_level]
        self._timeout = options.request_timeout_seconds or self._profile.request_timeout
        self._builder = MessageBuilder(statement, column_count, level)
        self._limit = RateLimit(options.rate_limit_rows_per_second) if options.rate_limit_rows_per_second else None
        self._timestamps_per_message = TIMESTAMPS_PER_MESSAGE if has_multi_cell_lists else 1
        self._has_multi_cell_lists = has_multi_cell_lists
        self._next_timestamp = time.time_ns() // 1000
        self._changed = threading.Condition()
        self._bytes_in_flight = 0
        self._requests_in_flight = 0
        self._failures: deque[tuple[RowMessage, Exception]] = deque()
        # Sorted by when they are due only roughly: each is looked at, there are never many.
        self._retries: list[tuple[float, RowMessage]] = []
        self.rows_written = 0
        self.bytes_written = 0

    def write(self, rows: EncodedRows) -> None:
        """Send ``rows``, grouped by partition key; returns as soon as the last of them is in flight.

        Raises:
            RowWriteError: a statement failed ``max_write_attempts`` times.
            CqlaiError: what the server refuses for good.
            CopyCancelledError: the caller asked to stop.
        """
        for message in self._split(rows):
            if self._limit is not None:
                self._cancellation.wait(self._limit.spend(message.row_count))
            self._wait_for_room(message.byte_count)
            self._send(message)

    def drain(self) -> None:
        """Wait until the cluster confirmed every row; raises as `write` does."""
        while True:
            self._settle_failures()
            with self._changed:
                if not self._requests_in_flight and not self._retries and not self._failures:
                    return
                self._changed.wait(POLL_SECONDS)
            self._cancellation.raise_if_cancelled()

    def _split(self, rows: EncodedRows) -> Iterator[RowMessage]:
        assert rows.group_starts is not None
        assert rows.routing_keys is not None
        offsets = rows.row_offsets.tolist()
        starts = rows.group_starts.tolist()
        limit = int(self._options.max_batch_bytes)
        for group, routing_key in enumerate(rows.routing_keys):
            start, end = starts[group], starts[group + 1]
            while start < end:
                stop = start + 1
                while stop < end and offsets[stop + 1] - offsets[start] <= limit and stop - start < MAX_BATCH_ROWS:
                    stop += 1
                timestamp = self._next_timestamp
                self._next_timestamp += self._timestamps_per_message
                yield RowMessage(
                    rows=rows, start=start, stop=stop, routing_key=bytes(routing_key),
                    byte_count=offsets[stop] - offsets[start], timestamp=timestamp,
                )  # fmt: skip
                start = stop

    def _wait_for_room(self, byte_count: int) -> None:
        while True:
            self._settle_failures()
            with self._changed:
                has_bytes = self._bytes_in_flight + byte_count <= int(self._options.max_bytes_in_flight)
                has_requests = self._requests_in_flight < self._options.max_requests_in_flight
                # A cluster that refuses work is not given more before it took what it refused.
                if not self._retries and has_requests and (has_bytes or not self._requests_in_flight):
                    return
                self._changed.wait(POLL_SECONDS)
            self._cancellation.raise_if_cancelled()

    def _send(self, message: RowMessage) -> None:
        with self._changed:
            self._bytes_in_flight += message.byte_count
            self._requests_in_flight += 1
        try:
            future = ResponseFuture(
                self._session,
                self._builder.build(message),
                Statement(routing_key=message.routing_key, keyspace=self._keyspace),
                self._timeout,
                retry_policy=FallthroughRetryPolicy(),
                load_balancer=self._profile.load_balancing_policy,
            )
            future.send_request()
        except DRIVER_EXCEPTIONS as error:
            self._settle(message, error)
            return
        future.add_callbacks(
            callback=self._confirm, callback_args=(message,), errback=self._fail, errback_args=(message,)
        )

    def _confirm(self, _result: Any, message: RowMessage) -> None:
        self._settle(message, None)

    def _fail(self, error: Exception, message: RowMessage) -> None:
        self._settle(message, error)

    def _settle(self, message: RowMessage, error: Exception | None) -> None:
        with self._changed:
            self._bytes_in_flight -= message.byte_count
            self._requests_in_flight -= 1
            if error is None:
                self.rows_written += message.row_count
                self.bytes_written += message.byte_count
            else:
                self._failures.append((message, error))
            self._changed.notify()

    def _settle_failures(self) -> None:
        """Plan the next try of what failed, and send what is due."""
        while self._failures:
            message, error = self._failures.popleft()
            self._plan_retry(message, translate_driver_error(error, f"writing to {self._table}"))
        now = time.monotonic()
        due = [message for moment, message in self._retries if moment <= now]
        self._retries = [(moment, message) for moment, message in self._retries if moment > now]
        for message in due:
            self._send(message)

    def _plan_retry(self, message: RowMessage, error: CqlaiError) -> None:
        if not isinstance(error, ClusterUnavailableError):
            raise error
        if message.attempt >= self._options.max_write_attempts:
            raise RowWriteError(
                f"gave up writing {message.row_count} rows to {self._table} after {message.attempt} tries,"
                f" {self.rows_written} rows were written: {error} (max_write_attempts, request_timeout_seconds and"
                " max_bytes_in_flight are the options to change)"
            ) from error
        # Tenacity's pause without its loop, which would wait for one statement while others could go on.
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = message.attempt
        pause = RETRY_PAUSE(state)
        logger.warning("%s; try %d follows in %.1f s", error, message.attempt + 1, pause)
        timestamp = message.timestamp + (1 if self._has_multi_cell_lists else 0)
        self._retries.append((time.monotonic() + pause, message.again(timestamp)))
