"""Writes what ``DataFrame.to_parquet(path, partition_cols=["country"])`` does, for "load_foreign_dataset"."""

from __future__ import annotations

import datetime
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 400


def main(path: str) -> None:
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    numbers = range(ROWS)
    table = pa.table(
        {
            # One row has no station, a part of the table's primary key: it is rejected.
            "Station ID": [None if number == 10 else f"station {number % 3}" for number in numbers],
            "measured_at": pa.array(
                [start + datetime.timedelta(days=number) for number in numbers], pa.timestamp("ns", tz="UTC")
            ),
            "deg_C": [number / 4 for number in numbers],
            # The example takes those that are good or fair.
            "quality": [("good", "fair", "good", "doubtful")[number % 4] for number in numbers],
            "country": ["de" if number < 300 else "fr" for number in numbers],
        }
    )
    # The name is what makes a second run write the same files again.
    pq.write_to_dataset(
        table,
        path,
        partition_cols=["country"],
        basename_template="part-{i}.parquet",
        existing_data_behavior="overwrite_or_ignore",
    )


if __name__ == "__main__":
    main(sys.argv[1])
