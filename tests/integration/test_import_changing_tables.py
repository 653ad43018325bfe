"""The table changes while rows are written to it: what is lost by that is told, what is not goes on."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import CqlaiError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.integration.import_cases import import_files, rows_of, write_parquet

ROWS = 6_000


class ChangesTheTable(logging.Handler):
    """Runs a statement at the first progress line, so while rows are on their way."""

    def __init__(self, session: Session, statement: str) -> None:
        super().__init__()
        self._session = session
        self._statement: str | None = statement

    @property
    def has_run(self) -> bool:
        return self._statement is None

    def emit(self, record: logging.LogRecord) -> None:
        if self._statement is not None and "rows/s" in record.getMessage():
            statement, self._statement = self._statement, None
            self._session.execute(statement, timeout=60)


@pytest.fixture
def path(session: Session, keyspace: str, tmp_path: Path) -> str:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, v int, w int, PRIMARY KEY (k, c))")
    numbers = list(range(ROWS))
    keys = [number // 100 for number in numbers]
    return write_parquet(tmp_path / "t.parquet", k=keys, c=numbers, v=numbers, w=numbers)


def change_during_import(session: Session, keyspace: str, path: str, statement: str) -> ChangesTheTable:
    """Import with ``statement`` executed in the middle; the rate makes the import outlast it."""
    handler = ChangesTheTable(session, statement)
    logger = logging.getLogger("airflow_provider_cqlai")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        options = CopyFromOptions(
            table=f"{keyspace}.t", path=path, rate_limit_rows_per_second=3_000, progress_interval_seconds=0.2
        )
        copy_from(session, options)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        assert handler.has_run, "the import ended before the table was changed"
    return handler


@pytest.mark.parametrize("change", ["DROP TABLE {table}", "ALTER TABLE {table} DROP w"])
def test_table_or_column_that_is_dropped_ends_the_import(
    session: Session, keyspace: str, path: str, change: str
) -> None:
    with pytest.raises(CqlaiError) as caught:
        change_during_import(session, keyspace, path, change.format(table=f"{keyspace}.t"))
    assert f"{keyspace}.t" in str(caught.value)
    assert not caught.value.is_retryable


def test_column_that_is_added_does_not_disturb(session: Session, keyspace: str, path: str) -> None:
    change_during_import(session, keyspace, path, f"ALTER TABLE {keyspace}.t ADD added text")
    assert len(rows_of(session, keyspace, "t", "k, c, v, w, added")) == ROWS
    assert import_files(session, keyspace, "t", path, on_missing_column="ignore").rows == ROWS
