"""Where the rows of an import tell write times, of which the greatest decides: the option, a column, or companions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.plan.statements import TIMESTAMP_MARKER
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_numpy
from airflow_provider_cqlai.engine.types.companions import NO_WRITETIME, WRITETIME, companion_name
from airflow_provider_cqlai.engine.verify.latest_writes import ReadWritetimes


def open_writetimes(plan: ImportPlan) -> ReadWritetimes | None:
    """How converted record batches tell the write times of cells; None where every cell has that of the import."""
    timestamp = plan.options.timestamp
    if isinstance(timestamp, int):
        return lambda record_batch, _column: np.full(record_batch.num_rows, timestamp)
    if isinstance(timestamp, str):
        return lambda record_batch, _column: _read(record_batch, TIMESTAMP_MARKER)
    if any(marker.name == TIMESTAMP_MARKER for marker in plan.cell_markers):
        return lambda record_batch, column: _read(record_batch, companion_name(WRITETIME, column))
    return None


def _read(record_batch: Any, name: str) -> np.ndarray:
    if name not in record_batch.schema.names:
        return np.full(record_batch.num_rows, NO_WRITETIME)
    times = record_batch.column(name).cast(pa.int64())
    return np.where(null_mask(times), NO_WRITETIME, to_numpy(times, np.int64))
