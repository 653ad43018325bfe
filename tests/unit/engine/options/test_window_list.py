"""Several windows in one option, as the events that triggered a run tell of them."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.window import TimeWindow

FIRST, SECOND, THIRD = (datetime.datetime(2024, 1, day, tzinfo=datetime.timezone.utc) for day in (1, 2, 3))
DAYS = (TimeWindow(start=FIRST, end=SECOND), TimeWindow(start=SECOND, end=THIRD))
EVENTS = [
    {
        "path": "/lake",
        "rows": 3,
        "window_start": "2024-01-02T00:00:00+00:00",
        "window_end": "2024-01-03T00:00:00+00:00",
    },
    {"path": "/lake", "rows": 3, "window_start": "2024-01-01T00:00:00Z", "window_end": "2024-01-02T01:00:00+01:00"},
]


def chosen(windows: Any, **options: Any) -> Any:
    return CopyFromOptions(table="t", path="/lake", windows=windows, **options).chosen_windows


@pytest.mark.parametrize(
    "windows",
    [
        DAYS,
        [(FIRST, SECOND), (SECOND, THIRD)],
        [{"start": SECOND, "end": THIRD}, {"start": FIRST, "end": SECOND}],
        EVENTS,
        [*EVENTS, *EVENTS],
        json.dumps(EVENTS),
    ],
)
def test_windows_are_read_once_and_in_order(windows: Any) -> None:
    assert chosen(windows) == DAYS


def test_event_of_a_whole_table_is_one_of_everything() -> None:
    options = CopyFromOptions(table="t", path="/lake", windows=[*EVENTS, {"window_start": None, "window_end": None}])
    # Read once more, as the plan of an import does.
    assert dataclasses.replace(options, max_rows=1).chosen_windows is None
    assert chosen([*EVENTS, {"window_start": None, "window_end": None}]) is None
    assert chosen(None) is None
    assert chosen(None, window=DAYS[0]) == DAYS[:1]


@pytest.mark.parametrize(
    ("windows", "problem"),
    [
        ([], "empty list"),
        ("[]", "empty list"),
        ("", "not a JSON list"),
        ("None", "not a JSON list"),
        ("{}", "must be a list"),
        (5, "must be a list"),
        ([5], "no pair and no mapping"),
        (["2024-01-01"], "no pair and no mapping"),
        ([{"rows": 3}], "no start and end"),
        ([("2024-01-01", "2024-01-02")], "timezone"),
        ([("2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z")], "empty"),
        ([("2024-01-02T00:00:00Z", None)], "no moment"),
        ([("yesterday", "today")], "no window"),
    ],
)
def test_what_is_no_list_of_windows_is_an_error(windows: Any, problem: str) -> None:
    with pytest.raises(OptionError, match=problem) as raised:
        chosen(windows)
    assert raised.value.option == "windows"


def test_one_of_window_and_windows() -> None:
    with pytest.raises(OptionError, match="give one"):
        chosen(DAYS, window=DAYS[0])
