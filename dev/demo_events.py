"""The events table of the demo: a TimeUUID key, all kinds of columns, nulls, and rows on the edges of each day.

The rows are the same on every run; Cassandra itself counts them by day.
"""

from __future__ import annotations

import datetime
import ipaddress
import random
import struct
import uuid
from collections import namedtuple
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.util import Duration, uuid_from_time

KEYSPACE = "shop"
TABLE = f"{KEYSPACE}.events"
FIRST_DAY = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
# Different for each day, and one day more than the demo exports, so that an export of anything else shows.
ROWS_BY_DAY = (24_601, 25_117, 23_982, 26_300)
_DEVICES = 50
_IN_FLIGHT = 200
_KINDS = ("view", "click", "order", "payment", "refund")

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

_STATEMENTS = (
    f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}",
    f"CREATE TYPE {KEYSPACE}.address (street text, city text, zip int)",
    f"CREATE TABLE {TABLE} ({', '.join(f'{name} {cql_type}' for name, cql_type in _COLUMNS.items())},"
    " PRIMARY KEY ((device, day), event_id))",
)

# The driver takes any object with the fields of the type.
_Address = namedtuple("_Address", "street city zip")


def create_and_fill(session: Session) -> int:
    """Creates keyspace, type and table; returns the number of rows written."""
    for statement in _STATEMENTS:
        session.execute(statement)
    session.cluster.register_user_type(KEYSPACE, "address", _Address)
    marks = ", ".join("?" * len(_COLUMNS))
    insert = session.prepare(f"INSERT INTO {TABLE} ({', '.join(_COLUMNS)}) VALUES ({marks})")
    execute_concurrent_with_args(session, insert, list(_rows()), concurrency=_IN_FLIGHT)
    return sum(ROWS_BY_DAY)


def day_start(number: int) -> datetime.datetime:
    """Midnight UTC of the day ``number`` days after the first."""
    return FIRST_DAY + datetime.timedelta(days=number)


def count_in_cassandra(session: Session, number: int) -> int:
    """Rows of a day, counted by the server: ``count(*)`` between two time-based ids."""
    counted = session.execute(
        f"SELECT count(*) AS rows FROM {TABLE}"
        " WHERE event_id >= minTimeuuid(%s) AND event_id < minTimeuuid(%s) ALLOW FILTERING",
        (day_start(number), day_start(number + 1)),
    ).one()
    return int(counted.rows)


def _rows() -> Iterator[tuple[Any, ...]]:
    chance = random.Random(20240301)
    for day, rows in enumerate(ROWS_BY_DAY):
        for number in range(rows):
            yield _row(chance, day, number)


def _row(chance: random.Random, day: int, number: int) -> tuple[Any, ...]:
    moment = _moment(chance, day, number)
    device = f"device-{number % _DEVICES:03}"
    # The number as node makes ids of the same moment differ, and the same on every run.
    event_id = uuid_from_time(moment, node=number, clock_seq=day)
    cents = chance.randrange(1, 1_000_000)
    values: list[Any] = [
        chance.choice(_KINDS),
        uuid.UUID(int=chance.getrandbits(128), version=4),
        chance.random() < 0.5,
        chance.randrange(1, 20),
        chance.randrange(-(2**15), 2**15),
        chance.randrange(-128, 128),
        chance.randrange(-(2**63), 2**63),
        chance.randrange(-(10**30), 10**30),
        cents / 100,
        struct.unpack("f", struct.pack("f", chance.random() * 50))[0],
        Decimal(cents) / 100,
        moment,
        (moment + datetime.timedelta(days=chance.randrange(30))).date(),
        datetime.time(chance.randrange(24), chance.randrange(60)),
        Duration(chance.randrange(12), chance.randrange(28), chance.randrange(10**12)),
        str(ipaddress.ip_address(chance.getrandbits(32 if number % 2 else 128))),
        chance.randbytes(chance.randrange(40)),
        {f"tag-{chance.randrange(20)}" for _ in range(3)},
        [chance.gauss(0, 1) for _ in range(3)],
        {"browser": chance.choice(("firefox", "chromium")), "city": chance.choice(("Zürich", "東京", "São Paulo"))},
        (chance.uniform(-90, 90), chance.uniform(-180, 180)),
        _Address(f"Main street {number % 100}", None if number % 9 == 0 else "Bern", 3000 + number % 30),
        [{"seen": number % 7}, {"opened": number % 5}],
        [chance.random() for _ in range(4)],
    ]
    # Every column but the key is null in some row.
    some_null = (None if (number + place) % 53 == 0 else value for place, value in enumerate(values))
    return device, moment.date(), event_id, *some_null


def _moment(chance: random.Random, day: int, number: int) -> datetime.datetime:
    if number == 0:
        return day_start(day)
    if number == 1:
        return day_start(day + 1) - datetime.timedelta(milliseconds=1)
    return day_start(day) + datetime.timedelta(milliseconds=chance.randrange(86_400_000))
