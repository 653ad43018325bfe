"""Spark's old calendar: days keep their names, moments that depend on a timezone are refused, the rest is untouched."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.importing.sources.legacy_calendar import (
    FIRST_GREGORIAN_DAY,
    LegacyCalendar,
    plan_rebase,
    read_legacy_calendar,
)

BOTH = LegacyCalendar(dates=True, int96=True)
VERSION = b"org.apache.spark.version"
# The Julian day that begins 1 January 1970 of the Gregorian calendar.
DAY_1970 = 2_440_588


def rebase(array: Any, calendar: LegacyCalendar = BOTH, *, is_int96: bool = False) -> Any:
    function = plan_rebase(calendar, array.type, is_int96=is_int96)
    return array if function is None else function(array)


def julian_day(year: int, month: int, day: int) -> int:
    """Of a date in the Julian calendar, by the formula of its own (Explanatory Supplement, 15.11)."""
    shifted = (14 - month) // 12
    years, months = year + 4800 - shifted, month + 12 * shifted - 3
    return day + (153 * months + 2) // 5 + 365 * years + years // 4 - 32083


def is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, None),
        ({}, None),
        ({b"ARROW:schema": b"x"}, None),
        ({VERSION: b"3.5.1"}, None),
        ({VERSION: b"3.5.1", b"org.apache.spark.legacyDateTime": b""}, LegacyCalendar(True, False)),
        ({VERSION: b"3.5.1", b"org.apache.spark.legacyINT96": b""}, LegacyCalendar(False, True)),
        ({VERSION: b"3.0.2"}, LegacyCalendar(False, True)),
        ({VERSION: b"2.4.8"}, BOTH),
        ({b"org.apache.spark.sql.parquet.row.metadata": b"{}"}, BOTH),
        ({VERSION: b"3.4.0", b"org.apache.spark.sql.parquet.row.metadata": b"{}"}, None),
        ({VERSION: b"10.0.0"}, None),
    ],
)
def test_what_a_footer_says_of_the_calendar(metadata: dict[bytes, bytes] | None, expected: object) -> None:
    assert read_legacy_calendar(metadata) == expected


def test_every_day_keeps_its_name() -> None:
    named = [
        (year, month, day)
        for year in (1, 4, 100, 200, 999, 1000, 1100, 1500, 1581, 1582)
        for month in range(1, 13)
        for day in range(1, 32)
        if is_date(year, month, day) and (year, month, day) < (1582, 10, 5)
    ]
    stored = pa.array([julian_day(*name) - DAY_1970 for name in named], pa.int32()).cast(pa.date32())
    found = rebase(stored).to_pylist()
    assert [(date.year, date.month, date.day) for date in found] == named
    # Not as Arrow reads them: 1000-01-01 as 1000-01-06.
    assert stored[named.index((1000, 1, 1))].as_py() == datetime.date(1000, 1, 6)


@pytest.mark.parametrize("year", [4, 100, 400, 800, 1000, 1200, 1500, 1580])
def test_day_that_only_the_julian_calendar_has_is_refused(year: int) -> None:
    stored = pa.array([julian_day(year, 2, 29) - DAY_1970], pa.int32()).cast(pa.date32())
    if is_date(year, 2, 29):
        assert rebase(stored).to_pylist() == [datetime.date(year, 2, 29)]
    else:
        with pytest.raises(ValueError, match=f"{year:04d}-02-29 .* is no day of today's"):
            rebase(stored)


def test_days_since_the_change_and_nulls_are_untouched() -> None:
    days = pa.array([FIRST_GREGORIAN_DAY, None, -1, 0, 2**31 - 1], pa.int32()).cast(pa.date32())
    assert rebase(days).equals(days)
    assert rebase(days)[0].as_py() == datetime.date(1582, 10, 15)


def test_slice_is_rebased_as_the_whole() -> None:
    days = pa.array([None, -200_000, 0, None, -300_000], pa.int32()).cast(pa.date32())
    assert rebase(days.slice(1, 3)).equals(rebase(days).slice(1, 3))
    assert not rebase(days).equals(days)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_before_1900_are_refused(unit: str) -> None:
    def moments(*texts: str) -> Any:
        return pa.array([np.datetime64(text, unit) for text in texts])

    with pytest.raises(ValueError, match=r"1899-12-31.*timezone of its writer; write the file again"):
        rebase(moments("2024-01-01", "1899-12-31T23:59:59"))
    assert rebase(moments("1900-01-01", "2024-01-01")).equals(moments("1900-01-01", "2024-01-01"))


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[datetime.date(1000, 1, 1)]]),
        pa.array([{"d": datetime.date(1000, 1, 1)}]),
        pa.array([[("k", datetime.date(1000, 1, 1))]], pa.map_(pa.string(), pa.date32())),
        pa.array([[datetime.datetime(1000, 1, 1)]], pa.list_(pa.timestamp("us"))),  # noqa: DTZ001
    ],
)
def test_ancient_value_inside_of_another_is_refused(array: Any) -> None:
    with pytest.raises(ValueError, match=r"1000-01-01.*old calendar"):
        rebase(array)


def test_only_what_the_file_says_is_legacy() -> None:
    ancient = pa.array([datetime.date(1000, 1, 1)])
    assert plan_rebase(None, ancient.type, is_int96=False) is None
    assert plan_rebase(LegacyCalendar(False, True), ancient.type, is_int96=False) is None
    assert plan_rebase(LegacyCalendar(True, False), pa.timestamp("us"), is_int96=True) is None
    assert plan_rebase(BOTH, pa.int64(), is_int96=False) is None
