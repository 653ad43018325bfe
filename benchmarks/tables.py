"""The tables that are exported, each filled with rows that are the same on every machine."""

from __future__ import annotations

import datetime
import decimal
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import BatchStatement, BatchType
from cassandra.util import uuid_from_time

KEYSPACE = "cqlai_bench"
FIRST_DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
DAYS = 10
ROWS_PER_PARTITION_KEY = 500
# Rows of one partition key in a batch statement: a tenth of the cost of single statements.
ROWS_PER_BATCH_STATEMENT = 100
LARGE_ROW_BYTES = 100_000


@dataclass(frozen=True)
class BenchmarkTable:
    """A table by its CREATE statement's body and its rows, in the order of the columns."""

    name: str
    definition: str
    columns: tuple[str, ...]
    make_rows: Callable[[int], Iterator[tuple[Any, ...]]]
    default_rows: int = 1_000_000

    @property
    def qualified_name(self) -> str:
        return f"{KEYSPACE}.{self.name}"


def _events(rows: int) -> Iterator[tuple[Any, ...]]:
    source = random.Random(12)
    words = [source.randbytes(20).hex() for _ in range(1_000)]
    for number in range(rows):
        key = uuid.UUID(int=number // ROWS_PER_PARTITION_KEY * 0x9E3779B97F4A7C15 % 2**122)
        moment = FIRST_DAY + datetime.timedelta(seconds=number * 86_400 * DAYS / rows)
        yield (
            key,
            uuid_from_time(moment, node=number % 2**40, clock_seq=number % 16_384),
            moment.date(),
            moment,
            ("click", "view", "purchase", "logout")[number % 4],
            None if number % 10 == 0 else source.random(),
            decimal.Decimal(source.randrange(10**9)).scaleb(-2),
            number % 3 == 0,
            number % 100_000,
            source.randrange(2**60),
            words[number % 1_000] + words[source.randrange(1_000)],
            {"page": words[number % 50][:8], "button": words[number % 20][:6]},
        )


def _metrics(rows: int) -> Iterator[tuple[Any, ...]]:
    source = random.Random(8)
    for number in range(rows):
        yield (
            number // ROWS_PER_PARTITION_KEY,
            FIRST_DAY + datetime.timedelta(seconds=number),
            source.random(),
            source.random() * 100,
            source.gauss(0, 1),
            float(number % 10),
            source.randrange(2**60),
            number % 2 == 0,
        )


def _large_rows(rows: int) -> Iterator[tuple[Any, ...]]:
    source = random.Random(100)
    for number in range(rows):
        yield number, 0, source.randbytes(LARGE_ROW_BYTES)


TABLES = {
    table.name: table
    for table in (
        BenchmarkTable(
            "events",
            "id uuid, event_id timeuuid, day date, at timestamp, kind text, score double, amount decimal,"
            " is_new boolean, quantity int, total bigint, payload text, attributes map<text, text>,"
            " PRIMARY KEY (id, event_id)",
            ("id", "event_id", "day", "at", "kind", "score", "amount", "is_new", "quantity", "total", "payload",
             "attributes"),
            _events,
        ),
        BenchmarkTable(
            "metrics",
            "sensor int, at timestamp, a double, b double, c double, d double, total bigint, is_valid boolean,"
            " PRIMARY KEY (sensor, at)",
            ("sensor", "at", "a", "b", "c", "d", "total", "is_valid"),
            _metrics,
        ),
        BenchmarkTable(
            "large_rows",
            "id int, part int, content blob, PRIMARY KEY (id, part)",
            ("id", "part", "content"),
            _large_rows,
            default_rows=1_000,
        ),
    )
}  # fmt: skip


def create_and_fill(session: Session, table: BenchmarkTable, rows: int) -> str:
    """A table of ``rows`` rows, made anew; returns its qualified name."""
    session.execute(
        f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE}"
        " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    name = f"{table.qualified_name}_{rows}"
    session.execute(f"DROP TABLE IF EXISTS {name}", timeout=60)
    session.execute(f"CREATE TABLE {name} ({table.definition})", timeout=60)
    markers = ", ".join("?" for _ in table.columns)
    insert = session.prepare(f"INSERT INTO {name} ({', '.join(table.columns)}) VALUES ({markers})")
    rows_per_statement = 1 if table.name == "large_rows" else ROWS_PER_BATCH_STATEMENT
    statements = _batch_statements(insert, table.make_rows(rows), rows_per_statement)
    _execute_all(session, statements)
    return name


def _batch_statements(insert: Any, rows: Iterator[tuple[Any, ...]], size: int) -> Iterator[BatchStatement]:
    statement = BatchStatement(BatchType.UNLOGGED)
    key: object = None
    for row in rows:
        if len(statement) >= size or (len(statement) and row[0] != key):
            yield statement
            statement = BatchStatement(BatchType.UNLOGGED)
        key = row[0]
        statement.add(insert, row)
    if len(statement):
        yield statement


def _execute_all(session: Session, statements: Iterator[BatchStatement]) -> None:
    # One generator feeds the driver's own bounded concurrency; the statement itself is the argument.
    for _success, _result in execute_concurrent(
        session, ((statement, None) for statement in statements), concurrency=16, results_generator=True
    ):
        pass
