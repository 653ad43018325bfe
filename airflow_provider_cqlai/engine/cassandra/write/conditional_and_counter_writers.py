"""Writers of rows that must not simply be sent again or side by side: conditional rows and counters."""

from __future__ import annotations

from collections import deque
from typing import Any

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS
from airflow_provider_cqlai.engine.cassandra.write.messages import RowMessage
from airflow_provider_cqlai.engine.cassandra.write.row_writer import RowWriter
from airflow_provider_cqlai.engine.errors import CounterOutcomeError, CqlaiError


class ConditionalRowWriter(RowWriter):
    """Sends ``IF NOT EXISTS`` rows, those of one partition key one after the other.

    Two at once would compete for the partition's Paxos ballot, and the first row of a key in file order would not
    always be the one that is applied.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # By the routing key of a row in flight, those that come after it.
        self._waiting: dict[bytes, deque[RowMessage]] = {}
        self._ready: deque[RowMessage] = deque()

    def _dispatch(self, message: RowMessage) -> None:
        # A partition of many rows must not pile up in memory.
        while True:
            self._settle_failures()
            with self._changed:
                behind = self._waiting.get(message.routing_key)
                if behind is None:
                    self._waiting[message.routing_key] = deque()
                    break
                if len(behind) < self._options.max_requests_in_flight:
                    behind.append(message)
                    return
                if not self._must_settle():
                    self._changed.wait(POLL_SECONDS)
            self._cancellation.raise_if_cancelled()
        super()._dispatch(message)

    def _on_settled(self, message: RowMessage) -> None:
        behind = self._waiting[message.routing_key]
        if behind:
            self._ready.append(behind.popleft())
        else:
            del self._waiting[message.routing_key]

    def _is_idle(self) -> bool:
        return super()._is_idle() and not self._waiting

    def _must_settle(self) -> bool:
        return super()._must_settle() or bool(self._ready)

    def _settle_failures(self) -> None:
        super()._settle_failures()
        while self._ready:
            self._send(self._ready.popleft())


class CounterRowWriter(RowWriter):
    """Sends counter updates: never again where the first may have counted."""

    def _check_retry(self, message: RowMessage, error: CqlaiError, *, is_unwritten: bool) -> None:
        if not is_unwritten:
            raise CounterOutcomeError(
                f"{self._table}: whether {message.row_count} counter updates were counted is unknown, so they are not"
                f" sent again; {self.rows_confirmed} others were counted: {error}"
            ) from error
