"""Chooses how many rows to read at once, so that record batches have about the same size however large a row is.

Note: a file's footer does not tell enough, since of values that repeat it has the size of one; so where values may, few
rows are read at first, and what was read decides how many are next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.files.formats.parquet_columns import leaf_arrays, leaf_columns

MAX_RECORD_BATCH_ROWS = 5_000
RECORD_BATCH_BYTES = 8 * 1024 * 1024
# Rows read so far are read again where the number changes, so small changes are not worth it.
_WORTH_CHANGING = 2
_VALUE_BYTES = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 8, "FLOAT": 4, "DOUBLE": 8}
# Each value is stored whole; with any other encoding many may share what is stored once.
_WHOLE_ENCODINGS = frozenset({"PLAIN", "RLE", "BIT_PACKED", "DELTA_LENGTH_BYTE_ARRAY"})

ReadRecordBatches = Callable[[int], Iterator[pa.RecordBatch]]


class RecordBatchRows:
    """The number of rows for the next record batch of one file."""

    def __init__(self) -> None:
        # Bytes of a row: on average in the record batch of this row group that has most, and in the last one.
        self._largest: int | None = None
        self._last: int | None = None

    def read(
        self, parquet_file: pq.ParquetFile, row_group: int, columns: Sequence[str], read: ReadRecordBatches
    ) -> Iterator[pa.RecordBatch]:
        """The rows of ``row_group``, each once and in order; ``read`` begins anew with the rows asked for."""
        least, most = _row_bytes(parquet_file, row_group, columns)
        self._largest = self._last
        rows = _rows_of(most if self._last is None else max(least, self._last))
        given = 0
        is_finished = False
        while not is_finished:
            end = 0
            for record_batch in read(rows):
                start, end = end, end + record_batch.num_rows
                if end <= given:
                    continue
                record_batch = record_batch.slice(max(0, given - start))
                given = end
                yield record_batch
                wanted = self._measure(record_batch, least)
                if wanted * _WORTH_CHANGING <= rows or wanted >= rows * _WORTH_CHANGING:
                    rows = wanted
                    break
            else:
                is_finished = True

    def _measure(self, record_batch: pa.RecordBatch, least: int) -> int:
        self._last = -(-_decoded_bytes(record_batch) // max(1, record_batch.num_rows))
        # So within a row group it grows at the beginning only and shrinks a few times, each of which reads rows again.
        self._largest = max(self._last, self._largest or 0)
        return _rows_of(max(least, self._largest))


def _rows_of(row_bytes: int) -> int:
    return max(1, min(MAX_RECORD_BATCH_ROWS, RECORD_BATCH_BYTES // max(1, row_bytes)))


def _row_bytes(parquet_file: pq.ParquetFile, row_group: int, columns: Sequence[str]) -> tuple[int, int]:
    """What a row of ``columns`` has at least on average, and at most if all values were the largest."""
    metadata = parquet_file.metadata.row_group(row_group)
    least = most = 0
    for number, name in enumerate(leaf_columns(parquet_file)):
        if name in columns:
            leaf = metadata.column(number)
            width = parquet_file.schema.column(number).length or _VALUE_BYTES.get(leaf.physical_type, 0)
            stored = -(-max(leaf.total_uncompressed_size, leaf.num_values * width) // max(1, metadata.num_rows))
            is_whole = leaf.physical_type != "BYTE_ARRAY" or _WHOLE_ENCODINGS.issuperset(leaf.encodings)
            least += stored
            most += stored if is_whole else max(stored, leaf.total_uncompressed_size)
    return least, most


def _decoded_bytes(record_batch: pa.RecordBatch) -> int:
    if not any(pa.types.is_nested(field.type) or pa.types.is_dictionary(field.type) for field in record_batch.schema):
        return int(record_batch.nbytes)
    leaves = (leaf for name, array in zip(record_batch.schema.names, record_batch.columns, strict=True)
              for _, leaf in leaf_arrays(name, array))  # fmt: skip
    return sum(_leaf_bytes(leaf) for leaf in leaves)


def _leaf_bytes(leaf: Any) -> int:
    if isinstance(leaf, pa.DictionaryArray):
        # Every record batch has the whole dictionary, of which it may use a little.
        return int(leaf.indices.nbytes + len(leaf) * leaf.dictionary.nbytes // max(1, len(leaf.dictionary)))
    return int(leaf.nbytes)
