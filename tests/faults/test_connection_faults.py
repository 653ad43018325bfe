"""Connections that are cut, stalled or slow: a correct result, or an error with nothing visible."""

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.errors import CopyCancelledError, RetryableError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to

from .events_table import FOUR_DAYS_ROWS, leftovers, rows_by_glob, rows_in_cassandra, rows_on_disk
from .fault_proxy import FaultProxy

ROWS = FOUR_DAYS_ROWS
# Of one export of the table, uncompressed: roughly, to place the faults within it.
ROUGH_EXPORT_BYTES = 3_500_000


@contextmanager
def session_through(proxy: FaultProxy) -> Iterator[Session]:
    # The faults are placed by bytes on the wire, which compression would take away.
    settings = ConnectionSettings(hosts=("127.0.0.1",), port=proxy.port, compression="none", request_timeout_seconds=20)
    session = open_session(settings)
    try:
        yield session
    finally:
        close_session(session)


def options(table: str, path: Path, **values: Any) -> CopyToOptions:
    return CopyToOptions(**{"table": table, "path": str(path), "partition_by": "event_id.date", **values})


@pytest.mark.parametrize(
    "seed", [1, 2, pytest.param(3, marks=pytest.mark.fault_full), pytest.param(4, marks=pytest.mark.fault_full)]
)
def test_connections_cut_midway_lead_to_every_row_once(
    seed: int, proxy: FaultProxy, four_days: str, module_session: Session, tmp_path: Path
) -> None:
    cuts = [random.Random(seed).randrange(50_000, ROUGH_EXPORT_BYTES // 2) for _ in range(3)]
    with session_through(proxy) as session:
        proxy.cut_at(*cuts)
        result = copy_to(session, options(four_days, tmp_path / "data"))
    assert proxy.cuts_done == 3
    assert result.rows == ROWS
    assert result.retried_pages >= 1
    assert rows_on_disk(tmp_path / "data") == rows_in_cassandra(module_session, four_days)
    assert leftovers(tmp_path / "data") == []


def test_a_server_that_stays_away_is_an_error_and_leaves_the_earlier_result_as_it_was(
    proxy: FaultProxy, four_days: str, module_session: Session, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    with session_through(proxy) as session:
        copy_to(session, options(four_days, root))
        before = {path: path.stat().st_mtime_ns for path in root.glob("**/*.parquet")}
        proxy.cut_at(ROUGH_EXPORT_BYTES // 3, stay_closed=True)
        with pytest.raises(RetryableError):
            copy_to(session, options(four_days, root, max_page_attempts=3))
    assert proxy.cuts_done == 1
    assert {path: path.stat().st_mtime_ns for path in root.glob("**/*.parquet")} == before
    assert rows_by_glob(root) == rows_in_cassandra(module_session, four_days)
    assert leftovers(root) == []


def test_a_server_that_stays_away_is_one_line_in_the_log_and_no_trace(
    proxy: FaultProxy, four_days: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with session_through(proxy) as session:
        proxy.cut_at(ROUGH_EXPORT_BYTES // 3, stay_closed=True)
        with pytest.raises(RetryableError):
            copy_to(session, options(four_days, tmp_path / "data", max_page_attempts=3))
    [lost] = [record for record in caplog.records if " is lost" in record.getMessage()]
    assert lost.getMessage().startswith(f"host 127.0.0.1:{proxy.port} is lost")
    assert [record for record in caplog.records if record.exc_info] == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith("cassandra.")] == []


def test_a_first_export_that_fails_leaves_no_file_at_all(proxy: FaultProxy, four_days: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    with session_through(proxy) as session:
        proxy.cut_at(ROUGH_EXPORT_BYTES // 3, stay_closed=True)
        # Which node, and how long it was waited for.
        with pytest.raises(RetryableError, match=r"gave up after 2 tries in \d+ s .*down: 127\.0\.0\.1:"):
            copy_to(session, options(four_days, root, max_page_attempts=2))
    assert [path for path in root.glob("**/*") if path.is_file() and path.suffix != ".json"] == []


def test_a_stalled_connection_times_out_and_its_page_is_read_again(
    proxy: FaultProxy, four_days: str, module_session: Session, tmp_path: Path
) -> None:
    with session_through(proxy) as session:
        proxy.stall_at(ROUGH_EXPORT_BYTES // 3)

        def end_the_stall_after_a_timeout() -> None:
            assert proxy.wait_until_stalled(60)
            time.sleep(2.5)  # The stall itself: longer than the request timeout below.
            proxy.resume()

        helper = threading.Thread(target=end_the_stall_after_a_timeout)
        helper.start()
        result = copy_to(session, options(four_days, tmp_path / "data", request_timeout_seconds=1.0))
        helper.join()
    assert result.rows == ROWS
    assert rows_on_disk(tmp_path / "data") == rows_in_cassandra(module_session, four_days)


def test_cancelling_while_the_connection_is_stalled_ends_within_two_seconds_with_nothing_published(
    proxy: FaultProxy, four_days: str, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    cancellation = Cancellation()
    cancelled_at: list[float] = []
    with session_through(proxy) as session:
        proxy.stall_at(ROUGH_EXPORT_BYTES // 3)

        def cancel() -> None:
            assert proxy.wait_until_stalled(60)
            cancelled_at.append(time.monotonic())
            cancellation.cancel()

        helper = threading.Thread(target=cancel)
        helper.start()
        with pytest.raises(CopyCancelledError):
            copy_to(session, options(four_days, root), cancellation=cancellation)
        assert time.monotonic() - cancelled_at[0] < 2
        helper.join()
        proxy.resume()
    assert [path for path in root.glob("**/*") if path.is_file() and path.suffix != ".json"] == []


def test_a_slow_network_changes_nothing_but_the_time(
    proxy: FaultProxy, four_days: str, module_session: Session, tmp_path: Path
) -> None:
    with session_through(proxy) as session:
        proxy.delay_seconds = 0.01
        result = copy_to(session, options(four_days, tmp_path / "data"))
    assert result.rows == ROWS
    assert rows_on_disk(tmp_path / "data") == rows_in_cassandra(module_session, four_days)
