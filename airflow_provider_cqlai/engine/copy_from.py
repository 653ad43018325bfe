"""COPY FROM: Parquet becomes rows of a table (specification, "COPY FROM Parquet").

Reads top to bottom as it happens: find the files, check all of them, stream record batches, write, count. Nothing is
written before every file was checked, and the call returns only when the cluster confirmed every row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from cassandra.cluster import Session
from cassandra.query import PreparedStatement
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cql.engine_session import open_own_session
from airflow_provider_cqlai.engine.cql.row_codec import codec_name
from airflow_provider_cqlai.engine.cql.row_writer import RowWriter
from airflow_provider_cqlai.engine.cql.table_metadata import TableMetadata, load_table_metadata
from airflow_provider_cqlai.engine.errors import RowWriteError, SourceFileError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.import_options import CopyFromOptions
from airflow_provider_cqlai.engine.import_plan import FilePlan, ImportPlan, plan_import
from airflow_provider_cqlai.engine.import_rows import RowSender
from airflow_provider_cqlai.engine.import_sources import find_source_files
from airflow_provider_cqlai.engine.partition_filter import read_partition_filter
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import ImportedFile, ImportResult
from airflow_provider_cqlai.engine.types.conversion import CONVERSION_ERRORS

logger = logging.getLogger(__name__)

# Rows that are decoded, converted and encoded at once; a row group's partitions are usually longer than that.
RECORD_BATCH_ROWS = 5_000


def copy_from(
    session: Session,
    options: CopyFromOptions,
    *,
    filesystem: AbstractFileSystem | None = None,
    cancellation: Cancellation | None = None,
) -> ImportResult:
    """Write the rows of the files that ``options`` describe to a table.

    Args:
        session: connected; the engine opens a session of its own on the same cluster and leaves this one alone.
        options: what to read and how to write; every field is explained there.
        filesystem: where ``options.path`` lies; None resolves its URI with fsspec and the environment's credentials.
        cancellation: raised from elsewhere, ends the import; rows that are in flight may still be written.

    Returns:
        What was read and what the cluster confirmed.

    Raises:
        CqlaiError: see `engine.errors`. Running the import again is safe: it writes the same rows.
    """
    cancellation = cancellation or Cancellation()
    progress = Progress(f"{', '.join(options.path)} to {options.table}", options.progress_interval_seconds)
    logger.info("importing %s to %s with the %s codec", ", ".join(options.path), options.table, codec_name())
    table = load_table_metadata(session, options.table)
    files = find_source_files(
        tuple(options.path), options.window, filesystem, read_partition_filter(options.partition_filter)
    )
    with open_own_session(session) as own_session:
        plan = plan_import(own_session, table, files, options)

        def open_writer(statement: PreparedStatement, column_count: int) -> RowWriter:
            return RowWriter(
                own_session,
                statement,
                options,
                column_count=column_count,
                table=table.qualified_name,
                keyspace=table.keyspace,
                has_multi_cell_lists=plan.has_multi_cell_lists,
                cancellation=cancellation,
            )

        sender = RowSender(plan, None if options.dry_run else open_writer)
        imported = _send_files(plan, sender, options, progress, cancellation)
        rows_written, bytes_written = sender.drain()
    rows_read = sum(file.rows for file in imported)
    if not options.dry_run and rows_written != rows_read:
        raise RowWriteError(f"{table}: {rows_read} rows were read but {rows_written} were confirmed")
    result = ImportResult(
        table=table.qualified_name,
        rows=rows_read,
        files=tuple(imported),
        bytes=bytes_written,
        duplicate_rows=sender.duplicate_rows,
        skipped_rows=plan.rows - rows_read,
        elapsed_seconds=progress.elapsed_seconds,
        is_dry_run=options.dry_run,
        codec=codec_name(),
        columns={name: table.column(name).cql_text for name in plan.columns},
    )
    _log_result(result)
    return result


def _log_result(result: ImportResult) -> None:
    if result.duplicate_rows:
        logger.warning(
            "%s: %s the primary key of an earlier row near it; the last one in file order won",
            result.table, count_of(result.duplicate_rows, "row had", "rows had"),
        )  # fmt: skip
    logger.info(
        "%s: %s %s from %s in %.1f s", result.table, "would write" if result.is_dry_run else "wrote",
        count_of(result.rows, "row"), count_of(len(result.files), "file"), result.elapsed_seconds,
    )  # fmt: skip


def _send_files(
    plan: ImportPlan, sender: RowSender, options: CopyFromOptions, progress: Progress, cancellation: Cancellation
) -> list[ImportedFile]:
    imported = []
    rows_to_skip = options.skip_rows
    rows_to_write = plan.rows if options.max_rows is None else options.max_rows
    for file in plan.files:
        skipped = min(rows_to_skip, file.rows)
        wanted = min(rows_to_write, file.rows - skipped)
        rows_to_skip -= skipped
        rows_to_write -= wanted
        sent = 0
        for first_row, record_batch in _read_record_batches(file, skipped, wanted):
            cancellation.raise_if_cancelled()
            sender.send(file, _convert(file, record_batch, plan.table, first_row=first_row))
            sent += record_batch.num_rows
            progress.add_rows(record_batch.num_rows, record_batch.nbytes)
            progress.finish_read(record_batch.num_rows / max(1, plan.rows))
            progress.log_if_due()
        if sent != wanted:
            raise SourceFileError(f"{file.file}: {wanted} rows were expected, {sent} were read")
        imported.append(ImportedFile(path=str(file.file), rows=sent))
    return imported


def _read_record_batches(file: FilePlan, skip: int, count: int) -> Iterator[tuple[int, Any]]:
    """Record batches of the rows from ``skip`` on, each with the number of its first row; at most ``count`` rows."""
    if not count:
        return
    row, end = 0, skip + count
    with file.file.open() as parquet_file:
        for record_batch in parquet_file.iter_batches(RECORD_BATCH_ROWS, columns=file.file_columns, use_threads=False):
            first, last = max(skip, row), min(end, row + record_batch.num_rows)
            if first < last:
                yield first, record_batch.slice(first - row, last - first)
            row += record_batch.num_rows
            if row >= end:
                return


def _convert(file: FilePlan, record_batch: Any, table: TableMetadata, *, first_row: int) -> Any:
    """The record batch with the columns and types that the encoder takes."""
    arrays = []
    for column in file.columns:
        try:
            arrays.append(column.read(record_batch))
        except CONVERSION_ERRORS as error:
            raise _name_row(file, record_batch, table, column, error, first_row) from error
    return pa.record_batch(arrays, names=[column.bound.name for column in file.columns])


def _name_row(
    file: FilePlan, record_batch: Any, table: TableMetadata, column: Any, error: Exception, first_row: int
) -> ValueDoesNotFitError:
    """The error for the first row that does not convert."""
    row = 0
    for row in range(record_batch.num_rows):
        try:
            column.read(record_batch.slice(row, 1))
        except CONVERSION_ERRORS as row_error:
            error = row_error
            break
    keys = {
        key.bound.name: str(
            key.hive_text if key.file_column is None else record_batch.column(key.file_column)[row].as_py()
        )
        for key in file.columns
        if key.bound.is_primary_key
    }
    return ValueDoesNotFitError(
        f"{table}.{column.bound.name}: {error}; row {first_row + row:,} of {file.file}, primary key {keys}"
        " (allow_lossy accepts a loss of precision)",
        table=table.qualified_name,
        column=column.bound.name,
        primary_key=keys,
    )
