"""Keyspaces for tests: made by the hundred, and not dropped where the server ends with the run.

Measured here, CPU of the server: both CREATEs together 44 ms, DROP TABLE 310, DROP KEYSPACE 480 to 1,000.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cassandra.cluster import Session

# A keyspace of hundreds of tables, on a machine that the server shares with others.
_DROP_SECONDS = 300.0
_made: list[str] = []


def make_keyspace(session: Session) -> str:
    """A keyspace of a new name."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    _made.append(name)
    return name


@contextmanager
def dropped_keyspace(session: Session) -> Iterator[str]:
    """One of hundreds of random tables, which would make each later connection read more."""
    name = make_keyspace(session)
    try:
        yield name
    finally:
        session.execute(f"DROP KEYSPACE {name}", timeout=_DROP_SECONDS)


def drop_keyspaces(session: Session) -> None:
    """All that this process made, on a server that goes on after the tests."""
    while _made:
        session.execute(f"DROP KEYSPACE IF EXISTS {_made.pop()}", timeout=_DROP_SECONDS)
