"""How a table is read: which columns, by which statements, over which part of the ring.

What flows in is a session and what was asked; what flows out is an `ExportPlan`, whose reads together return each
wanted row exactly once. Planning reads system tables and prepares statements; of the table itself it reads at most one
page of tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from cassandra.cluster import Session
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cql.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cql.identifiers import quote_name
from airflow_provider_cqlai.engine.cql.select_statement import Restriction, prepare_select
from airflow_provider_cqlai.engine.cql.table_metadata import TableColumn, TableMetadata, load_table_metadata
from airflow_provider_cqlai.engine.cql.table_size import choose_range_count
from airflow_provider_cqlai.engine.cql.token_ranges import (
    WHOLE_RING,
    TokenRange,
    check_cover,
    shard_of_ring,
    shuffle_ranges,
    split_range,
)
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options import CopyToOptions

logger = logging.getLogger(__name__)

MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"


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
    """Everything the reading end needs. ``writetime_filter`` drops hidden columns and the rows outside the window."""

    table_metadata: TableMetadata
    columns: tuple[PlannedColumn, ...]
    reads: tuple[PlannedRead, ...]
    route: str
    writetime_filter: Callable[[pa.RecordBatch], pa.RecordBatch] | None


def plan_export(session: Session, options: CopyToOptions) -> ExportPlan:
    """Plan the reads of one export.

    Raises:
        TableMetadataError: no such keyspace, table or column.
        QueryError: the server refuses the ``where``, or it needs filtering that the options forbid.
        TimeWindowError: the window does not fit the table.
    """
    table = load_table_metadata(session, options.table)
    columns = _choose_columns(table, options.columns)
    selected = ", ".join(quote_name(column.name) for column in columns)
    key = ", ".join(quote_name(name) for name in table.partition_key)
    ranges = _plan_ranges(session, table, options)
    token_cql = f"token({key}) > ? AND token({key}) <= ?"
    selection = prepare_select(
        session, selected, table.cql_name, [Restriction(token_cql, (0, 0))], allow_filtering=options.allow_filtering
    )
    width = sum(token_range.width for token_range in ranges)
    reads = tuple(
        PlannedRead(
            statement=selection.statement,
            parameters=(token_range.start, token_range.end),
            description=f"{table} tokens {token_range}",
            ring_share=token_range.width / width,
            token_range=token_range,
        )
        for token_range in ranges
    )
    logger.info("%s: whole table in %d token ranges", table, len(ranges))
    return ExportPlan(table, _planned_columns(columns, selection.statement), reads, "whole table", None)


def _choose_columns(table: TableMetadata, names: str | Sequence[str] | None) -> tuple[TableColumn, ...]:
    if names is None:
        return table.columns
    chosen = tuple(table.column(name) for name in names)
    repeated = sorted({column.name for column in chosen if chosen.count(column) > 1})
    if repeated:
        raise OptionError(f"columns={list(names)!r} names {', '.join(repeated)} more than once", option="columns")
    return chosen


def _planned_columns(columns: Sequence[TableColumn], statement: PreparedStatement) -> tuple[PlannedColumn, ...]:
    return tuple(
        PlannedColumn(column.name, result[3], column.cql_text, column.is_primary_key, is_hidden=False)
        for column, result in zip(columns, statement.result_metadata, strict=True)
    )


def _plan_ranges(session: Session, table: TableMetadata, options: CopyToOptions) -> list[TokenRange]:
    shard = shard_of_ring(options.shard_index, options.shard_count)
    count = choose_range_count(session, table, options.concurrency)
    ranges = split_range(shard, max(1, round(count * shard.width / WHOLE_RING.width)), _ring_tokens(session))
    check_cover(ranges, shard)
    return shuffle_ranges(ranges)


def _ring_tokens(session: Session) -> set[int]:
    """The tokens of all nodes; a node's own view, so it may lag a topology change, which only costs speed."""
    try:
        rows = [
            *session.execute("SELECT tokens FROM system.local"),
            *session.execute("SELECT tokens FROM system.peers"),
        ]
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, "reading the ring's tokens") from error
    return {int(token) for (tokens,) in rows for token in tokens or ()}
