"""Timestamps of 96 bits (INT96: Impala, Hive, Spark), whose digits below a microsecond Arrow drops.

Such a column is read three times: in microseconds, which reach every year that people write; in nanoseconds, which wrap
around outside of 1677 to 2262, for the digits below a microsecond; and in milliseconds, which never wrap around, for
days that even microseconds do not reach, as a negative one is read. The digits become columns beside those that have
any and go through ``where`` with their rows. Note: whoever takes the values first looks at the digits (`find_finer`)
and then leaves them out (`without_digits`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.formats.parquet_columns import leaf_arrays, leaf_columns
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_numpy

_MICROSECONDS = pa.timestamp("us")
_MILLISECONDS = pa.timestamp("ms")
_PER_MICROSECOND = 1000
_MOST_MILLISECONDS = (2**63 - 1) // 1000
# No file has a column whose name begins so that anybody could ask for.
_DIGITS = "\0digits of "


def read_record_batches(
    parquet_file: pq.ParquetFile, file: SourceFile, row_group: int, columns: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a row group; ``columns`` of 96 bits are read three times.

    Raises:
        ValueDoesNotFitError: a nested value with digits below a microsecond, or a day that microseconds do not reach.
    """
    record_batches = parquet_file.iter_batches(batch_rows, row_groups=[row_group], columns=columns, use_threads=False)
    doubtful = find_columns_of_96_bits(parquet_file, columns)
    if not doubtful:
        yield from record_batches
        return
    with file.open(int96_unit="ns") as finer, file.open(int96_unit="ms") as wider:
        others = [
            opened.iter_batches(batch_rows, row_groups=[row_group], columns=doubtful, use_threads=False)
            for opened in (finer, wider)
        ]
        for record_batch, fine, wide in zip(record_batches, *others, strict=True):
            _check_reach(wide, file)
            yield _add_digits(record_batch, fine, doubtful, file)


def find_columns_of_96_bits(parquet_file: pq.ParquetFile, columns: Sequence[str]) -> list[str]:
    """Those of ``columns`` that have such timestamps, also inside of their values."""
    schema = parquet_file.schema
    if all(schema.column(number).physical_type != "INT96" for number in range(len(schema))):
        return []
    owners = leaf_columns(parquet_file)
    found = {name for number, name in enumerate(owners) if schema.column(number).physical_type == "INT96"}
    return [name for name in columns if name in found]


def find_finer(record_batch: Any, columns: Collection[str]) -> tuple[str, int, str] | None:
    """The first value of ``columns`` with digits below a microsecond: its column, its place and its text."""
    for name in columns:
        index = record_batch.schema.get_field_index(_DIGITS + name)
        if index >= 0 and (places := np.flatnonzero(to_numpy(record_batch.column(index), np.int64))).size:
            place = int(places[0])
            text = record_batch.column(name).slice(place, 1).cast(pa.string())[0].as_py()
            return name, place, f"{text}{record_batch.column(index)[place].as_py():03d}"
    return None


def without_digits(record_batch: Any) -> Any:
    """The columns that the file has."""
    return record_batch.select([name for name in record_batch.schema.names if not name.startswith(_DIGITS)])


def _add_digits(
    record_batch: pa.RecordBatch, fine: pa.RecordBatch, doubtful: Sequence[str], file: SourceFile
) -> pa.RecordBatch:
    for name in doubtful:
        microseconds, nanoseconds = record_batch.column(name), fine.column(name)
        if microseconds.type == _MICROSECONDS:
            digits = _digits(microseconds, nanoseconds)
            if digits.any():
                record_batch = record_batch.append_column(_DIGITS + name, pa.array(digits))
        elif _has_nested_finer(name, microseconds, nanoseconds):
            raise ValueDoesNotFitError(
                f"{file}: column {name} has timestamps of 96 bits with digits below a microsecond inside of its values;"
                " write them as timestamps of 64 bits",
                column=name,
            )
    return record_batch


def _check_reach(milliseconds: pa.RecordBatch, file: SourceFile) -> None:
    for name, array in zip(milliseconds.schema.names, milliseconds.columns, strict=True):
        for _, leaf in leaf_arrays(name, array):
            if leaf.type == _MILLISECONDS:
                numbers = np.where(null_mask(leaf), 0, to_numpy(leaf, np.int64))
                if numbers.size and (numbers.max() > _MOST_MILLISECONDS or numbers.min() < -_MOST_MILLISECONDS):
                    raise ValueDoesNotFitError(
                        f"{file}: column {name} has a timestamp of 96 bits whose day is negative, or so far away that"
                        " no timestamp of 64 bits has it; write the column as timestamps of 64 bits",
                        column=name,
                    )


def _digits(microseconds: pa.Array, nanoseconds: pa.Array) -> np.ndarray:
    # Wrapped around by the same number of bits, so the difference is right in any year.
    digits = to_numpy(nanoseconds, np.int64) - to_numpy(microseconds, np.int64) * _PER_MICROSECOND
    return np.where(null_mask(microseconds), 0, digits)


def _has_nested_finer(name: str, microseconds: pa.Array, nanoseconds: pa.Array) -> bool:
    pairs = zip(leaf_arrays(name, microseconds), leaf_arrays(name, nanoseconds), strict=True)
    return any(_digits(leaf, fine_leaf).any() for (_, leaf), (_, fine_leaf) in pairs if leaf.type == _MICROSECONDS)
