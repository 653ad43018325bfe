"""COPY FROM: Parquet becomes rows of a table (specification, "COPY FROM Parquet").

Reads top to bottom as it happens: find the files, check all of them, read, write, verify, report. Nothing is written
before every file was checked, and the call returns only when the cluster confirmed every row.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import cast

from cassandra.cluster import Session
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name, warn_of_missing_codec
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_own_session
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import open_lost_pools
from airflow_provider_cqlai.engine.cassandra.metadata.masking import check_masked_columns, find_masked_columns
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableWatch
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata, load_table_metadata
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPageProtocolHandler
from airflow_provider_cqlai.engine.cassandra.write.conditional_and_counter_writers import (
    ConditionalRowWriter,
    CounterRowWriter,
)
from airflow_provider_cqlai.engine.cassandra.write.row_writer import RowWriter
from airflow_provider_cqlai.engine.errors import VerificationError
from airflow_provider_cqlai.engine.files.publish.publish import fill_path
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.outcome.journal import ImportJournal
from airflow_provider_cqlai.engine.importing.outcome.rejected_rows import RejectedRows
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan, plan_import
from airflow_provider_cqlai.engine.importing.prepare.dropped_columns import check_dropped_columns
from airflow_provider_cqlai.engine.importing.prepare.duplicate_keys import DuplicateKeys
from airflow_provider_cqlai.engine.importing.prepare.late_expiries import check_late_expiries
from airflow_provider_cqlai.engine.importing.prepare.rows import RowPreparation
from airflow_provider_cqlai.engine.importing.run import ImportRun
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.journal_store import JournalStore
from airflow_provider_cqlai.engine.options.values.conditions import read_conditions
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import ImportResult
from airflow_provider_cqlai.engine.verify.verify_import import verify_import
from airflow_provider_cqlai.engine.without_pandas import leave_pandas_out

logger = logging.getLogger(__name__)

_WRITERS = {"upsert": RowWriter, "insert_if_not_exists": ConditionalRowWriter, "counter_update": CounterRowWriter}


def copy_from(
    session: Session,
    options: CopyFromOptions,
    *,
    filesystem: AbstractFileSystem | None = None,
    journal_store: JournalStore | None = None,
    cancellation: Cancellation | None = None,
) -> ImportResult:
    """Write the rows of the files that ``options`` describe to a table.

    Args:
        session: connected; the engine opens a session of its own on the same cluster and leaves this one alone.
        options: what to read and how to write; every field is explained there.
        filesystem: where ``options.path`` and ``options.rejected_path`` lie; None resolves their URIs with fsspec and
            the environment's credentials.
        journal_store: remembers what finished, so that a later call with the same owner goes on from there.
        cancellation: raised from elsewhere, ends the import; rows that are in flight may still be written.

    Returns:
        What was read and what the cluster confirmed.

    Raises:
        CqlaiError: see `engine.errors`. Running the import again is safe: it writes the same rows. Only counters are
            different: `CounterOutcomeError` tells that some may have been counted.
    """
    leave_pandas_out()
    cancellation = cancellation or Cancellation()
    progress = Progress(
        f"{', '.join(options.paths)} to {options.table}", options.progress_interval_seconds, share_of="the rows"
    )
    warn_of_missing_codec()
    logger.info("importing %s to %s with the %s codec", ", ".join(options.paths), options.table, codec_name())
    open_lost_pools(session)
    table = load_table_metadata(session, options.table)
    named = tuple(_name_table(path, table) for path in options.paths)
    if named != options.paths:
        options = replace(options, path=named)
    if options.rejected_path is not None:
        windows = options.chosen_windows or ()
        window = windows[0] if len(windows) == 1 else None
        filled = fill_path(str(options.rejected_path), window, option="rejected_path", texts=table.path_texts)
        options = replace(options, rejected_path=filled)
    access = StorageAccess.of(options, filesystem, cancellation)
    files = find_source_files(
        options.paths,
        options.chosen_windows,
        access,
        read_conditions("partition_filter", options.partition_filter),
        options.on_uncovered_window,
        options.on_unnamed_files,
        cast("str | None", options.partition_base_path),
    )
    with open_own_session(session) as own_session, DuplicateKeys() as duplicate_keys:
        # From here on answers are kept undecoded: one of a conditional row may hold any value of the table.
        own_session.client_protocol_handler = RawPageProtocolHandler
        plan = plan_import(own_session, table, files, options)
        watch = TableWatch(
            session,
            table.keyspace,
            table.name,
            "rows were written to it",
            columns=plan.columns,
            cancellation=cancellation,
        )
        if options.verify and not options.dry_run:
            _check_readable(session, plan)
        rejected = RejectedRows(plan, access)
        run = ImportRun(
            plan,
            preparation=RowPreparation(plan, duplicate_keys),
            writer=None if options.dry_run else _open_writer(own_session, plan, cancellation),
            watch=watch,
            rejected=rejected,
            journal=ImportJournal(None if options.dry_run else journal_store, plan, watch.identity),
            progress=progress,
            cancellation=cancellation,
        )
        if not options.dry_run:
            check_dropped_columns(plan, watch.identity.dropped)
            check_late_expiries(session, plan)
        run.write_all()
        verification = None
        if options.verify and not options.dry_run:
            try:
                verification = verify_import(own_session, plan, rejected, run.rows_kept, cancellation)
            except VerificationError as error:
                raise watch.explain(error) from error
            watch.check()
        rejected_path = run.complete()
        duplicate_rows = duplicate_keys.count()
    result = ImportResult(
        table=table.qualified_name,
        files=run.describe_files(),
        bytes=run.bytes_written,
        duplicate_rows=duplicate_rows,
        elapsed_seconds=progress.elapsed_seconds,
        is_dry_run=options.dry_run,
        codec=codec_name(),
        rejected_path=rejected_path,
        verification=verification,
        columns={name: table.column(name).cql_text for name in plan.columns},
    )
    _log_result(result)
    return result


def _name_table(path: str, table: TableMetadata) -> str:
    """Other braces are a part of the name: files of any origin are read."""
    for name, text in table.path_texts.items():
        path = path.replace(f"{{{name}}}", text)
    return path


def _check_readable(session: Session, plan: ImportPlan) -> None:
    """What is written is read back: said before the first row, not after the last."""
    table = plan.table
    masked = find_masked_columns(session, table.keyspace, table.name, plan.columns)
    check_masked_columns(masked, table.qualified_name, allow_masked=False, otherwise="verify=False reads nothing back")


def _open_writer(session: Session, plan: ImportPlan, cancellation: Cancellation) -> RowWriter:
    return _WRITERS[plan.options.mode](
        session,
        plan.options,
        table=plan.table.qualified_name,
        keyspace=plan.table.keyspace,
        has_multi_cell_lists=bool(plan.multi_cell_lists),
        cancellation=cancellation,
    )


def _log_result(result: ImportResult) -> None:
    if result.duplicate_rows:
        logger.warning(
            "%s: %s the primary key of an earlier row of the import",
            result.table, count_of(result.duplicate_rows, "row had", "rows had"),
        )  # fmt: skip
    if result.rejected_rows and result.is_dry_run:
        logger.warning("%s: %s would be rejected", result.table, count_of(result.rejected_rows, "row"))
    elif result.rejected_rows:
        logger.warning(
            "%s: %s rejected and not written, see %s",
            result.table, count_of(result.rejected_rows, "row was", "rows were"), result.rejected_path,
        )  # fmt: skip
    others = [
        f", {number:,} {what}"
        for number, what in (
            (sum(file.rows_not_applied for file in result.files), "were there already"),
            (sum(file.rows_unknown for file in result.files), "are there, unknown by whom"),
            (sum(file.rows_expired for file in result.files), "have expired"),
            (result.resumed_rows, "by an earlier try"),
            (result.skipped_rows, "skipped"),
        )
        if number
    ]
    logger.info(
        "%s: %s %s from %s in %.1f s%s", result.table, "would write" if result.is_dry_run else "wrote",
        count_of(result.rows, "row"), count_of(len(result.files), "file"), result.elapsed_seconds, "".join(others),
    )  # fmt: skip
