"""Encoded rows -> EXECUTE and BATCH messages whose bodies are put together from bytes, not value by value.

Native protocol v4 and v5, sections 4.1.6 (EXECUTE) and 4.1.7 (BATCH). Every message carries a timestamp of the
client's, so that of two rows with one primary key the later in file order wins whatever the order of arrival.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cassandra import ProtocolVersion
from cassandra.protocol import BatchMessage, ExecuteMessage, _MessageType
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cql.row_encoder import EncodedRows

_VALUES, _SKIP_METADATA, _TIMESTAMP = 0x01, 0x02, 0x20
_UNLOGGED = b"\x01"
_PREPARED = b"\x01"
# The number of statements in a batch is an unsigned short.
MAX_BATCH_ROWS = 0xFFFF


@dataclass(frozen=True, kw_only=True)
class RowMessage:
    """Rows of one partition on their way, with all that sending them again needs."""

    rows: EncodedRows
    start: int
    stop: int
    routing_key: bytes
    byte_count: int
    timestamp: int
    attempt: int = 1

    def again(self, timestamp: int) -> RowMessage:
        """The same rows for the next try."""
        return replace(self, timestamp=timestamp, attempt=self.attempt + 1)

    @property
    def row_count(self) -> int:
        return self.stop - self.start


class MessageBuilder:
    """Builds the driver's message objects for one prepared statement."""

    def __init__(self, statement: PreparedStatement, column_count: int, consistency_level: int) -> None:
        query_id: bytes = statement.query_id
        self._query_id = _short_bytes(query_id)
        self._result_metadata_id = _short_bytes(statement.result_metadata_id or b"")
        self._row_header = _PREPARED + self._query_id + struct.pack(">H", column_count)
        self._column_count = column_count
        self._consistency_level = consistency_level

    def build(self, message: RowMessage) -> Any:
        """An EXECUTE for one row, an unlogged BATCH for several."""
        if message.row_count == 1:
            return _EncodedMessage(ExecuteMessage, self._execute_body, message)
        return _EncodedMessage(BatchMessage, self._batch_body, message)

    def _execute_body(self, message: RowMessage, protocol_version: int) -> list[Any]:
        parts: list[Any] = [self._query_id]
        if ProtocolVersion.uses_prepared_metadata(protocol_version):
            parts.append(self._result_metadata_id)
        flags = _pack_flags(_VALUES | _SKIP_METADATA | _TIMESTAMP, protocol_version)
        head = struct.pack(">H", self._consistency_level) + flags + struct.pack(">H", self._column_count)
        return [*parts, head, message.rows.rows(message.start, message.stop), struct.pack(">q", message.timestamp)]

    def _batch_body(self, message: RowMessage, protocol_version: int) -> list[Any]:
        parts: list[Any] = [_UNLOGGED + struct.pack(">H", message.row_count)]
        body = message.rows.body
        offsets = message.rows.row_offsets[message.start : message.stop + 1].tolist()
        for row_start, row_stop in itertools.pairwise(offsets):
            parts.append(self._row_header)
            parts.append(body[row_start:row_stop])
        parts.append(
            struct.pack(">H", self._consistency_level)
            + _pack_flags(_TIMESTAMP, protocol_version)
            + struct.pack(">q", message.timestamp)
        )
        return parts


# The driver's classes have no annotations.
class _EncodedMessage(_MessageType):  # type: ignore[misc]
    """A message of the driver's kind ``message_type`` whose body is joined when it is sent, also on a later host."""

    def __init__(
        self, message_type: Any, build_body: Callable[[RowMessage, int], list[Any]], message: RowMessage
    ) -> None:
        self.opcode, self.name = message_type.opcode, message_type.name
        self._build_body = build_body
        self._message = message

    def send_body(self, f: Any, protocol_version: int) -> None:
        f.write(b"".join(self._build_body(self._message, protocol_version)))


def _short_bytes(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def _pack_flags(flags: int, protocol_version: int) -> bytes:
    return struct.pack(">I" if ProtocolVersion.uses_int_query_flags(protocol_version) else ">B", flags)
