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


def count_in_dataset(root: Path, date: str) -> int:
    """Different events of a day by its directories."""
    day = datetime.date.fromisoformat(date)
    with duckdb.connect() as connection:
        counted = connection.execute(
            """SELECT count(DISTINCT event_id), count(*) FROM read_parquet(?, hive_partitioning = true)
            WHERE "event_id.year"::INT = ? AND "event_id.month"::INT = ? AND "event_id.day"::INT = ?""",
            [_files(root), day.year, day.month, day.day],
        ).fetchone()
    if counted is None or counted[0] != counted[1]:
        raise SystemExit(f"{day} has rows twice: {counted}")
    return int(counted[0])


def count_rows(root: Path) -> int:
    """Rows of a dataset, whatever they are."""
    with duckdb.connect() as connection:
        counted = connection.execute("SELECT count(*) FROM read_parquet(?)", [_files(root)]).fetchone()
    return int(counted[0]) if counted else 0


def print_counts(counts: Sequence[tuple[str, int, int]]) -> None:
    """What was counted, by Cassandra and by DuckDB in the files, next to each other."""
    print(f"{'':<32}{'Cassandra':>12}{'DuckDB':>12}")
    for what, expected, found in counts:
        print(f"{what:<32}{expected:>12,}{found:>12,}{'' if expected == found else '  differs'}")


def _files(root: Path) -> str:
    # A directory above it may have characters that mean something in a glob.
    return f"{glob.escape(str(root))}/**/*.parquet"
