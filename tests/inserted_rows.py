"""Fills tables, not through the package."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import BatchStatement, BatchType


def insert_rows(session: Session, statement: str, rows: Iterable[Any], *, rows_a_request: int = 50) -> None:
    """Executes an INSERT with a marker for each value of a row.

    Many rows in one request take a quarter of the time; rows of many kilobytes go one by one, since a server refuses
    large batches. Few requests at once, which a busy server answers in time.
    """
    insert = session.prepare(statement)
    remaining = iter(rows)

    def requests() -> Iterator[tuple[BatchStatement, None]]:
        while group := list(itertools.islice(remaining, rows_a_request)):
            batch = BatchStatement(BatchType.UNLOGGED)
            for row in group:
                batch.add(insert, row)
            yield batch, None

    execute_concurrent(session, requests(), concurrency=4, raise_on_first_error=True)
