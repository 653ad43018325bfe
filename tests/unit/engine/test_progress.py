"""What a running export says in the log."""

from __future__ import annotations

import re
import time

import pytest

from airflow_provider_cqlai.engine.progress import Progress, count_of


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 queries"), (1, "1 query"), (2, "2 queries"), (20_000, "20,000 queries")]
)
def test_a_noun_agrees_with_its_number(number: int, text: str) -> None:
    assert count_of(number, "query", "queries") == text


def test_one_row_is_a_row() -> None:
    progress = Progress("t", 30)
    progress.add_rows(1, 8)
    assert "t: 1 row, " in progress.describe()
    progress.add_rows(1, 8)
    assert "t: 2 rows, " in progress.describe()


def test_what_was_left_out_does_not_shorten_the_time_left() -> None:
    progress = Progress("t", 30, share_of="the rows")
    progress._started = time.monotonic() - 100
    progress.leave_out(0.5)
    assert "50% of the rows done" in progress.describe()
    assert "left" not in progress.describe()
    progress.finish_read(0.1)
    found = re.search(r"60% of the rows done, about ([0-9,]+) s left", progress.describe())
    assert found is not None
    assert 395 < int(found.group(1)) < 405
