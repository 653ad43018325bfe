"""The events table of the demo: a TimeUUID key, all kinds of columns, nulls, and rows on the edges of each day.

The rows are the same on every run. They are made as a Parquet file, which the package's own import writes to the table;
Cassandra itself counts them by day.
"""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cassandra.cluster import Session
from cassandra.util import uuid_from_time

from airflow_provider_cqlai.engine import CopyFromOptions, copy_from

KEYSPACE = "shop"
TABLE = f"{KEYSPACE}.events"
RESTORED = f"{KEYSPACE}.restored_events"
FIRST_DAY = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
# Different for each day, and one day more than the demo exports, so that an export of anything else shows.
ROWS_BY_DAY = (24_601, 25_117, 23_982, 26_300)
_DEVICES = 50
_DAY_MILLISECONDS = 86_400_000

_COLUMNS = {
    "device": "text",
    "day": "date",
    "event_id": "timeuuid",
    "kind": "text",
    "customer": "uuid",
    "is_paid": "boolean",
    "quantity": "int",
    "small": "smallint",
    "tiny": "tinyint",
    "points": "bigint",
    "total": "varint",
    "price": "double",
    "weight": "float",
    "amount": "decimal",
    "created": "timestamp",
    "due": "date",
    "opens": "time",
    "took": "duration",
    "source": "inet",
    "payload": "blob",
    "tags": "set<text>",
    "readings": "list<double>",
    "attributes": "map<text, text>",
    "position": "tuple<double, double>",
    "shipping": "frozen<address>",
    "history": "list<frozen<map<text, int>>>",
    "embedding": "vector<float, 4>",
}

_DEFINITION = f"({', '.join(f'{name} {cql_type}' for name, cql_type in _COLUMNS.items())},"
_STATEMENTS = (
    f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}",
    f"CREATE TYPE {KEYSPACE}.address (street text, city text, zip int)",
    *(f"CREATE TABLE {table} {_DEFINITION} PRIMARY KEY ((device, day), event_id))" for table in (TABLE, RESTORED)),
)


def create_and_fill(session: Session, directory: Path) -> int:
    """Creates keyspace, type and tables, and fills one; returns the number of rows that were written."""
    for statement in _STATEMENTS:
        session.execute(statement)
    path = directory / "events-to-import.parquet"
    pq.write_table(make_events(), path)
    return copy_from(session, CopyFromOptions(table=TABLE, path=path)).rows


def day_start(number: int) -> datetime.datetime:
    """Midnight UTC of the day ``number`` days after the first."""
    return FIRST_DAY + datetime.timedelta(days=number)


def count_in_cassandra(session: Session, number: int, table: str = TABLE, where: str = "") -> int:
    """Rows of a day, counted by the server: ``count(*)`` between two time-based ids."""
    counted = session.execute(
        f"SELECT count(*) AS rows FROM {table}"
        f" WHERE event_id >= minTimeuuid(%s) AND event_id < minTimeuuid(%s){where} ALLOW FILTERING",
        (day_start(number), day_start(number + 1)),
    ).one()
    return int(counted.rows)


