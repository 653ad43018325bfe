"""Types whose values all have the same number of bytes: integers, floats, boolean, timestamp, date and time.

A cell's big-endian bytes and Arrow's byte order have the same bits. Nothing passes through a Python float or datetime,
so NaN payloads and timestamps outside the years 1 to 9999 stay as they are.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MisfitCellError,
    check_lengths,
    encode_each,
    validity,
)
from airflow_provider_cqlai.engine.types.cells.moment_texts import date_texts, timestamp_texts, with_nulls

NANOSECONDS_PER_DAY = 86_400_000_000_000
TIME_DIGITS = {"time32[ms]": 1_000_000, "time64[us]": 1_000, "time64[ns]": 1}
TIMESTAMP_FACTORS = {"ms": 1, "us": 1_000, "ns": 1_000_000}
# Arrow's integers and floats as `array` type codes, which have the same sizes on every platform that Arrow runs on.
_TYPE_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
_INTEGERS = {1: pa.int8(), 2: pa.int16(), 4: pa.int32(), 8: pa.int64()}


@dataclass(frozen=True)
class NumberDecode:
    """Integers and floats: the bytes, reversed. A class, so that a vector can tell that its elements are numbers."""

    cql_name: str
    arrow_type: Any
    path: str

    def __call__(self, cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, self.path)
        data = _joined(cells, self.arrow_type.bit_width // 8, self.path, self.cql_name)
        return read_numbers(data, self.arrow_type, validity(cells))


def read_numbers(data: bytes, arrow_type: Any, validity_bitmap: Any = None) -> Any:
    """An array of the big-endian numbers in ``data``."""
    width = arrow_type.bit_width // 8
    numbers = array(_TYPE_CODES[width], data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return pa.Array.from_buffers(arrow_type, len(numbers), [validity_bitmap, pa.py_buffer(numbers)])


def decode_boolean(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """One byte; zero is false and everything else is true, as in Cassandra."""

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        check_lengths(cells, frozenset({1}), path, cql_name)
        return pa.array([None if cell is None else cell != b"\0" for cell in cells], arrow_type)

    return decode


def decode_timestamp(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """Milliseconds since 1970 in 64 bits; finer units only where they hold the value."""
    if arrow_type == pa.string():
        return _as_texts(
            NumberDecode(cql_name, pa.timestamp("ms", "UTC"), path), partial(timestamp_texts, has_plus_sign=True)
        )
    factor = TIMESTAMP_FACTORS[arrow_type.unit]
    if factor == 1:
        return NumberDecode(cql_name, arrow_type, path)
    limit = (2**63 - 1) // factor

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        milliseconds = struct.unpack(f">{len(cells)}q", _joined(cells, 8, path, cql_name))
        for position, value in enumerate(milliseconds):
            if not -limit <= value <= limit:
                raise MisfitCellError(
                    position, path, f"a moment outside the range of {arrow_type}", ("timestamp[ms, UTC]",)
                )
        data = pa.py_buffer(array("q", [value * factor for value in milliseconds]))
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells), data])

    return decode


def decode_date(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """Days in 32 unsigned bits with 1970-01-01 in the middle: exactly the range of date32."""
    if arrow_type == pa.string():
        return _as_texts(decode_date(cql_name, pa.date32(), path), partial(date_texts, has_plus_sign=True))

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        days = struct.unpack(f">{len(cells)}I", _joined(cells, 4, path, cql_name))
        data = pa.py_buffer(array("i", [day - 2**31 for day in days]))
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells), data])

    return decode


def decode_time(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """Nanoseconds since midnight in 64 bits; coarser units only where they lose no digit."""
    if arrow_type in (pa.string(), pa.int64()):
        read = decode_time(cql_name, pa.time64("ns"), path)
        if arrow_type == pa.string():
            return _as_texts(read, lambda array: array.cast(pa.string()))
        return lambda cells, reading: read(cells, reading).view(pa.int64())
    nanoseconds_per_unit = TIME_DIGITS[str(arrow_type)]

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        times = struct.unpack(f">{len(cells)}q", _joined(cells, 8, path, cql_name))
        for position, nanoseconds in enumerate(times):
            if not 0 <= nanoseconds < NANOSECONDS_PER_DAY:
                raise MisfitCellError(position, path, "a time outside 00:00 to 24:00", ("binary",))
            if nanoseconds % nanoseconds_per_unit:
                finer = "time64[ns]" if nanoseconds % 1_000 else "time64[us]"
                raise MisfitCellError(position, path, f"a time with finer digits than {arrow_type} has", (finer,))
        data = array(_TYPE_CODES[arrow_type.bit_width // 8], [value // nanoseconds_per_unit for value in times])
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells), pa.py_buffer(data)])

    return decode


def _as_texts(decode: Decode, texts: Callable[[Any], Any]) -> Decode:
    return lambda cells, reading: with_nulls(decode(cells, reading), texts)


def _joined(cells: Cells, width: int, path: str, cql_name: str) -> bytes:
    check_lengths(cells, frozenset({width}), path, cql_name)
    # Zero stands in for null; for a date that is day -2^31, which the validity bitmap hides as well.
    absent = bytes(width)
    return b"".join([absent if cell is None else cell for cell in cells])


def encode_number(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """The bits of an integer or float, those of a NaN included."""
    pack = struct.Struct(">" + _TYPE_CODES[arrow_type.bit_width // 8]).pack
    integers = _INTEGERS[arrow_type.bit_width // 8]
    return lambda array: [None if value is None else pack(value) for value in array.view(integers).to_pylist()]


def encode_boolean(cql_name: str, arrow_type: Any, path: str) -> Encode:
    return lambda array: [None if value is None else bytes([value]) for value in array.to_pylist()]


def encode_timestamp(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """Milliseconds; finer digits than that are an error."""
    factor = TIMESTAMP_FACTORS[arrow_type.unit]

    def encode(value: int) -> bytes | None:
        return None if value % factor else struct.pack(">q", value // factor)

    reason = "a moment with finer digits than the milliseconds of a timestamp"
    return lambda array: encode_each(array.view(pa.int64()).to_pylist(), encode, path, reason)


def encode_date(cql_name: str, arrow_type: Any, path: str) -> Encode:
    return lambda array: [
        None if day is None else struct.pack(">I", day + 2**31) for day in array.view(pa.int32()).to_pylist()
    ]


def encode_time(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """Nanoseconds since midnight."""
    nanoseconds_per_unit = TIME_DIGITS[str(arrow_type)]
    integers = _INTEGERS[arrow_type.bit_width // 8]

    def encode(value: int) -> bytes | None:
        nanoseconds = value * nanoseconds_per_unit
        return struct.pack(">q", nanoseconds) if 0 <= nanoseconds < NANOSECONDS_PER_DAY else None

    return lambda array: encode_each(array.view(integers).to_pylist(), encode, path, "a time outside 00:00 to 24:00")
