"""Chooses how a time window goes into CQL: the cheapest route that the table allows.

A `WindowRoute` is restrictions for every query, or a list of partition keys to read directly; docs/windows.md has the
routes and their costs. Note: an index is trusted only once the server has prepared a query that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from cassandra.cluster import Session
from cassandra.util import Date

from airflow_provider_cqlai.engine.cassandra.metadata.server_release import (
    explain_missing_element_times,
    explain_missing_key_lists,
)
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.bucket_values import list_bucket_values
from airflow_provider_cqlai.engine.cassandra.plan.select_statement import (
    HiddenColumn,
    Restriction,
    prepare_select,
    restrict_tokens,
)
from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import WHOLE_RING
from airflow_provider_cqlai.engine.cassandra.plan.where_clause import WhereClause
from airflow_provider_cqlai.engine.cassandra.plan.window_bounds import (
    TimeColumn,
    bound_column,
    day_numbers,
    find_time_column,
)
from airflow_provider_cqlai.engine.cassandra.plan.window_filters import (
    TimeColumnFilter,
    WritetimeFilter,
    hide_time,
    writetime_columns,
)
from airflow_provider_cqlai.engine.errors import OptionError, QueryError, TimeWindowError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name

# The names that results, logs and docs/windows.md use.
WHOLE_TABLE = "whole table"
DIRECT = "1: the window's partition keys read directly"
KEY_BOUNDS = "2: bounds on a key column"
INDEX = "3: by the index of the time column"
FILTERING = "4: filtering over the whole table"
WRITETIME = "5: write times filtered in the client"
READ_AND_FILTER = "6: the whole table, filtered in the client"

# A window of more days than this (27 years) is read faster by bounds than by one query per day.
MOST_DIRECT_DAYS = 10_000
# The server looks each key up in the list, for every one it meets.
MOST_LISTED_BUCKETS = 10_000


@dataclass(frozen=True)
class DirectKey:
    """One value of the time or bucket column whose rows are read by a query of their own."""

    text: str
    value: Any


@dataclass(frozen=True)
class WindowRoute:
    """How the window is applied."""

    name: str
    restrictions: tuple[Restriction, ...] = ()
    """For every query."""
    fallback: tuple[Restriction, ...] | None = None
    """As exact, for a server that refuses the first when it is prepared; Cassandra 4.0 refuses only when it runs."""
    direct_column: str | None = None
    direct_keys: tuple[DirectKey, ...] = ()
    """With ``direct_column``: one query for each, and no token ranges."""
    hidden_columns: tuple[HiddenColumn, ...] = ()
    window_filter: Callable[[pa.RecordBatch], pa.RecordBatch] | None = field(default=None, compare=False)


def choose_route(
    session: Session, table: TableMetadata, options: CopyToOptions, where: WhereClause | None
) -> WindowRoute:
    """The route of the options' window.

    Raises:
        TableMetadataError: no such time or bucket column.
        TimeWindowError: the window does not fit the column, the bucket format or the table.
        OptionError: ``where`` restricts the column that the window restricts.
    """
    window = options.window
    if window is None:
        return WindowRoute(WHOLE_TABLE)
    if options.window_by == "writetime":
        hidden = writetime_columns(table)
        missing = explain_missing_element_times(session, table, table.columns)
        if missing is not None:
            raise TimeWindowError(
                f"window_by='writetime': {missing}; every stored column counts, so give time_column instead"
            )
        keep = WritetimeFilter(table, len(hidden), window, options.rows_without_writetime)
        return WindowRoute(WRITETIME, hidden_columns=hidden, window_filter=keep)
    time_column = (
        find_time_column(table, options.time_column, options.time_unit) if options.time_column is not None else None
    )
    if time_column is not None:
        _check_where_leaves(time_column.column, "time_column", where)
    if options.bucket_column is not None and options.bucket_format is not None:
        bucket_column = table.column(options.bucket_column, option="bucket_column")
        _check_where_leaves(bucket_column, "bucket_column", where)
        return _route_by_bucket(session, table, time_column, bucket_column, options.bucket_format, window, where)
    if time_column is None:
        raise TimeWindowError("a window needs time_column: which column tells a row's time?")
    return _route_by_time(session, table, time_column, window, where)


def choose_route_without_filtering(table: TableMetadata, options: CopyToOptions) -> WindowRoute | None:
    """The window applied to the rows that were read; None where it has no time column, which alone tells enough."""
    if options.window is None or options.time_column is None or options.window_by == "writetime":
        return None
    time_column = find_time_column(table, options.time_column, options.time_unit)
    bound_column(time_column, options.window)
    keep = TimeColumnFilter(*time_column.edges(options.window))
    return WindowRoute(READ_AND_FILTER, hidden_columns=(hide_time(table, time_column),), window_filter=keep)


def _check_where_leaves(column: TableColumn, option: str, where: WhereClause | None) -> None:
    if where is not None and where.cuts(column.name):
        raise OptionError(
            f"leave {column.name!r} out of where, or leave out {option} and the window: where restricts what the window"
            f" restricts through {option}, and Cassandra takes one of the two; where={where.text!r}",
            option="where",
        )


def _route_by_time(
    session: Session, table: TableMetadata, time_column: TimeColumn, window: TimeWindow, where: WhereClause | None
) -> WindowRoute:
    column = time_column.column
    bounds = bound_column(time_column, window)
    if column.cql_text == "date" and _is_whole_key(table, column, where):
        start, end = day_numbers(column, window)
        if end - start <= MOST_DIRECT_DAYS:
            keys = tuple(DirectKey(str(Date(day)), Date(day)) for day in range(start, end))
            return WindowRoute(DIRECT, direct_column=column.name, direct_keys=keys)
    if column.name in table.indexed_columns and _is_served_by_index(session, table, bounds):
        return WindowRoute(INDEX, (bounds,))
    return WindowRoute(KEY_BOUNDS if column.is_primary_key else FILTERING, (bounds,))


def _route_by_bucket(
    session: Session,
    table: TableMetadata,
    time_column: TimeColumn | None,
    bucket_column: TableColumn,
    bucket_format: str,
    window: TimeWindow,
    where: WhereClause | None,
) -> WindowRoute:
    if not bucket_column.is_primary_key:
        raise TimeWindowError(
            f"bucket_column={bucket_column.name!r} is not part of the primary key of {table}"
            f" ({', '.join(table.primary_key)}): it leads to no rows; leave it out and give time_column alone"
        )
    if time_column is not None and time_column.name == bucket_column.name:
        raise TimeWindowError(f"time_column and bucket_column both name {bucket_column.name!r}: give one of them")
    values = list_bucket_values(bucket_column, bucket_format, window, is_aligned=time_column is None)
    bounds = (bound_column(time_column, window),) if time_column is not None else ()
    if _is_whole_key(table, bucket_column, where):
        keys = tuple(DirectKey(text, value) for text, value in values)
        return WindowRoute(DIRECT, bounds, direct_column=bucket_column.name, direct_keys=keys)
    if len(values) > MOST_LISTED_BUCKETS:
        if bounds:
            return WindowRoute(KEY_BOUNDS, bounds)
        raise TimeWindowError(
            f"bucket_column={bucket_column.name!r}: the window has {len(values)} buckets, at most"
            f" {MOST_LISTED_BUCKETS} can be listed in a query; narrow it, or give time_column too"
        )
    no_lists = explain_missing_key_lists(session) if bucket_column.name in table.partition_key else None
    if no_lists is not None and len(values) == 1:
        only = Restriction(f"{quote_name(bucket_column.name)} = ?", (values[0][1],))
        return WindowRoute(KEY_BOUNDS, (only, *bounds))
    if no_lists is not None:
        if bounds:
            return WindowRoute(KEY_BOUNDS, bounds)
        raise TimeWindowError(
            f"bucket_column={bucket_column.name!r}: the window has {len(values)} buckets, and {no_lists}; give"
            " time_column too, or a window of one bucket"
        )
    listed = Restriction(f"{quote_name(bucket_column.name)} IN ?", ([value for _, value in values],))
    return WindowRoute(KEY_BOUNDS, (listed, *bounds), fallback=bounds or None)


def _is_whole_key(table: TableMetadata, column: TableColumn, where: WhereClause | None) -> bool:
    """Whether a value of ``column`` is all that is missing of a partition key; ``where`` may list the other parts."""
    others = [name for name in table.partition_key if name != column.name]
    if column.name not in table.partition_key:
        return False
    return not others or (where is not None and where.fixes(others))


def _is_served_by_index(session: Session, table: TableMetadata, bounds: Restriction) -> bool:
    """Whether the server takes the bounds in a token range without ALLOW FILTERING: only an index makes it do so."""
    try:
        prepare_select(
            session,
            ", ".join(quote_name(name) for name in table.primary_key),
            table.cql_name,
            [restrict_tokens(table.partition_key, WHOLE_RING), bounds],
            allow_filtering=False,
        )
    except QueryError:
        return False
    return True


def reads_more_than_returned(route: WindowRoute, where: WhereClause | None, *, needs_filtering: bool) -> bool:
    """Whether a plan deserves a warning. Route 2 alone does not: skipping keys costs little (docs/windows.md)."""
    if route.name in (WRITETIME, READ_AND_FILTER):
        return True
    return needs_filtering and (where is not None or route.name not in (KEY_BOUNDS, DIRECT))
