"""The table changes while rows are written to it: what is lost by that is told, what is not goes on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import TableChangedError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.journal_store import JournalStore
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.integration.import_cases import import_files, rows_of, write_parquet
from tests.journal_files import FileJournalStore

ROWS = 6_000
CREATE = "CREATE TABLE {table} (k int, c int, v int, w int, PRIMARY KEY (k, c))"
# What an operator does before a retry can succeed.
REPAIRS = {"DROP TABLE {table}": [CREATE], "ALTER TABLE {table} DROP w": ["ALTER TABLE {table} ADD w int"]}


class ChangesTheTable(logging.Handler):
    """Runs a statement at the first progress line, so while rows are on their way."""

    def __init__(self, session: Session, statements: list[str]) -> None:
        super().__init__()
        self._session = session
        self._statements = statements
        self.has_run = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self.has_run and "rows/s" in record.getMessage():
            self.has_run = True
            for statement in self._statements:
                self._session.execute(statement, timeout=60)


@pytest.fixture
def path(session: Session, keyspace: str, tmp_path: Path) -> str:
    session.execute(CREATE.format(table=f"{keyspace}.t"))
    numbers = list(range(ROWS))
    keys = [number // 100 for number in numbers]
    return write_parquet(tmp_path / "t.parquet", k=keys, c=numbers, v=numbers, w=numbers)


def change_during_import(
    session: Session,
    keyspace: str,
    path: str,
    statements: list[str],
    journal_store: JournalStore | None = None,
    **more: Any,
) -> ChangesTheTable:
    """Import with ``statements`` executed in the middle; the rate makes the import outlast them."""
    handler = ChangesTheTable(session, statements)
    logger = logging.getLogger("airflow_provider_cqlai")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        options = CopyFromOptions(
            table=f"{keyspace}.t", path=path, rate_limit_rows_per_second=3_000, progress_interval_seconds=0.2, **more
        )
        copy_from(session, options, journal_store=journal_store)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        assert handler.has_run, "the import ended before the table was changed"
    return handler


@pytest.mark.parametrize(
    ("changes", "told", "more"),
    [
        (["DROP TABLE {table}"], "was dropped", {"rejected_path": "bad.parquet", "max_errors": "100%"}),
        (["DROP TABLE {table}", CREATE], "was dropped and created again", {}),
        (["TRUNCATE {table}"], "was truncated at 20", {}),
        (["ALTER TABLE {table} DROP w"], "column w dropped", {}),
        (["ALTER TABLE {table} DROP w", "ALTER TABLE {table} ADD w int"], "column w dropped and added again", {}),
    ],
)
def test_table_that_is_another_in_mid_import_is_an_error_and_a_retry_writes_all_rows(
    session: Session, keyspace: str, path: str, changes: list[str], told: str, more: dict[str, Any], tmp_path: Path
) -> None:
    table = f"{keyspace}.t"
    if more:
        more = {**more, "rejected_path": str(tmp_path / "bad.parquet")}
    store = FileJournalStore(tmp_path / "journal.json", owner="a")
    with pytest.raises(TableChangedError, match=told) as caught:
        change_during_import(session, keyspace, path, [change.format(table=table) for change in changes], store, **more)
    assert table in str(caught.value)
    assert not (tmp_path / "bad.parquet").exists()
    for repair in REPAIRS.get(changes[-1], []):
        session.execute(repair.format(table=table))
    result = copy_from(session, CopyFromOptions(table=table, path=path, verify="all"), journal_store=store)
    assert (result.rows, result.resumed_rows) == (ROWS, 0)
    assert set(rows_of(session, keyspace, "t", "k, c, v, w")) == {
        (number // 100, number, number, number) for number in range(ROWS)
    }


def test_column_that_is_added_does_not_disturb(session: Session, keyspace: str, path: str) -> None:
    change_during_import(session, keyspace, path, [f"ALTER TABLE {keyspace}.t ADD added text"])
    assert len(rows_of(session, keyspace, "t", "k, c, v, w, added")) == ROWS
    assert import_files(session, keyspace, "t", path, on_missing_column="ignore").rows == ROWS
