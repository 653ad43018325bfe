"""Timestamps of 96 bits (INT96: Impala, Hive, Spark), whose digits below a microsecond Arrow drops.

Such a column is read in microseconds, which reach every year; nanoseconds wrap around outside of 1677 to 2262. What
flows in is a record batch, and the same columns in nanoseconds; what flows out is a record batch in which no value with
finer digits looks like one without: the step to Cassandra's milliseconds then refuses it, or cuts it where that is
allowed, as it does with any digits below a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.parquet_columns import leaf_arrays
from airflow_provider_cqlai.engine.importing.sources import SourceFile
from airflow_provider_cqlai.engine.types.number_arrays import null_mask, to_array, to_numpy

_MICROSECONDS = pa.timestamp("us")
_PER_MICROSECOND = 1000
_PER_MILLISECOND = 1000


def read_record_batches(
    parquet_file: pq.ParquetFile, file: SourceFile, row_group: int, columns: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a row group; ``columns`` of 96 bits are read twice.

    Raises:
        ValueDoesNotFitError: a nested value with digits below a microsecond.
    """
    record_batches = parquet_file.iter_batches(batch_rows, row_groups=[row_group], columns=columns, use_threads=False)
    doubtful = _columns_of_96_bits(parquet_file, columns)
    if not doubtful:
        yield from record_batches
        return
    with file.open(int96_unit="ns") as finer:
        nanoseconds = finer.iter_batches(batch_rows, row_groups=[row_group], columns=doubtful, use_threads=False)
        for record_batch, fine in zip(record_batches, nanoseconds, strict=True):
            yield _mark_finer(record_batch, fine, file)


def _columns_of_96_bits(parquet_file: pq.ParquetFile, columns: Sequence[str]) -> list[str]:
    schema = parquet_file.schema
    leaves = (schema.column(number) for number in range(len(schema)))
    found = {leaf.path.split(".")[0] for leaf in leaves if leaf.physical_type == "INT96"}
    return [name for name in columns if name in found]


def _mark_finer(record_batch: pa.RecordBatch, fine: pa.RecordBatch, file: SourceFile) -> pa.RecordBatch:
    for name, nanoseconds in zip(fine.schema.names, fine.columns, strict=True):
        place = record_batch.schema.get_field_index(name)
        microseconds = record_batch.column(place)
        if microseconds.type == _MICROSECONDS:
            marked = _marked(microseconds, _has_finer(microseconds, nanoseconds))
            record_batch = record_batch.set_column(place, record_batch.schema.field(place), marked)
        elif _has_nested_finer(name, microseconds, nanoseconds):
            raise ValueDoesNotFitError(
                f"{file}: column {name} has timestamps of 96 bits with digits below a microsecond inside of its values;"
                " write them as timestamps of 64 bits",
                column=name,
            )
    return record_batch


def _has_finer(microseconds: pa.Array, nanoseconds: pa.Array) -> np.ndarray:
    # Wrapped around by the same number of bits, so the difference is right in any year.
    digits = to_numpy(nanoseconds, np.int64) - to_numpy(microseconds, np.int64) * _PER_MICROSECOND
    return np.asarray((digits != 0) & ~null_mask(microseconds))


def _has_nested_finer(name: str, microseconds: pa.Array, nanoseconds: pa.Array) -> bool:
    pairs = zip(leaf_arrays(name, microseconds), leaf_arrays(name, nanoseconds), strict=True)
    return any(_has_finer(leaf, fine_leaf).any() for (_, leaf), (_, fine_leaf) in pairs if leaf.type == _MICROSECONDS)


def _marked(microseconds: pa.Array, is_finer: np.ndarray) -> pa.Array:
    numbers = to_numpy(microseconds, np.int64)
    # Of whole milliseconds with finer digits nothing would be left to see.
    is_unseen = is_finer & (numbers % _PER_MILLISECOND == 0)
    if not is_unseen.any():
        return microseconds
    return to_array(numbers + is_unseen, null_mask(microseconds)).view(_MICROSECONDS)
