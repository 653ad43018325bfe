"""duration: months, days and nanoseconds, which CQL keeps apart since no one of them can be told in another."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    MalformedCellError,
    encode_each,
    validity,
)
from airflow_provider_cqlai.engine.types.cells.vints import read_vint, write_vint

ARROW_TYPE = pa.struct(
    [
        pa.field("months", pa.int32()),
        pa.field("days", pa.int32()),
        pa.field("nanoseconds", pa.int64()),
    ]
)
_INT32 = range(-(2**31), 2**31)


def decode_duration(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """Three signed integers of variable length."""

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        parts = [(0, 0, 0) if cell is None else _parts(cell, position, path) for position, cell in enumerate(cells)]
        children = [pa.array([part[index] for part in parts], field.type) for index, field in enumerate(arrow_type)]
        return pa.Array.from_buffers(arrow_type, len(cells), [validity(cells)], children=children)

    return decode


def _parts(cell: bytes, position: int, path: str) -> tuple[int, int, int]:
    try:
        months, offset = read_vint(cell, 0)
        days, offset = read_vint(cell, offset)
        nanoseconds, offset = read_vint(cell, offset)
    except IndexError:
        raise MalformedCellError(position, path, f"{len(cell)} bytes are no value of type duration") from None
    if offset != len(cell) or months not in _INT32 or days not in _INT32:
        raise MalformedCellError(position, path, f"{len(cell)} bytes are no value of type duration")
    return months, days, nanoseconds


def encode_duration(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """Three signed integers of variable length."""

    def encode(parts: dict[str, int | None]) -> bytes | None:
        numbers = [parts[field.name] for field in ARROW_TYPE]
        return None if None in numbers else b"".join(write_vint(number) for number in numbers if number is not None)

    return lambda array: encode_each(array.to_pylist(), encode, path, "a duration with a part that is null")
