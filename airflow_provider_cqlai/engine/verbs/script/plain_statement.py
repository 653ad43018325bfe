"""Runs one statement of CQL on the server, and tells how many rows came back.

Note: nothing is tried again here: a statement such as ``UPDATE ... SET n = n + 1`` or an INSERT of ``uuid()`` does more
when it runs twice, and after a timeout nobody knows whether it ran.
"""

from __future__ import annotations

import logging
import re
import struct
from dataclasses import dataclass

from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResponseFuture, Session
from cassandra.policies import FallthroughRetryPolicy
from cassandra.query import SimpleStatement

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    is_page_too_large,
    is_secret,
    translate_statement_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import box_page
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import open_lost_pools
from airflow_provider_cqlai.engine.cassandra.connect.waiting import wait_for_response
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage, RawPageProtocolHandler
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, QueryError

logger = logging.getLogger(__name__)

_COUNT = re.compile(r"select\s+count\s*\(", re.IGNORECASE)
# The first cell of a row: its length, and the value of a bigint or a boolean.
_BIGINT_CELL = struct.Struct(">iq")
_BOOLEAN_CELL = struct.Struct(">i?")


@dataclass(frozen=True, kw_only=True)
class StatementOutcome:
    """What a statement returned."""

    rows: int | None
    """Rows of its result; None where it has none, as that of an INSERT."""
    count: int | None
    """The number that a ``SELECT COUNT(...)`` of one row returned."""
    is_applied: bool | None
    """Whether the condition of ``IF ...`` held; None for a statement without one."""


def execute_statement(session: Session, text: str, cancellation: Cancellation) -> StatementOutcome:
    """Run ``text`` once, to the end of its result. After a change of the schema all nodes agree on it.

    Args:
        session: the engine's own; ``USE`` changes its keyspace.
        cancellation: ends the wait; what was sent may still be carried out.

    Raises:
        CqlaiError: what the server refuses is terminal. A timeout is retryable, and the statement may have been run.
    """
    page_rows = session.default_fetch_size
    while True:
        try:
            first, paging_state = _request_page(session, text, None, page_rows, cancellation)
            break
        except QueryError as error:
            # Nothing was run.
            if page_rows is None or page_rows < 2 or not is_page_too_large(error.__cause__):
                raise
            page_rows //= 2
    rows, is_whole = _count_rows(first), paging_state is None
    while paging_state is not None:
        page, paging_state = _request_page(session, text, paging_state, page_rows, cancellation)
        rows += _count_rows(page)
    if first is None:
        return StatementOutcome(rows=None, count=None, is_applied=None)
    return StatementOutcome(
        rows=rows,
        count=_read_count(first) if is_whole and _COUNT.match(text) else None,
        is_applied=_read_applied(first),
    )


def _request_page(
    session: Session, text: str, paging_state: bytes | None, page_rows: int | None, cancellation: Cancellation
) -> tuple[RawPage | None, bytes | None]:
    cancellation.raise_if_cancelled()
    try:
        future = _send(session, text, paging_state, page_rows)
        wait_for_response(future, cancellation)
        result = future.result()
    except DRIVER_EXCEPTIONS as error:
        raise translate_statement_error(error, text, "running it") from (None if is_secret(text) else error)
    if not future.is_schema_agreed:
        raise ClusterUnavailableError(
            "it changed the schema, and the nodes did not agree on it in time: statements that follow could fail"
        )
    for warning in future.warnings or ():
        logger.warning("the server warns: %s", warning)
    pages = result.current_rows
    return (pages[0] if pages else None), result.paging_state


def _send(session: Session, text: str, paging_state: bytes | None, page_rows: int | None) -> ResponseFuture:
    # Hours may have passed since the statement before.
    open_lost_pools(session)
    profile = session.execution_profile_clone_update(
        EXEC_PROFILE_DEFAULT, retry_policy=FallthroughRetryPolicy(), row_factory=box_page
    )
    usual = session.client_protocol_handler
    # Of this request alone: nobody looks into its rows, whatever their types.
    session.client_protocol_handler = RawPageProtocolHandler
    try:
        return session.execute_async(
            SimpleStatement(text, is_idempotent=False, fetch_size=page_rows),
            execution_profile=profile,
            paging_state=paging_state,
        )
    finally:
        session.client_protocol_handler = usual


def _count_rows(page: RawPage | None) -> int:
    return 0 if page is None else page.row_count


def _read_count(page: RawPage) -> int | None:
    if page.row_count != 1 or len(page.columns) != 1:
        return None
    length, number = _BIGINT_CELL.unpack_from(page.body, page.rows_offset)
    return int(number) if length == 8 else None


def _read_applied(page: RawPage) -> bool | None:
    if not page.row_count or page.columns[0][0] != "[applied]":
        return None
    _, is_applied = _BOOLEAN_CELL.unpack_from(page.body, page.rows_offset)
    return bool(is_applied)
