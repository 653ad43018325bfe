"""What tests of files of other programs share: a table of their columns, and its rows in Python's own types."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from cassandra.cluster import Session
from cassandra.util import Date, Duration, OrderedMapSerializedKey, SortedSet, Time

MOMENT = datetime.datetime(2024, 5, 1, 12, 30, 0, 123_000)  # noqa: DTZ001, the driver's moments have no timezone


def create_table(session: Session, keyspace: str, columns: Mapping[str, str]) -> None:
    """``t``, with an int ``k`` as its key and ``columns``, their CQL types."""
    declared = ", ".join(f"{name} {cql_type}" for name, cql_type in columns.items())
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, {declared})")


def read_row(session: Session, keyspace: str, key: int) -> dict[str, Any]:
    """The row of ``key``, its key left out."""
    row = session.execute(f"SELECT * FROM {keyspace}.t WHERE k = {key}").one()
    return {name: plain(value) for name, value in row._asdict().items() if name != "k"}


def plain(value: Any) -> Any:
    """A value of the driver in Python's own types."""
    if isinstance(value, Date):
        return value.date()
    if isinstance(value, Time):
        return value.nanosecond_time
    if isinstance(value, Duration):
        return value.months, value.days, value.nanoseconds
    if isinstance(value, OrderedMapSerializedKey):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, SortedSet):
        return {plain(element) for element in value}
    if hasattr(value, "_asdict"):
        return {name: plain(inner) for name, inner in value._asdict().items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(element) for element in value)
    return value
