"""What every type family decodes from and reports to.

A cell is ``bytes``, or None for null; a family's decoder turns one column of cells into one Arrow array of the same
length. A cell that cannot be decoded raises a `CellError` with its position; a nested decoder translates the position
into its own cells, so that at the top it is the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress, count, groupby
from typing import Any, TypeAlias

import pyarrow as pa

_NULL = b"\xff\xff\xff\xff"

Cells: TypeAlias = Sequence[bytes | None]


class CellError(Exception):
    """One cell cannot be decoded."""

    def __init__(self, position: int, path: str, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.path = path
        self.reason = reason


class MalformedCellError(CellError):
    """The bytes are not a value of the CQL type."""


class MisfitCellError(CellError):
    """The value is sound, but the Arrow type cannot hold it exactly; ``overrides`` are Arrow types that can."""

    def __init__(self, position: int, path: str, reason: str, overrides: Sequence[str]) -> None:
        super().__init__(position, path, reason)
        self.overrides = tuple(overrides)


class ColumnReading:
    """One column of one page while it is decoded: is it a key, and how many cells of zero bytes did it have?"""

    def __init__(self, *, is_primary_key: bool) -> None:
        self.is_primary_key = is_primary_key
        self.zero_length_cells = 0

    def without_zero_length(self, cells: Cells, path: str) -> Cells:
        """``cells`` with None for those of zero bytes, for types that have no empty value. In a key that would make
        two keys one, so there it is an error."""
        if b"" not in cells:
            return cells
        if self.is_primary_key:
            raise MisfitCellError(
                cells.index(b""),
                path,
                "a primary key cell of zero bytes, which only the raw bytes tell from null",
                ("binary",),
            )
        self.zero_length_cells += cells.count(b"")
        return [cell or None for cell in cells]


Decode: TypeAlias = Callable[[Cells, ColumnReading], Any]
"""Cells of one column to a `pyarrow.Array`, chosen once per column."""


Encode: TypeAlias = Callable[[Any], list[bytes | None]]
"""A `pyarrow.Array` to the cells of a column, the way back."""


def validity(cells: Cells) -> Any:
    """Arrow's validity bitmap, or None when no cell is null."""
    if None not in cells:
        return None
    return pa.array([cell is not None for cell in cells], pa.bool_()).buffers()[1]


def check_lengths(cells: Cells, allowed: frozenset[int], path: str, cql_name: str) -> None:
    """Raise for the first cell whose length no value of the type has."""
    if allowed.issuperset({len(cell) for cell in cells if cell is not None}):
        return
    for position, cell in enumerate(cells):
        if cell is not None and len(cell) not in allowed:
            raise MalformedCellError(position, path, f"{len(cell)} bytes are not a value of type {cql_name}")


def first_position(flags: Sequence[bool]) -> int:
    """Position of the first true flag."""
    return next(compress(count(), flags))


@contextmanager
def children_of(parents: Callable[[int], int]) -> Iterator[None]:
    """Translate the position in a `CellError` from child cells to the cells of the parent."""
    try:
        yield
    except CellError as error:
        error.position = parents(error.position)
        raise


def as_array(values: Sequence[Any], arrow_type: Any, path: str) -> Any:
    """``pa.array`` that stays one array: beyond 2 GiB pyarrow would return several, which no record batch holds."""
    array = pa.array(values, arrow_type)
    if isinstance(array, pa.ChunkedArray):
        raise MisfitCellError(0, path, "more than 2 GiB of one column in one page; lower page_bytes or page_size", ())
    return array


def without_nulls(array: Any) -> Any:
    """``array`` without its nulls; pyarrow's own `drop_null` knows no uuids inside of structs."""
    if not array.null_count:
        return array
    runs = [array.slice(0, 0)]
    start = 0
    for is_valid, run in groupby(array.is_valid().to_pylist()):
        length = len(list(run))
        if is_valid:
            runs.append(array.slice(start, length))
        start += length
    return pa.concat_arrays(runs)


def length_prefixed(cell: bytes | None) -> bytes:
    """The protocol's ``[bytes]``: a length of 4 bytes, -1 for null, and the bytes."""
    return _NULL if cell is None else len(cell).to_bytes(4, "big") + cell


def encode_each(
    values: Sequence[Any], encode: Callable[[Any], bytes | None], path: str, reason: str
) -> list[bytes | None]:
    """One cell per value; where ``encode`` returns None for what is not null, the value does not fit for ``reason``."""
    cells: list[bytes | None] = []
    for position, value in enumerate(values):
        cell = None if value is None else encode(value)
        if cell is None and value is not None:
            raise MisfitCellError(position, path, reason, ())
        cells.append(cell)
    return cells
