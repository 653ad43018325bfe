"""Reads source rows of the plan's files, in order: row groups that are wanted, the rows of them that are selected.

Row groups that a filter's statistics rule out, that ``skip_rows`` leaves out as a whole, or that an earlier try has
finished are not read. Note: ``skip_rows`` and ``max_rows`` count rows that ``where`` selects, so with a filter nothing
can be skipped unread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.errors import SourceChangedError, SourceFileError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.importing.plan.file_plan import FilePlan
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.read.record_batch_rows import RecordBatchRows
from airflow_provider_cqlai.engine.importing.row_types import RowCounts, RowGroup, RowGroupEnd, SourceRows
from airflow_provider_cqlai.engine.importing.sources.int96 import (
    find_finer,
    read_record_batches,
    without_digits,
)
from airflow_provider_cqlai.engine.importing.sources.source_stream import DAMAGE_ERRORS
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.types.foreign.view_types import plain_record_batch, plain_schema


class _Selection:
    """How many of the selected rows are still to be skipped, and to be given out."""

    def __init__(self, skip_rows: int, max_rows: int | None) -> None:
        self.to_skip = skip_rows
        self.to_give = max_rows

    def take(self, count: int) -> tuple[int, int]:
        """Of the next ``count`` rows, from which to before which are wanted."""
        first = min(self.to_skip, count)
        self.to_skip -= first
        wanted = count - first if self.to_give is None else min(self.to_give, count - first)
        if self.to_give is not None:
            self.to_give -= wanted
        return first, first + wanted


def read_source_rows(
    plan: ImportPlan, finished: Mapping[RowGroup, int] = MappingProxyType({})
) -> Iterator[SourceRows | RowGroupEnd]:
    """All wanted rows of all files in their order, and a `RowGroupEnd` after each row group.

    Args:
        plan: of the import; of the rows that ``where`` selects, ``skip_rows`` are left out at the beginning, and
            ``max_rows`` are given out at the most.
        finished: row groups that are not read, and how many rows an earlier try with the same options gave out of them.

    Raises:
        SourceFileError: a file is damaged.
        SourceChangedError: a file is another one than when it was planned.
        ValueDoesNotFitError: a timestamp of 96 bits has digits that cannot be read and matter.
    """
    selection = _Selection(plan.options.skip_rows, plan.options.max_rows)
    for file_index, file in enumerate(plan.files):
        for item in _read_file(file_index, file, selection, finished):
            yield _whole_rows(plan.table, item) if isinstance(item, SourceRows) else item


def _read_file(
    file_index: int, file: FilePlan, selection: _Selection, finished: Mapping[RowGroup, int]
) -> Iterator[SourceRows | RowGroupEnd]:
    possible = file.row_filter.find_row_groups(file.file) if file.row_filter is not None else None
    first_row = 0
    with ExitStack() as stack:
        parquet_file: pq.ParquetFile | None = None
        record_batch_rows = RecordBatchRows()
        for number, row_count in enumerate(file.row_group_rows):
            group = RowGroup(file_index, number)
            given = 0
            if group in finished:
                if file.row_filter is None:
                    # Its rows go on being counted.
                    selection.take(row_count)
                resumed = finished[group]
                yield RowGroupEnd(group, RowCounts(skipped=row_count - resumed, resumed=resumed))
            else:
                start, stop = 0, row_count
                if file.row_filter is None:
                    # Which rows are wanted is known before any is read.
                    start, stop = selection.take(row_count)
                elif selection.to_give == 0 or (possible is not None and number not in possible):
                    stop = 0
                if start < stop:
                    # Opened once, and not at all where nothing of the file is wanted.
                    if parquet_file is None:
                        parquet_file = stack.enter_context(file.file.open())
                        _check_unchanged(parquet_file, file)
                    record_batches = _read_record_batches(parquet_file, file, number, record_batch_rows)
                    for rows in _select_rows(record_batches, file, group, first_row, start, stop, selection):
                        given += len(rows)
                        yield rows
                yield RowGroupEnd(group, RowCounts(read=given, skipped=row_count - given))
            first_row += row_count


def _check_unchanged(parquet_file: pq.ParquetFile, file: FilePlan) -> None:
    """A file that was replaced since it was planned may have more rows, which nobody would miss."""
    metadata = parquet_file.metadata
    row_group_rows = tuple(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
    types = {field.name: field.type for field in plain_schema(parquet_file.schema_arrow)}
    planned = {name: field.type for name, field in file.source_fields.items()}
    if row_group_rows != file.row_group_rows or types != planned:
        raise SourceChangedError(f"{file.file}: the file was replaced after it had been checked; run the import again")


def _read_record_batches(
    parquet_file: pq.ParquetFile, file: FilePlan, row_group: int, record_batch_rows: RecordBatchRows
) -> Iterator[Any]:
    columns = file.file_columns

    def read(rows: int) -> Iterator[Any]:
        with told_damage(parquet_file, file.file, row_group, columns, rows):
            yield from read_record_batches(parquet_file, file.file, row_group, columns, rows)

    record_batches = record_batch_rows.read(parquet_file, row_group, columns, read)
    schema = parquet_file.schema_arrow
    # Looked at once for all of them: most files have no views.
    return record_batches if plain_schema(schema) == schema else map(plain_record_batch, record_batches)


@contextmanager
def told_damage(
    parquet_file: pq.ParquetFile, file: SourceFile, row_group: int, columns: Sequence[str], batch_rows: int
) -> Iterator[None]:
    """Name the place in an error about pages of ``columns`` in ``row_group``, which are read ``batch_rows`` at a time.

    Those of pyarrow name neither the row group nor the column.

    Raises:
        SourceFileError: pages are damaged.
    """
    try:
        yield
    except DAMAGE_ERRORS as error:
        name = _find_damaged_column(parquet_file, row_group, columns, batch_rows)
        place = f"row group {row_group}" + (f", column {name}" if name is not None else "")
        raise SourceFileError(f"{file}: {place}: the file is damaged: {error}") from error


def _find_damaged_column(
    parquet_file: pq.ParquetFile, row_group: int, columns: Sequence[str], batch_rows: int
) -> str | None:
    """The first that cannot be read alone."""
    for name in columns:
        try:
            for _ in parquet_file.iter_batches(batch_rows, row_groups=[row_group], columns=[name], use_threads=False):
                pass
        except DAMAGE_ERRORS:
            return name
    return None


def _select_rows(
    record_batches: Iterator[Any],
    file: FilePlan,
    group: RowGroup,
    first_row: int,
    start: int,
    stop: int,
    selection: _Selection,
) -> Iterator[SourceRows]:
    """The rows from ``start`` to before ``stop`` of a row group whose first row is ``first_row`` of its file."""
    row = 0
    for record_batch in record_batches:
        end = row + record_batch.num_rows
        first, last = max(start, row), min(stop, end)
        if first < last:
            chosen = record_batch.slice(first - row, last - first)
            numbers = np.arange(first_row + first, first_row + last)
            if file.row_filter is not None:
                _check_compared(file, chosen, first_row + first)
                chosen, numbers = file.row_filter.select(chosen, numbers)
                begin, until = selection.take(len(numbers))
                chosen, numbers = chosen.slice(begin, until - begin), numbers[begin:until]
            if len(numbers):
                yield SourceRows(group, file, chosen, numbers)
        row = end
        if row >= stop:
            return
    raise SourceFileError(f"{file.file}: row group {group.row_group} has {row} rows, {stop} were expected")


def _check_compared(file: FilePlan, record_batch: Any, first_row: int) -> None:
    """``where`` sees microseconds, and would select others than those that the file's values say."""
    found = find_finer(record_batch, file.exactly_compared)
    if found is not None:
        name, place, text = found
        raise ValueDoesNotFitError(
            f"{file.file}: row {first_row + place:,}: where: {name} is {text}, which can be compared by < and >= only:"
            " its digits below a microsecond cannot be read",
            column=name,
        )


def _whole_rows(table: TableMetadata, rows: SourceRows) -> SourceRows:
    """The rows without digits that nothing asks for; raised rather than rejected, since a rejected row lacks them."""
    found = find_finer(rows.record_batch, rows.file.exact_columns)
    rows = replace(rows, record_batch=without_digits(rows.record_batch))
    if found is not None:
        name, place, text = found
        raise ValueDoesNotFitError(
            f"{table}: column {name} of the file: {text} has digits below a microsecond (allow_lossy cuts those of a"
            f" timestamp that is written to a column); {rows.describe_row(place)}",
            table=table.qualified_name,
            column=name,
            primary_key=rows.primary_key(place),
        )
    return rows
