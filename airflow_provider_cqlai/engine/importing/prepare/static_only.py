"""Finds rows of partitions that have static columns and no row: an export shows them with null clustering columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import STATIC
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask


def find_static_only(plan: ImportPlan, record_batch: Any) -> np.ndarray | None:
    """Which rows have static columns only; None where no row has.

    A row of which any other column is not null stays with the rows, whose encoder refuses it by the clustering column
    that is. So does a row with neither: there is nothing to write, and it must not count as written.
    """
    table = plan.table
    static = [name for name in plan.columns if table.column(name).kind == STATIC]
    if not static or not table.clustering or not record_batch.column(table.clustering[0]).null_count:
        return None
    others = [name for name in plan.columns if name not in table.partition_key and name not in static]
    is_static_only = ~np.logical_and.reduce([null_mask(record_batch.column(name)) for name in static])
    for name in others:
        is_static_only &= null_mask(record_batch.column(name))
    return is_static_only if is_static_only.any() else None
