"""Imports that are cut off, stalled, cancelled or killed: after a retry the table equals the file, lists included."""

import random
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, RowWriteError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.waiting import wait_for_first_row

from .fault_proxy import FaultProxy
from .killed_process import finish, kill, start
from .test_connection_faults import session_through

ROWS = 20_000
KILLS = 20
SAMPLE = (14,)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose lists would double if a retry wrote them at the timestamp of the first try."""
    file = tmp_path_factory.mktemp("import") / "rows.parquet"
    numbers = range(ROWS)
    columns = {
        "k": pa.array([number % 100 for number in numbers], pa.int32()),
        "c": pa.array(numbers, pa.int32()),
        "v": [f"value {number} ☃" for number in numbers],
        "l": [[number, number] for number in numbers],
    }
    pq.write_table(pa.table(columns), file)
    return file


@pytest.fixture
def table(module_session: Session, module_keyspace: str, request: pytest.FixtureRequest) -> str:
    name = f"{module_keyspace}.import_{abs(hash(request.node.name))}"
    module_session.execute(f"CREATE TABLE {name} (k int, c int, v text, l list<int>, PRIMARY KEY (k, c))")
    return name


def options(table: str, path: Path, **values: Any) -> CopyFromOptions:
    values = {"max_batch_bytes": "2KB", "rate_limit_rows_per_second": 10_000, **values}
    return CopyFromOptions(table=table, path=str(path), **values)


def table_equals_file(session: Session, table: str) -> bool:
    rows = {row.c: row for row in session.execute(f"SELECT * FROM {table}", timeout=60)}
    return len(rows) == ROWS and all(
        (row.k, row.v, row.l) == (c % 100, f"value {c} ☃", [c, c]) for c, row in rows.items()
    )


def test_connections_cut_midway_lose_and_double_nothing(
    proxy: FaultProxy, module_session: Session, table: str, path: Path
) -> None:
    def cut_twice() -> None:
        wait_for_first_row(module_session, table)
        for _ in range(2):
            proxy.cut_at(200)
            time.sleep(0.7)

    cutter = threading.Thread(target=cut_twice)
    with session_through(proxy) as session:
        cutter.start()
        result = copy_from(session, options(table, path))
        cutter.join()
    assert proxy.cuts_done == 2
    assert result.rows == ROWS
    assert table_equals_file(module_session, table)


def test_a_stalled_connection_times_out_and_is_written_again(
    proxy: FaultProxy, module_session: Session, table: str, path: Path
) -> None:
    def stall() -> None:
        wait_for_first_row(module_session, table)
        proxy.stall_at(200)
        assert proxy.wait_until_stalled(10)
        time.sleep(2.5)
        proxy.resume()

    staller = threading.Thread(target=stall)
    with session_through(proxy) as session:
        staller.start()
        result = copy_from(session, options(table, path, request_timeout_seconds=1))
        staller.join()
    assert result.rows == ROWS
    assert table_equals_file(module_session, table)


def test_a_server_that_stays_away_is_an_error_that_counts(
    proxy: FaultProxy, module_session: Session, table: str, path: Path
) -> None:
    def cut() -> None:
        wait_for_first_row(module_session, table)
        proxy.cut_at(200, stay_closed=True)

    cutter = threading.Thread(target=cut)
    with session_through(proxy) as session:
        cutter.start()
        with pytest.raises(
            RowWriteError, match=r"gave up after 2 tries in \d+ s .*rows were written: .*down: 127\.0\.0\.1:"
        ):
            copy_from(session, options(table, path, max_write_attempts=2))
        cutter.join()
    copy_from(module_session, options(table, path, rate_limit_rows_per_second=None))
    assert table_equals_file(module_session, table)


def test_a_cancelled_import_stops_within_two_seconds(module_session: Session, table: str, path: Path) -> None:
    cancellation, cancelled_at = Cancellation(), []

    def cancel() -> None:
        wait_for_first_row(module_session, table)
        cancelled_at.append(time.monotonic())
        cancellation.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(CopyCancelledError):
        copy_from(module_session, options(table, path, rate_limit_rows_per_second=1000), cancellation=cancellation)
    assert time.monotonic() - cancelled_at[0] < 2
    canceller.join()


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.fault_full) for n in range(KILLS)]
)
def test_a_killed_import_and_its_retry_equal_the_file(
    number: int, cassandra: Any, module_session: Session, table: str, path: Path
) -> None:
    # The rate limit makes an import take a second; each number has its own slice of it.
    share = (number + random.Random(number).random()) / KILLS
    kill("import_process", cassandra, table, path, after_seconds=share * 1.5)
    assert finish(start("import_process", cassandra, table, path)) == str(ROWS)
    assert table_equals_file(module_session, table)
