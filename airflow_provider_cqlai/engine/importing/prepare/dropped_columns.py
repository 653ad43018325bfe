"""A column that was dropped and added again hides every cell that is not newer than the drop, whenever it is written.

An import that writes at the time it runs is not concerned. One that restores write times, or is given them, may write
cells that nobody will see, with a confirmation for each: so the least of them is looked up before the first row.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from airflow_provider_cqlai.engine.errors import ImportPlanError
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.plan.statements import TIMESTAMP_MARKER
from airflow_provider_cqlai.engine.importing.read.reading import read_source_rows
from airflow_provider_cqlai.engine.importing.row_types import SourceRows
from airflow_provider_cqlai.engine.types.cells.cql_type import spell_name
from airflow_provider_cqlai.engine.types.companions import WRITETIME, companion_name

logger = logging.getLogger(__name__)


def check_dropped_columns(plan: ImportPlan, dropped: Mapping[str, int]) -> None:
    """Raise if a cell would be written at or before the moment at which its column was dropped.

    Args:
        plan: of the import.
        dropped: milliseconds since 1970 by column of the table, or of what it was.

    Raises:
        ImportPlanError: names the column and both moments.
        CqlaiError: the files cannot be read.
    """
    timestamp = plan.options.timestamp
    concerned = {name: dropped[name] for name in plan.columns if name in dropped}
    if not concerned or (timestamp is None and not plan.restores_cell_times):
        return
    if isinstance(timestamp, int):
        for name, moment in concerned.items():
            _compare(plan, name, moment, timestamp)
        return
    names = ", ".join(spell_name(name) for name in concerned)
    logger.info("%s: reading the files' write times first, since column %s was dropped once", plan.table, names)
    for item in read_source_rows(plan):
        if not isinstance(item, SourceRows):
            continue
        record_batch = item.convert(plan.table)
        for name, moment in concerned.items():
            least = _least_writetime(record_batch, name)
            if least is not None:
                _compare(plan, name, moment, least)


def _least_writetime(record_batch: Any, column: str) -> int | None:
    names = record_batch.schema.names
    of_column = companion_name(WRITETIME, column)
    told = next((name for name in (of_column, TIMESTAMP_MARKER) if name in names), None)
    if told is None or column not in names:
        return None
    written = record_batch.column(told).filter(record_batch.column(column).is_valid())
    least: int | None = pc.min(written.cast("int64")).as_py()
    return least


def _compare(plan: ImportPlan, column: str, dropped_milliseconds: int, microseconds: int) -> None:
    if microseconds >= (dropped_milliseconds + 1) * 1000:
        return
    option = "cell_times='ignore'" if plan.restores_cell_times else "no timestamp, or a later one,"
    raise ImportPlanError(
        f"{option} writes cells that can be read: column {spell_name(column)} of {plan.table} was dropped at"
        f" {_moment(dropped_milliseconds * 1000)} and added again, which hides what was written before, and the import"
        f" would write it at {_moment(microseconds)}",
        problems=[f"column {column} was dropped"],
    )


def _moment(microseconds: int) -> str:
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (epoch + datetime.timedelta(microseconds=microseconds)).isoformat()
