"""uuid and timeuuid: 16 bytes, as text of 36 characters or as Arrow's (and Parquet's) own UUID type."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import (
    Cells,
    ColumnReading,
    Decode,
    Encode,
    as_array,
    check_lengths,
    encode_each,
    validity,
)

UUID_BYTES = 16
_UUID_TEXT = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


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


def encode_uuid(cql_name: str, arrow_type: Any, path: str) -> Encode:
    """36 characters, or the 16 bytes as they are."""
    if arrow_type == pa.string():
        return lambda array: encode_each(
            array.to_pylist(), _uuid_bytes, path, "a text that is no uuid of 36 characters"
        )
    return lambda array: array.storage.to_pylist()


def _uuid_bytes(text: str) -> bytes | None:
    return bytes.fromhex(text.replace("-", "")) if _UUID_TEXT.fullmatch(text) else None
