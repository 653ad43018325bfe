"""Smallest, largest, empty and odd values of every CQL type: as CQL literals, and as what Arrow must hold.

The literals are read by the server's own parser, so nothing here passes through the driver's serializers or the codec.
Values of a type are in the server's own order, which is that of sets and map keys.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class TypeValues:
    """One CQL type: its literals, and the values for ``pyarrow.array(..., arrow_type)``."""

    cql_type: str
    arrow_type: Any
    values: tuple[tuple[str, Any], ...]
    is_comparable: bool = True
    """Can be in a set or a map's key."""

    @property
    def literals(self) -> list[str]:
        return [literal for literal, _ in self.values]

    @property
    def expected(self) -> list[Any]:
        """The values as `plain_values` tells them."""
        values = [value for _, value in self.values]
        if pa.types.is_decimal(self.arrow_type):
            values = [decimal.Decimal(value) for value in values]
        return plain_values(pa.array(values, self.arrow_type))


def _numbers(*values: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), value) for value in values)


def _decimals(*values: str) -> tuple[tuple[str, Any], ...]:
    return tuple((value, value) for value in values)


def _texts(*values: str) -> tuple[tuple[str, Any], ...]:
    return tuple(("'" + value.replace("'", "''") + "'", value) for value in values)


NAN, INFINITY = float("nan"), float("inf")
_UUIDS = ("00000000-0000-1000-8000-000000000000", "00000001-0000-1000-8000-000000000000",
          "ffffffff-ffff-1fff-bfff-7f7f7f7f7f7f")  # fmt: skip
_DAY = 86_400_000

ALL_TYPES = (
    TypeValues("ascii", pa.string(), _texts("", " ", "it's", "~")),
    TypeValues("text", pa.string(), _texts("", "\t\n", "NULL", "x" * 5_000, "ß", "\uffff", "😀")),
    TypeValues("varchar", pa.string(), _texts("", "v")),
    TypeValues("tinyint", pa.int8(), _numbers(-(2**7), -1, 0, 2**7 - 1)),
    TypeValues("smallint", pa.int16(), _numbers(-(2**15), -1, 0, 2**15 - 1)),
    TypeValues("int", pa.int32(), _numbers(-(2**31), -1, 0, 2**31 - 1)),
    TypeValues("bigint", pa.int64(), _numbers(-(2**63), -1, 0, 2**63 - 1)),
    TypeValues(
        "float",
        pa.float32(),
        (
            ("-Infinity", -INFINITY),
            ("-3.4028235e38", -3.4028234663852886e38),
            ("-0.0", -0.0),
            ("0.0", 0.0),
            ("1.4e-45", 1.401298464324817e-45),
            ("0.1", 0.10000000149011612),
            ("3.4028235e38", 3.4028234663852886e38),
            ("Infinity", INFINITY),
            ("NaN", NAN),
        ),
    ),
    TypeValues(
        "double",
        pa.float64(),
        (
            ("-Infinity", -INFINITY),
            ("-1.7976931348623157e308", -1.7976931348623157e308),
            ("-0.0", -0.0),
            ("0.0", 0.0),
            ("4.9e-324", 5e-324),
            ("0.1", 0.1),
            ("1.7976931348623157e308", 1.7976931348623157e308),
            ("Infinity", INFINITY),
            ("NaN", NAN),
        ),
    ),
    TypeValues("boolean", pa.bool_(), (("false", False), ("true", True))),
    TypeValues(
        "timestamp",
        pa.timestamp("ms", "UTC"),
        _numbers(-(2**63), -62_135_596_800_001, -1, 0, 253_402_300_799_999, 253_402_300_800_000, 2**63 - 1),
    ),
    TypeValues(
        "date",
        pa.date32(),
        # A number as a literal counts from 5877641 BC; a text is a day.
        (
            ("0", -(2**31)),
            ("'0001-01-01'", -719_162),
            ("'1969-12-31'", -1),
            ("'1970-01-01'", 0),
            ("'9999-12-31'", 2_932_896),
            (str(2**32 - 1), 2**31 - 1),
        ),
    ),
    TypeValues(
        "time",
        pa.time32("ms"),
        (("'00:00:00'", 0), ("'01:02:03.004'", 3_723_004), ("'23:59:59.999'", _DAY - 1)),
    ),
    TypeValues("uuid", pa.string(), tuple((text, text) for text in _UUIDS)),
    TypeValues("timeuuid", pa.string(), tuple((text, text) for text in _UUIDS)),
    TypeValues("blob", pa.binary(), (("0x", b""), ("0x00", b"\0"), ("0x00ff", b"\0\xff"), ("0xff", b"\xff"))),
    TypeValues(
        "decimal",
        pa.decimal128(38, 18),
        _decimals(
            "-99999999999999999999.999999999999999999",
            "-1E-18",
            "0",
            "1.50",
            "1E+19",
            "99999999999999999999.999999999999999999",
        ),
    ),
    TypeValues("varint", pa.decimal128(38, 0), _numbers(-(10**38) + 1, -129, -128, 0, 127, 128, 10**38 - 1)),
    TypeValues(
        "duration",
        pa.struct([("months", pa.int32()), ("days", pa.int32()), ("nanoseconds", pa.int64())]),
        (
            ("0s", (0, 0, 0)),
            ("1y2mo3d4h5m6s7ms8us9ns", (14, 3, 14_706_007_008_009)),
            ("2147483647mo2147483647d9223372036854775807ns", (2**31 - 1, 2**31 - 1, 2**63 - 1)),
            ("-2147483647mo2147483647d9223372036854775807ns", (-(2**31) + 1, -(2**31) + 1, -(2**63) + 1)),
        ),
        is_comparable=False,
    ),
    TypeValues(
        "inet",
        pa.string(),
        _texts("0.0.0.0", "::", "::1", "2001:db8::ff00:42:8329", "127.0.0.1", "255.255.255.255"),
    ),
)

