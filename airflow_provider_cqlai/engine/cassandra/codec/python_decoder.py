"""The reference codec: decodes pages to record batches in plain Python, always present, the oracle of any faster one.

A page is first cut into cells, with bounds checked; then each column is decoded as a whole by the one function that was
chosen when the decoder was opened.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.cassandra.codec.key_text import cell_text
from airflow_provider_cqlai.engine.cassandra.codec.page_columns import PageColumns
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import CorruptPageError, CqlaiError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.types.cells.cells import CellError, Cells, ColumnReading, MisfitCellError
from airflow_provider_cqlai.engine.types.column import ResultColumn

_read_int = struct.Struct(">i").unpack_from
# A record batch counts the bytes of a column with 32 bits.
_MAX_PAGE_BYTES = 2**31 - 1


class PythonRowDecoder:
    """A `decoder.RowDecoder`. It keeps no state between pages but the count of zero-length cells."""

    def __init__(
        self,
        columns: Sequence[ResultColumn],
        *,
        driver_columns: Sequence[tuple[str, type]],
        table: str,
        primary_key: Sequence[str],
    ) -> None:
        """See `decoder.open_row_decoder`."""
        self.columns = tuple(columns)
        self.page_columns = PageColumns(driver_columns, table)
        self.table = table
        self.decodes = [column.open_decode() for column in columns]
        self._primary_key = frozenset(primary_key)
        self._arrow_schema = pa.schema([column.arrow_field for column in columns])
        self._zero_length_cells: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def arrow_schema(self) -> Any:
        return self._arrow_schema

    @property
    def zero_length_cells(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._zero_length_cells)

    def count_zero_length(self, cells: Mapping[str, int]) -> None:
        """Add those of one page to `zero_length_cells`."""
        with self._lock:
            for name, number in cells.items():
                self._zero_length_cells[name] = self._zero_length_cells.get(name, 0) + number

    def decode(self, page: RawPage) -> Any:
        self.page_columns.check(page)
        cells = self._split(page)
        arrays = []
        zero_length_cells = {}
        for column, decode, column_cells in zip(self.columns, self.decodes, cells, strict=True):
            reading = ColumnReading(is_primary_key=column.is_primary_key)
            try:
                arrays.append(decode(column_cells, reading))
            except CellError as error:
                raise self._translate(error, column, cells) from error
            if reading.zero_length_cells:
                zero_length_cells[column.name] = reading.zero_length_cells
        self.count_zero_length(zero_length_cells)
        # A thread keeps what other threads freed of its memory until it asks: 7 % of an export's peak.
        pa.default_memory_pool().release_unused()
        return pa.RecordBatch.from_arrays(arrays, schema=self._arrow_schema)

    def _split(self, page: RawPage) -> list[list[bytes | None]]:
        """The page's cells by column."""
        column_count = len(self.columns)
        cell_count = page.row_count * column_count
        # Every cell has a length of 4 bytes: a row count beyond that is a lie, and not looped over.
        if not 0 <= cell_count <= page.byte_count // 4 or page.byte_count > _MAX_PAGE_BYTES:
            raise self._corrupt(page)
        body, offset = page.body, page.rows_offset
        cells: list[bytes | None] = []
        append = cells.append
        try:
            for _ in range(cell_count):
                (length,) = _read_int(body, offset)
                offset += 4
                if length < 0:
                    append(None)
                else:
                    append(body[offset : offset + length])
                    offset += length
        except struct.error:
            raise self._corrupt(page) from None
        if offset != len(body):
            raise self._corrupt(page)
        return [cells[index::column_count] for index in range(column_count)]

    def _corrupt(self, page: RawPage) -> CorruptPageError:
        return CorruptPageError(
            f"{self.table}: a page of {page.byte_count} bytes does not hold {page.row_count} rows of"
            f" {len(self.columns)} columns",
            table=self.table,
        )

    def _translate(self, error: CellError, column: ResultColumn, cells: Sequence[Cells]) -> CqlaiError:
        primary_key = {
            key.name: cell_text(decode, key_cells[error.position])
            for key, decode, key_cells in zip(self.columns, self.decodes, cells, strict=True)
            if key.name in self._primary_key
        }
        row = ", ".join(f"{name}={text}" for name, text in primary_key.items())
        place = f"{self.table}, column {error.path}, row {row or 'unknown (no key column was selected)'}"
        details = {"table": self.table, "column": error.path, "primary_key": primary_key}
        if not isinstance(error, MisfitCellError):
            return CorruptPageError(f"{place}: {error.reason}", **details)
        override = error.overrides[0] if error.overrides else None
        holds = " or ".join(f'types={{"{error.path}": "{text}"}}' for text in error.overrides)
        remedy = f"{holds} holds what {column.arrow_field.type} cannot; " if holds else ""
        message = f"{remedy}{place}: {error.reason} does not fit {column.arrow_field.type}"
        return ValueDoesNotFitError(message, **details, override=override)
