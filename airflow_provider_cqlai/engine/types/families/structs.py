"""tuple and user-defined type: fields in their order, each with its length before it.

A value may have fewer fields than its type: it was written before ``ALTER TYPE ... ADD``, and the missing fields are
null. A field of negative length is null too. Null fields never make the whole value null.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MalformedCellError,
    children_of,
    length_prefixed,
    validity,
    without_nulls,
)

_read_int = struct.Struct(">i").unpack_from


def decode_struct(cql_name: str, arrow_type: Any, path: str, children: Sequence[Decode]) -> Decode:
    """A tuple or a UDT."""
    field_count = len(children)

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        absent = [None] * field_count
        fields: list[bytes | None] = []
        for position, cell in enumerate(cells):
            if cell is None:
                fields += absent
                continue
            try:
                fields += _split(cell, field_count)
            except (struct.error, ValueError):
                raise MalformedCellError(
                    position, path, f"{len(cell)} bytes are not a value of type {cql_name}"
                ) from None
        # The fields of one value are as many as the type has, so a field's position is the position of its value.
        arrays = [decode_field(fields[index::field_count], reading) for index, decode_field in enumerate(children)]
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells)], children=arrays)

    return decode


def _split(cell: bytes, field_count: int) -> list[bytes | None]:
    fields: list[bytes | None] = []
    offset = 0
    while offset < len(cell) and len(fields) < field_count:
        (length,) = _read_int(cell, offset)
        offset += 4
        if length < 0:
            fields.append(None)
        else:
            fields.append(cell[offset : offset + length])
            offset += length
    if offset != len(cell):
        raise ValueError(offset)
    return fields + [None] * (field_count - len(fields))


def encode_struct(cql_name: str, arrow_type: Any, path: str, children: Sequence[Encode]) -> Encode:
    """A tuple or a UDT, with all its fields; one that is null stays null inside."""

    def encode(array: Any) -> list[bytes | None]:
        is_valid = array.is_valid().to_pylist()
        # What a null struct has in its fields means nothing, and need not fit.
        present = without_nulls(array)
        rows = [row for row, valid in enumerate(is_valid) if valid]
        with children_of(lambda position: rows[position]):
            fields = [encode_field(present.field(index)) for index, encode_field in enumerate(children)]
        structs = zip(*fields, strict=True) if fields else iter([()] * len(rows))
        return [b"".join(map(length_prefixed, next(structs))) if valid else None for valid in is_valid]

    return encode
