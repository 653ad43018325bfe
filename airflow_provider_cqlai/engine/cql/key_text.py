"""The text of one primary key cell, for an error that must name a row.

What flows in is a cell and its column's decoder; what flows out is a short text. The row is already in trouble here, so
a cell that cannot be decoded itself is shown as its bytes.
"""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells import CellError, ColumnReading, Decode

# Longer keys are cut: the text is for a message.
MAX_KEY_CHARACTERS = 200
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def cell_text(decode: Decode, cell: bytes | None) -> str:
    """One cell as text, its bytes in hexadecimal where it has no other."""
    try:
        text = _value_text(decode([cell], ColumnReading(is_primary_key=False)))
    except (CellError, ValueError, OverflowError, pa.ArrowException):
        text = f"0x{(cell or b'').hex()}"
    return text if len(text) <= MAX_KEY_CHARACTERS else f"{text[:MAX_KEY_CHARACTERS]}..."


def _value_text(array: Any) -> str:
    if array.type == pa.binary() and array.null_count == 0:
        return f"0x{array[0].as_py().hex()}"
    if pa.types.is_timestamp(array.type) and array.type.unit == "ms" and array.null_count == 0:
        milliseconds = array.view(pa.int64())[0].as_py()
        return (_EPOCH + datetime.timedelta(milliseconds=milliseconds)).isoformat()
    return str(array[0].as_py())
