"""Dynamic data masking: columns of which a role without UNMASK is shown something else than there is (Cassandra 5.0).

The server says nothing of it with the rows. So the masks of a table are looked up before it is read: what is masked is
not the table, and an import of it would put the masks in the values' place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.system_query import read_system_rows
from airflow_provider_cqlai.engine.cassandra.metadata.server_release import has_data_masking
from airflow_provider_cqlai.engine.errors import AccessDeniedError
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name, spell_name

_OF_TABLE = "keyspace_name = %s AND table_name = %s"
_SETTING = "SELECT value FROM system_views.settings WHERE name = 'dynamic_data_masking_enabled'"


@dataclass(frozen=True)
class MaskedColumn:
    """A column that the session's role sees masked."""

    name: str
    is_primary_key: bool


def find_masked_columns(
    session: Session, keyspace: str, table: str, among: Collection[str] | None = None
) -> tuple[MaskedColumn, ...]:
    """By name, of the columns ``among`` or of all; none where the role sees through the masks."""
    if not has_data_masking(session):
        return ()
    masks = _query(session, f"SELECT column_name FROM system_schema.column_masks WHERE {_OF_TABLE}", keyspace, table)
    if not masks or not _is_enabled(session) or _sees_through(session, keyspace, table):
        return ()
    columns = _query(session, f"SELECT column_name, kind FROM system_schema.columns WHERE {_OF_TABLE}", keyspace, table)
    kinds = dict(columns)
    return tuple(
        MaskedColumn(name, kinds.get(name) in ("partition_key", "clustering"))
        for name in sorted(name for (name,) in masks)
        if among is None or name in among
    )


def check_masked_columns(
    masked: Iterable[MaskedColumn],
    table: str,
    *,
    allow_masked: bool,
    otherwise: str = "allow_masked=True takes the masks",
) -> tuple[str, ...]:
    """The names of the columns ``masked``, which are to be read, if that is allowed.

    Args:
        masked: of ``table``, which messages name.
        allow_masked: the option; keys are never allowed, since several rows would look alike.
        otherwise: what beside a permission helps, for columns that are no keys.

    Raises:
        AccessDeniedError: names the columns and the permission.
    """
    masked = tuple(masked)
    keys = [column.name for column in masked if column.is_primary_key]
    names = [column.name for column in masked]
    if names and (keys or not allow_masked):
        choice, kind = ("", " of the primary key") if keys else (f", or {otherwise}", "")
        raise AccessDeniedError(
            f"GRANT UNMASK ON {table} to the role that login of the connection names{choice}: the server masks"
            f" {', '.join(spell_name(name) for name in keys or names)}{kind}, and what would be read is not what is"
            " stored",
            table=table,
            columns=keys or names,
        )
    return tuple(names)


def named_in(query: str, masked: Iterable[MaskedColumn]) -> tuple[MaskedColumn, ...]:
    """Those that the text of a SELECT may read."""
    return tuple(column for column in masked if "*" in query or _is_named(column.name, query))


def _is_named(name: str, query: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", query, re.IGNORECASE) is not None


def _is_enabled(session: Session) -> bool:
    """Masks of a table stay in its schema where the server's configuration switches them off."""
    try:
        found = _query(session, _SETTING)
    except AccessDeniedError:
        # The settings are not open to every role; those who mask columns have it switched on.
        return True
    return not found or found[0][0] != "false"


def _sees_through(session: Session, keyspace: str, table: str) -> bool:
    role = getattr(session.cluster.auth_provider, "username", None)
    if role is None:
        # Without authentication there are no permissions.
        return True
    # Also of roles that were granted to it.
    roles = _query(session, f"LIST ROLES OF {quote_name(role)}")
    if any(is_superuser for _, is_superuser, *_ in roles):
        return True
    # Those on the keyspace and on all keyspaces as well.
    resource = f"{quote_name(keyspace)}.{quote_name(table)}"
    return bool(_query(session, f"LIST UNMASK PERMISSION ON {resource} OF {quote_name(role)}"))


def _query(session: Session, statement: str, *parameters: str) -> Sequence[Any]:
    return read_system_rows(session, statement, *parameters, what="reading which columns are masked")
