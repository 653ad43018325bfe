"""vector<type, n>: n elements, never null, back to back where the server knows one length for all of them.

Which types those are is the server's choice and differs from their natural size: smallint, tinyint, date and time have
a length before each element, though it is always the same (checked on Cassandra 5.0, both protocol versions).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MalformedCellError,
    MisfitCellError,
    check_lengths,
    children_of,
    validity,
)
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.cells.vints import read_unsigned_vint, write_unsigned_vint
from airflow_provider_cqlai.engine.types.families.fixed_width import NumberDecode, read_numbers

LEXICAL_UUID_CLASS = "org.apache.cassandra.db.marshal.LexicalUUIDType"
_FIXED_LENGTHS = {
    "bigint": 8,
    "boolean": 1,
    "double": 8,
    "float": 4,
    "int": 4,
    "timestamp": 8,
    "timeuuid": 16,
    "uuid": 16,
}


def fixed_length(cql_type: CqlType) -> int | None:
    """Bytes of every value of the type inside a vector, None where each value has its length before it."""
    if cql_type.name == "vector":
        element_length = fixed_length(cql_type.arguments[0])
        return None if element_length is None else element_length * cql_type.dimension
    if cql_type.custom_class == LEXICAL_UUID_CLASS:
        return 16
    return _FIXED_LENGTHS.get(cql_type.name)


def decode_vector(cql_type: CqlType, arrow_type: Any, path: str, children: Sequence[Decode]) -> Decode:
    """A fixed-size list; what the slots of a null vector hold has no meaning."""
    (decode_element,) = children
    dimension = cql_type.dimension
    element_length = fixed_length(cql_type.arguments[0])
    # Embeddings: thousands of numbers a vector, read without a slice of bytes for each.
    is_number = isinstance(decode_element, NumberDecode)

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        if element_length is None:
            elements = _split_variable(cells, dimension, path)
        else:
            check_lengths(cells, frozenset({element_length * dimension}), path, str(cql_type))
            if is_number:
                absent = bytes(element_length * dimension)
                numbers = read_numbers(b"".join([cell or absent for cell in cells]), arrow_type.value_type)
                return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells)], children=[numbers])
            elements = _split_fixed(cells, dimension, element_length)
        with children_of(lambda position: position // dimension):
            values = decode_element(elements, reading)
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells)], children=[values])

    return decode


def _split_fixed(cells: Cells, dimension: int, element_length: int) -> list[bytes | None]:
    elements: list[bytes | None] = []
    starts = range(0, dimension * element_length, element_length)
    for cell in cells:
        if cell is None:
            elements += [None] * dimension
        else:
            elements += [cell[start : start + element_length] for start in starts]
    return elements


def _split_variable(cells: Cells, dimension: int, path: str) -> list[bytes | None]:
    elements: list[bytes | None] = []
    for position, cell in enumerate(cells):
        if cell is None:
            elements += [None] * dimension
            continue
        offset = 0
        try:
            for _ in range(dimension):
                length, offset = read_unsigned_vint(cell, offset)
                elements.append(cell[offset : offset + length])
                offset += length
        except IndexError:
            offset = -1
        if offset != len(cell):
            raise MalformedCellError(position, path, f"{len(cell)} bytes are not a vector of {dimension} elements")
    return elements


def encode_vector(cql_type: CqlType, arrow_type: Any, path: str, children: Sequence[Encode]) -> Encode:
    """A vector; Cassandra has no null elements."""
    (encode_element,) = children
    dimension = cql_type.dimension
    has_lengths = fixed_length(cql_type.arguments[0]) is None

    def encode(array: Any) -> list[bytes | None]:
        is_valid = array.is_valid().to_pylist()
        # The elements of null vectors mean nothing, and need not fit.
        present = [row for row, valid in enumerate(is_valid) if valid]
        with children_of(lambda position: present[position // dimension]):
            elements = encode_element(array.flatten())
            if None in elements:
                raise MisfitCellError(
                    elements.index(None), f"{path}.element", "a null, which a vector cannot hold,", ()
                )
        joined = [_with_length(cell) if has_lengths else cell for cell in elements if cell is not None]
        vectors = iter(range(0, len(joined), dimension))
        return [b"".join(joined[(start := next(vectors)) : start + dimension]) if valid else None for valid in is_valid]

    return encode


def _with_length(cell: bytes) -> bytes:
    return write_unsigned_vint(len(cell)) + cell
