"""Builds EXECUTE and BATCH messages from the bytes of encoded rows, not value by value.

Native protocol v4 and v5, sections 4.1.6 (EXECUTE) and 4.1.7 (BATCH). The prefix of the `EncodedRows` is
`WriteStatement.row_prefix`: adjacent rows are then a piece of a BATCH body as they are. The client's timestamp makes
the later of two rows with one primary key win, whatever the order of arrival.
"""

from __future__ import annotations

import struct
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from cassandra import ProtocolVersion
from cassandra.protocol import BatchMessage, ExecuteMessage, _MessageType
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.errors import CqlaiError

_VALUES, _SKIP_METADATA, _SERIAL_CONSISTENCY, _TIMESTAMP = 0x01, 0x02, 0x10, 0x20
_PREPARED = b"\x01"
# The number of statements in a batch is an unsigned short.
MAX_BATCH_ROWS = 0xFFFF


class StatementKind(Enum):
    """What a statement does to a row, as the type of a BATCH says it."""

    UPSERT = 1
    CONDITIONAL = -1
    """``IF NOT EXISTS``; never in a batch here, since the answer is about the batch as a whole."""
    COUNTER = 2


@dataclass(frozen=True)
class WriteStatement:
    """A prepared INSERT or UPDATE."""

    prepared: PreparedStatement
    columns: tuple[str, ...]
    """Names of its markers, in their order: columns of the table, ``[ttl]`` and ``[timestamp]``."""
    kind: StatementKind = StatementKind.UPSERT

    @property
    def row_prefix(self) -> bytes:
        """What a BATCH has before the values of each row."""
        return _PREPARED + _short_bytes(self.prepared.query_id) + struct.pack(">H", len(self.columns))


class WriteReceipt(Protocol):
    """Told what became of rows. ``confirmed`` is called from the driver's thread, the others from the writer's."""

    def sent(self, message_count: int) -> None:
        """So many messages more are on their way."""

    def confirmed(self, row_count: int, byte_count: int, outcome: Outcome) -> None:
        """A message arrived: its rows are where the consistency level wants them."""

    def refused(self, row_number: int, error: CqlaiError) -> None:
        """The server refuses one row, by its place in the record batch that was encoded; may raise to end it all."""


class Outcome(Enum):
    """What a confirmed row did."""

    WRITTEN = "written"
    NOT_APPLIED = "not applied"
    UNKNOWN = "unknown"
    """``IF NOT EXISTS`` found the row on a try after one that timed out: it may be that one's."""


# Told apart as objects: the same rows sent again are another message.
@dataclass(frozen=True, kw_only=True, eq=False)
class RowMessage:
    """Rows on their way, with all that sending them again needs."""

    statement: WriteStatement
    rows: EncodedRows
    spans: tuple[tuple[int, int], ...]
    """Which of ``rows``, as pieces from start to before stop; several only where rows of many partitions share it."""
    routing_key: bytes
    byte_count: int
    receipt: WriteReceipt
    timestamp: int
    attempt: int = 1
    is_outcome_unknown: bool = False
    """An earlier try may have been written."""
    made_at: float = field(default_factory=time.monotonic)
    """Before its first try, by the monotonic clock."""

    def again(self, timestamp: int, *, is_outcome_unknown: bool) -> RowMessage:
        """The same rows for the next try."""
        is_unknown = self.is_outcome_unknown or is_outcome_unknown
        return replace(self, timestamp=timestamp, attempt=self.attempt + 1, is_outcome_unknown=is_unknown)

    def split(self) -> list[RowMessage]:
        """The same rows, each in a message of its own."""
        offsets = self.rows.row_offsets
        return [
            replace(self, spans=((row, row + 1),), byte_count=int(offsets[row + 1] - offsets[row]))
            for start, stop in self.spans
            for row in range(start, stop)
        ]

    @property
    def row_count(self) -> int:
        return sum(stop - start for start, stop in self.spans)

    @property
    def first_row_number(self) -> int:
        """The place of the first row in the record batch that was encoded."""
        return int(self.rows.row_numbers[self.spans[0][0]])


class MessageBuilder:
    """Builds the driver's message objects.

    The driver's futures are in reference cycles: with the message itself in them, rows of megabytes would wait for
    Python's garbage collector. So whoever sends a message holds it, and the driver has a weak reference.
    """

    def __init__(self, consistency_level: int, serial_consistency_level: int | None) -> None:
        self._consistency_level = struct.pack(">H", consistency_level)
        self._serial_consistency_level = serial_consistency_level

    def build(self, message: RowMessage) -> Any:
        """An EXECUTE for one row, an unlogged or counter BATCH for several."""
        if message.row_count == 1:
            return _EncodedMessage(ExecuteMessage, self._execute_body, message)
        return _EncodedMessage(BatchMessage, self._batch_body, message)

    def _execute_body(self, message: RowMessage, protocol_version: int) -> list[Any]:
        statement = message.statement
        parts: list[Any] = [_short_bytes(statement.prepared.query_id)]
        if ProtocolVersion.uses_prepared_metadata(protocol_version):
            parts.append(_short_bytes(statement.prepared.result_metadata_id or b""))
        # A conditional row answers with columns that only the metadata explains.
        is_conditional = statement.kind is StatementKind.CONDITIONAL
        flags, tail = self._tail(message)
        flags |= _VALUES if is_conditional else _VALUES | _SKIP_METADATA
        parts += [self._consistency_level, _pack_flags(flags, protocol_version)]
        parts += [struct.pack(">H", len(statement.columns)), _join_rows(message)[len(statement.row_prefix) :], tail]
        return parts

    def _batch_body(self, message: RowMessage, protocol_version: int) -> list[Any]:
        flags, tail = self._tail(message)
        head = struct.pack(">BH", message.statement.kind.value, message.row_count)
        return [head, _join_rows(message), self._consistency_level, _pack_flags(flags, protocol_version), tail]

    def _tail(self, message: RowMessage) -> tuple[int, bytes]:
        if message.statement.kind is StatementKind.UPSERT:
            return _TIMESTAMP, struct.pack(">q", message.timestamp)
        if message.statement.kind is StatementKind.CONDITIONAL and self._serial_consistency_level is not None:
            return _SERIAL_CONSISTENCY, struct.pack(">H", self._serial_consistency_level)
        # Neither a counter nor a condition takes a timestamp.
        return 0, b""


# The driver's classes have no annotations.
class _EncodedMessage(_MessageType):  # type: ignore[misc]
    """A message of the driver's kind ``message_type`` whose body is joined when it is sent, also on a later host."""

    def __init__(
        self, message_type: Any, build_body: Callable[[RowMessage, int], Sequence[Any]], message: RowMessage
    ) -> None:
        self.opcode, self.name = message_type.opcode, message_type.name
        self._build_body = build_body
        self._message = weakref.ref(message)

    def send_body(self, f: Any, protocol_version: int) -> None:
        message = self._message()
        assert message is not None, "the message has been answered"
        f.write(b"".join(self._build_body(message, protocol_version)))


def _join_rows(message: RowMessage) -> Any:
    pieces = [message.rows.rows(start, stop) for start, stop in message.spans]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _short_bytes(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def _pack_flags(flags: int, protocol_version: int) -> bytes:
    return struct.pack(">I" if ProtocolVersion.uses_int_query_flags(protocol_version) else ">B", flags)
