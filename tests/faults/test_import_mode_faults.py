"""Conditional rows and counters while connections break: every row has one fate, and no counter counts twice."""

from __future__ import annotations

import threading
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import NoHostAvailable, Session
from cassandra.connection import ConnectionException, ConnectionShutdown

from airflow_provider_cqlai.engine.errors import CounterOutcomeError, RowWriteError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.waiting import wait_for_first_row, wait_until

from .fault_proxy import FaultProxy
from .test_connection_faults import session_through

ROWS = 1_500


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("modes") / "rows.parquet"
    numbers = range(ROWS)
    columns = {"k": [number % 60 for number in numbers], "c": list(numbers), "n": [number + 1 for number in numbers]}
    pq.write_table(pa.table(columns), file)
    return str(file)


def create_table(session: Session, keyspace: str, request: pytest.FixtureRequest, cql_type: str) -> str:
    name = f"{keyspace}.modes_{abs(hash(request.node.name))}"
    session.execute(f"CREATE TABLE {name} (k int, c int, n {cql_type}, PRIMARY KEY (k, c))")
    return name


def found_rows(session: Session, table: str) -> dict[int, int]:
    return dict(session.execute(f"SELECT c, n FROM {table}", timeout=60))


def break_once_rows_arrive(session: Session, table: str, break_it: Any) -> threading.Thread:
    def run() -> None:
        wait_for_first_row(session, table)
        break_it()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("fault", ["stall", "cut"])
def test_conditional_rows_whose_answer_was_lost_are_counted_as_unknown(
    proxy: FaultProxy,
    module_session: Session,
    module_keyspace: str,
    path: str,
    fault: str,
    request: pytest.FixtureRequest,
) -> None:
    table = create_table(module_session, module_keyspace, request, "bigint")

    def stall() -> None:
        proxy.stall_at(100)
        assert proxy.wait_until_stalled(20)
        time.sleep(3.5)
        proxy.resume()

    options = CopyFromOptions(table=table, path=path, mode="insert_if_not_exists", request_timeout_seconds=2)
    with session_through(proxy) as session:
        breaker = break_once_rows_arrive(module_session, table, stall if fault == "stall" else lambda: proxy.cut_at(50))
        result = copy_from(session, options)
        breaker.join()
    (file,) = result.files
    assert file.rows + file.rows_not_applied + file.rows_unknown == file.rows_read == ROWS
    assert (file.rows_not_applied, file.rows_rejected) == (0, 0)
    assert file.rows_unknown > 0
    assert found_rows(module_session, table) == {number: number + 1 for number in range(ROWS)}


@pytest.mark.parametrize("fault", ["stall", "cut"])
def test_counters_whose_answer_was_lost_are_not_sent_again(
    proxy: FaultProxy,
    module_session: Session,
    module_keyspace: str,
    path: str,
    fault: str,
    request: pytest.FixtureRequest,
) -> None:
    table = create_table(module_session, module_keyspace, request, "counter")
    options = CopyFromOptions(
        table=table, path=path, mode="counter_update", request_timeout_seconds=2, max_batch_bytes=200,
        rate_limit_rows_per_second=1_000,
    )  # fmt: skip

    def break_it() -> None:
        if fault == "stall":
            proxy.stall_at(50)
        else:
            proxy.cut_at(50)

    with session_through(proxy) as session:
        breaker = break_once_rows_arrive(module_session, table, break_it)
        with pytest.raises(CounterOutcomeError, match="not sent again") as raised:
            copy_from(session, options)
        breaker.join()
        proxy.resume()
    assert not raised.value.is_retryable
    found = found_rows(module_session, table)
    assert 0 < len(found) < ROWS
    # Counted once or not at all.
    assert found == {number: number + 1 for number in found}


class CuttingJournal:
    """A journal in memory; what it is told first, before any counter is sent, is when connections break."""

    owner = "a task"

    def __init__(self, proxy: FaultProxy, session: Session) -> None:
        self._proxy = proxy
        self._session = session
        self.text: str | None = None

    def load(self) -> str | None:
        return self.text

    def save(self, text: str) -> None:
        if self.text is None:
            self._proxy.cut_for_good()
            # A request finds the connection closed; what the driver does then, it does half a minute later.
            with pytest.raises((ConnectionShutdown, NoHostAvailable)):
                self._session.execute("SELECT * FROM system.local")
            cluster = self._session.cluster
            for host in cluster.metadata.all_hosts():
                cluster.signal_connection_failure(host, ConnectionException("cut"), is_host_addition=False)
            wait_until(lambda: not any(host.is_up for host in cluster.metadata.all_hosts()), "every host is down")
        self.text = text

    def clear(self) -> None:
        self.text = None


def test_counters_that_never_left_can_be_tried_again(
    proxy: FaultProxy,
    module_session: Session,
    module_keyspace: str,
    path: str,
    request: pytest.FixtureRequest,
) -> None:
    table = create_table(module_session, module_keyspace, request, "counter")
    options = CopyFromOptions(table=table, path=path, mode="counter_update", max_write_attempts=2)
    with session_through(proxy) as session:
        journal = CuttingJournal(proxy, session)
        with pytest.raises(RowWriteError) as raised:
            copy_from(session, options, journal_store=journal)
    assert raised.value.is_retryable
    assert journal.text is None
    assert found_rows(module_session, table) == {}
