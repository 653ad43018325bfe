"""COPY TO: a table, or a window of it, becomes Parquet (specification, "COPY TO Parquet").

Reads top to bottom as it happens: plan, open, write, publish, report.
"""

from __future__ import annotations

import logging

from cassandra.cluster import Session
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.plan.table_size import estimate_table
from airflow_provider_cqlai.engine.errors import EmptyResultError
from airflow_provider_cqlai.engine.files.publish.publish import fill_path, open_publication
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import CopyResult
from airflow_provider_cqlai.engine.verbs.table_export import TableExport, plan_table_export

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
    cancellation = cancellation or Cancellation()
    progress = Progress(f"{options.table} to {options.path}", options.progress_interval_seconds)
    export = plan_table_export(session, options, cancellation)
    if options.dry_run:
        return _report_dry_run(session, export, progress)
    with (
        open_engine_session(session, options) as engine_session,
        open_publication(
            options,
            source=export.describe_source(options.columns),
            window=options.window,
            file_format=options.file_format,
            is_hive=bool(options.partition_by),
            is_log=options.window_by == "writetime",
            arrow_schema=export.arrow_schema,
            consistency_level=engine_session.consistency_level,
            access=StorageAccess.of(options, filesystem, cancellation),
            cancellation=cancellation,
            texts=export.plan.table_metadata.path_texts,
        ) as publication,
    ):
        if publication.already_published is not None:
            logger.info("%s was published by this task instance before; nothing is left to do", options.table)
            published = publication.already_published
            return export.report(progress, publication.path, published.files, published.manifest)
        written = export.write(
            engine_session, publication, progress, cancellation, ensures_file=options.on_empty == "write"
        )
        if progress.rows == 0 and options.on_empty != "write":
            return report_empty(export, progress, publication.path)
        export.plan.watch.check()
        published = publication.commit(written)
    result = export.report(progress, publication.path, published.files, published.manifest)
    log_published(options, result)
    return result


def report_empty(export: TableExport, progress: Progress, path: str) -> CopyResult:
    """The result of an export that found no row and publishes nothing, or the error that it is."""
    options = export.options
    if options.on_empty == "fail":
        raise EmptyResultError(f"{options.table}: no row matched, and on_empty='fail'")
    logger.info("%s: no row matched; nothing is published (on_empty='skip')", options.table)
    return export.report(progress, path, (), None, is_published=False)


def log_published(options: CopyToOptions, result: CopyResult) -> None:
    """The last line of an export."""
    logger.info(
        "%s: published %s in %s, %s, %.1f s",
        options.table, count_of(result.rows, "row"), count_of(len(result.files), "file"),
        count_of(result.bytes, "byte"), result.elapsed_seconds,
    )  # fmt: skip


def _report_dry_run(session: Session, export: TableExport, progress: Progress) -> CopyResult:
    options, table = export.options, export.plan.table_metadata
    rows, size = (None, None) if table.is_node_local else estimate_table(session, table)
    result = CopyResult(
        path=fill_path(str(options.path), options.window, texts=table.path_texts),
        table=table.qualified_name,
        rows=0,
        files=(),
        bytes=0,
        window=options.window,
        elapsed_seconds=progress.elapsed_seconds,
        is_published=False,
        is_dry_run=True,
        route=export.plan.route,
        query_count=len(export.plan.reads),
        estimated_table_rows=rows,
        estimated_table_bytes=size,
        codec=codec_name(),
        columns={column.name: column.cql_text for column in export.plan.columns if not column.is_hidden},
    )
    logger.info(
        "dry run: %s would go to %s, route %s, by %s; the whole table has about %s rows and %s bytes",
        result.table, result.path, result.route, count_of(result.query_count, "query", "queries"),
        "?" if rows is None else f"{rows:,}", "?" if size is None else f"{size:,}",
    )  # fmt: skip
    return result
