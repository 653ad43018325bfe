"""What tests of exports share: rows to insert, the options of an export, the files that it wrote."""

from pathlib import Path
from typing import Any

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions


def insert_all(session: Session, statement: str, rows: Any) -> None:
    """Execute ``statement`` for each of ``rows``, its values."""
    execute_concurrent_with_args(session, session.prepare(statement), list(rows), concurrency=20)


def options(table: str, path: Path | str, **values: Any) -> CopyToOptions:
    """Of an export of ``table`` to ``path``."""
    return CopyToOptions(**{"table": table, "path": str(path), **values})


def data_files(root: Path) -> list[Path]:
    """The Parquet files of a dataset."""
    return sorted(root.glob("**/*.parquet"))
