"""The events table of the DAG tests: rows on every tick that matters, and the ids that an export of a window has."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from cassandra.cluster import Session

from tests.inserted_rows import insert_rows

FIRST_DAY = datetime.datetime(2023, 12, 28, tzinfo=datetime.timezone.utc)
DAYS = 16
EVENT_COLUMNS = (
    "(device text, day date, event_id timeuuid, kind text, amount decimal, PRIMARY KEY ((device, day), event_id))"
)
# Begin of the Gregorian calendar, from which time-based UUIDs count in ticks of 100 ns.
_UUID_EPOCH = datetime.datetime(1582, 10, 15, tzinfo=datetime.timezone.utc)
_TICKS_PER_MICROSECOND = 10
_TICKS_PER_DAY = 24 * 3600 * 1_000_000 * _TICKS_PER_MICROSECOND


@dataclass(frozen=True)
class Events:
    """What the table holds: ticks since 1582 by id."""

    ticks: dict[str, int]

    def between(self, start: str, end: str) -> set[str]:
        """Ids of the rows in ``[start, end)``, moments in ISO 8601."""
        first, last = (_ticks(datetime.datetime.fromisoformat(moment)) for moment in (start, end))
        return {event_id for event_id, ticks in self.ticks.items() if first <= ticks < last}


def create_events(
    session: Session, keyspace: str, table: str = "events", first_day: datetime.datetime = FIRST_DAY, days: int = DAYS
) -> Events:
    """Rows at the first and the last tick of each day and of each local day of Berlin, and some between."""
    session.execute(f"CREATE TABLE {keyspace}.{table} {EVENT_COLUMNS}")
    ids: dict[uuid.UUID, int] = {}
    for number in range(days):
        midnight = _ticks(first_day + datetime.timedelta(days=number))
        berlin_midnight = midnight - _TICKS_PER_DAY // 24
        offsets = [0, 1, _TICKS_PER_DAY // 2, _TICKS_PER_DAY // 3 + number]
        # A row more on each later day: windows that are off by a day have other counts.
        offsets += [_TICKS_PER_DAY // 4 + extra for extra in range(number)]
        for ticks in (midnight - 1, berlin_midnight - 1, berlin_midnight, *(midnight + offset for offset in offsets)):
            ids[_timeuuid(ticks, len(ids))] = ticks
    _insert(session, f"{keyspace}.{table}", ids)
    return Events({str(event_id): ticks for event_id, ticks in ids.items()})


def _insert(session: Session, table: str, ids: Iterable[uuid.UUID]) -> None:
    rows = []
    for number, event_id in enumerate(ids):
        moment = _UUID_EPOCH + datetime.timedelta(microseconds=event_id.time // _TICKS_PER_MICROSECOND)
        rows.append((f"device-{number % 3}", moment.date(), event_id, "view", None))
    columns = "device, day, event_id, kind, amount"
    insert_rows(session, f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?, ?, ?)", rows)


def _ticks(moment: datetime.datetime) -> int:
    return (moment - _UUID_EPOCH) // datetime.timedelta(microseconds=1) * _TICKS_PER_MICROSECOND


def _timeuuid(ticks: int, node: int) -> uuid.UUID:
    return uuid.UUID(
        fields=(ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, ((ticks >> 48) & 0x0FFF) | 0x1000, 0x80, node & 0xFF, node)
    )
