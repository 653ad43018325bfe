"""What an answer, or an error in its place, says of the rows that were sent."""

from __future__ import annotations

from typing import Any

import cassandra
from cassandra import protocol
from cassandra.cluster import NoHostAvailable

from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.cassandra.write.messages import Outcome, RowMessage, StatementKind

# Answers of a coordinator that had not begun: too few replicas alive, or no capacity. Where no host could be asked,
# nothing was sent at all.
_UNAVAILABLE = (cassandra.Unavailable, protocol.UnavailableErrorMessage)
_UNWRITTEN = (
    *_UNAVAILABLE,
    protocol.OverloadedErrorMessage,
    protocol.IsBootstrappingErrorMessage,
    protocol.PreparedQueryNotFound,
    cassandra.RequestValidationException,
    protocol.RequestValidationException,
    NoHostAvailable,
)
# A cell's length before its value.
_APPLIED = b"\0\0\0\1\1"


def is_surely_unwritten(error: Exception, message: RowMessage) -> bool:
    """Whether ``message``, which failed with ``error``, wrote nothing anywhere."""
    if message.statement.kind is StatementKind.CONDITIONAL and isinstance(error, _UNAVAILABLE):
        # The commit of a row that Paxos has accepted asks for replicas once more; the next round writes it.
        return False
    return isinstance(error, _UNWRITTEN)


def read_applied(page: Any, message: RowMessage) -> Outcome | None:
    """What a confirmed message did; a conditional one answers with ``[applied]`` as the first column of one row.

    None where the answer has no such column. Raises nothing: this runs on the driver's thread.
    """
    if message.statement.kind is not StatementKind.CONDITIONAL:
        return Outcome.WRITTEN
    if not isinstance(page, RawPage) or not page.columns or page.columns[0][0] != "[applied]":
        return None
    if page.body[page.rows_offset : page.rows_offset + len(_APPLIED)] == _APPLIED:
        return Outcome.WRITTEN
    return Outcome.UNKNOWN if message.is_outcome_unknown else Outcome.NOT_APPLIED
