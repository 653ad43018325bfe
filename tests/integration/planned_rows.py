"""Runs a plan with an ordinary session, in the place of the engine's reading end."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.plan.export_plan import ExportPlan, plan_export
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions


def plan_table(session: Session, table: str, **options: Any) -> ExportPlan:
    """The plan of an export of ``table``."""
    return plan_export(session, CopyToOptions(table=table, path="/nowhere/", **options))


def read_rows(session: Session, plan: ExportPlan) -> list[tuple[Any, ...]]:
    """All rows that the plan's reads return, as they come, filtered as the plan says."""
    rows = [
        tuple(row) for read in plan.reads for row in session.execute(read.statement.bind(read.parameters), timeout=60)
    ]
    visible = sum(not column.is_hidden for column in plan.columns)
    if plan.window_filter is None:
        assert all(column.is_primary_key for column in plan.columns if column.is_hidden)
        return [row[:visible] for row in rows]
    # What is compared are whole numbers and write times, so that Arrow's own inference serves as the type map.
    columns = list(zip(*rows, strict=True)) or [()] * len(plan.columns)
    arrays = [
        pa.array(values, pa.int64() if planned.is_hidden and not planned.is_primary_key else None)
        for planned, values in zip(plan.columns, columns, strict=True)
    ]
    record_batch = pa.RecordBatch.from_arrays(arrays, names=[planned.name for planned in plan.columns])
    kept = plan.window_filter(record_batch)
    return [tuple(row.values())[:visible] for row in kept.to_pylist()]
