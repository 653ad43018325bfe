"""Reads the server's own tables: what a plan asks before the first row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error

# The session's own pages may be larger than the guardrail `page_size_fail_threshold` lets an ordinary role ask for.
_PAGE_ROWS = 100


def read_system_rows(session: Session, statement: str, *parameters: Any, what: str) -> Sequence[Any]:
    """All rows of ``statement``, as the session makes them; ``what`` is being done, for messages.

    Raises:
        CqlaiError: the server refuses, or no host answers.
    """
    try:
        return list(session.execute(SimpleStatement(statement, fetch_size=_PAGE_ROWS), parameters or None))
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, what) from error
