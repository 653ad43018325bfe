"""decimal and varint: whole numbers of any size, a decimal with a scale of 32 bits before it.

What flows in is a scale and a two's complement number, what flows out is an Arrow decimal or a text. A scale may be two
thousand million, so 10^scale is never built: digits are counted first, and only what can fit is multiplied out.
"""

from __future__ import annotations

import decimal
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    MalformedCellError,
    MisfitCellError,
    as_array,
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
        raise MalformedCellError(position, path, f"{len(cell)} bytes are no value of type decimal")
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
