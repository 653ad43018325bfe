"""Captures over connections that are cut: every row once, or an error with nothing visible."""

from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import RetryableError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture

from .events_table import FOUR_DAYS_ROWS, leftovers, rows_by_glob, rows_in_cassandra
from .fault_proxy import FaultProxy
from .test_connection_faults import session_through

ROWS = FOUR_DAYS_ROWS
# Of one query of the table, uncompressed: roughly, to place the faults within it.
ROUGH_QUERY_BYTES = 3_000_000


def options(table: str, path: Path, **values: Any) -> CaptureOptions:
    queries = [f"SELECT * FROM {table}"] * 2
    return CaptureOptions(path=str(path), queries=queries, partition_by="event_id.date", **values)


def test_connections_cut_in_both_queries_lead_to_every_row_once_a_query(
    proxy: FaultProxy, four_days: str, module_session: Session, tmp_path: Path
) -> None:
    with session_through(proxy) as session:
        proxy.cut_at(ROUGH_QUERY_BYTES // 3, ROUGH_QUERY_BYTES)
        result = capture(session, options(four_days, tmp_path / "data"))
    assert proxy.cuts_done == 2
    assert [query.rows for query in result.queries] == [ROWS, ROWS]
    assert rows_by_glob(tmp_path / "data") == sorted(rows_in_cassandra(module_session, four_days) * 2)
    assert leftovers(tmp_path / "data") == []


def test_a_server_that_stays_away_in_the_second_query_leaves_the_earlier_result_as_it_was(
    proxy: FaultProxy, four_days: str, module_session: Session, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    with session_through(proxy) as session:
        capture(session, options(four_days, root))
        before = {path: path.stat().st_mtime_ns for path in root.glob("**/*.parquet")}
        proxy.cut_at(ROUGH_QUERY_BYTES * 3 // 2, stay_closed=True)
        with pytest.raises(RetryableError, match="query 2 of 2"):
            capture(session, options(four_days, root, max_page_attempts=2))
    assert proxy.cuts_done == 1
    assert {path: path.stat().st_mtime_ns for path in root.glob("**/*.parquet")} == before
    assert rows_by_glob(root) == sorted(rows_in_cassandra(module_session, four_days) * 2)
    assert leftovers(root) == []
