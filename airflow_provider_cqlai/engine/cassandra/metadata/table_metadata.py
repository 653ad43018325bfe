"""Reads what a table consists of from the server's own system tables, as it is at this moment.

Note: the driver's cached copy is not used: it lags behind an ALTER TABLE by seconds and is absent where a user switched
it off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.system_query import read_system_rows
from airflow_provider_cqlai.engine.cassandra.cql_text import describe_near_names, find_name, parse_table_name
from airflow_provider_cqlai.engine.errors import TableMetadataError
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name, spell_name

PARTITION_KEY, CLUSTERING, STATIC, REGULAR = "partition_key", "clustering", "static", "regular"
# The order of `SELECT *`: keys by position, then static and regular columns by name.
_KIND_ORDER = {PARTITION_KEY: 0, CLUSTERING: 1, STATIC: 2, REGULAR: 3}
_EMPTY_TYPES = ("empty", "'org.apache.cassandra.db.marshal.EmptyType'")
_MULTI_CELL = re.compile(r"(list|set|map)<", re.IGNORECASE)


@dataclass(frozen=True)
class TableColumn:
    """One column. ``cql_text`` is its type as CQL text, ``frozen<>`` included."""

    name: str
    cql_text: str
    kind: str
    position: int
    is_multi_cell: bool
    """Stored as several cells with a write time each: a collection or user-defined type that is not frozen."""

    @property
    def is_primary_key(self) -> bool:
        return self.kind in (PARTITION_KEY, CLUSTERING)

    @property
    def is_multi_cell_list(self) -> bool:
        """The one thing that doubles when it is written twice at one write time."""
        return self.is_multi_cell and self.cql_text.startswith("list<")


@dataclass(frozen=True)
class TableMetadata:
    """A table, view or virtual table: its columns in the order of ``SELECT *``, its indexed columns."""

    keyspace: str
    name: str
    columns: tuple[TableColumn, ...]
    indexed_columns: frozenset[str]
    is_view: bool
    is_virtual: bool
    is_node_local: bool
    """Each node has rows of its own (virtual tables, ``system`` and ``system_schema``)."""

    def __str__(self) -> str:
        return self.qualified_name

    @property
    def qualified_name(self) -> str:
        """``keyspace.table`` for messages and manifests, quoted only where CQL would read it otherwise."""
        return f"{spell_name(self.keyspace)}.{spell_name(self.name)}"

    @property
    def path_texts(self) -> dict[str, str]:
        """What ``{keyspace}`` and ``{table}`` stand for in paths."""
        return {"keyspace": self.keyspace, "table": self.name}

    @property
    def cql_name(self) -> str:
        """The name as a statement takes it, quoted."""
        return f"{quote_name(self.keyspace)}.{quote_name(self.name)}"

    @property
    def partition_key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind == PARTITION_KEY)

    @property
    def clustering(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind == CLUSTERING)

    @property
    def primary_key(self) -> tuple[str, ...]:
        return self.partition_key + self.clustering

    @property
    def is_counter(self) -> bool:
        return any(column.cql_text == "counter" for column in self.columns)

    def column(self, name: str, *, option: str = "columns") -> TableColumn:
        """The column that a user calls ``name``: exactly so first, else in lower case.

        Raises:
            TableMetadataError: there is none; names near ones and ``option``.
        """
        by_name = {column.name: column for column in self.columns}
        found = find_name(name, by_name)
        if found is None:
            raise TableMetadataError(
                f"{option}: table {self} has no column {name!r}{describe_near_names(name, by_name)};"
                f" its columns: {', '.join(by_name)}",
                table=str(self),
                column=name,
                option=option,
            )
        return by_name[found]


def load_table_metadata(session: Session, table: str) -> TableMetadata:
    """Look ``table`` (``keyspace.table``, or ``table`` in the session's keyspace) up on the server.

    Raises:
        OptionError: ``table`` is not a table name.
        TableMetadataError: no such keyspace or table; names near ones.
    """
    keyspace, name = parse_table_name(table)
    if keyspace is None:
        keyspace = session.keyspace
    if keyspace is None:
        raise TableMetadataError(
            f"table={table!r} names no keyspace and the connection has none: write keyspace.table", table=table
        )
    for is_virtual in (False, True):
        found = _load(session, keyspace, name, is_virtual=is_virtual)
        if found is not None:
            return found
    raise _missing(session, keyspace, name)


def _load(session: Session, keyspace: str, name: str, *, is_virtual: bool) -> TableMetadata | None:
    source = "system_virtual_schema" if is_virtual else "system_schema"
    columns = _query(
        session,
        f"SELECT column_name, kind, position, type FROM {source}.columns WHERE keyspace_name = %s AND table_name = %s",
        keyspace,
        name,
    )
    if not columns:
        return None
    indexes: Sequence[Any] = ()
    views: Sequence[Any] = ()
    types: Sequence[Any] = ()
    tables: Sequence[Any] = ()
    if not is_virtual:
        tables = _query(
            session,
            "SELECT flags FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s",
            keyspace,
            name,
        )
        indexes = _query(
            session,
            "SELECT options FROM system_schema.indexes WHERE keyspace_name = %s AND table_name = %s",
            keyspace,
            name,
        )
        views = _query(
            session,
            "SELECT view_name FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s",
            keyspace,
            name,
        )
        types = _query(session, "SELECT type_name FROM system_schema.types WHERE keyspace_name = %s", keyspace)
    user_types = {type_name for (type_name,) in types}
    known = [
        TableColumn(column_name, type_text, kind, position, _is_multi_cell(type_text, user_types))
        for column_name, kind, position, type_text in columns
    ]
    if tables:
        known = _leave_out_hidden(known, set(tables[0][0] or ()))
    known.sort(key=lambda column: (_KIND_ORDER[column.kind], column.position, column.name.encode()))
    targets = (_index_target(options) for (options,) in indexes)
    return TableMetadata(
        keyspace=keyspace,
        name=name,
        columns=tuple(known),
        indexed_columns=frozenset(target for target in targets if target),
        is_view=bool(views),
        is_virtual=is_virtual,
        is_node_local=is_virtual or keyspace in ("system", "system_schema"),
    )


def _leave_out_hidden(columns: list[TableColumn], flags: set[str]) -> list[TableColumn]:
    """The columns that CQL shows of a table ``WITH COMPACT STORAGE``: the system tables list its inner layout."""
    if "dense" in flags:
        return [column for column in columns if column.cql_text not in _EMPTY_TYPES]
    if "compound" in flags or "super" in flags:
        return columns
    # Static there stands for what CQL calls regular; the clustering and regular columns are the layout's own.
    return [
        replace(column, kind=REGULAR) if column.kind == STATIC else column
        for column in columns
        if column.kind in (PARTITION_KEY, STATIC)
    ]


def _is_multi_cell(type_text: str, user_types: set[str]) -> bool:
    return _MULTI_CELL.match(type_text) is not None or type_text.strip('"') in user_types


def _index_target(options: Any) -> str | None:
    """The column of an index on whole values; ``values(m)`` and the like are none for a time column."""
    target: str = dict(options).get("target", "")
    if target.startswith('"'):
        return target[1:-1].replace('""', '"')
    return target if target and "(" not in target else None


def _missing(session: Session, keyspace: str, name: str) -> TableMetadataError:
    keyspaces = {row[0] for row in _query(session, "SELECT keyspace_name FROM system_schema.keyspaces")}
    keyspaces |= {row[0] for row in _query_virtual_keyspaces(session)}
    if keyspace not in keyspaces:
        return TableMetadataError(
            f"table: there is no keyspace {keyspace!r}{describe_near_names(keyspace, keyspaces)}",
            table=f"{keyspace}.{name}",
        )
    names = {
        row[0]
        for row in _query(session, "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", keyspace)
    } | {
        row[0]
        for row in _query(session, "SELECT view_name FROM system_schema.views WHERE keyspace_name = %s", keyspace)
    }
    return TableMetadataError(
        f"table: keyspace {keyspace!r} has no table {name!r}{describe_near_names(name, names)}",
        table=f"{keyspace}.{name}",
    )


def _query_virtual_keyspaces(session: Session) -> Sequence[Any]:
    return _query(session, "SELECT keyspace_name FROM system_virtual_schema.keyspaces")


def _query(session: Session, statement: str, *parameters: str) -> Sequence[Any]:
    return read_system_rows(session, statement, *parameters, what="reading the table's metadata")
