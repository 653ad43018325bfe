"""COPY FROM: Parquet becomes rows of a table (specification, "COPY FROM Parquet").

Reads top to bottom as it happens: find the files, check all of them, stream record batches, write, count. Nothing is
written before every file was checked, and the call returns only when the cluster confirmed every row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cql.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cql.row_codec import codec_name
from airflow_provider_cqlai.engine.cql.row_encoder import RowEncoder, open_row_encoder
from airflow_provider_cqlai.engine.cql.row_writer import RowWriter
from airflow_provider_cqlai.engine.cql.table_metadata import TableMetadata, load_table_metadata
from airflow_provider_cqlai.engine.errors import RowWriteError, SourceFileError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.parquet_source import find_source_files
from airflow_provider_cqlai.engine.import_options import CopyFromOptions
from airflow_provider_cqlai.engine.import_plan import FilePlan, ImportPlan, plan_import
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import ImportedFile, ImportResult
from airflow_provider_cqlai.engine.types.conversion import CONVERSION_ERRORS

logger = logging.getLogger(__name__)

# Rows that are decoded, converted and encoded at once; a row group's partitions are usually longer than that.
RECORD_BATCH_ROWS = 10_000


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
    files = find_source_files(tuple(options.path), options.window, filesystem)
    try:
        own_session = session.cluster.connect()
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, "opening the engine's session") from error
    try:
        plan = plan_import(own_session, table, files, options)
        writer = RowWriter(
            own_session,
            plan.statement,
            options,
            column_count=len(plan.columns),
            table=table.qualified_name,
            keyspace=table.keyspace,
            has_multi_cell_lists=plan.has_multi_cell_lists,
            cancellation=cancellation,
        )
        imported, duplicate_rows = _write_files(plan, writer, progress, cancellation)
        writer.drain()
    finally:
        own_session.shutdown()
    rows_read = sum(file.rows for file in imported)
    if writer.rows_written != rows_read:
        raise RowWriteError(f"{table}: {rows_read} rows were read but {writer.rows_written} were confirmed")
    result = ImportResult(
        table=table.qualified_name,
        rows=writer.rows_written,
        files=tuple(imported),
        bytes=writer.bytes_written,
        duplicate_rows=duplicate_rows,
        elapsed_seconds=progress.elapsed_seconds,
        codec=codec_name(),
        columns={name: table.column(name).cql_text for name in plan.columns},
    )
    if duplicate_rows:
        logger.warning(
            "%s: %s the primary key of an earlier row near it; the last one in file order won",
            table, count_of(duplicate_rows, "row had", "rows had"),
        )  # fmt: skip
    logger.info(
        "%s: wrote %s from %s in %.1f s", table, count_of(result.rows, "row"),
        count_of(len(result.files), "file"), result.elapsed_seconds,
    )  # fmt: skip
    return result


def _write_files(
    plan: ImportPlan, writer: RowWriter, progress: Progress, cancellation: Cancellation
) -> tuple[list[ImportedFile], int]:
    imported, duplicate_rows = [], 0
    encoders: dict[tuple[Any, ...], RowEncoder] = {}
    for file in plan.files:
        bound = tuple(column.bound for column in file.columns)
        encoder = encoders.get(bound)
        if encoder is None:
            encoder = encoders[bound] = open_row_encoder(
                bound, table=plan.table.qualified_name, partition_key=plan.table.partition_key
            )
        rows = 0
        for record_batch in _read_record_batches(file):
            cancellation.raise_if_cancelled()
            converted = _convert(file, record_batch, plan.table, first_row=rows)
            for number, distinct in enumerate(_split_duplicates(converted, plan.table)):
                duplicate_rows += distinct.num_rows if number else 0
                writer.write(encoder.encode(distinct, is_grouped=True))
            rows += record_batch.num_rows
            progress.add_rows(record_batch.num_rows, record_batch.nbytes)
            progress.finish_read(record_batch.num_rows / max(1, plan.rows))
            progress.log_if_due()
        if rows != file.rows:
            raise SourceFileError(f"{file.file}: the footer says {file.rows} rows, {rows} were read")
        imported.append(ImportedFile(path=str(file.file), rows=rows))
    return imported, duplicate_rows


def _read_record_batches(file: FilePlan) -> Iterator[Any]:
    with file.file.open() as parquet_file:
        names = file.file_columns
        yield from parquet_file.iter_batches(RECORD_BATCH_ROWS, columns=names, use_threads=False)


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


def _split_duplicates(record_batch: Any, table: TableMetadata) -> Iterator[Any]:
    """The record batch in parts without two rows of one primary key, the first in file order first.

    Rows of one batch share a timestamp, and of two cells with one timestamp Cassandra keeps the greater value.
    """
    keys = pa.table({name: _plain(record_batch.column(name)) for name in table.primary_key})
    numbered = keys.append_column("row number", pa.array(np.arange(len(keys))))
    firsts = numbered.group_by(list(table.primary_key)).aggregate([("row number", "min")])
    if len(firsts) == len(keys):
        yield record_batch
        return
    order = np.sort(firsts.column("row number_min").to_numpy())
    rest = np.setdiff1d(np.arange(len(keys)), order)
    yield from (record_batch.take(pa.array(order)), *_split_duplicates(record_batch.take(pa.array(rest)), table))


def _plain(array: Any) -> Any:
    return array.storage if isinstance(array, pa.ExtensionArray) else array
