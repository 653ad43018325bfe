"""uuid and timeuuid: 16 bytes, as text of 36 characters or as Arrow's (and Parquet's) own UUID type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells import Cells, ColumnReading, Decode, as_array, check_lengths, validity

UUID_BYTES = 16


def decode_uuid(cql_name: str, arrow_type: Any, path: str) -> Decode:
    """The bytes in their order; neither Arrow nor Parquet reorders them."""

    def decode(cells: Cells, reading: ColumnReading) -> Any:
        cells = reading.without_zero_length(cells, path)
        check_lengths(cells, frozenset({UUID_BYTES}), path, cql_name)
        if arrow_type == pa.string():
            return as_array([None if cell is None else _uuid_text(cell.hex()) for cell in cells], arrow_type, path)
        absent = bytes(UUID_BYTES)
        data = pa.py_buffer(b"".join([absent if cell is None else cell for cell in cells]))
        storage = pa.Array.from_buffers(pa.binary(UUID_BYTES), len(cells), [validity(cells), data])
        return pa.ExtensionArray.from_storage(arrow_type, storage)

    return decode


def _uuid_text(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
