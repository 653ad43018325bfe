"""What tests of imports share: an import whose counts are checked, a file, a table's rows.

An import returns its result after the sums that hold for every import were checked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.results import ImportResult
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from


def import_files(
    session: Session, keyspace: str, table: str, path: Any, *, filesystem: Any = None, **options: Any
) -> ImportResult:
    """Import, and check that every row of every file is accounted for."""
    values = CopyFromOptions(table=f"{keyspace}.{table}", path=path, **options)
    result = copy_from(session, values, filesystem=filesystem)
    check_counts(result, filesystem)
    return result


def check_counts(result: ImportResult, filesystem: Any = None) -> None:
    """Each row of a file was read or left out, and each that was read has one fate."""
    for file in result.files:
        fates = file.rows + file.rows_rejected + file.rows_not_applied + file.rows_unknown + file.rows_expired
        assert file.rows_read == fates, file
        in_file = pq.read_metadata(file.path, filesystem=filesystem).num_rows
        assert file.rows_read + file.rows_skipped + file.rows_resumed == in_file, file


def write_parquet(path: Path, *, row_group_size: int | None = None, **columns: Any) -> str:
    """A Parquet file of these columns; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return str(path)


def rows_of(session: Session, keyspace: str, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    """All rows of a table, in an order of their own."""
    rows = session.execute(f"SELECT {columns} FROM {keyspace}.{table}", timeout=60)
    return sorted((tuple(row) for row in rows), key=str)
