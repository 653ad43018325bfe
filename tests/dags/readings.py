"""The hive dataset that the import tests read, and the tables that its rows go to, named as the DAGs that fill them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cassandra.cluster import Session

PLACES = ("north", "south", "west")
GROUP_ROWS = 500
PLACE_ROWS = 3 * GROUP_ROWS
ROWS = len(PLACES) * PLACE_ROWS


def write_readings(lake: Path) -> None:
    """Row ``sensor`` of each place has the value ``sensor / 2``.

    Beside it are a file of ten rows, two of them bad, and one of hits, two for each of 2,000 sensors.
    """
    for place in PLACES:
        directory = lake / "readings" / f"place={place}"
        directory.mkdir(parents=True)
        sensors = pa.array(range(PLACE_ROWS), pa.int32())
        table = pa.table({"sensor": sensors, "value": [number / 2 for number in range(PLACE_ROWS)]})
        pq.write_table(table, directory / "part-00000.parquet", row_group_size=GROUP_ROWS)
    numbers = [2**40 if number in (3, 4) else number for number in range(10)]
    bad = pa.table({"place": ["north"] * 10, "sensor": numbers, "value": [1.5] * 10})
    pq.write_table(bad, lake / "with_bad_rows.parquet")
    hits = pa.table({"sensor": pa.array(range(2_000), pa.int32()), "hits": [2] * 2_000})
    pq.write_table(hits, lake / "hits.parquet", row_group_size=GROUP_ROWS)


def create_tables(session: Session, keyspace: str, names: Iterable[str], *, key: str = "sensor") -> None:
    for name in names:
        # Of another module that shares the keyspace.
        session.execute(f"DROP TABLE IF EXISTS {keyspace}.{name}")
        session.execute(
            f"CREATE TABLE {keyspace}.{name} (place text, {key} int, value double, PRIMARY KEY (place, {key}))"
        )


def is_whole(session: Session, keyspace: str, name: str) -> bool:
    """Whether a table has every row of the dataset, with its value."""
    rows = {(row.place, row.sensor): row.value for row in session.execute(f"SELECT * FROM {keyspace}.{name}")}
    return rows == {(place, number): number / 2 for place in PLACES for number in range(PLACE_ROWS)}
