"""Which Cassandra release and protocol answer, and what they lack that newer ones have: the one place that knows.

The driver keeps the releases of all nodes from ``system.local`` and ``system.peers``: asking costs no query, but for a
setting. What is missing becomes the words of an error, for a plan to raise before its first row. Note: while a cluster
is upgraded any node can be the one that answers, so the oldest counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.system_query import read_system_rows
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.errors import AccessDeniedError, QueryError

# CASSANDRA-8877 taught WRITETIME and TTL about elements and fields, and added MAXWRITETIME.
_ELEMENT_TIMES_SINCE = (5, 0)
# Before, a list of values for a part of a partition key is prepared, and refused when the query runs.
_LISTS_FOR_KEY_PARTS_SINCE = (4, 1)
_LATE_EXPIRIES_SINCE = (5, 0)
_DATA_MASKING_SINCE = (5, 0)
# Before, the server reads "unset" as null, without a word.
_UNSET_SINCE_PROTOCOL = 4
_RELEASE = re.compile(r"(\d+)\.(\d+)")


def oldest_release(session: Session) -> str | None:
    """Such as ``"4.1.10"``; None where no node tells one."""
    releases = [host.release_version for host in session.cluster.metadata.all_hosts() if host.release_version]
    known = [release for release in releases if _RELEASE.match(release)]
    return min(known, key=_numbers) if known else None


def name_server(session: Session) -> str:
    """``Cassandra 4.1.10``, for messages: whether a query is understood often hangs on the release."""
    release = oldest_release(session)
    return f"Cassandra {release}" if release is not None else "Cassandra"


def explain_missing_element_times(session: Session, table: TableMetadata, columns: Iterable[TableColumn]) -> str | None:
    """Why the cluster tells no write times and TTLs of ``columns``; None where it does.

    Frozen values and plain ones are one cell each, which every Cassandra can tell about.
    """
    names = [column.name for column in columns if column.is_multi_cell]
    release = oldest_release(session)
    if not names or release is None or _numbers(release) >= _ELEMENT_TIMES_SINCE:
        return None
    return (
        f"{table} has collections or user-defined types that are not frozen ({', '.join(names)}), of which only"
        f" Cassandra 5.0 and newer tells write time and TTL; this cluster has {release}"
    )


def explain_missing_key_lists(session: Session) -> str | None:
    """Why the cluster does not filter a part of a partition key by ``IN``; None where it does."""
    release = oldest_release(session)
    if release is None or _numbers(release) >= _LISTS_FOR_KEY_PARTS_SINCE:
        return None
    return f"only Cassandra 4.1 and newer filters a part of the partition key by a list; this cluster has {release}"


def explain_missing_unset(session: Session) -> str | None:
    """Why a cell cannot be left as it is by a statement that names its column; None where it can."""
    version = session.cluster.protocol_version
    if version >= _UNSET_SINCE_PROTOCOL:
        return None
    return f"protocol version {version} has no value that leaves a cell as it is, so a null deletes it"


def has_data_masking(session: Session) -> bool:
    """Whether columns of a table can be masked at all."""
    release = oldest_release(session)
    return release is None or _numbers(release) >= _DATA_MASKING_SINCE


def explain_early_last_expiry(session: Session) -> str | None:
    """Why the cluster stores no expiry after January 2038; None where it does, or where that cannot be asked."""
    release = oldest_release(session)
    if release is None:
        return None
    if _numbers(release) < _LATE_EXPIRIES_SINCE:
        return f"only Cassandra 5.0 and newer stores later ones; this cluster has {release}"
    statement = "SELECT value FROM system_views.settings WHERE name = 'storage_compatibility_mode'"
    try:
        rows = read_system_rows(session, statement, what="reading the settings of the server")
    except (AccessDeniedError, QueryError):
        # A role need not be able to look.
        return None
    if not rows or rows[0].value != "CASSANDRA_4":
        return None
    return "storage_compatibility_mode of its nodes is CASSANDRA_4, as Cassandra ships; NONE stores later ones"


def _numbers(release: str) -> tuple[int, int]:
    found = _RELEASE.match(release)
    assert found is not None
    return int(found[1]), int(found[2])
