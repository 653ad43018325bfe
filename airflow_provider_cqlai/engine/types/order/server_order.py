"""The order that the server keeps sets and maps in, as keys that Python sorts by.

A cell's key compares as Cassandra's comparator of its CQL type does, and is equal where Cassandra takes two cells for
one.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.families.vectors import LEXICAL_UUID_CLASS
from airflow_provider_cqlai.engine.types.order.canonical import split_cells, split_vector

_SIGNED = ("tinyint", "smallint", "int", "bigint", "counter", "timestamp", "varint")
_FLOAT_BITS = {"float": 32, "double": 64}
_NULL, _EMPTY, _VALUE = range(3)
_LATER_SIGN_BITS = 0x0080808080808080

OrderKey = tuple[int, Any]


def order_key(cell: bytes | None, cql_type: CqlType) -> OrderKey:
    """What ``cell`` is sorted by among cells of its type.

    Raises:
        struct.error, IndexError, ValueError: the bytes are not a value of the type.
    """
    if cell is None:
        return _NULL, 0
    return (_VALUE, _key(cell, cql_type)) if cell else (_EMPTY, 0)


def _key(cell: bytes, cql_type: CqlType) -> Any:
    name = cql_type.name
    if name in _SIGNED:
        return int.from_bytes(cell, "big", signed=True)
    if name in _FLOAT_BITS:
        return _float_key(cell, _FLOAT_BITS[name])
    if name == "boolean":
        return any(cell)
    if name == "decimal":
        unscaled = int.from_bytes(cell[4:], "big", signed=True)
        (scale,) = struct.unpack_from(">i", cell)
        return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))
    if name in ("uuid", "timeuuid"):
        return _uuid_key(cell, is_timeuuid=name == "timeuuid")
    if cql_type.custom_class == LEXICAL_UUID_CLASS:
        return struct.unpack(">qq", cell)
    # Unsigned bytes: text, ascii, blob, inet, date, time.
    return _nested_key(cell, cql_type) if cql_type.arguments else cell


def _nested_key(cell: bytes, cql_type: CqlType) -> Any:
    arguments = cql_type.arguments
    if cql_type.name == "vector":
        return tuple(order_key(element, arguments[0]) for element in split_vector(cell, cql_type))
    if cql_type.name in ("tuple", "udt"):
        fields = split_cells(cell, 0)
        # Fields that are missing at the end are null.
        fields += [None] * (len(arguments) - len(fields))
        return tuple(order_key(field, argument) for field, argument in zip(fields, arguments, strict=True))
    keys = [order_key(inner, arguments[place % len(arguments)]) for place, inner in enumerate(split_cells(cell, 4))]
    return tuple(keys)


def _float_key(cell: bytes, width: int) -> int:
    """As Java's ``compare``: -0.0 before 0.0, and one NaN behind all."""
    bits = int.from_bytes(cell, "big")
    sign = 1 << (width - 1)
    exponent = 0x7F80_0000 if width == 32 else 0x7FF0_0000_0000_0000
    if bits & (sign - 1) > exponent:
        return sign
    return -(bits & (sign - 1)) - 1 if bits & sign else bits


def _uuid_key(cell: bytes, *, is_timeuuid: bool) -> tuple[int, int, int]:
    most, least = struct.unpack(">QQ", cell)
    version = most >> 12 & 0xF
    # The moment's greatest part comes last in the bytes.
    moment = (most & 0xFFFF) << 48 | (most >> 16 & 0xFFFF) << 32 | most >> 32
    if not is_timeuuid:
        return version, moment if version == 1 else most, least
    # Byte by byte, each of them signed: the first as it is, the later ones shifted.
    (signed,) = struct.unpack_from(">q", cell, 8)
    return 0, moment, signed ^ _LATER_SIGN_BITS
