"""Reads an import back after its last row was confirmed: compares the files once more with the table.

Returns a `VerificationResult`, or raises the error that lists what is different. Rows that were not written, rejected
or expired, are not looked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.importing.outcome.rejected_rows import RejectedRows
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.plan.statements import TIMESTAMP_MARKER
from airflow_provider_cqlai.engine.importing.prepare.cell_times import leave_out_expired
from airflow_provider_cqlai.engine.importing.read.reading import read_source_rows
from airflow_provider_cqlai.engine.importing.row_types import SourceRows
from airflow_provider_cqlai.engine.options.read import ReadOptions
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import VerificationResult
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_numpy
from airflow_provider_cqlai.engine.types.companions import NO_WRITETIME, WRITETIME, companion_name
from airflow_provider_cqlai.engine.verify.differences import raise_if_different
from airflow_provider_cqlai.engine.verify.latest_writes import ReadWritetimes
from airflow_provider_cqlai.engine.verify.row_verifier import RowVerifier

logger = logging.getLogger(__name__)


def verify_import(
    session: Session,
    plan: ImportPlan,
    rejected: RejectedRows,
    row_count: int,
    cancellation: Cancellation,
) -> VerificationResult:
    """Look for every primary key, and compare the cells of all rows or of a sample.

    Raises:
        VerificationError: a row is missing or a cell differs.
        CqlaiError: the table cannot be read.
    """
    options = plan.options
    logger.info("%s: reading back %s", plan.table, count_of(row_count, "row"))
    progress = Progress(f"reading {plan.table} back", options.progress_interval_seconds, share_of="the rows")
    reading = ReadOptions(
        consistency_level=options.consistency_level, request_timeout_seconds=options.request_timeout_seconds
    )
    with open_engine_session(session, reading) as engine_session:
        verifier = RowVerifier(
            engine_session,
            plan.table,
            columns=plan.columns,
            total_rows=row_count,
            sample_rows=None if options.verify == "all" else options.verify_sample_rows,
            cancellation=cancellation,
            read_writetimes=_open_writetimes(plan),
        )
        for written, record_batch, columns in _read_written(plan, rejected):
            verifier.check(record_batch, columns)
            progress.add_rows(len(written), written.record_batch.nbytes)
            progress.finish_read(len(written) / max(1, row_count))
            progress.log_if_due()
        if verifier.has_open_writetimes:
            logger.info("%s: reading the files again, for the latest of several writes to a cell", plan.table)
            for _, record_batch, columns in _read_written(plan, rejected):
                verifier.weigh(record_batch, columns)
        verification = verifier.finish()
    raise_if_different(verification, plan.table.qualified_name)
    logger.info(
        "%s: %s found, %s compared", plan.table,
        count_of(verification.rows_checked, "row"), count_of(verification.cells_compared, "cell"),
    )  # fmt: skip
    return VerificationResult(
        rows_checked=verification.rows_checked,
        cells_compared=verification.cells_compared,
        is_complete=verification.is_complete,
        cells_undecided=verification.cells_undecided,
    )


def _read_written(plan: ImportPlan, rejected: RejectedRows) -> Iterator[tuple[SourceRows, Any, list[BoundColumn]]]:
    """The rows that were written, in their order: as the files have them, converted, and how they were bound."""
    for item in read_source_rows(plan):
        if not isinstance(item, SourceRows):
            continue
        written = _leave_out(item, rejected)
        if not len(written):
            continue
        record_batch = written.convert(plan.table)
        if plan.restores_cell_times:
            record_batch = leave_out_expired(plan, record_batch, int(time.time()))
        yield written, record_batch, [column.bound for column in item.file.columns if column.bound.name in plan.columns]


def _leave_out(source: SourceRows, rejected: RejectedRows) -> SourceRows:
    """The rows that are not rejected."""
    is_rejected: Any = rejected.find(source)
    if not is_rejected.any():
        return source
    kept = source.record_batch.filter(pa.array(~is_rejected))
    return SourceRows(source.group, source.file, kept, source.row_numbers[~is_rejected])


def _open_writetimes(plan: ImportPlan) -> ReadWritetimes | None:
    """How converted record batches tell the write times of cells; None where every cell has that of the import."""
    timestamp = plan.options.timestamp
    if isinstance(timestamp, int):
        return lambda record_batch, _column: np.full(record_batch.num_rows, timestamp)
    if isinstance(timestamp, str):
        return lambda record_batch, _column: _read_writetimes(record_batch, TIMESTAMP_MARKER)
    if any(marker.name == TIMESTAMP_MARKER for marker in plan.cell_markers):
        return lambda record_batch, column: _read_writetimes(record_batch, companion_name(WRITETIME, column))
    return None


def _read_writetimes(record_batch: Any, name: str) -> np.ndarray:
    if name not in record_batch.schema.names:
        return np.full(record_batch.num_rows, NO_WRITETIME)
    times = record_batch.column(name).cast(pa.int64())
    return np.where(null_mask(times), NO_WRITETIME, to_numpy(times, np.int64))
