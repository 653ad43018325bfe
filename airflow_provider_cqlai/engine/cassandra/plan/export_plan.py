"""Plans how a table is read: which columns, by which statements, over which part of the ring.

The reads of an `ExportPlan` together return each wanted row exactly once. Planning reads system tables and prepares
statements; of the table itself it reads at most one page of tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from cassandra.cluster import Session
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.metadata.masking import check_masked_columns, find_masked_columns
from airflow_provider_cqlai.engine.cassandra.metadata.server_release import explain_missing_element_times
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableWatch
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import (
    TableColumn,
    TableMetadata,
    load_table_metadata,
)
from airflow_provider_cqlai.engine.cassandra.plan.companion_columns import CellTimes, plan_cell_times
from airflow_provider_cqlai.engine.cassandra.plan.ring import load_ring, plan_ranges
from airflow_provider_cqlai.engine.cassandra.plan.select_statement import (
    HiddenColumn,
    Restriction,
    Selection,
    prepare_select,
    restrict_tokens,
)
from airflow_provider_cqlai.engine.cassandra.plan.time_window import (
    WindowRoute,
    choose_route,
    choose_route_without_filtering,
    reads_more_than_returned,
)
from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import WHOLE_RING, TokenRange
from airflow_provider_cqlai.engine.cassandra.plan.where_clause import WhereClause, read_where
from airflow_provider_cqlai.engine.errors import OptionError, QueryError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.progress import count_of
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlannedColumn:
    """One column of every read, in order. A hidden one was added by the plan and is dropped before writing."""

    name: str
    driver_type: type
    cql_text: str
    is_primary_key: bool
    is_hidden: bool


@dataclass(frozen=True)
class PlannedRead:
    """One SELECT with its values. ``ring_share`` is its part of the whole work; all reads of a plan sum to 1.0."""

    statement: PreparedStatement
    parameters: tuple[Any, ...]
    description: str
    ring_share: float
    token_range: TokenRange | None


@dataclass(frozen=True)
class ExportPlan:
    """Everything the reading end needs.

    ``reads`` is empty for a shard with nothing to read. ``window_filter`` drops the write times and the rows outside
    of the window; hidden key columns come after those asked for and are there for errors to name. ``companion_columns``
    makes companion columns of the hidden ones that it added.
    """

    table_metadata: TableMetadata
    watch: TableWatch
    masked: tuple[str, ...]
    """Columns of which the masks are read."""
    columns: tuple[PlannedColumn, ...]
    reads: tuple[PlannedRead, ...]
    route: str
    window_filter: Callable[[pa.RecordBatch], pa.RecordBatch] | None
    cell_times: CellTimes | None


def plan_export(session: Session, options: CopyToOptions, cancellation: Cancellation | None = None) -> ExportPlan:
    """Plan the reads of one export.

    Raises:
        TableMetadataError: no such keyspace, table or column.
        OptionError: a column is named twice, ``where`` holds more than restrictions, or cells have no times to include.
        QueryError: the server refuses the ``where``, or it needs filtering that the options forbid.
        TimeWindowError: the window does not fit the table.
    """
    table = load_table_metadata(session, options.table)
    columns = _choose_columns(table, options.columns)
    hidden_keys = tuple(table.column(name) for name in table.primary_key if table.column(name) not in columns)
    read_columns = [column.name for column in (*columns, *hidden_keys)]
    watch = TableWatch(
        session, table.keyspace, table.name, "it was read", columns=read_columns, cancellation=cancellation
    )
    masked = find_masked_columns(session, table.keyspace, table.name, read_columns)
    cell_times = plan_cell_times(table, columns, options)
    if cell_times is not None:
        _check_element_times(session, table, columns, options)
    where = _read_where(session, table, options.where)
    companions = cell_times.hidden_columns if cell_times is not None else ()

    def plan_reads(route: WindowRoute) -> tuple[WindowRoute, Selection, tuple[PlannedRead, ...]]:
        # The route's come last: its filter drops them by their number.
        hidden = (*companions, *route.hidden_columns)
        return route, *_ReadPlanner(
            session, table, (*columns, *hidden_keys), hidden, where, route, options
        ).plan_reads()

    try:
        route, selection, reads = plan_reads(choose_route(session, table, options, where))
    except QueryError as error:
        without_filtering = choose_route_without_filtering(table, options)
        if without_filtering is None or not error.details.get("is_filtering_forbidden"):
            raise
        route, selection, reads = plan_reads(without_filtering)
    hidden_columns = (*companions, *route.hidden_columns)
    _log_plan(table, options, where, route, selection, reads)
    return ExportPlan(
        table_metadata=table,
        watch=watch,
        masked=check_masked_columns(masked, table.qualified_name, allow_masked=options.allow_masked),
        columns=_planned_columns(columns, hidden_keys, hidden_columns, selection.statement),
        reads=reads,
        route=route.name,
        window_filter=route.window_filter,
        cell_times=cell_times,
    )


def _choose_columns(table: TableMetadata, names: str | Sequence[str] | None) -> tuple[TableColumn, ...]:
    if names is None:
        return table.columns
    chosen = tuple(table.column(name) for name in names)
    repeated = sorted({column.name for column in chosen if chosen.count(column) > 1})
    if repeated:
        raise OptionError(f"columns={list(names)!r} names {', '.join(repeated)} more than once", option="columns")
    return chosen


def _check_element_times(
    session: Session, table: TableMetadata, columns: Sequence[TableColumn], options: CopyToOptions
) -> None:
    reason = explain_missing_element_times(session, table, columns)
    if reason is not None:
        option = "include_writetime" if options.include_writetime else "include_ttl"
        raise OptionError(f"{option}: {reason}; leave them out of columns, or leave {option} out", option=option)


def _read_where(session: Session, table: TableMetadata, text: str | None) -> WhereClause | None:
    """The user's restrictions, once the server has taken them by themselves.

    Filtering that guardrails forbid does not matter here: with the window they may lead to rows.
    """
    if text is None:
        return None
    where = read_where(text)
    key = ", ".join(quote_name(name) for name in table.partition_key)
    try:
        prepare_select(session, key, table.cql_name, [where.restriction], allow_filtering=True)
    except QueryError as error:
        if not error.details.get("is_filtering_forbidden"):
            raise
    return where


def _planned_columns(
    columns: Sequence[TableColumn],
    hidden_keys: Sequence[TableColumn],
    hidden_columns: Sequence[HiddenColumn],
    statement: PreparedStatement,
) -> tuple[PlannedColumn, ...]:
    asked = [(column.name, column.cql_text, column.is_primary_key, False) for column in columns]
    # A key that was not asked for is read all the same: an error in another column has to name its row.
    hidden = [(column.name, column.cql_text, True, True) for column in hidden_keys]
    hidden += [(column.name, column.cql_text, False, True) for column in hidden_columns]
    planned: list[PlannedColumn] = []
    for (name, cql_text, is_primary_key, is_hidden), result in zip(
        [*asked, *hidden], statement.result_metadata, strict=True
    ):
        planned.append(PlannedColumn(name, result[3], cql_text, is_primary_key, is_hidden))
    return tuple(planned)


class _ReadPlanner:
    """Turns a route into reads: by key, over token ranges, or as one query."""

    def __init__(
        self,
        session: Session,
        table: TableMetadata,
        columns: Sequence[TableColumn],
        hidden_columns: Sequence[HiddenColumn],
        where: WhereClause | None,
        route: WindowRoute,
        options: CopyToOptions,
    ) -> None:
        self._session = session
        self._table = table
        self._where = where
        self._route = route
        self._options = options
        self._selected = ", ".join(
            [*(quote_name(column.name) for column in columns), *(hidden.cql for hidden in hidden_columns)]
        )

    def plan_reads(self) -> tuple[Selection, tuple[PlannedRead, ...]]:
        """The statement that all reads share, and the reads of this shard."""
        if self._route.direct_column is not None:
            return self._read_keys(self._route.direct_column)
        if self._where is not None and self._where.fixes(self._table.partition_key):
            return self._read_at_once("where lists the partition keys")
        if self._table.is_node_local:
            return self._read_at_once("each node has rows of its own")
        ring = load_ring(self._session)
        if not ring.is_murmur3:
            return self._read_at_once(f"the ring of {ring.partitioner} cannot be split")
        try:
            selection, values = self._prepare(restrict_tokens(self._table.partition_key, WHOLE_RING))
        except QueryError:
            if self._where is None:
                raise
            # A where that restricts token(...) itself, for one, goes together with no other token range.
            return self._read_at_once("where cannot be combined with token ranges")
        ranges = plan_ranges(
            self._session,
            self._table,
            ring,
            concurrency=self._options.concurrency,
            shard_index=self._options.shard_index,
            shard_count=self._options.shard_count,
            is_index_search=not selection.needs_filtering and bool(self._where or self._route.restrictions),
        )
        width = sum(token_range.width for token_range in ranges)
        return selection, tuple(
            PlannedRead(
                statement=selection.statement,
                parameters=(token_range.start, token_range.end, *values),
                description=f"{self._table} tokens {token_range}",
                ring_share=token_range.width / width,
                token_range=token_range,
            )
            for token_range in ranges
        )

    def _read_keys(self, column: str) -> tuple[Selection, tuple[PlannedRead, ...]]:
        selection, values = self._prepare(Restriction(f"{quote_name(column)} = ?", (None,)))
        keys = self._route.direct_keys[self._options.shard_index :: self._options.shard_count]
        return selection, tuple(
            PlannedRead(
                statement=selection.statement,
                parameters=(key.value, *values),
                description=f"{self._table} {column}={key.text}",
                ring_share=1 / len(keys),
                token_range=None,
            )
            for key in keys
        )

    def _read_at_once(self, reason: str) -> tuple[Selection, tuple[PlannedRead, ...]]:
        """One paged query. It belongs to the first shard; the others have nothing to read."""
        selection, values = self._prepare(None)
        logger.info("%s: read by one query, since %s", self._table, reason)
        read = PlannedRead(selection.statement, values, f"{self._table} by one query", 1.0, None)
        return selection, (read,) if self._options.shard_index == 0 else ()

    def _prepare(self, own: Restriction | None) -> tuple[Selection, tuple[Any, ...]]:
        """The statement with ``own`` restriction first, and the values that come after its own."""
        try:
            return self._prepare_with(own, self._route.restrictions)
        except QueryError:
            if self._route.fallback is None:
                raise
        return self._prepare_with(own, self._route.fallback)

    def _prepare_with(
        self, own: Restriction | None, window: tuple[Restriction, ...]
    ) -> tuple[Selection, tuple[Any, ...]]:
        restrictions = [
            *([own] if own is not None else []),
            *window,
            *([self._where.restriction] if self._where is not None else []),
        ]
        selection = prepare_select(
            self._session,
            self._selected,
            self._table.cql_name,
            restrictions,
            allow_filtering=self._options.allow_filtering,
        )
        return selection, tuple(value for restriction in window for value in restriction.values)


def _log_plan(
    table: TableMetadata,
    options: CopyToOptions,
    where: WhereClause | None,
    route: WindowRoute,
    selection: Selection,
    reads: Sequence[PlannedRead],
) -> None:
    window = options.window
    of_window = f" in [{window.start.isoformat()}, {window.end.isoformat()})" if window is not None else ""
    logger.info("%s%s: route %s; %s", table, of_window, route.name, count_of(len(reads), "query", "queries"))
    if reads_more_than_returned(route, where, needs_filtering=selection.needs_filtering):
        logger.warning(
            "%s: the export reads more rows than it returns: no key or index leads to those wanted",
            table,
        )
