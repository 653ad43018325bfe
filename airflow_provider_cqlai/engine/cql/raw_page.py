"""A result page as it came off the wire.

What flows in is the body of a RESULT/ROWS message on the engine's own session; what flows out is a `RawPage`: the same
bytes, where the rows begin and what the page says about its columns. No value is decoded here, on purpose: this runs on
the driver's event-loop thread, where an exception closes the connection and, on protocol 4, logs the buffer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cassandra.protocol import (
    ResultMessage,
    _ProtocolHandler,
    read_binary_longstring,
    read_int,
    read_short,
    read_string,
)

from airflow_provider_cqlai.engine.cql.type_class_text import read_type_class

_CUSTOM_TYPE_CODE = 0x0000


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page, undecoded. The rows are ``body[rows_offset:]``; nothing was copied."""

    body: bytes
    rows_offset: int
    row_count: int
    columns: tuple[tuple[str, type], ...]
    """Name and driver type class by column, as this page's own metadata says."""
    protocol_version: int

    @property
    def byte_count(self) -> int:
        """Bytes of the rows."""
        return len(self.body) - self.rows_offset


@dataclass(frozen=True, slots=True)
class _KnownColumns:
    """The columns of a page as the server sent them, and what the driver made of them."""

    flags: int
    count: int
    raw: bytes
    metadata: list[tuple[str, str, str, type]]
    pairs: tuple[tuple[str, type], ...]
    """`RawPage.columns`."""


# The driver registers every message class for all sessions of the process, unless its name begins with an underscore.
class _RawResultMessage(ResultMessage):  # type: ignore[misc]
    """A RESULT whose ``parsed_rows`` is a `RawPage`.

    Pages of one query have the same columns, byte by byte: they are read once, and their pages share ``columns``.
    """

    _known_columns: ClassVar[_KnownColumns] = _KnownColumns(0, 0, b"", [], ())
    _new_columns: _KnownColumns | None = None

    @classmethod
    def read_type(cls, f: Any, user_type_map: Mapping[str, Any]) -> Any:
        start = f.tell()
        if read_short(f) == _CUSTOM_TYPE_CODE:
            return read_type_class(read_string(f))
        f.seek(start)
        return super().read_type(f, user_type_map)

    def recv_results_rows(
        self,
        f: Any,
        protocol_version: int,
        user_type_map: Mapping[str, Any],
        result_metadata: Any,
        column_encryption_policy: Any,
    ) -> None:
        self.recv_results_metadata(f, user_type_map)
        metadata = self.column_metadata or result_metadata
        row_count = read_int(f)
        if self._new_columns is not None:
            # Not before: of a message that ends in its columns the driver reads a part. In one step: connections of
            # several clusters may have event loops of their own.
            type(self)._known_columns = self._new_columns
        known = self._known_columns
        columns = known.pairs if metadata is known.metadata else _pairs(metadata)
        self.column_names = [column[2] for column in metadata]
        self.column_types = [column[3] for column in metadata]
        self.parsed_rows = RawPage(
            body=f.getvalue(),
            rows_offset=f.tell(),
            row_count=row_count,
            columns=columns,
            protocol_version=protocol_version,
        )

    def recv_results_metadata(self, f: Any, user_type_map: Mapping[str, Any]) -> None:
        """As the driver's, from what is known where the bytes are the same.

        Sets ``self._new_columns`` to what may be known from now on.
        """
        start = f.tell()
        flags, count = read_int(f), read_int(f)
        paging_state = read_binary_longstring(f) if flags & self._HAS_MORE_PAGES_FLAG else None
        flags &= ~self._HAS_MORE_PAGES_FLAG
        columns_start = f.tell()
        known = self._known_columns
        if (flags, count) == (known.flags, known.count) and known.raw and f.read(len(known.raw)) == known.raw:
            self.paging_state = paging_state
            self.column_metadata = known.metadata
            return
        f.seek(start)
        super().recv_results_metadata(f, user_type_map)
        if flags == self._FLAGS_GLOBAL_TABLES_SPEC:
            columns_end = f.tell()
            f.seek(columns_start)
            raw = f.read(columns_end - columns_start)
            metadata = self.column_metadata
            self._new_columns = _KnownColumns(flags, count, raw, metadata, _pairs(metadata))


def _pairs(metadata: Any) -> tuple[tuple[str, type], ...]:
    return tuple((column[2], column[3]) for column in metadata)


class RawPageProtocolHandler(_ProtocolHandler):  # type: ignore[misc]
    """Set as ``session.client_protocol_handler``, with a row factory that passes ``parsed_rows`` on."""

    message_types_by_opcode: ClassVar[dict[int, type]] = {
        **_ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: _RawResultMessage,
    }
