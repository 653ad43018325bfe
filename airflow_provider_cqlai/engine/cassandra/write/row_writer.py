"""Writes encoded rows to the cluster: bounded in flight, to a replica, again where it did not work.

One thread calls `write` and at the end `drain`; the driver's event loop answers through callbacks, which only count and
put failures aside. A row counts as written once the cluster confirmed it at the consistency level asked for.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResponseFuture, Session
from cassandra.policies import FallthroughRetryPolicy
from cassandra.query import Statement

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS, Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    name_down_hosts,
    translate_driver_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import PoolRenewal
from airflow_provider_cqlai.engine.cassandra.connect.rate_limit import RateLimit
from airflow_provider_cqlai.engine.cassandra.connect.waiting import RetryPauses
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPageProtocolHandler
from airflow_provider_cqlai.engine.cassandra.write.batching import MessageSplit
from airflow_provider_cqlai.engine.cassandra.write.messages import (
    MessageBuilder,
    Outcome,
    RowMessage,
    WriteReceipt,
    WriteStatement,
)
from airflow_provider_cqlai.engine.cassandra.write.outcome import is_surely_unwritten, read_applied
from airflow_provider_cqlai.engine.errors import (
    ClusterUnavailableError,
    CorruptPageError,
    CqlaiError,
    QueryError,
    RowWriteError,
)
from airflow_provider_cqlai.engine.options.write import WriteOptions

# Between the timestamps of two messages there is room for every try of the first: a list that is written again needs a
# greater timestamp than before, and must still lose to the row after it.
TIMESTAMPS_PER_MESSAGE = 16


class RowWriter:
    """Sends rows of one table. ``rows_confirmed`` counts what the cluster confirmed."""

    def __init__(
        self,
        session: Session,
        options: WriteOptions,
        *,
        table: str,
        keyspace: str,
        has_multi_cell_lists: bool,
        cancellation: Cancellation,
    ) -> None:
        self._session = session
        self._pools = PoolRenewal(session)
        self._pauses = RetryPauses("statements")
        self._options = options
        self._table = table
        self._keyspace = keyspace
        self._cancellation = cancellation
        self._profile = session.get_execution_profile(EXEC_PROFILE_DEFAULT)
        level = self._profile.consistency_level
        if options.consistency_level is not None:
            level = ConsistencyLevel.name_to_value[options.consistency_level]
        self._timeout = options.request_timeout_seconds or self._profile.request_timeout
        self._builder = MessageBuilder(level, self._profile.serial_consistency_level)
        self._split = MessageSplit(session, keyspace, int(options.max_batch_bytes))
        self._limit = RateLimit(options.rate_limit_rows_per_second) if options.rate_limit_rows_per_second else None
        self._timestamps_per_message = TIMESTAMPS_PER_MESSAGE if has_multi_cell_lists else 1
        self._has_multi_cell_lists = has_multi_cell_lists
        self._next_timestamp = time.time_ns() // 1000
        self._changed = threading.Condition()
        self._bytes_in_flight = 0
        # Held here alone until they are answered; see `MessageBuilder`.
        self._in_flight: set[RowMessage] = set()
        self._failures: deque[tuple[RowMessage, Exception]] = deque()
        # Sorted by when they are due only roughly: each is looked at, there are never many.
        self._retries: list[tuple[float, RowMessage]] = []
        self.rows_confirmed = 0

    def write(self, rows: EncodedRows, statement: WriteStatement, receipt: WriteReceipt) -> None:
        """Send ``rows``, grouped by partition key; returns as soon as the last of them is in flight.

        Raises:
            RowWriteError: a statement failed ``max_write_attempts`` times.
            CqlaiError: what the server refuses for good, and what ``receipt`` raises.
            CopyCancelledError: the caller asked to stop.
        """
        for spans, routing_key in self._split.split(rows, statement.kind, len(statement.columns)):
            timestamp = self._next_timestamp
            self._next_timestamp += self._timestamps_per_message
            offsets = rows.row_offsets
            message = RowMessage(
                statement=statement, rows=rows, spans=spans, routing_key=bytes(routing_key), receipt=receipt,
                byte_count=sum(int(offsets[stop] - offsets[start]) for start, stop in spans), timestamp=timestamp,
            )  # fmt: skip
            if self._limit is not None:
                self._cancellation.wait(self._limit.spend(message.row_count))
            receipt.sent(1)
            self._dispatch(message)

    def drain(self) -> None:
        """Wait until the cluster confirmed every row; raises as `write` does."""
        while True:
            self._settle_failures()
            with self._changed:
                if self._is_idle():
                    return
                if not self._must_settle():
                    self._changed.wait(POLL_SECONDS)
            self._cancellation.raise_if_cancelled()

    def await_answers(self) -> None:
        """Wait until nothing is in flight, without trying again what failed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._in_flight, self._timeout)

    def may_have_written(self) -> bool:
        """Whether any row can be in the table, after `write` or `drain` failed; waits for what is in flight."""
        self.await_answers()
        with self._changed:
            is_unknown = any(not is_surely_unwritten(error, message) for message, error in self._failures)
            return bool(self.rows_confirmed or self._in_flight or is_unknown)

    def _is_idle(self) -> bool:
        return not self._in_flight and not self._retries and not self._failures

    def _must_settle(self) -> bool:
        """Whether something came back that `_settle_failures` has to look at before anybody waits."""
        return bool(self._failures)

    def _dispatch(self, message: RowMessage) -> None:
        """Send a message for the first time, as soon as there is room."""
        self._wait_for_room(message.byte_count)
        self._send(message)

    def _wait_for_room(self, byte_count: int) -> None:
        while True:
            self._settle_failures()
            with self._changed:
                has_bytes = self._bytes_in_flight + byte_count <= int(self._options.max_bytes_in_flight)
                has_requests = len(self._in_flight) < self._options.max_requests_in_flight
                # A cluster that refuses work is not given more before it took what it refused.
                if not self._retries and has_requests and (has_bytes or not self._in_flight):
                    return
                if not self._must_settle():
                    self._changed.wait(POLL_SECONDS)
            self._cancellation.raise_if_cancelled()

    def _send(self, message: RowMessage) -> None:
        with self._changed:
            self._bytes_in_flight += message.byte_count
            self._in_flight.add(message)
        sent = weakref.ref(message)
        try:
            future = ResponseFuture(
                self._session,
                self._builder.build(message),
                Statement(routing_key=message.routing_key, keyspace=self._keyspace),
                self._timeout,
                retry_policy=FallthroughRetryPolicy(),
                row_factory=_keep_page,
                load_balancer=self._profile.load_balancing_policy,
            )
            # The session's own handler is only for futures that the session makes.
            future._protocol_handler = RawPageProtocolHandler
            future.send_request()
        except DRIVER_EXCEPTIONS as error:
            self._settle(message, error, Outcome.WRITTEN)
            return
        future.add_callbacks(callback=self._confirm, callback_args=(sent,), errback=self._fail, errback_args=(sent,))

    def _confirm(self, page: Any, sent: weakref.ref[RowMessage]) -> None:
        message = _answered(sent)
        outcome = read_applied(page, message)
        unread = None if outcome is not None else CorruptPageError(f"{self._table}: no [applied] in the answer")
        self._settle(message, unread, outcome or Outcome.UNKNOWN)

    def _fail(self, error: Exception, sent: weakref.ref[RowMessage]) -> None:
        self._settle(_answered(sent), error, Outcome.WRITTEN)

    def _settle(self, message: RowMessage, error: Exception | None, outcome: Outcome) -> None:
        with self._changed:
            self._in_flight.remove(message)
            self._bytes_in_flight -= message.byte_count
            if error is None:
                self.rows_confirmed += message.row_count
                message.receipt.confirmed(message.row_count, message.byte_count, outcome)
                self._on_settled(message)
            else:
                self._failures.append((message, error))
            self._changed.notify()

    def _on_settled(self, message: RowMessage) -> None:
        """A message has its answer, which was not an error of the cluster's; called under the lock."""

    def _settle_failures(self) -> None:
        """Plan the next try of what failed, and send what is due."""
        while self._failures:
            message, error = self._failures.popleft()
            translated = translate_driver_error(error, f"writing to {self._table}")
            if isinstance(translated, QueryError):
                self._settle_refusal(message, translated)
            else:
                self._plan_retry(message, translated, is_unwritten=is_surely_unwritten(error, message))
        if not self._retries:
            return
        now = time.monotonic()
        due = [message for moment, message in self._retries if moment <= now]
        self._retries = [(moment, message) for moment, message in self._retries if moment > now]
        for message in due:
            self._send(message)

    def _settle_refusal(self, message: RowMessage, error: QueryError) -> None:
        """Find the row that the server refuses: a batch is refused as a whole."""
        if message.row_count == 1:
            message.receipt.refused(message.first_row_number, error)
            with self._changed:
                self._on_settled(message)
            return
        singles = message.split()
        message.receipt.sent(len(singles) - 1)
        self._retries += [(0.0, single) for single in singles]

    def _plan_retry(self, message: RowMessage, error: CqlaiError, *, is_unwritten: bool) -> None:
        if not isinstance(error, ClusterUnavailableError):
            raise error
        self._check_retry(message, error, is_unwritten=is_unwritten)
        if message.attempt >= self._options.max_write_attempts:
            raise RowWriteError(
                f"gave up after {message.attempt} tries in {time.monotonic() - message.made_at:.0f} s"
                f" (max_write_attempts, request_timeout_seconds, max_requests_in_flight and max_bytes_in_flight are the"
                f" options to change),"
                f" writing {message.row_count} rows to {self._table}; {self.rows_confirmed} rows were written: {error}"
                f"{name_down_hosts(self._session)}"
            ) from error
        self._pools.renew()
        pause = self._pauses.plan(error, message.attempt)
        timestamp = message.timestamp + (1 if self._has_multi_cell_lists else 0)
        self._retries.append((time.monotonic() + pause, message.again(timestamp, is_outcome_unknown=not is_unwritten)))

    def _check_retry(self, message: RowMessage, error: CqlaiError, *, is_unwritten: bool) -> None:
        """Raise where sending a message again could write it twice; an upsert can always be sent again."""


def _answered(sent: weakref.ref[RowMessage]) -> RowMessage:
    message = sent()
    assert message is not None, "the message has been answered"
    return message


def _keep_page(_column_names: object, page: Any) -> Any:
    return page
