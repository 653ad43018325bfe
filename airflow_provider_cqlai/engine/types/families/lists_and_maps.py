"""list, set and map: a count and then elements, or keys and values in turn, each with its length before it.

A cell is one collection; all elements of a column become the cells of one child column, so that their converter runs
once. A set keeps the server's order. An element of negative length is null.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MalformedCellError,
    MisfitCellError,
    children_of,
    length_prefixed,
    validity,
    without_nulls,
)

_read_int = struct.Struct(">i").unpack_from


def decode_list(cql_name: str, arrow_type: Any, path: str, children: Sequence[Decode]) -> Decode:
    """A list or a set."""
    (decode_element,) = children

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        elements, offsets = _split_column(cells, 1, path, cql_name)
        with children_of(lambda position: bisect_right(offsets, position) - 1):
            values = decode_element(elements, reading)
        buffers = [validity(cells), pa.py_buffer(offsets)]
        return pa.Array.from_buffers(arrow_type, len(cells), buffers, children=[values])

    return decode


def decode_map(cql_name: str, arrow_type: Any, path: str, children: Sequence[Decode]) -> Decode:
    """A map. Arrow has no null keys, so a key of zero bytes only fits as ``binary``."""
    decode_key, decode_value = children

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        entries, offsets = _split_column(cells, 2, path, cql_name)
        with children_of(lambda position: bisect_right(offsets, position) - 1):
            keys = decode_key(entries[0::2], reading)
            if keys.null_count:
                position = keys.is_null().index(True).as_py()
                raise MisfitCellError(
                    position, f"{path}.key", "a map key of zero bytes, which would be null", ("binary",)
                )
            values = decode_value(entries[1::2], reading)
        pairs = pa.StructArray.from_arrays([keys, values], fields=[arrow_type.key_field, arrow_type.item_field])
        buffers = [validity(cells), pa.py_buffer(offsets)]
        return pa.Array.from_buffers(arrow_type, len(cells), buffers, children=[pairs])

    return decode


def _split_column(cells: Cells, cells_per_entry: int, path: str, cql_name: str) -> tuple[list[bytes | None], Any]:
    """Cells of all collections in a row, and where each collection's entries begin."""
    inner: list[bytes | None] = []
    offsets = array("i", [0])
    for position, cell in enumerate(cells):
        if cell is not None:
            try:
                _split(cell, cells_per_entry, inner)
            except (struct.error, ValueError):
                raise MalformedCellError(
                    position, path, f"{len(cell)} bytes are not a value of type {cql_name}"
                ) from None
        offsets.append(len(inner) // cells_per_entry)
    return inner, offsets


def _split(cell: bytes, cells_per_entry: int, inner: list[bytes | None]) -> None:
    (entry_count,) = _read_int(cell, 0)
    # Every entry has a length of 4 bytes, so a count beyond that is a lie, and not looped over.
    if not 0 <= entry_count * cells_per_entry <= len(cell) // 4:
        raise ValueError(entry_count)
    offset = 4
    for _ in range(entry_count * cells_per_entry):
        (length,) = _read_int(cell, offset)
        offset += 4
        if length < 0:
            inner.append(None)
        else:
            inner.append(cell[offset : offset + length])
            offset += length
    if offset != len(cell):
        raise ValueError(offset)


def encode_list(cql_name: str, arrow_type: Any, path: str, children: Sequence[Encode]) -> Encode:
    """A list or a set; Cassandra has no null elements."""
    (encode_element,) = children

    def encode(array: Any) -> list[bytes | None]:
        present, spans = _present(array)
        with children_of(_parent_of(array, spans)):
            elements = _without_nulls(encode_element(_inside(present.values, spans)), f"{path}.element", cql_name)
        return _join(array, spans, elements)

    return encode


def encode_map(cql_name: str, arrow_type: Any, path: str, children: Sequence[Encode]) -> Encode:
    """A map; neither keys nor values may be null."""
    encode_key, encode_value = children

    def encode(array: Any) -> list[bytes | None]:
        present, spans = _present(array)
        with children_of(_parent_of(array, spans)):
            keys = _without_nulls(encode_key(_inside(present.keys, spans)), f"{path}.key", cql_name)
            values = _without_nulls(encode_value(_inside(present.items, spans)), f"{path}.value", cql_name)
        return _join(array, spans, [key + value for key, value in zip(keys, values, strict=True)])

    return encode


def _present(array: Any) -> tuple[Any, list[int]]:
    """The collections that are not null, and where each one's entries begin and the last ones end."""
    # What a null collection holds inside means nothing, and need not fit.
    present = without_nulls(array)
    return present, present.offsets.to_pylist()


def _inside(values: Any, spans: Sequence[int]) -> Any:
    return values.slice(spans[0], spans[-1] - spans[0])


def _parent_of(array: Any, spans: Sequence[int]) -> Callable[[int], int]:
    def row_of(position: int) -> int:
        rows = [row for row, is_valid in enumerate(array.is_valid().to_pylist()) if is_valid]
        return rows[bisect_right(spans, position + spans[0]) - 1]

    return row_of


def _without_nulls(cells: Sequence[bytes | None], path: str, cql_name: str) -> list[bytes]:
    if None in cells:
        raise MisfitCellError(cells.index(None), path, f"a null, which a {cql_name} cannot hold,", ())
    return [length_prefixed(cell) for cell in cells]


def _join(array: Any, spans: Sequence[int], entries: Sequence[bytes]) -> list[bytes | None]:
    first = spans[0]
    collections = (
        struct.pack(">i", stop - start) + b"".join(entries[start - first : stop - first])
        for start, stop in pairwise(spans)
    )
    return [next(collections) if is_valid else None for is_valid in array.is_valid().to_pylist()]
