"""The text of one primary key cell, for an error that must name a row.

The text is short and made by the column's decoder. Note: a cell that cannot be decoded is shown as its bytes, since the
row is already in trouble here.
"""

from __future__ import annotations

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cells import CellError, ColumnReading, Decode
from airflow_provider_cqlai.engine.types.cells.value_text import shorten, value_text


def cell_text(decode: Decode, cell: bytes | None) -> str:
    """One cell as text, its bytes in hexadecimal where it has no other."""
    try:
        return value_text(decode([cell], ColumnReading(is_primary_key=False)))
    except (CellError, ValueError, OverflowError, pa.ArrowException):
        return shorten(f"0x{(cell or b'').hex()}")
