"""The keyspace that DAG tests export as a whole: tables with and without a time in their key, and what they hold."""

from __future__ import annotations

import datetime

from cassandra.cluster import Session
from cassandra.util import uuid_from_time

from tests.inserted_rows import insert_rows

USERS = 40
VISITS_PER_DAY = 30
DAYS = 4


def create_nightly_tables(session: Session, keyspace: str) -> None:
    """``users`` has no time, ``visits`` and ``Readings`` have one as clustering column and as partition key."""
    session.execute(f"CREATE TABLE {keyspace}.users (id int PRIMARY KEY, name text)")
    session.execute(f"CREATE TABLE {keyspace}.visits (id int, at timeuuid, page text, PRIMARY KEY (id, at))")
    session.execute(f'CREATE TABLE {keyspace}."Readings" (id int, day date, PRIMARY KEY (day, id))')
    session.execute(f"CREATE TABLE {keyspace}.tmp_users (id int PRIMARY KEY)")
    insert_rows(
        session,
        f"INSERT INTO {keyspace}.users (id, name) VALUES (?, ?)",
        [(number, f"user {number}") for number in range(USERS)],
    )
    first = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    visits, readings = [], []
    for day in range(DAYS):
        for number in range(VISITS_PER_DAY):
            moment = first + datetime.timedelta(days=day, minutes=7 * number)
            visits.append((number, uuid_from_time(moment, node=number, clock_seq=day), "home"))
            readings.append((number, moment.date()))
    insert_rows(session, f"INSERT INTO {keyspace}.visits (id, at, page) VALUES (?, ?, ?)", visits)
    insert_rows(session, f'INSERT INTO {keyspace}."Readings" (id, day) VALUES (?, ?)', readings)
