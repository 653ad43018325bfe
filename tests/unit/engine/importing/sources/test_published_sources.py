"""Which parts of a window the publications of a dataset leave uncovered."""

from __future__ import annotations

import pytest

from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.importing.sources.published_sources import check_coverage, find_uncovered
from tests.unit.engine.files.publish.publications import window_of

WEEK = window_of(8, days=7)


def _days(*run_keys: RunKey) -> list[tuple[int, int]]:
    return [(part.start.day, part.end.day) for part in find_uncovered(WEEK, run_keys)]


def test_parts_before_between_and_after_runs_are_found() -> None:
    assert _days() == [(8, 15)]
    assert _days(RunKey(window_of(9)), RunKey(window_of(11, days=2))) == [(8, 9), (10, 11), (13, 15)]
    assert _days(RunKey(window_of(7, days=2)), RunKey(window_of(14, days=3))) == [(9, 14)]


def test_adjoining_and_nested_runs_leave_nothing_between_them() -> None:
    assert _days(*(RunKey(window_of(day)) for day in range(8, 15))) == []
    assert _days(RunKey(window_of(8, days=6)), RunKey(window_of(9)), RunKey(window_of(14))) == []
    assert _days(RunKey(window_of(1, days=31))) == _days(RunKey()) == []


def test_run_counts_when_all_of_its_shards_are_there() -> None:
    assert _days(RunKey(WEEK, 0, 2), RunKey(WEEK, 1, 2)) == []
    assert _days(RunKey(WEEK, 0, 2), RunKey(WEEK, 2, 3)) == [(8, 15)]
    assert _days(RunKey(None, 0, 2), RunKey(window_of(8), 0, 1)) == [(9, 15)]


def test_many_parts_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    run_keys = [RunKey(window_of(day)) for day in range(2, 30, 2)]
    check_coverage("/ds", window_of(1, days=30), run_keys, "ignore")
    assert caplog.text.count("T00:00:00+00:00 to ") == 10
    assert "and 5 more parts" in caplog.text
