"""The statements that an import writes with, prepared: INSERT, UPDATE and counter UPDATE, with TTL and write time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cassandra.cluster import Session
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cassandra.connect.prepare import prepare_statement
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.cassandra.write.messages import StatementKind, WriteStatement
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType, quote_name

# Cassandra's own names of these markers; no column can have them, since a statement's names are told apart by them.
TTL_MARKER, TIMESTAMP_MARKER = "[ttl]", "[timestamp]"


@dataclass(frozen=True)
class Using:
    """TTL and write time of a statement: a number for all rows, a marker bound row by row, or the defaults."""

    ttl: int | None = None
    timestamp: int | None = None
    has_ttl_marker: bool = False
    has_timestamp_marker: bool = False

    @property
    def markers(self) -> tuple[str, ...]:
        """Names of the markers in their order."""
        asked = ((TTL_MARKER, self.has_ttl_marker), (TIMESTAMP_MARKER, self.has_timestamp_marker))
        return tuple(name for name, has_marker in asked if has_marker)

    @property
    def cql(self) -> str:
        """The clause with a blank before it, or nothing."""
        parts = [
            f"{word} {'?' if has_marker else number}"
            for word, number, has_marker in (
                ("TTL", self.ttl, self.has_ttl_marker),
                ("TIMESTAMP", self.timestamp, self.has_timestamp_marker),
            )
            if has_marker or number is not None
        ]
        return f" USING {' AND '.join(parts)}" if parts else ""


def prepare_insert(
    session: Session, table: TableMetadata, columns: Sequence[str], using: Using, *, if_not_exists: bool = False
) -> WriteStatement:
    """INSERT of ``columns``, the primary key among them: it also writes the row's marker."""
    names = ", ".join(map(quote_name, columns))
    condition = " IF NOT EXISTS" if if_not_exists else ""
    query = f"INSERT INTO {table.cql_name} ({names}) VALUES ({', '.join('?' * len(columns))}){condition}{using.cql}"
    kind = StatementKind.CONDITIONAL if if_not_exists else StatementKind.UPSERT
    return _prepare(session, query, (*columns, *using.markers), kind)


def prepare_update(
    session: Session, table: TableMetadata, columns: Sequence[str], key: Sequence[str], using: Using
) -> WriteStatement:
    """UPDATE of ``columns`` of the row or partition with this key: cells alone, no marker."""
    assignments = ", ".join(f"{quote_name(name)} = ?" for name in columns)
    query = f"UPDATE {table.cql_name}{using.cql} SET {assignments} WHERE {_restrict(key)}"
    return _prepare(session, query, (*using.markers, *columns, *key), StatementKind.UPSERT)


def prepare_counter_update(session: Session, table: TableMetadata, columns: Sequence[str]) -> WriteStatement:
    """UPDATE that adds to the counters ``columns`` of one row."""
    additions = ", ".join(f"{quote_name(name)} = {quote_name(name)} + ?" for name in columns)
    query = f"UPDATE {table.cql_name} SET {additions} WHERE {_restrict(table.primary_key)}"
    return _prepare(session, query, (*columns, *table.primary_key), StatementKind.COUNTER)


def read_column_types(session: Session, table: TableMetadata, columns: Sequence[str]) -> dict[str, CqlType]:
    """Types of some columns, which may be too few for a statement that writes."""
    prepared = _prepare_query(session, f"SELECT {', '.join(map(quote_name, columns))} FROM {table.cql_name}")
    return {name: CqlType.from_driver_type(driver_type) for _, _, name, driver_type in prepared.result_metadata}


def _restrict(key: Sequence[str]) -> str:
    return " AND ".join(f"{quote_name(name)} = ?" for name in key)


def _prepare(session: Session, query: str, columns: tuple[str, ...], kind: StatementKind) -> WriteStatement:
    return WriteStatement(_prepare_query(session, query), columns, kind)


def _prepare_query(session: Session, query: str) -> PreparedStatement:
    try:
        return prepare_statement(session, query)
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, f"preparing {query}") from error
