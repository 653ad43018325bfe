"""The table that fault tests export, and the comparison of what is on disk with what Cassandra holds."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cassandra.cluster import Session
from cassandra.util import uuid_from_time

from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files
from tests.inserted_rows import insert_rows

FIRST_DAY = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
DEVICES = 20
FOUR_DAYS_ROWS = 20_000


def day_window(number: int) -> TimeWindow:
    """The window of the day ``number`` days after the first."""
    start = FIRST_DAY + datetime.timedelta(days=number)
    return TimeWindow(start=start, end=start + datetime.timedelta(days=1))


def create_events(session: Session, keyspace: str, *, days: int, rows_per_day: int) -> str:
    """A table ``((device, day), event_id timeuuid)`` with about 200 bytes a row; returns its qualified name."""
    table = f"{keyspace}.events"
    session.execute(
        f"CREATE TABLE {table} (device int, day date, event_id timeuuid, name text, amount decimal, payload blob,"
        " PRIMARY KEY ((device, day), event_id))"
    )
    rows = []
    for day in range(days):
        start = day_window(day).start
        for number in range(rows_per_day):
            moment = start + datetime.timedelta(seconds=86_399 * number / rows_per_day)
            # A fixed node and clock sequence: the same rows on every run.
            event_id = uuid_from_time(moment, node=number, clock_seq=day)
            amount = None if number % 7 == 0 else number
            rows.append((number % DEVICES, start.date(), event_id, f"event {number} ☃", amount, b"\x00\xff" * 60))
    insert = f"INSERT INTO {table} (device, day, event_id, name, amount, payload) VALUES (?, ?, ?, ?, ?, ?)"
    insert_rows(session, insert, rows)
    return table


def rows_in_cassandra(session: Session, table: str, window: TimeWindow | None = None) -> list[tuple[str, int]]:
    """(event id, device) of every row, read by the driver alone and filtered here."""
    rows = session.execute(f"SELECT event_id, device, day FROM {table}", timeout=60)
    return sorted(
        (str(row.event_id), row.device) for row in rows if window is None or window.start.date() == row.day.date()
    )


def rows_on_disk(root: Path, window: TimeWindow | None = None) -> list[tuple[str, int]]:
    """(event id, device) of every row in the files of the current generation."""
    listed = (
        dataset_files(str(root)) if window is None else dataset_files(str(root), start=window.start, end=window.end)
    )
    return sorted(_rows_of(Path(path) for path in listed))


def rows_by_glob(root: Path) -> list[tuple[str, int]]:
    """(event id, device) of every row that a reader's ``**/*.parquet`` finds."""
    return sorted(_rows_of(root.glob("**/*.parquet")))


def leftovers(root: Path) -> list[str]:
    """Files below ``root`` that a finished export must not leave: anything but data, manifests and the schema."""
    expected = {str(Path(path)) for path in dataset_files(str(root))}
    found = []
    for path in sorted(root.glob("**/*")):
        if path.is_dir() or str(path) in expected or path.name == "_common_metadata":
            continue
        if "_cqlai" in path.parts and path.suffix == ".json" and not path.name.startswith("attempt"):
            continue
        found.append(str(path.relative_to(root)))
    return found


def _rows_of(paths: object) -> list[tuple[str, int]]:
    rows: list[tuple[str, int]] = []
    for path in paths:  # type: ignore[attr-defined]
        table: pa.Table = pq.ParquetFile(path).read(columns=["event_id", "device"])
        rows += zip(
            (str(uuid.UUID(text)) for text in table["event_id"].to_pylist()), table["device"].to_pylist(), strict=True
        )
    return rows
