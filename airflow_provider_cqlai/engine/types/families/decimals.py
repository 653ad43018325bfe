"""decimal and varint: whole numbers of any size, a decimal with a scale of 32 bits before it.

A scale and a two's complement number on one side, an Arrow decimal, integer or text on the other. A scale may be two
thousand million, so 10^scale is never built: digits are counted first, and only what can fit is multiplied out. On the
way back an Arrow decimal has one scale for the whole column, which says nothing about a value: so zeros at its end are
left out (1.500 is written as 1.5), while a text keeps every digit of its own.
"""

from __future__ import annotations

import decimal
import re
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MalformedCellError,
    MisfitCellError,
    as_array,
    encode_each,
    validity,
)

# Exact arithmetic: nothing is rounded, and the driver's int-to-text limit of 4,300 digits does not apply.
_EXACT = decimal.Context(
    prec=decimal.MAX_PREC,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Inexact, decimal.Rounded, decimal.InvalidOperation, decimal.Overflow],
)
MAX_PRECISION_128 = 38
MAX_PRECISION_256 = 76
# Python's own parser takes more, such as underscores; the exponent is that of a scale of 32 bits.
_DECIMAL_TEXT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,10}))?")
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+")
_SCALES = range(-(2**31), 2**31)


def decode_decimal(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """A decimal. Arrow's decimals keep the value, a text keeps the scale too: ``1.5`` and ``1.50``."""

    def read(cells: Cells) -> list[tuple[int, int] | None]:
        return [
            None if cell is None else _unscaled_and_scale(cell, position, path) for position, cell in enumerate(cells)
        ]

    return _decode_numbers(arrow_type, path, read)


def decode_varint(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """A whole number: a decimal of scale 0."""

    def read(cells: Cells) -> list[tuple[int, int] | None]:
        return [None if cell is None else (int.from_bytes(cell, "big", signed=True), 0) for cell in cells]

    return _decode_numbers(arrow_type, path, read)


def _decode_numbers(arrow_type: Any, path: str, read: Callable[[Cells], list[tuple[int, int] | None]]) -> Decode:
    if arrow_type == pa.string():
        return _decode_as_text(path, read)
    width = arrow_type.bit_width // 8
    if pa.types.is_decimal(arrow_type):
        precision, scale = arrow_type.precision, arrow_type.scale
        largest = 10**precision - 1
        smallest = -largest
    else:
        precision, scale = 19, 0
        smallest, largest = -(2**63), 2**63 - 1

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        data = bytearray()
        for position, number in enumerate(read(cells)):
            rescaled = 0 if number is None else _rescaled(*number, scale, precision)
            if rescaled is None or not smallest <= rescaled <= largest:
                raise _misfit(position, path, number, arrow_type, scale)
            data += rescaled.to_bytes(width, sys.byteorder, signed=True)
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells), pa.py_buffer(bytes(data))])

    return decode


def _decode_as_text(path: str, read: Callable[[Cells], list[tuple[int, int] | None]]) -> Decode:
    def decode(cells: Cells, reading: ColumnReading) -> Any:
        numbers = read(reading.without_zero_length(cells, path))
        return as_array([None if number is None else decimal_text(*number) for number in numbers], pa.string(), path)

    return decode


def _unscaled_and_scale(cell: bytes, position: int, path: str) -> tuple[int, int]:
    if len(cell) < 5:
        raise MalformedCellError(position, path, f"{len(cell)} bytes are not a value of type decimal")
    return int.from_bytes(cell[4:], "big", signed=True), int.from_bytes(cell[:4], "big", signed=True)


def _rescaled(unscaled: int, scale: int, new_scale: int, precision: int) -> int | None:
    """The number's unscaled form at ``new_scale``; None where digits would be lost or ``precision`` is passed."""
    if unscaled == 0:
        return 0
    more_digits = new_scale - scale
    if more_digits >= 0:
        return unscaled * 10**more_digits if more_digits <= precision else None
    if -more_digits > unscaled.bit_length():
        return None
    quotient, remainder = divmod(unscaled, 10**-more_digits)
    return None if remainder else quotient


def _misfit(position: int, path: str, number: tuple[int, int] | None, arrow_type: Any, scale: int) -> MisfitCellError:
    unscaled, number_scale = number or (0, 0)
    digits = decimal.Decimal(unscaled).as_tuple().digits
    significant = "".join(map(str, digits)).rstrip("0")
    trailing_zeros = len(digits) - len(significant)
    digits_after = max(0, number_scale - trailing_zeros)
    digits_before = max(0, len(digits) - number_scale)
    reason = f"a number of {digits_before} digits before the point and {digits_after} after it"
    overrides = []
    for name, precision in (("decimal128", MAX_PRECISION_128), ("decimal256", MAX_PRECISION_256)):
        # The scale in use is kept where there is room for it: other rows may need it.
        if digits_before + digits_after <= precision:
            kept_scale = min(max(scale, digits_after), precision - digits_before)
            overrides.append(f"{name}({precision}, {kept_scale})")
    return MisfitCellError(position, path, reason, [*overrides, "string"])


def decimal_text(unscaled: int, scale: int) -> str:
    """``unscaled * 10^-scale`` as Java's ``BigDecimal.toString`` writes it: value and scale can be read back."""
    return str(decimal.Decimal(unscaled).scaleb(-scale, _EXACT))


def encode_decimal(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """A decimal: its scale in 4 bytes, then its digits."""
    if arrow_type == pa.string():
        return lambda array: encode_each(array.to_pylist(), _decimal_of_text, path, "a text that is not a decimal")
    scale = arrow_type.scale
    return lambda array: [
        None if value is None else _decimal_cell(*_without_zeros(value, scale)) for value in _unscaled(array)
    ]


def encode_varint(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """A whole number in as few bytes as it takes."""
    if arrow_type == pa.string():
        return lambda array: encode_each(array.to_pylist(), _varint_of_text, path, "a text that is not a whole number")
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
