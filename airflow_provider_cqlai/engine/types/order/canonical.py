"""One form for all cells that CQL takes for the same value.

Equal values share its bytes: sets and maps without the order that a file had, one NaN, decimals without trailing zeros,
addresses of IPv4 in their 4 bytes, tuples and user-defined types without nulls at their end. They are for comparing
only; cells whose bytes are equal need none of this.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from airflow_provider_cqlai.engine.types.cells.cells import length_prefixed
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.cells.vints import read_unsigned_vint
from airflow_provider_cqlai.engine.types.families.vectors import fixed_length
from airflow_provider_cqlai.engine.types.type_map import child_arrow_types

_read_int = struct.Struct(">i").unpack_from

FLOATS = {"float": ">f", "double": ">d"}
_OF_SEVERAL_FORMS = (*FLOATS, "boolean", "decimal", "inet", "map", "set", "tuple", "udt", "varint")
# Before an IPv4 address within IPv6, which the server makes 4 bytes of.
MAPPED_ADDRESS = bytes(10) + b"\xff\xff"


def has_several_forms(cql_type: CqlType) -> bool:
    """Whether cells of other bytes can be the same value."""
    return cql_type.contains(_OF_SEVERAL_FORMS)


def has_decimal_text(cql_type: CqlType, arrow_type: Any) -> bool:
    """Whether a decimal in ``cql_type`` came from a text, of which every digit counts: 1.5 is not 1.50."""
    if cql_type.name == "decimal" or not cql_type.children or not arrow_type.num_fields:
        return cql_type.name == "decimal" and not hasattr(arrow_type, "precision")
    children = zip(cql_type.arguments, child_arrow_types(arrow_type), strict=True)
    return any(has_decimal_text(child, child_arrow_type) for child, child_arrow_type in children)


def canonical_cell(
    cell: bytes | None, cql_type: CqlType, *, is_multi_cell: bool = False, keeps_digits: bool = False
) -> bytes | None:
    """The bytes that stand for the cell's value; None where CQL cannot tell it from null.

    Args:
        cell: of a row or a bound value; one that is not a value of its type comes back as it is.
        cql_type: of the cell.
        is_multi_cell: of a collection or user-defined type that is not frozen: nothing in it is null.
        keeps_digits: decimals of one value and different scales differ.
    """
    if cell is None:
        return None
    try:
        canonical = _canonical(cell, cql_type, keeps_digits)
    except (struct.error, IndexError, ValueError):
        return cell
    return None if is_multi_cell and _is_empty(canonical, cql_type) else canonical


def _is_empty(canonical: bytes, cql_type: CqlType) -> bool:
    return not canonical if cql_type.name == "udt" else canonical == bytes(4)


def _canonical(cell: bytes, cql_type: CqlType, keeps_digits: bool) -> bytes:
    name = cql_type.name
    if name == "decimal":
        return _canonical_decimal(cell, keeps_digits)
    if name == "varint":
        return _shortest(int.from_bytes(cell, "big", signed=True)) if cell else cell
    if name in FLOATS:
        (number,) = struct.unpack(FLOATS[name], cell)
        # One of the many NaNs; 0.0 and -0.0 stay two values.
        return struct.pack(FLOATS[name], math.nan) if math.isnan(number) else cell
    if name == "inet":
        return cell.removeprefix(MAPPED_ADDRESS) if len(cell) == 16 else cell
    if name == "boolean":
        return bytes([any(cell)]) if cell else cell
    if not cql_type.arguments:
        return cell

    def child(number: int, inner: bytes | None) -> bytes:
        if inner is None:
            return length_prefixed(None)
        return length_prefixed(_canonical(inner, cql_type.arguments[number], keeps_digits))

    if name == "vector":
        return b"".join(child(0, element) for element in split_vector(cell, cql_type))
    if name in ("tuple", "udt"):
        fields = split_cells(cell, 0)[: len(cql_type.arguments)]
        while fields and fields[-1] is None:
            fields.pop()
        return b"".join(child(number, inner) for number, inner in enumerate(fields))
    (count,) = _read_int(cell, 0)
    cells = split_cells(cell, 4)
    if len(cells) != count * len(cql_type.arguments):
        raise ValueError(f"{count} entries are announced, {len(cells)} cells follow")
    if name == "map":
        # Of one key's values the last one is kept, by the server as well.
        pairs = {child(0, key): child(1, value) for key, value in zip(cells[::2], cells[1::2], strict=True)}
        return struct.pack(">i", len(pairs)) + b"".join(key + value for key, value in sorted(pairs.items()))
    elements = [child(0, element) for element in cells]
    if name == "set":
        elements = sorted(set(elements))
    return struct.pack(">i", len(elements)) + b"".join(elements)


def _canonical_decimal(cell: bytes, keeps_digits: bool) -> bytes:
    if len(cell) < 5:
        return cell
    (scale,) = _read_int(cell, 0)
    unscaled = int.from_bytes(cell[4:], "big", signed=True)
    if not keeps_digits:
        if unscaled == 0:
            scale = 0
        while unscaled and unscaled % 10 == 0:
            unscaled //= 10
            scale -= 1
    # Wider than the protocol's scale, which the loss of zeros can leave.
    return struct.pack(">q", scale) + _shortest(unscaled)


def _shortest(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def split_cells(cell: bytes, offset: int) -> list[bytes | None]:
    """What is behind one length after the other."""
    cells: list[bytes | None] = []
    while offset < len(cell):
        (length,) = _read_int(cell, offset)
        offset += 4
        if length < 0:
            cells.append(None)
            continue
        if offset + length > len(cell):
            raise ValueError(f"a length of {length} leads beyond the cell")
        cells.append(cell[offset : offset + length])
        offset += length
    return cells


def split_vector(cell: bytes, cql_type: CqlType) -> list[bytes]:
    length = fixed_length(cql_type.arguments[0])
    if length is not None:
        return [cell[start : start + length] for start in range(0, len(cell), length)]
    elements = []
    offset = 0
    while offset < len(cell):
        element_length, offset = read_unsigned_vint(cell, offset)
        elements.append(cell[offset : offset + element_length])
        offset += element_length
    return elements
