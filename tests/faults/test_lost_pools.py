"""A connection that breaks while others live on: the driver shuts its pool for good, and the engine opens it again."""

import logging
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import NoHostAvailable, Session
from cassandra.connection import ConnectionShutdown

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from airflow_provider_cqlai.engine.verbs.script.plain_statement import execute_statement
from tests.waiting import wait_for_first_row, wait_until

from .events_table import FOUR_DAYS_ROWS, rows_in_cassandra, rows_on_disk
from .fault_proxy import FaultProxy
from .test_connection_faults import ROUGH_EXPORT_BYTES, options, session_through

ROWS = FOUR_DAYS_ROWS


@pytest.fixture
def numbers(module_session: Session, module_keyspace: str, tmp_path: Path) -> tuple[str, Path]:
    """An empty table and a file with its rows, which one batch of 2 KiB holds some dozens of."""
    table = f"{module_keyspace}.numbers"
    module_session.execute(f"DROP TABLE IF EXISTS {table}")
    module_session.execute(f"CREATE TABLE {table} (k int, c int, v text, PRIMARY KEY (k, c))")
    columns = {
        "k": pa.array([number % 100 for number in range(ROWS)], pa.int32()),
        "c": pa.array(range(ROWS), pa.int32()),
        "v": [f"value {number} ☃" for number in range(ROWS)],
    }
    pq.write_table(pa.table(columns), tmp_path / "numbers.parquet")
    return table, tmp_path / "numbers.parquet"


def holds_the_numbers(session: Session, table: str) -> bool:
    rows = {row.c: (row.k, row.v) for row in session.execute(f"SELECT * FROM {table}", timeout=60)}
    return rows == {number: (number % 100, f"value {number} ☃") for number in range(ROWS)}


def test_an_export_goes_on(
    proxy: FaultProxy, four_days: str, module_session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with session_through(proxy) as session:
        proxy.cut_at(ROUGH_EXPORT_BYTES // 8, ROUGH_EXPORT_BYTES // 4, only_one=True)
        result = copy_to(session, options(four_days, tmp_path / "data"))
    assert proxy.cuts_done == 2
    assert "opening the connections to 1 host again" in caplog.text
    assert result.rows == ROWS
    assert rows_on_disk(tmp_path / "data") == rows_in_cassandra(module_session, four_days)


def test_an_import_goes_on(proxy: FaultProxy, module_session: Session, numbers: tuple[str, Path]) -> None:
    table, path = numbers

    def cut() -> None:
        wait_for_first_row(module_session, table)
        proxy.cut_at(200, only_one=True)

    cutter = threading.Thread(target=cut)
    copied = CopyFromOptions(
        table=table, path=str(path), max_batch_bytes="2KB", rate_limit_rows_per_second=10_000, max_write_attempts=3
    )
    with session_through(proxy) as session:
        cutter.start()
        result = copy_from(session, copied)
        cutter.join()
    assert proxy.cuts_done == 1
    assert result.rows == ROWS
    assert holds_the_numbers(module_session, table)


def lose_connection(session: Session, proxy: FaultProxy) -> None:
    """Leave ``session`` as the driver does: for as long as nobody opens its pool again, every request fails."""
    proxy.cut_at(1, only_one=True)
    with pytest.raises((ConnectionShutdown, NoHostAvailable)):
        session.execute("SELECT * FROM system.local")
    wait_until(
        lambda: all(state["shutdown"] for state in session.get_pool_state().values()), "every pool is shut down", 10
    )
    with pytest.raises(NoHostAvailable, match="Pool is shutdown"):
        session.execute("SELECT * FROM system.local")


def test_a_session_that_lost_its_connection_before_can_be_used(
    proxy: FaultProxy, four_days: str, module_session: Session, numbers: tuple[str, Path], tmp_path: Path
) -> None:
    table, path = numbers
    with session_through(proxy) as session:
        # As that of an export that runs for hours while the session waits.
        other = session.cluster.connect()
        for use in (
            lambda: copy_to(session, options(four_days, tmp_path / "data")),
            lambda: copy_from(session, CopyFromOptions(table=table, path=str(path))),
            lambda: execute_statement(
                session, f"UPDATE {table} SET v = 'changed' WHERE k = 1 AND c = 1", Cancellation()
            ),
        ):
            lose_connection(session, proxy)
            use()
        assert other.get_pool_state()
    assert rows_on_disk(tmp_path / "data") == rows_in_cassandra(module_session, four_days)
    assert module_session.execute(f"SELECT v FROM {table} WHERE k = 1 AND c = 1").one().v == "changed"
    assert module_session.execute(f"SELECT count(*) FROM {table}", timeout=60).one().count == ROWS


def test_a_verification_goes_on(proxy: FaultProxy, module_session: Session, numbers: tuple[str, Path]) -> None:
    table, path = numbers
    with session_through(proxy) as session:
        # Answers to the writes are some bytes each: these are rows that are read back.
        proxy.cut_at(200_000, only_one=True)
        result = copy_from(session, CopyFromOptions(table=table, path=str(path), verify=True))
    assert proxy.cuts_done == 1
    assert result.rows == ROWS
    assert holds_the_numbers(module_session, table)
