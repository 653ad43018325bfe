"""Which tables of a keyspace an export of all of it has, and what each is cut by: its time column and its size."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import (
    CLUSTERING,
    PARTITION_KEY,
    TableMetadata,
    load_table_metadata,
)
from airflow_provider_cqlai.engine.cassandra.plan.table_size import estimate_table
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names, read_names
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name
from airflow_provider_cqlai.engine.verbs.queries import list_tables
from airflow_provider_cqlai.engine.verbs.sharded_export import count_shards

logger = logging.getLogger(__name__)

_TIME_TYPES = frozenset({"timeuuid", "timestamp", "date"})


@dataclass(frozen=True)
class KeyspaceTable:
    """One table of a keyspace."""

    name: str
    qualified_name: str
    """As CQL takes it."""
    time_columns: tuple[str, ...]
    """Those of its primary key that tell a time: of the clustering columns, or else of the partition key."""
    shard_count: int
    """How many tasks its size is worth."""


def find_tables(
    session: Session, keyspace: str, tables: str | Sequence[str] = "*", exclude: str | Sequence[str] = ()
) -> list[KeyspaceTable]:
    """The tables of ``keyspace`` whose names match.

    Args:
        session: connected.
        keyspace: as the server spells it.
        tables: names or patterns (``events_*``), a list or one text with commas.
        exclude: names or patterns of those to leave out; a pattern may match none.

    Raises:
        OptionError: a pattern that no table matches, or nothing is left; a mistyped name would be missing unnoticed.
        CqlaiError: the cluster does not answer.
    """
    there = list_tables(session, keyspace)
    if not there:
        raise OptionError(f"keyspace={keyspace!r} has no tables, or there is no such keyspace", option="keyspace")
    wanted = _match("tables", tables, there)
    left_out = _match("exclude", exclude, there)
    names = [name for name in there if name in wanted and name not in left_out]
    if not names:
        raise OptionError(f"tables={tables!r} and exclude={exclude!r} leave no table of {keyspace}", option="tables")
    return [_describe(session, keyspace, name) for name in names]


def _match(option: str, patterns: str | Sequence[str], there: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for pattern in read_names(option, patterns):
        matching = fnmatch.filter(there, pattern)
        # There may be no temporary table tonight; a plain name is one that was meant to be there.
        is_optional = option == "exclude" and any(sign in pattern for sign in "*?[")
        if not matching and not is_optional:
            raise OptionError(f"{option}: no table matches {pattern!r}{hint_near_names(pattern, there)}", option=option)
        found.update(matching)
    return found


def _describe(session: Session, keyspace: str, name: str) -> KeyspaceTable:
    cql_name = f"{quote_name(keyspace)}.{quote_name(name)}"
    table = load_table_metadata(session, cql_name)
    rows, size = (None, None) if table.is_node_local else estimate_table(session, table)
    return KeyspaceTable(name, table.qualified_name, _find_time_columns(table), count_shards(rows, size))


def choose_time_column(table: KeyspaceTable) -> str | None:
    """The column that ``time_column="auto"`` stands for; None where nothing in the key tells a time.

    Raises:
        OptionError: there are several.
    """
    if len(table.time_columns) > 1:
        raise OptionError(
            f"{table.qualified_name} has several columns that tell a time, {', '.join(table.time_columns)}: say which"
            f" by table_options={{'{table.name}': {{'time_column': ...}}}}, None for the whole table",
            option="time_column",
        )
    return table.time_columns[0] if table.time_columns else None


def _find_time_columns(table: TableMetadata) -> tuple[str, ...]:
    for kind in (CLUSTERING, PARTITION_KEY):
        candidates = [column.name for column in table.columns if column.kind == kind and column.cql_text in _TIME_TYPES]
        if candidates:
            return tuple(candidates)
    return ()
