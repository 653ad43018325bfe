"""Counts of rows add up, by what became of them."""

from __future__ import annotations

from airflow_provider_cqlai.engine.cassandra.write.messages import Outcome
from airflow_provider_cqlai.engine.importing.row_types import NO_ROWS, RowCounts


def test_each_kind_of_row_is_added_to_its_own() -> None:
    names = list(vars(NO_ROWS))
    one = RowCounts(*range(1, 9))
    assert vars(one + RowCounts(**dict.fromkeys(names, 10))) == dict(zip(names, range(11, 19), strict=True))
    assert one + NO_ROWS == one


def test_rows_that_were_read_settle_as_something_or_other() -> None:
    counts = RowCounts(read=15, written=1, not_applied=2, unknown=3, rejected=4, expired=5, skipped=100, resumed=100)
    assert counts.settled == counts.read
    assert counts.not_written == 10


def test_a_confirmed_row_has_a_count_for_whatever_it_did() -> None:
    assert {outcome.name.lower() for outcome in Outcome} <= set(vars(NO_ROWS))
