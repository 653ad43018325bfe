"""COPY TO: a table, or a window of it, becomes Parquet (specification, "COPY TO Parquet").

Reads top to bottom as it happens: plan, open, stream, publish, report. Note: the row count is told three times, by what
was decoded, by what the writer took and by the footers of the written files, and all must agree before anything becomes
visible. Footers are read back from local files; an object store shows none before that.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import closing

import pyarrow as pa
from cassandra.cluster import Session
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import (
    RowDecoder,
    codec_name,
    open_row_decoder,
    warn_of_missing_codec,
)
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import open_lost_pools
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import ExportPlan, PlannedRead, plan_export
from airflow_provider_cqlai.engine.cassandra.plan.table_size import estimate_table
from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.errors import EmptyResultError, StorageError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.publish.publish import Publication, fill_path, open_publication
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.files.write.renaming import check_rename, renamed_schema
from airflow_provider_cqlai.engine.files.write.row_names import RowNames
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.pipeline import ReadFinished, stream_reads
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import CopyResult, DataFile
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import ResultColumn, check_overrides, result_column
from airflow_provider_cqlai.engine.without_pandas import leave_pandas_out

logger = logging.getLogger(__name__)


def copy_to(
    session: Session,
    options: CopyToOptions,
    *,
    filesystem: AbstractFileSystem | None = None,
    cancellation: Cancellation | None = None,
) -> CopyResult:
    """Export the rows that ``options`` describe and publish them as one result.

    Args:
        session: connected; the engine opens a session of its own on the same cluster and leaves this one alone.
        options: what to export and where to; every field is explained there.
        filesystem: where ``options.path`` lies; None resolves its URI with fsspec and the environment's credentials.
        cancellation: raised from elsewhere, ends the export before the commit point with nothing published.

    Returns:
        What is really there now; `CopyResult` tells where its counts come from.

    Raises:
        CqlaiError: see `engine.errors`; unless it returned, nothing of this call is visible.
    """
    leave_pandas_out()
    cancellation = cancellation or Cancellation()
    progress = Progress(f"{options.table} to {options.path}", options.progress_interval_seconds)
    warn_of_missing_codec()
    logger.info("exporting %s to %s with the %s codec", options.table, options.path, codec_name())
    open_lost_pools(session)
    plan = plan_export(session, options, cancellation)
    decoder = _open_decoder(plan, options)
    check_rename(options.rename, _exported_schema(plan, decoder), options.partition_by or ())
    if options.dry_run:
        return _report_dry_run(session, plan, options, progress)
    with (
        open_engine_session(session, options) as engine_session,
        open_publication(
            options,
            source=_describe_source(plan, options),
            window=options.window,
            file_format=options.file_format,
            is_hive=bool(options.partition_by),
            is_log=options.window_by == "writetime",
            arrow_schema=renamed_schema(_exported_schema(plan, decoder), options.rename),
            consistency_level=engine_session.consistency_level,
            access=StorageAccess(
                filesystem, timeout_seconds=options.storage_timeout_seconds, cancellation=cancellation
            ),
            cancellation=cancellation,
            texts=plan.table_metadata.path_texts,
        ) as publication,
    ):
        if publication.already_published is not None:
            logger.info("%s was published by this task instance before; nothing is left to do", options.table)
            published = publication.already_published
            return _report(plan, options, decoder, progress, publication.path, published.files, published.manifest)
        written = _write_files(
            plan,
            decoder,
            options,
            publication,
            _stream(
                plan,
                options,
                PageReader(engine_session, options, plan.watch, asked=_asked(options)),
                decoder,
                progress,
                cancellation,
            ),
            progress,
            cancellation,
        )
        if progress.rows == 0 and options.on_empty != "write":
            return _leave_empty(plan, options, decoder, progress, publication.path)
        plan.watch.check()
        published = publication.commit(written)
    result = _report(plan, options, decoder, progress, publication.path, published.files, published.manifest)
    logger.info(
        "%s: published %s in %s, %s, %.1f s",
        options.table, count_of(result.rows, "row"), count_of(len(result.files), "file"),
        count_of(result.bytes, "byte"), result.elapsed_seconds,
    )  # fmt: skip
    return result


def _asked(options: CopyToOptions) -> str:
    return f" (where={options.where!r})" if options.where is not None else ""


def _open_decoder(plan: ExportPlan, options: CopyToOptions) -> RowDecoder:
    time_column = None
    if options.time_unit is not None and options.time_column is not None:
        time_column = plan.table_metadata.column(options.time_column, option="time_column").name
    columns: list[ResultColumn] = [
        result_column(
            column.name,
            CqlType.from_driver_type(column.driver_type),
            overrides={} if column.is_hidden else options.types,
            is_primary_key=column.is_primary_key,
            cql_text=column.cql_text,
            other_columns=[other.name for other in plan.columns],
            takes_handlers=column.is_primary_key or not column.is_hidden,
            time_unit=options.time_unit if column.name == time_column else None,
        )
        for column in plan.columns
    ]
    check_overrides(
        options.types, [column for column, planned in zip(columns, plan.columns, strict=True) if not planned.is_hidden]
    )
    return open_row_decoder(
        columns,
        driver_columns=[(column.name, column.driver_type) for column in plan.columns],
        table=plan.table_metadata.qualified_name,
        primary_key=plan.table_metadata.primary_key,
    )


def _exported_schema(plan: ExportPlan, decoder: RowDecoder) -> pa.Schema:
    """What the files hold: the columns that were asked for, and then their companions."""
    asked = [field for field, column in zip(decoder.arrow_schema, plan.columns, strict=True) if not column.is_hidden]
    return pa.schema([*asked, *(plan.cell_times.arrow_fields if plan.cell_times is not None else ())])


def _hidden_keys(plan: ExportPlan, options: CopyToOptions) -> tuple[str, ...]:
    """What the writer is given beside that: into directories also keys nobody asked for, so that errors name a row."""
    if not options.partition_by:
        return ()
    return tuple(column.name for column in plan.columns if column.is_hidden and column.is_primary_key)


def _describe_source(plan: ExportPlan, options: CopyToOptions) -> Source:
    return Source(
        table=plan.table_metadata.qualified_name,
        columns=options.columns,
        where=options.where,
        partition_by=options.partition_by,
        types=options.types,
        time=_describe_time(options),
        include_writetime=options.include_writetime,
        include_ttl=options.include_ttl,
        masked=plan.masked,
        keeps_partition_columns=options.keep_partition_columns,
        virtual_column_separator=options.virtual_column_separator,
        rename=options.rename,
    )


def _describe_time(options: CopyToOptions) -> str | None:
    if options.window_by == "writetime":
        return "writetime"
    if options.time_unit is not None:
        return f"{options.time_column} ({options.time_unit})"
    return options.time_column or options.bucket_column


def _stream(
    plan: ExportPlan,
    options: CopyToOptions,
    page_reader: PageReader,
    decoder: RowDecoder,
    progress: Progress,
    cancellation: Cancellation,
) -> Generator[pa.RecordBatch, None, None]:
    """Record batches of all planned reads, as many at once as ``concurrency`` says."""
    carried = [*_exported_schema(plan, decoder).names, *_hidden_keys(plan, options)]

    def read_record_batches(read: PlannedRead, stop: Cancellation) -> Iterator[pa.RecordBatch]:
        for page in page_reader.read_pages(read, stop):
            decoded = decoder.decode(page)
            record_batch = decoded if plan.window_filter is None else plan.window_filter(decoded)
            if not record_batch.num_rows:
                continue
            if plan.cell_times is not None:
                # The clock is the page's, whichever of its rows are left.
                record_batch = plan.cell_times.add_companions(record_batch, plan.cell_times.read_clock(decoded))
            yield record_batch.select(carried)

    with closing(
        stream_reads(plan.reads, read_record_batches, concurrency=options.concurrency, cancellation=cancellation)
    ) as items:
        for item in items:
            if isinstance(item, ReadFinished):
                progress.finish_read(item.read.ring_share)
            elif item is not None:
                progress.add_rows(item.num_rows, item.nbytes)
                yield item
            progress.log_if_due()
            plan.watch.check_if_due()
    plan.watch.check()


def _write_files(
    plan: ExportPlan,
    decoder: RowDecoder,
    options: CopyToOptions,
    publication: Publication,
    record_batches: Generator[pa.RecordBatch, None, None],
    progress: Progress,
    cancellation: Cancellation,
) -> list[WrittenFile]:
    table = plan.table_metadata
    hidden_keys = _hidden_keys(plan, options)
    with (
        closing(record_batches),
        DatasetWriter(
            pa.schema([*_exported_schema(plan, decoder), *(decoder.arrow_schema.field(name) for name in hidden_keys)]),
            options,
            publication.create_file,
            footer_metadata=publication.footer_metadata,
            row_names=RowNames(table.qualified_name, tuple(table.primary_key), hidden_keys),
            cancellation=cancellation,
        ) as writer,
    ):
        for record_batch in record_batches:
            writer.write(record_batch)
            publication.check_if_due()
        # A hive dataset without rows has no file: an empty one at the root would break its readers.
        written = writer.finish(ensure_file=not options.partition_by and options.on_empty == "write")
    rows_in_footers = sum(file.rows for file in written)
    if rows_in_footers != progress.rows:
        raise StorageError(
            f"{options.path}: {progress.rows} rows were read but the written files hold {rows_in_footers};"
            " nothing was published"
        )
    return written


def _leave_empty(
    plan: ExportPlan, options: CopyToOptions, decoder: RowDecoder, progress: Progress, path: str
) -> CopyResult:
    if options.on_empty == "fail":
        raise EmptyResultError(f"{options.table}: no row matched, and on_empty='fail'")
    logger.info("%s: no row matched; nothing is published (on_empty='skip')", options.table)
    return _report(plan, options, decoder, progress, path, (), None, is_published=False)


def _report(
    plan: ExportPlan,
    options: CopyToOptions,
    decoder: RowDecoder,
    progress: Progress,
    path: str,
    files: tuple[DataFile, ...],
    manifest: str | None,
    *,
    is_published: bool = True,
) -> CopyResult:
    for column, count in decoder.zero_length_cells.items():
        logger.warning(
            "%s.%s: %s exported as null",
            options.table,
            column,
            count_of(count, "cell of zero bytes was", "cells of zero bytes were"),
        )
    return CopyResult(
        path=path,
        table=plan.table_metadata.qualified_name,
        rows=sum(file.rows for file in files),
        files=files,
        bytes=sum(file.bytes for file in files),
        window=options.window,
        elapsed_seconds=progress.elapsed_seconds,
        is_published=is_published,
        route=plan.route,
        query_count=len(plan.reads),
        codec=codec_name(),
        zero_length_cells=dict(decoder.zero_length_cells),
        manifest=manifest,
        columns={column.name: column.cql_text for column in plan.columns if not column.is_hidden},
    )


def _report_dry_run(session: Session, plan: ExportPlan, options: CopyToOptions, progress: Progress) -> CopyResult:
    rows, size = (None, None) if plan.table_metadata.is_node_local else estimate_table(session, plan.table_metadata)
    result = CopyResult(
        path=fill_path(str(options.path), options.window, texts=plan.table_metadata.path_texts),
        table=plan.table_metadata.qualified_name,
        rows=0,
        files=(),
        bytes=0,
        window=options.window,
        elapsed_seconds=progress.elapsed_seconds,
        is_published=False,
        is_dry_run=True,
        route=plan.route,
        query_count=len(plan.reads),
        estimated_table_rows=rows,
        estimated_table_bytes=size,
        codec=codec_name(),
        columns={column.name: column.cql_text for column in plan.columns if not column.is_hidden},
    )
    logger.info(
        "dry run: %s would go to %s, route %s, by %s; the whole table has about %s rows and %s bytes",
        result.table, result.path, result.route, count_of(result.query_count, "query", "queries"),
        "?" if rows is None else f"{rows:,}", "?" if size is None else f"{size:,}",
    )  # fmt: skip
    return result
