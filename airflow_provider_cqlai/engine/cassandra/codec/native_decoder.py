"""The native codec: decodes pages to record batches in Rust, without the GIL and without a Python object per value.

A record batch shares no memory with its `RawPage`. Note: the compiled half never says why it cannot decode a page; the
reference codec then decodes the same page, and raises the error or returns the rows after all (numbers of more than 32
bytes are left to it), so that both codecs have the same results and the same errors.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai._native import Decoder
from airflow_provider_cqlai.engine.cassandra.codec.arrow_capsules import CapsulePair
from airflow_provider_cqlai.engine.cassandra.codec.native_plan import native_plan
from airflow_provider_cqlai.engine.cassandra.codec.python_decoder import PythonRowDecoder
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.types.cells.cells import CellError, ColumnReading

logger = logging.getLogger(__name__)


class NativeRowDecoder:
    """A `decoder.RowDecoder`. It keeps no state between pages but its counts."""

    def __init__(self, reference: PythonRowDecoder) -> None:
        """``reference`` is what it decodes like; it is handed over."""
        self._reference = reference
        self._columns = reference.columns
        self._decoder = Decoder([(native_plan(column), column.is_primary_key) for column in self._columns])
        # Such a column leaves Rust as bytes.
        self._handled = {
            index: reference.decodes[index]
            for index, column in enumerate(self._columns)
            if column.needs_reference_codec
        }
        self._decoded_schema = pa.schema(
            [
                pa.field(column.name, pa.binary()) if column.needs_reference_codec else column.arrow_field
                for column in self._columns
            ]
        )
        self._reference_pages = 0
        self._lock = threading.Lock()

    @property
    def arrow_schema(self) -> Any:
        return self._reference.arrow_schema

    @property
    def zero_length_cells(self) -> Mapping[str, int]:
        return self._reference.zero_length_cells

    @property
    def reference_pages(self) -> int:
        """Pages that the reference codec decoded, since the compiled half could not."""
        return self._reference_pages

    def decode(self, page: RawPage) -> Any:
        self._reference.page_columns.check(page)
        decoded = self._decoder.decode(page.body, page.rows_offset, page.row_count)
        if decoded is None:
            return self._decode_with_reference(page)
        array, zero_length_cells = decoded
        record_batch = pa.record_batch(CapsulePair(self._decoded_schema.__arrow_c_schema__(), array))
        counts = {column.name: count for column, count in zip(self._columns, zero_length_cells, strict=True) if count}
        if self._handled:
            try:
                record_batch = self._with_handled_columns(record_batch, counts)
            except CellError:
                return self._decode_with_reference(page)
        if counts:
            self._reference.count_zero_length(counts)
        return record_batch

    def _decode_with_reference(self, page: RawPage) -> Any:
        record_batch = self._reference.decode(page)
        with self._lock:
            self._reference_pages += 1
            is_first = self._reference_pages == 1
        if is_first:
            logger.info(
                "%s: some values are beyond the native codec; the reference codec decodes them", self._reference.table
            )
        return record_batch

    def _with_handled_columns(self, record_batch: Any, counts: dict[str, int]) -> Any:
        arrays = list(record_batch.columns)
        for index, decode in self._handled.items():
            reading = ColumnReading(is_primary_key=self._columns[index].is_primary_key)
            arrays[index] = decode(arrays[index].to_pylist(), reading)
            if reading.zero_length_cells:
                counts[self._columns[index].name] = reading.zero_length_cells
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow_schema)
