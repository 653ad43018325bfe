"""What is known of a row whose write failed, and what a conditional row's answer says."""

from __future__ import annotations

from typing import Any, cast

import cassandra
import numpy as np
import pytest
from cassandra import protocol
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.cassandra.write.messages import Outcome, RowMessage, StatementKind, WriteStatement
from airflow_provider_cqlai.engine.cassandra.write.outcome import is_surely_unwritten, read_applied

UNAVAILABLE = cassandra.Unavailable("too few", consistency=1, required_replicas=2, alive_replicas=1)


def message(kind: StatementKind, *, is_outcome_unknown: bool = False) -> RowMessage:
    rows = EncodedRows(memoryview(b""), np.array([0, 0]), np.array([0]), np.zeros(1, np.uint64))
    statement = WriteStatement(cast("Any", None), ("k",), kind)
    return RowMessage(
        statement=statement, rows=rows, spans=((0, 1),), routing_key=b"", byte_count=0, receipt=cast("Any", None),
        timestamp=0, is_outcome_unknown=is_outcome_unknown,
    )  # fmt: skip


def page(cell: bytes, name: str = "[applied]") -> RawPage:
    return RawPage(body=b"head" + cell, rows_offset=4, row_count=1, columns=((name, bool),), protocol_version=5)


APPLIED, NOT_APPLIED = page(b"\0\0\0\1\1"), page(b"\0\0\0\1\0\0\0\0\1x")


@pytest.mark.parametrize("kind", StatementKind)
@pytest.mark.parametrize(
    ("error", "is_unwritten"),
    [
        (NoHostAvailable("none", {}), True),
        (protocol.OverloadedErrorMessage(0x1001, "busy", {}), True),
        (cassandra.InvalidRequest("no"), True),
        (cassandra.OperationTimedOut(), False),
        (cassandra.WriteTimeout("late", write_type=0), False),
        (cassandra.WriteFailure("failed", write_type=0), False),
        (ConnectionShutdown("cut"), False),
        (protocol.ServerError(0, "broken", {}), False),
    ],
)
def test_only_a_server_that_had_not_begun_has_surely_written_nothing(
    kind: StatementKind, error: Exception, is_unwritten: bool
) -> None:
    assert is_surely_unwritten(error, message(kind)) is is_unwritten


def test_unavailable_replicas_may_have_accepted_a_conditional_row() -> None:
    # Paxos asks for replicas again when it commits what was accepted.
    assert not is_surely_unwritten(UNAVAILABLE, message(StatementKind.CONDITIONAL))
    assert is_surely_unwritten(UNAVAILABLE, message(StatementKind.COUNTER))


@pytest.mark.parametrize(
    ("answer", "is_outcome_unknown", "outcome"),
    [
        (APPLIED, False, Outcome.WRITTEN),
        (APPLIED, True, Outcome.WRITTEN),
        (NOT_APPLIED, False, Outcome.NOT_APPLIED),
        (NOT_APPLIED, True, Outcome.UNKNOWN),
        (page(b"\0\0\0\1\1", name="k"), False, None),
        (None, False, None),
        ([(True,)], False, None),
    ],
)
def test_answer_of_a_conditional_row(answer: Any, is_outcome_unknown: bool, outcome: Outcome | None) -> None:
    assert read_applied(answer, message(StatementKind.CONDITIONAL, is_outcome_unknown=is_outcome_unknown)) is outcome


def test_other_rows_are_written_whatever_the_answer() -> None:
    assert read_applied(None, message(StatementKind.UPSERT)) is Outcome.WRITTEN