# Moments and days that DuckDB and pandas tell as such, see docs/types.md; all other types they hold completely.
_READER_TYPES = {
    "timestamp": TypeValues(
        "timestamp",
        pa.timestamp("ms", "UTC"),
        _numbers(-9_223_372_036_854_775, -62_135_596_800_001, -1, 0, 253_402_300_799_999, 9_223_372_036_854_775),
    ),
    "date": TypeValues(
        "date",
        pa.date32(),
        (("2", -(2**31) + 2), ("'1969-12-31'", -1), ("'9999-12-31'", 2_932_896), (str(2**32 - 2), 2**31 - 2)),
    ),
}
READER_TYPES = tuple(_READER_TYPES.get(types.cql_type, types) for types in ALL_TYPES)


def plain_values(array: Any) -> list[Any]:
    """An Arrow array as Python values that compare exactly and never overflow.

    Floats become their bits (NaN then equals itself and -0.0 differs from 0.0), timestamps, dates and times whole
    numbers, maps lists of pairs and structs dictionaries.
    """
    if isinstance(array, pa.ChunkedArray):
        return [value for chunk in array.chunks for value in plain_values(chunk)]
    return [
        value if is_valid else None for value, is_valid in zip(_plain(array), array.is_valid().to_pylist(), strict=True)
    ]


def _plain(array: Any) -> list[Any]:
    arrow_type = array.type
    if pa.types.is_struct(arrow_type):
        fields = [plain_values(array.field(index)) for index in range(arrow_type.num_fields)]
        names = [field.name for field in arrow_type]
        return [dict(zip(names, row, strict=True)) for row in zip(*fields, strict=True)]
    if pa.types.is_map(arrow_type):
        pairs = list(zip(plain_values(array.keys), plain_values(array.items), strict=True))
        return _sliced(pairs, array.offsets.to_pylist())
    if pa.types.is_fixed_size_list(arrow_type):
        size = arrow_type.list_size
        values = plain_values(array.values)[array.offset * size :]
        return [values[start : start + size] for start in range(0, len(array) * size, size)]
    if pa.types.is_list(arrow_type):
        return _sliced(plain_values(array.values), array.offsets.to_pylist())
    if arrow_type in (pa.float32(), pa.date32(), pa.time32("ms")):
        return list(array.view(pa.int32()).to_pylist())
    if pa.types.is_float64(arrow_type) or pa.types.is_timestamp(arrow_type) or pa.types.is_time64(arrow_type):
        return list(array.view(pa.int64()).to_pylist())
    return list(array.to_pylist())


def _sliced(values: list[Any], offsets: list[int]) -> list[Any]:
    return [values[start:stop] for start, stop in pairwise(offsets)]
