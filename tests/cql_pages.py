"""Result pages made by hand: bytes in the format of the native protocol, and the codec's answer to them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from cassandra import cqltypes

from airflow_provider_cqlai.engine.cassandra.codec.decoder import RowDecoder, open_row_decoder
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import result_column

PROTOCOL_VERSION = 5


def length_prefixed(value: bytes | None) -> bytes:
    """A ``[bytes]``: its length in 4 bytes before it, -1 for null."""
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def list_cell(*elements: bytes | None) -> bytes:
    return struct.pack(">i", len(elements)) + b"".join(map(length_prefixed, elements))


def map_cell(*entries: tuple[bytes | None, bytes | None]) -> bytes:
    return struct.pack(">i", len(entries)) + b"".join(length_prefixed(cell) for entry in entries for cell in entry)


def tuple_cell(*fields: bytes | None) -> bytes:
    return b"".join(map(length_prefixed, fields))


def decimal_cell(unscaled: int, scale: int) -> bytes:
    return struct.pack(">i", scale) + varint_cell(unscaled)


def varint_cell(value: int) -> bytes:
    return value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)


def udt(name: str, **fields: Any) -> Any:
    return cqltypes.UserType.make_udt_class("ks", name, tuple(fields), tuple(fields.values()))


def list_of(element: Any) -> Any:
    return cqltypes.ListType.apply_parameters((element,))


def map_of(key: Any, value: Any) -> Any:
    return cqltypes.MapType.apply_parameters((key, value))


def tuple_of(*fields: Any) -> Any:
    return cqltypes.TupleType.apply_parameters(fields)


def vector_of(element: Any, dimension: int) -> Any:
    return cqltypes.VectorType.apply_parameters((element, dimension), None)


def page_of(columns: Sequence[tuple[str, Any]], rows: Sequence[Sequence[bytes | None]]) -> RawPage:
    """A page of ``rows``; eight bytes of something else come before them, as on the wire."""
    head = b"metadata"
    body = head + b"".join(length_prefixed(cell) for row in rows for cell in row)
    return RawPage(body, len(head), len(rows), tuple(columns), PROTOCOL_VERSION)


def open_decoder(
    columns: Sequence[tuple[str, Any]],
    *,
    overrides: Mapping[str, str] | None = None,
    primary_key: Sequence[str] = (),
) -> RowDecoder:
    """The codec for ``columns`` of table ``ks.t``."""
    return open_row_decoder(
        [
            result_column(
                name,
                CqlType.from_driver_type(driver_type),
                overrides=overrides or {},
                is_primary_key=name in primary_key,
            )
            for name, driver_type in columns
        ],
        driver_columns=columns,
        table="ks.t",
        primary_key=primary_key,
    )


def decode_cells(driver_type: Any, *cells: bytes | None, **overrides: str) -> Any:
    """The Arrow array of a column ``c`` with these cells; ``c="uuid"`` overrides its type. It is valid Arrow."""
    columns = [("c", driver_type)]
    record_batch = open_decoder(columns, overrides=overrides).decode(page_of(columns, [[cell] for cell in cells]))
    record_batch.validate(full=True)
    return record_batch.column(0)
