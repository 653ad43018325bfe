"""What the demo shows of a dataset: its tree, and rows by day as DuckDB reads them.

DuckDB reads by glob, as any tool does that knows nothing about this package.
"""

from __future__ import annotations

import datetime
import glob
from collections.abc import Sequence
from pathlib import Path

import duckdb


def data_files(root: Path) -> set[Path]:
    """The Parquet files of the dataset."""
    return set(root.glob("**/*.parquet"))


def print_tree(directory: Path, indent: str = "  ") -> None:
    """Directories and files with their sizes."""
    for entry in sorted(directory.iterdir()):
        if entry.is_dir():
            print(f"{indent}{entry.name}/")
            print_tree(entry, indent + "  ")
        else:
            print(f"{indent}{entry.name}  {entry.stat().st_size / 1e6:,.2f} MB")


def count_in_dataset(root: Path, day: datetime.date) -> int:
    """Different events of a day by its directories."""
    # A directory above it may have characters that mean something in a glob.
    files = f"{glob.escape(str(root))}/**/*.parquet"
    with duckdb.connect() as connection:
        counted = connection.execute(
            """SELECT count(DISTINCT event_id), count(*) FROM read_parquet(?, hive_partitioning = true)
            WHERE "event_id.year"::INT = ? AND "event_id.month"::INT = ? AND "event_id.day"::INT = ?""",
            [files, day.year, day.month, day.day],
        ).fetchone()
    if counted is None or counted[0] != counted[1]:
        raise SystemExit(f"{day} has rows twice: {counted}")
    return int(counted[0])


def print_counts(days: Sequence[str], in_cassandra: Sequence[int], in_dataset: Sequence[int]) -> None:
    """The two counts of each day next to each other."""
    print(f"{'day':<12}{'Cassandra':>12}{'DuckDB':>12}")
    for day, expected, found in zip(days, in_cassandra, in_dataset, strict=True):
        print(f"{day:<12}{expected:>12,}{found:>12,}{'' if expected == found else '  differs'}")
