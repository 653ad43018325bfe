"""Whether a table is still the one it was: not dropped, created anew or truncated, and with the columns it had.

A table that is dropped and created again by the same text answers the same queries with other rows, and so does one
that was truncated, or whose column was dropped and added again: only the system tables tell.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cassandra.cluster import Session
from cassandra.query import SimpleStatement
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import PoolRenewal
from airflow_provider_cqlai.engine.cassandra.connect.system_query import read_system_rows, system_profile
from airflow_provider_cqlai.engine.cassandra.connect.waiting import RETRY_PAUSE
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, CqlaiError, TableChangedError
from airflow_provider_cqlai.engine.types.cells.cql_type import spell_name

# How long a run can go on with a table that is another by now.
_CHECK_SECONDS = 60.0
# Every node has the system tables: what fails so often is an outage.
_TRIES = 5
_OF_TABLE = "keyspace_name = %s AND table_name = %s"


@dataclass(frozen=True)
class TableIdentity:
    """What a table is known by beside its name."""

    table_id: str | None
    """None where there is no such table, and of a virtual one."""
    truncated: Mapping[str, int] = field(default_factory=dict)
    """When it was last truncated, milliseconds since 1970, 0 for never: by node, for each has a record of its own, and
    those that did not answer are missing."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Types as CQL text."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """When the last column of a name was dropped, milliseconds since 1970: one may have been added in its place."""

    def describe_change(self, later: TableIdentity, columns: Iterable[str] | None = None) -> str | None:
        """What became of the table since, such as "was truncated at ..."; None if nothing.

        Of columns only ``columns`` count; None counts all that there were.
        """
        if self.table_id != later.table_id:
            return "was dropped" if later.table_id is None else "was dropped and created again"
        moments = [moment for node, moment in later.truncated.items() if moment > self.truncated.get(node, moment)]
        if moments:
            moment = datetime.datetime.fromtimestamp(max(moments) / 1000, datetime.timezone.utc)
            return f"was truncated at {moment.isoformat(timespec='milliseconds')}"
        for name in self.columns if columns is None else columns:
            column = f"was altered, column {spell_name(name)}"
            was, is_now = self.columns.get(name), later.columns.get(name)
            if later.dropped.get(name) != self.dropped.get(name):
                return f"{column} dropped" if is_now is None else f"{column} dropped and added again"
            if was != is_now:
                return f"{column} is {f'{is_now} now' if is_now else 'no longer there'}"
        return None

    def to_json(self) -> str:
        """A text for `from_json`, in another process."""
        return json.dumps([self.table_id, dict(self.truncated), dict(self.columns), dict(self.dropped)])

    @classmethod
    def from_json(cls, text: str) -> TableIdentity:
        """What `to_json` wrote."""
        return cls(*json.loads(text))


class TableWatch:
    """Remembers a table as it was, to tell later whether it still is.

    Args:
        session: with rows as the driver makes them, not pages.
        activity: what is going on meanwhile, for messages, such as "it was read".
        columns: those whose loss matters; None for all.
        cancellation: ends the waiting between two tries.
    """

    def __init__(
        self,
        session: Session,
        keyspace: str,
        table: str,
        activity: str,
        *,
        columns: Iterable[str] | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._session = session
        self._pools = PoolRenewal(session)
        self._keyspace = keyspace
        self._table = table
        self._columns = None if columns is None else frozenset(columns)
        self._activity = activity
        self._cancellation = cancellation or Cancellation()
        self.identity = self._read()
        self._checked_at = time.monotonic()

    def check(self) -> None:
        """Raise if the table is not the one it was.

        Raises:
            TableChangedError: names what happened to it.
            ClusterUnavailableError: the system tables cannot be read.
        """
        self._compare(self._read())

    def check_if_due(self) -> None:
        """`check`, but not more than once a minute, and without waiting for a cluster that does not answer."""
        if time.monotonic() - self._checked_at >= _CHECK_SECONDS:
            self._checked_at = time.monotonic()
            with suppress(ClusterUnavailableError):
                self._compare(self._read_once())

    def explain(self, error: CqlaiError) -> CqlaiError:
        """What a request failed with, or that the table has changed, of which it is then the consequence."""
        try:
            self._compare(self._read_once())
        except TableChangedError as changed:
            return TableChangedError(f"{changed}: {error}", **changed.details)
        except ClusterUnavailableError:
            # What cannot be asked now is asked before the end.
            return error
        return error

    def _compare(self, later: TableIdentity) -> None:
        change = self.identity.describe_change(later, self._columns)
        if change is not None:
            name = f"{spell_name(self._keyspace)}.{spell_name(self._table)}"
            raise TableChangedError(f"{name} {change} while {self._activity}", table=name)

    def _read(self) -> TableIdentity:
        tries = Retrying(
            stop=stop_after_attempt(_TRIES),
            wait=RETRY_PAUSE,
            retry=retry_if_exception_type(ClusterUnavailableError),
            sleep=self._cancellation.wait,
            before_sleep=lambda _state: self._pools.renew(),
            reraise=True,
        )
        identity: TableIdentity = tries(self._read_once)
        return identity

    def _read_once(self) -> TableIdentity:
        found = self._query(f"SELECT id FROM system_schema.tables WHERE {_OF_TABLE}") or self._query(
            "SELECT id FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s"
        )
        if not found:
            return TableIdentity(None)
        columns = self._query(f"SELECT column_name, type FROM system_schema.columns WHERE {_OF_TABLE}")
        # As a number, since some tables of the system tell moments that Python has no datetime for.
        dropped = self._query(
            f"SELECT column_name, toUnixTimestamp(dropped_time) FROM system_schema.dropped_columns WHERE {_OF_TABLE}"
        )
        return TableIdentity(
            str(found[0][0]),
            _read_truncations(self._session, found[0][0]),
            dict(columns),
            {name: moment for name, moment in dropped if moment is not None},
        )

    def _query(self, statement: str) -> Sequence[Any]:
        what = f"looking whether {self._keyspace}.{self._table} is still the same"
        return read_system_rows(self._session, statement, self._keyspace, self._table, what=what)


def _read_truncations(session: Session, table_id: Any) -> dict[str, int]:
    """When each node that answers last truncated the table. A truncation needs all of them, so some are enough."""
    statement = SimpleStatement("SELECT truncated_at FROM system.local", fetch_size=1)
    hosts = [pool.host for pool in session.get_pools() if not pool.is_shutdown]
    profile = system_profile(session)
    asked = [(host, session.execute_async(statement, execution_profile=profile, host=host)) for host in hosts]
    truncations: dict[str, int] = {}
    failure: Exception | None = None
    for host, future in asked:
        try:
            row = future.result().one()
        except DRIVER_EXCEPTIONS as error:
            failure = error
            continue
        record = dict(row[0] or {}).get(table_id) if row is not None else None
        # A position in the commit log, and the moment in milliseconds.
        truncations[str(host.host_id)] = int.from_bytes(record[-8:], "big") if record else 0
    if not truncations:
        cause = failure or ClusterUnavailableError("no node is connected")
        raise translate_driver_error(cause, "reading when nodes truncated tables") from failure
    return truncations
