"""What the driver is given to send, without a server."""

from __future__ import annotations

import gc
import io
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.write.messages import MessageBuilder, RowMessage, WriteStatement


@pytest.fixture
def without_garbage_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def message(row_count: int) -> RowMessage:
    """Rows of one byte each behind their prefix."""
    prepared: Any = SimpleNamespace(query_id=b"id", result_metadata_id=b"")
    statement = WriteStatement(prepared, ("k",))
    body = b"".join(statement.row_prefix + b"%d" % row for row in range(row_count))
    size = len(statement.row_prefix) + 1
    offsets = np.arange(0, len(body) + 1, size)
    rows = EncodedRows(memoryview(body), offsets, np.arange(row_count), np.zeros(row_count, np.uint64))
    return RowMessage(
        statement=statement, rows=rows, spans=((0, row_count),), routing_key=b"", byte_count=len(body),
        receipt=cast("Any", None), timestamp=0,
    )  # fmt: skip


@pytest.mark.parametrize("row_count", [1, 2])
@pytest.mark.usefixtures("without_garbage_collector")
def test_rows_that_were_answered_are_not_kept_by_the_driver(row_count: int) -> None:
    one = message(row_count)
    built = MessageBuilder(1, None).build(one)
    stream = io.BytesIO()
    built.send_body(stream, 5)
    assert all(b"%d" % row in stream.getvalue() for row in range(row_count))
    kept = weakref.ref(one.rows)
    del one
    assert kept() is None
    with pytest.raises(AssertionError, match="has been answered"):
        built.send_body(io.BytesIO(), 5)


def test_a_message_that_is_sent_again_is_another() -> None:
    one = message(2)
    in_flight = {one, one.again(0, is_outcome_unknown=False), *one.split()}
    in_flight.remove(one)
    assert len(in_flight) == 3
