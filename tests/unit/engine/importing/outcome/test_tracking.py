"""What a row counts as, and when a row group is done, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from airflow_provider_cqlai.engine.cassandra.write.messages import Outcome
from airflow_provider_cqlai.engine.errors import CqlaiError, QueryError
from airflow_provider_cqlai.engine.importing.outcome.tracking import ImportTracking, RowReceipt
from airflow_provider_cqlai.engine.importing.row_types import RowCounts, RowGroup, RowGroupEnd, StatementRows

GROUP = RowGroup(0, 3)
STATEMENT: Any = None
ROWS: Any = None


class Rejections:
    """Puts rows aside, each once."""

    def __init__(self, tracking: ImportTracking) -> None:
        self.places: list[int] = []
        self._tracking = tracking

    def reject(self, _source: Any, place: int, _error: CqlaiError) -> bool:
        if place in self.places:
            return False
        self.places.append(place)
        self._tracking.count(GROUP, RowCounts(rejected=1))
        return True


def receipt(
    tracking: ImportTracking, rejections: Rejections, places: list[int] | None = None, *, counts_rows: bool = True
) -> RowReceipt:
    """Of one message on its way."""
    source: Any = SimpleNamespace(group=GROUP)
    part = StatementRows(STATEMENT, ROWS, None if places is None else np.array(places), counts_rows)
    one = RowReceipt(tracking, source, part, rejections.reject)
    one.sent(1)
    return one


def test_a_row_group_is_done_after_its_end_and_its_last_answer() -> None:
    tracking = ImportTracking(2)
    rejections = Rejections(tracking)
    first, second = (receipt(tracking, rejections) for _ in range(2))
    first.confirmed(6, 100, Outcome.WRITTEN)
    tracking.count(GROUP, RowCounts(expired=1))
    second.confirmed(2, 50, Outcome.NOT_APPLIED)
    assert tracking.take_finished() == {}
    third = receipt(tracking, rejections)
    tracking.end_group(RowGroupEnd(GROUP, RowCounts(read=10, skipped=5)))
    assert tracking.take_finished() == {}
    # What is on its way is not counted as anything.
    assert tracking.files[0].settled == 9
    third.confirmed(1, 0, Outcome.UNKNOWN)
    counts = RowCounts(read=10, written=6, not_applied=2, unknown=1, expired=1, skipped=5)
    assert tracking.files == [counts, RowCounts()]
    assert tracking.take_finished() == {GROUP: counts}
    assert tracking.take_finished() == {}
    assert tracking.files == [counts, RowCounts()]
    assert tracking.bytes_written == 150


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_row_that_several_statements_write_is_rejected_once(order: tuple[int, int]) -> None:
    tracking = ImportTracking(1)
    rejections = Rejections(tracking)
    # The same row, by its place among the rows of each statement.
    receipts = [
        receipt(tracking, rejections, places, counts_rows=counts_rows)
        for places, counts_rows in ((None, True), ([4, 7], False))
    ]
    for number in order:
        receipts[number].refused((7, 1)[number], QueryError("no"))
    tracking.end_group(RowGroupEnd(GROUP, RowCounts(read=1)))
    assert rejections.places == [7]
    assert tracking.files == [RowCounts(read=1, rejected=1)]


@pytest.mark.parametrize("is_refused_first", [True, False])
def test_a_row_is_rejected_though_the_statement_that_counts_it_is_confirmed(is_refused_first: bool) -> None:
    tracking = ImportTracking(1)
    rejections = Rejections(tracking)
    counting = receipt(tracking, rejections)
    other = receipt(tracking, rejections, [2], counts_rows=False)
    if is_refused_first:
        other.refused(0, QueryError("no"))
    counting.confirmed(1, 10, Outcome.WRITTEN)
    if not is_refused_first:
        other.refused(0, QueryError("no"))
    tracking.end_group(RowGroupEnd(GROUP, RowCounts(read=1)))
    assert tracking.files == [RowCounts(read=1, rejected=1)]


def test_rows_of_an_earlier_try_count_as_what_became_of_them() -> None:
    tracking = ImportTracking(2)
    tracking.take_over(
        {
            RowGroup(0, 0): RowCounts(read=10, not_applied=1),
            RowGroup(1, 0): RowCounts(read=10, not_applied=1, unknown=2, expired=3),
            RowGroup(1, 1): RowCounts(read=10),
        },
        [0, 1],
    )
    for group, skipped in ((RowGroup(0, 0), 4), (RowGroup(1, 0), 0), (RowGroup(1, 1), 0)):
        tracking.end_group(RowGroupEnd(group, RowCounts(skipped=skipped, resumed=10)))
    # They are in the journal already.
    assert tracking.take_finished() == {}
    assert tracking.files == [
        RowCounts(read=1, not_applied=1, skipped=4, resumed=9),
        RowCounts(read=7, not_applied=1, unknown=2, rejected=1, expired=3, resumed=13),
    ]
    assert all(counts.read == counts.settled for counts in tracking.files)