def make_events() -> pa.Table:
    """All rows, in Arrow types that the import takes for those of the table."""
    chance = np.random.default_rng(20240301)
    numbers = np.concatenate([np.arange(rows) for rows in ROWS_BY_DAY])
    days = np.repeat(np.arange(len(ROWS_BY_DAY)), ROWS_BY_DAY)
    count = len(numbers)
    within_day = chance.integers(0, _DAY_MILLISECONDS, count)
    # The first and the last moment of each day.
    within_day[numbers == 0], within_day[numbers == 1] = 0, _DAY_MILLISECONDS - 1
    moments = days * _DAY_MILLISECONDS + within_day + int(FIRST_DAY.timestamp() * 1000)
    cents = chance.integers(1, 1_000_000, count)

    def pick(texts: list[str], shape: int = count) -> pa.Array:
        return pa.array(texts).take(pa.array(chance.integers(0, len(texts), shape)))

    def integers(name: str) -> pa.Array:
        limits = np.iinfo(name)
        return pa.array(chance.integers(limits.min, limits.max, count, dtype=name, endpoint=True))

    def three(values: pa.Array) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(np.arange(0, 3 * count + 1, 3), pa.int32()), values)

    def both(keys: list[str], values: pa.Array) -> pa.Array:
        offsets = pa.array(np.arange(0, len(values) + 1, len(keys)), pa.int32())
        return pa.MapArray.from_arrays(offsets, pa.array(keys * (len(values) // len(keys))), values)

    seen = pa.array(np.column_stack((numbers % 7, numbers % 5)).ravel(), pa.int32())
    entries = pa.MapArray.from_arrays(
        pa.array(np.arange(2 * count + 1), pa.int32()), pa.array(["seen", "opened"] * count), seen
    )
    dates = (moments // _DAY_MILLISECONDS).astype(np.int32)
    values: dict[str, Any] = {
        "kind": pick(["view", "click", "order", "payment", "refund"]),
        "customer": pick([str(uuid.UUID(bytes=chance.bytes(16), version=4)) for _ in range(20_000)]),
        "is_paid": chance.random(count) < 0.5,
        "quantity": pa.array(chance.integers(1, 20, count), pa.int32()),
        "small": integers("int16"),
        "tiny": integers("int8"),
        "points": integers("int64"),
        # Of 30 digits.
        "total": [str(int(points) * 10**11) for points in chance.integers(-(2**62), 2**62, count)],
        "price": cents / 100,
        "weight": pa.array(chance.random(count, dtype=np.float32) * np.float32(50)),
        "amount": [f"{cent // 100}.{cent % 100:02}" for cent in cents.tolist()],
        "created": pa.array(moments, pa.timestamp("ms", "UTC")),
        "due": pa.array(dates + chance.integers(0, 30, count).astype(np.int32), pa.int32()).cast(pa.date32()),
        "opens": pa.array(chance.integers(0, 1440, count) * 60 * 10**9, pa.time64("ns")),
        "took": pa.StructArray.from_arrays(
            [pa.array(chance.integers(0, 12, count), pa.int32()), pa.array(chance.integers(0, 28, count), pa.int32()),
             pa.array(chance.integers(0, 10**12, count), pa.int64())],
            ["months", "days", "nanoseconds"],
        ),
        "source": pick([str(ipaddress.ip_address(chance.bytes(4 if number % 2 else 16))) for number in range(5_000)]),
        "payload": [chance.bytes(number % 40) for number in numbers],
        "tags": three(pick([f"tag-{number}" for number in range(20)], 3 * count)),
        "readings": three(pa.array(chance.normal(size=3 * count))),
        "attributes": both(["browser", "city"], pick(["firefox", "Zürich", "東京", "São Paulo"], 2 * count)),
        "position": pa.StructArray.from_arrays(
            [pa.array(chance.uniform(-90, 90, count)), pa.array(chance.uniform(-180, 180, count))], ["f0", "f1"]
        ),
        "shipping": pa.StructArray.from_arrays(
            [
                pa.array([f"Main street {number % 100}" for number in numbers]),
                pa.array([None if number % 9 == 0 else "Bern" for number in numbers]),
                pa.array(3000 + numbers % 30, pa.int32()),
            ],
            ["street", "city", "zip"],
        ),
        "history": pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * count + 1, 2), pa.int32()), entries),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(chance.random(4 * count, dtype=np.float32)), 4),
    }  # fmt: skip
    columns = {
        "device": pa.array([f"device-{number % _DEVICES}" for number in numbers]),
        "day": pa.array(dates, pa.int32()).cast(pa.date32()),
        # The number as node makes ids of the same moment differ, and the same on every run.
        "event_id": [
            str(uuid_from_time(moment / 1000, node=int(number), clock_seq=int(day)))
            for moment, number, day in zip(moments.tolist(), numbers, days, strict=True)
        ],
    }
    for place, (name, column) in enumerate(values.items()):
        array = column if isinstance(column, pa.Array) else pa.array(column)
        # Every column but the key is null in some row.
        columns[name] = array.take(pa.array(np.arange(count), mask=(numbers + place) % 53 == 0))
    return pa.table(columns)
