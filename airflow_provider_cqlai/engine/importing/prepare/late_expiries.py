"""Cells that would live past January 2038, which Cassandra before 5.0, and 5.0 as it ships, cannot store.

The server refuses each such row when it is written. Where none may be rejected, that is said before the first row, as
far as ``ttl`` and the statistics of the files tell.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.metadata.server_release import explain_early_last_expiry
from airflow_provider_cqlai.engine.errors import ImportPlanError
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.options.write import MAX_TTL_SECONDS
from airflow_provider_cqlai.engine.types.companions import EXPIRY

LAST_EXPIRY = datetime.datetime(2038, 1, 19, 3, 14, 6, tzinfo=datetime.timezone.utc)


def check_late_expiries(session: Session, plan: ImportPlan) -> None:
    """Raise if a cell would expire later than the server can store.

    Raises:
        ImportPlanError: names the moment, and what sets it.
    """
    options = plan.options
    if options.rejected_path is not None or (options.ttl is None and not plan.restores_cell_times):
        return
    reason = explain_early_last_expiry(session)
    if reason is None:
        return
    latest = max(_expiries(plan), default=None)
    if latest is None or latest[0] <= LAST_EXPIRY:
        return
    moment, what = latest
    raise ImportPlanError(
        f"{what} makes cells of {plan.table} live until {moment.isoformat(timespec='seconds')}, and the last moment"
        f" that the cluster can store is {LAST_EXPIRY.isoformat()}: {reason}",
        problems=[f"{what}: too late"],
    )


def _expiries(plan: ImportPlan) -> Iterator[tuple[datetime.datetime, str]]:
    """The latest moments that are known, each with what sets it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    ttl = plan.options.ttl
    if isinstance(ttl, int):
        yield now + datetime.timedelta(seconds=ttl), f"ttl={ttl}"
        return
    for file in plan.files:
        names = [name for companion, name in file.companions if companion.kind == EXPIRY]
        for name, greatest in _greatest_values(file.file, [ttl] if ttl is not None else names):
            # What no cell can have at all is an error of its row.
            if ttl is None and greatest - now <= datetime.timedelta(seconds=MAX_TTL_SECONDS):
                yield greatest, f"cell_times='restore' with column {name} of {file.file}"
            elif ttl is not None and greatest <= MAX_TTL_SECONDS:
                yield now + datetime.timedelta(seconds=greatest), f"ttl={ttl!r} of {file.file}"


def _greatest_values(file: SourceFile, names: list[str]) -> Iterator[tuple[str, Any]]:
    """By the statistics of the file; a row group without any says nothing."""
    if not names:
        return
    with file.open() as parquet_file:
        metadata = parquet_file.metadata
        for number in range(metadata.num_row_groups):
            row_group = metadata.row_group(number)
            for place in range(row_group.num_columns):
                column = row_group.column(place)
                statistics = column.statistics if column.path_in_schema in names else None
                if statistics is not None and statistics.has_min_max:
                    yield column.path_in_schema, statistics.max
