"""Fills tables, not through the package."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType


def insert_rows(session: Session, statement: str, rows: Iterable[Any], *, rows_a_request: int = 50) -> None:
    """Executes an INSERT with a marker for each value of a row.

    Many rows in one request take a quarter of the time. One request at once, which a busy server answers in time; rows
    of many kilobytes go one by one, since a server refuses large batches.
    """
    insert = session.prepare(statement)
    remaining = iter(rows)
    while group := list(itertools.islice(remaining, rows_a_request)):
        batch = BatchStatement(BatchType.UNLOGGED)
        for row in group:
            batch.add(insert, row)
        session.execute(batch)
