"""The cases that capture: one query of the whole table, the same pages received only, and a hundred queries.

As in `engine_cases`, each takes a session and a `Target` and returns the number of rows that came out, counted in the
written files where there are some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import load_table_metadata
from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.query import prepare_query
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from benchmarks.target import Target

QUERIES = 100


def receive_query(session: Session, target: Target) -> int:
    """The pages of one query of the whole table, received as a capture receives them and thrown away."""
    options = CaptureOptions(path=str(target.folder / "unused.parquet"), queries=_whole(target), **target.options)
    rows = 0
    with open_engine_session(session, options, keyspace=None) as engine_session:
        query = prepare_query(engine_session.session, _whole(target), 1, "the query", {}, None)
        for page in PageReader(engine_session, options).read_pages(query.read, Cancellation()):
            rows += page.row_count
    return rows


def capture_file(session: Session, target: Target) -> int:
    """Ours: one query of the whole table, to one Parquet file."""
    return _capture(session, target, [_whole(target)], "rows.parquet")


def capture_queries(session: Session, target: Target) -> int:
    """Ours: `QUERIES` queries that share the token ring, to one dataset."""
    table = load_table_metadata(session, target.table)
    token = f"token({', '.join(table.partition_key)})"
    bounds = [-(2**63) + (2**64 * number) // QUERIES for number in range(1, QUERIES)]
    queries = [
        f"SELECT * FROM {target.table} WHERE {token} > {start} AND {token} <= {end}"
        for start, end in zip([-(2**63), *bounds], [*bounds, 2**63 - 1], strict=True)
    ]
    return _capture(session, target, queries, "rows/")


def _capture(session: Session, target: Target, queries: list[str], name: str) -> int:
    options: dict[str, Any] = {"path": str(target.folder / name), "queries": queries, **target.options}
    result = capture(session, CaptureOptions(**options))
    written = target.rows_in_parquet()
    if not result.rows == written == sum(query.rows for query in result.queries):
        raise SystemExit(f"{result.rows} rows were reported, {written} are in the files")
    return written


def _whole(target: Target) -> str:
    return f"SELECT * FROM {target.table}"


CASES: dict[str, Callable[[Session, Target], int]] = {
    case.__name__: case for case in (receive_query, capture_file, capture_queries)
}
