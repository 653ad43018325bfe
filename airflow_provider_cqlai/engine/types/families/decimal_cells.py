"""decimal and varint, the way back: Arrow decimals, integers and texts to a scale and a two's complement number.

The one surprising thing: an Arrow decimal has one scale for the whole column, which says nothing about a value. So
zeros at its end are left out (1.500 is written as 1.5), while a text keeps every digit of its own.
"""

from __future__ import annotations

import decimal
import re
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import Encode, encode_each

# Python's own parser takes more, such as underscores; the exponent is that of a scale of 32 bits.
_DECIMAL_TEXT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,10}))?")
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+")
_SCALES = range(-(2**31), 2**31)


def encode_decimal(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """A decimal: its scale in 4 bytes, then its digits."""
    if arrow_type == pa.string():
        return lambda array: encode_each(array.to_pylist(), _decimal_of_text, path, "a text that is no decimal")
    scale = arrow_type.scale
    return lambda array: [
        None if value is None else _decimal_cell(*_without_zeros(value, scale)) for value in _unscaled(array)
    ]


def encode_varint(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """A whole number in as few bytes as it takes."""
    if arrow_type == pa.string():
        return lambda array: encode_each(array.to_pylist(), _varint_of_text, path, "a text that is no whole number")
    if arrow_type == pa.int64():
        return lambda array: [None if value is None else _shortest(value) for value in array.to_pylist()]
    divisor = 10**arrow_type.scale

    def encode(unscaled: int) -> bytes | None:
        return None if unscaled % divisor else _shortest(unscaled // divisor)

    reason = "a number with digits after the point"
    return lambda array: encode_each(list(_unscaled(array)), encode, path, reason)


def _unscaled(array: Any) -> Iterator[int | None]:
    width = array.type.bit_width // 8
    data = array.buffers()[1]
    raw = b"" if data is None else data.to_pybytes()
    for position, is_valid in enumerate(array.is_valid().to_pylist()):
        start = (array.offset + position) * width
        yield int.from_bytes(raw[start : start + width], sys.byteorder, signed=True) if is_valid else None


def _without_zeros(unscaled: int, scale: int) -> tuple[int, int]:
    while scale > 0 and unscaled % 10 == 0:
        unscaled, scale = unscaled // 10, scale - 1
    return unscaled, scale


def _decimal_of_text(text: str) -> bytes | None:
    found = _DECIMAL_TEXT.fullmatch(text)
    if found is None:
        return None
    sign, before, after, exponent = found.groups(default="")
    scale = len(after) - int(exponent or 0)
    return _decimal_cell(_whole_number(sign + before + after), scale) if scale in _SCALES else None


def _varint_of_text(text: str) -> bytes | None:
    return _shortest(_whole_number(text)) if _INTEGER_TEXT.fullmatch(text) else None


def _whole_number(text: str) -> int:
    # int() refuses more than 4,300 digits, a Decimal does not.
    return int(decimal.Decimal(text))


def _decimal_cell(unscaled: int, scale: int) -> bytes:
    return struct.pack(">i", scale) + _shortest(unscaled)


def _shortest(value: int) -> bytes:
    return value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)
