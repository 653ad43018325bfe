"""A result page as it came off the wire.

A `RawPage` has the bytes of a RESULT/ROWS message on the engine's own session, where its rows begin and what it says
about its columns. Note: no value is decoded here, on purpose: this runs on the driver's event-loop thread, where an
exception closes the connection and, on protocol 4, logs the buffer.
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

from airflow_provider_cqlai.engine.cassandra.wire.result_types import read_type_class

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
class _ReadColumns:
    """The columns of a page, and the bytes that they were read from."""

    flags: int
    count: int
    raw: bytes
    """Empty where other pages cannot be known by them."""
    metadata: list[tuple[str, str, str, type]] | None
    pairs: tuple[tuple[str, type], ...]
    """`RawPage.columns`."""


# The driver registers every message class for all sessions of the process, unless its name begins with an underscore.
class _RawResultMessage(ResultMessage):  # type: ignore[misc]
    """A RESULT whose ``parsed_rows`` is a `RawPage`.

    Pages of one query have the same columns, byte by byte: they are read once, and their pages share ``columns``.
    """

    _known_columns: ClassVar[_ReadColumns] = _ReadColumns(0, 0, b"", None, ())

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
        columns = self._read_columns(f, user_type_map, result_metadata)
        row_count = read_int(f)
        if columns.raw:
            # Not before: of a message that ends in its columns the driver reads a part. In one step: connections of
            # several clusters may have event loops of their own.
            type(self)._known_columns = columns
        self.column_names = [name for name, _ in columns.pairs]
        self.column_types = [driver_type for _, driver_type in columns.pairs]
        self.parsed_rows = RawPage(
            body=f.getvalue(),
            rows_offset=f.tell(),
            row_count=row_count,
            columns=columns.pairs,
            protocol_version=protocol_version,
        )

    def _read_columns(self, f: Any, user_type_map: Mapping[str, Any], statement_metadata: Any) -> _ReadColumns:
        """As the driver's ``recv_results_metadata``, but those that are known already where the bytes are the same."""
        start = f.tell()
        flags, count = read_int(f), read_int(f)
        paging_state = read_binary_longstring(f) if flags & self._HAS_MORE_PAGES_FLAG else None
        flags &= ~self._HAS_MORE_PAGES_FLAG
        columns_start = f.tell()
        known = self._known_columns
        if (flags, count) == (known.flags, known.count) and known.raw and f.read(len(known.raw)) == known.raw:
            self.paging_state = paging_state
            self.column_metadata = known.metadata
            return known
        f.seek(start)
        self.recv_results_metadata(f, user_type_map)
        raw = b""
        if flags == self._FLAGS_GLOBAL_TABLES_SPEC:
            columns_end = f.tell()
            f.seek(columns_start)
            raw = f.read(columns_end - columns_start)
        metadata = self.column_metadata or statement_metadata
        pairs = tuple((name, driver_type) for _, _, name, driver_type in metadata)
        return _ReadColumns(flags, count, raw, self.column_metadata, pairs)


class RawPageProtocolHandler(_ProtocolHandler):  # type: ignore[misc]
    """Set as ``session.client_protocol_handler``, with a row factory that passes ``parsed_rows`` on."""

    message_types_by_opcode: ClassVar[dict[int, type]] = {
        **_ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: _RawResultMessage,
    }
