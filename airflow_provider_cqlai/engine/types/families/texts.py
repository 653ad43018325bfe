"""Types that are texts or plain bytes in Arrow: ascii, text, inet, blob, custom types, and any type as ``binary``.

The bytes of a cell stay as they are: zero bytes are an empty text or an empty blob, never null.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MalformedCellError,
    as_array,
    check_lengths,
    encode_each,
)


def decode_text(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """UTF-8, checked."""
    encoding = "ascii" if cql_name == "ascii" else "utf-8"

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        array = as_array(cells, pa.binary(), path)
        try:
            if encoding == "utf-8":
                return array.cast(arrow_type)
            return as_array([None if cell is None else cell.decode(encoding) for cell in cells], arrow_type, path)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            raise MalformedCellError(_first_undecodable(cells, encoding), path, f"not {encoding}") from None

    return decode


def decode_binary(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """The bytes as they are."""

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        return as_array(cells, arrow_type, path)

    return decode


def decode_inet(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """4 bytes in dotted form, 16 bytes as IPv6 text (``::ffff:1.2.3.4`` stays apart from ``1.2.3.4``)."""

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        check_lengths(cells, frozenset({4, 16}), path, cql_name)
        return as_array([None if cell is None else _inet_text(cell) for cell in cells], arrow_type, path)

    return decode


def _inet_text(cell: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(cell) == 4 else socket.AF_INET6, cell)


def _first_undecodable(cells: Cells, encoding: str) -> int:
    for position, cell in enumerate(cells):
        try:
            (cell or b"").decode(encoding)
        except UnicodeDecodeError:
            return position
    return 0


def encode_text(cql_name: str, arrow_type: Any, path: str) -> Encode:
    if cql_name == "ascii":
        return lambda array: encode_each(
            array.to_pylist(),
            lambda text: text.encode() if text.isascii() else None,
            path,
            "a text with more than ascii",
        )
    return lambda array: array.cast(pa.binary()).to_pylist()


def encode_binary(cql_name: str, arrow_type: Any, path: str) -> Encode:
    return lambda array: array.to_pylist()


def encode_inet(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """``1.2.3.4`` as 4 bytes, IPv6 text as 16."""
    return lambda array: encode_each(array.to_pylist(), _inet_bytes, path, "a text that is not an IP address")


def _inet_bytes(text: str) -> bytes | None:
    try:
        # A zone (fe80::1%eth0) has no place in the 16 bytes.
        return None if "%" in text else ipaddress.ip_address(text).packed
    except ValueError:
        return None
