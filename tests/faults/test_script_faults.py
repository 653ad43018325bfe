"""Plain CQL of scripts over connections that are cut: run once at the most, and the error says what is not known."""

from __future__ import annotations

import threading
import time

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, CopyCancelledError
from airflow_provider_cqlai.engine.verbs.script.plain_statement import execute_statement

from .fault_proxy import FaultProxy
from .test_connection_faults import session_through


def test_a_counter_whose_answer_was_lost_is_counted_once(
    proxy: FaultProxy, module_keyspace: str, module_session: Session
) -> None:
    module_session.execute(f"CREATE TABLE {module_keyspace}.hits (k int PRIMARY KEY, n counter)")
    with session_through(proxy) as session:
        proxy.cut_at(1)
        with pytest.raises(ClusterUnavailableError, match="it may have been run, and a retry of the task runs it agai"):
            execute_statement(session, f"UPDATE {module_keyspace}.hits SET n = n + 1 WHERE k = 1", Cancellation())
    assert proxy.cuts_done == 1
    assert [row.n for row in module_session.execute(f"SELECT n FROM {module_keyspace}.hits")] == [1]


def test_a_statement_that_gets_no_answer_is_left_when_the_script_is_cancelled(
    proxy: FaultProxy, module_keyspace: str
) -> None:
    cancellation = Cancellation()
    cancelled_at: list[float] = []

    def cancel_when_stalled() -> None:
        assert proxy.wait_until_stalled(20)
        cancelled_at.append(time.monotonic())
        cancellation.cancel()

    with session_through(proxy) as session:
        proxy.stall_at(1)
        watcher = threading.Thread(target=cancel_when_stalled)
        watcher.start()
        with pytest.raises(CopyCancelledError):
            execute_statement(session, "SELECT * FROM system.local", cancellation)
        assert time.monotonic() - cancelled_at[0] < 1
        watcher.join()
        proxy.resume()
