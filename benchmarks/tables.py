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
from cassandra.policies import RetryPolicy
from cassandra.query import BatchStatement, BatchType
from cassandra.util import uuid_from_time

KEYSPACE = "cqlai_bench"
FIRST_DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
DAYS = 10
ROWS_PER_PARTITION_KEY = 500
# Rows of one partition key in a batch statement: a tenth of the cost of single statements.
ROWS_PER_BATCH_STATEMENT = 100
# More of it on its way at once is refused by the driver, which does not wait for its socket.
BATCH_STATEMENT_BYTES = 100_000


@dataclass(frozen=True)
class BenchmarkTable:
    """A table by its CREATE statement's body and its rows, in the order of the columns."""

    name: str
    definition: str
    columns: tuple[str, ...]
    make_rows: Callable[[int], Iterator[tuple[Any, ...]]]
    default_rows: int = 1_000_000
    rows_per_batch_statement: int = ROWS_PER_BATCH_STATEMENT

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


def _points(rows: int) -> Iterator[tuple[Any, ...]]:
    source = random.Random(5)
    for number in range(rows):
        moment = FIRST_DAY + datetime.timedelta(seconds=number)
        key = uuid.UUID(int=source.getrandbits(128), version=4)
        yield key, moment, source.random(), source.gauss(0, 1), source.randrange(2**60), number % 2 == 0


def _sized_rows(content_bytes: int) -> Callable[[int], Iterator[tuple[Any, ...]]]:
    def make(rows: int) -> Iterator[tuple[Any, ...]]:
        source = random.Random(content_bytes)
        for number in range(rows):
            key = number // ROWS_PER_PARTITION_KEY
            yield key, number, 0, number % 10, number % 1_000, source.randbytes(content_bytes)

    return make


def _sized_table(name: str, content_bytes: int, default_rows: int) -> BenchmarkTable:
    """Rows of a chosen size, with columns of 1, 10 and 1,000 distinct values to partition by."""
    return BenchmarkTable(
        name,
        "id int, number int, one int, ten int, thousand int, content blob, PRIMARY KEY (id, number)",
        ("id", "number", "one", "ten", "thousand", "content"),
        _sized_rows(content_bytes),
        default_rows=default_rows,
        rows_per_batch_statement=max(1, min(ROWS_PER_BATCH_STATEMENT, BATCH_STATEMENT_BYTES // content_bytes)),
    )


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
            "points",
            "id uuid PRIMARY KEY, at timestamp, a double, b double, total bigint, is_valid boolean",
            ("id", "at", "a", "b", "total", "is_valid"),
            _points,
            default_rows=200_000,
        ),
        _sized_table("rows_of_50_bytes", 34, 1_000_000),
        _sized_table("rows_of_1_kilobyte", 1_000, 200_000),
        _sized_table("rows_of_10_kilobytes", 10_000, 20_000),
        _sized_table("large_rows", 100_000, 1_000),
    )
}  # fmt: skip


def time_column(qualified_name: str) -> str:
    """The column that tells the day of a row of ``events`` or ``metrics``."""
    return "at" if qualified_name.startswith(f"{KEYSPACE}.metrics") else "event_id"


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
    statements = _batch_statements(insert, table.make_rows(rows), table.rows_per_batch_statement)
    _execute_all(session, statements)
    return name


def _batch_statements(insert: Any, rows: Iterator[tuple[Any, ...]], size: int) -> Iterator[BatchStatement]:
    statement = BatchStatement(BatchType.UNLOGGED, retry_policy=_TryAgain())
    key: object = None
    for row in rows:
        if len(statement) >= size or (len(statement) and row[0] != key):
            yield statement
            statement = BatchStatement(BatchType.UNLOGGED, retry_policy=_TryAgain())
        key = row[0]
        statement.add(insert, row)
    if len(statement):
        yield statement


class _TryAgain(RetryPolicy):
    """A machine that does other things meanwhile may keep a write from ending in time; it is the same twice."""

    def on_write_timeout(
        self, query: Any, consistency: int, write_type: int, required: int, received: int, retry_num: int
    ) -> tuple[int, int | None]:
        return (self.RETRY, consistency) if retry_num < 10 else (self.RETHROW, None)


def _execute_all(session: Session, statements: Iterator[BatchStatement]) -> None:
    # One generator feeds the driver's own bounded concurrency; the statement itself is the argument.
    for _success, _result in execute_concurrent(
        session, ((statement, None) for statement in statements), concurrency=16, results_generator=True
    ):
        pass
