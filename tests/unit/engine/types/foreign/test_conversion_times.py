from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS
from tests.conversions import convert, plan

UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
MOST_INT64 = 2**63 - 1


def numbers(array: Any, width: Any = None) -> list[int | None]:
    found: list[int | None] = array.view(width or pa.int64()).to_pylist()
    return found


def of_numbers(values: list[int | None], arrow_type: Any) -> Any:
    return pa.array(values, pa.int64()).view(arrow_type)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+05:30"])
@pytest.mark.parametrize("unit", UNITS)
def test_timestamps_of_any_unit_and_timezone_are_the_same_moment(unit: str, zone: str | None) -> None:
    factor = UNITS[unit]
    array = of_numbers([5 * factor, None, -factor], pa.timestamp(unit, zone))
    converted = convert("timestamp", array)
    assert converted.type == pa.timestamp("ms", "UTC")
    assert numbers(converted) == [5_000, None, -1_000]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_finer_digits_are_refused_or_cut_towards_the_past(unit: str, zone: str | None) -> None:
    per_millisecond = UNITS[unit] // 1_000
    array = of_numbers([1, -1, None, per_millisecond, -MOST_INT64], pa.timestamp(unit, zone))
    with pytest.raises(CONVERSION_ERRORS, match="would lose data"):
        convert("timestamp", array)
    found = numbers(convert("timestamp", array, is_lossy_allowed=True))
    assert found == [0, -1, None, 1, -MOST_INT64 // per_millisecond]


def test_moments_far_outside_the_years_1_to_9999_survive_or_are_refused() -> None:
    extremes: list[int | None] = [-MOST_INT64 - 1, MOST_INT64]
    assert numbers(convert("timestamp", of_numbers(extremes, pa.timestamp("ms")))) == extremes
    assert numbers(convert("timestamp", of_numbers([9 * 10**15], pa.timestamp("s", "Asia/Tokyo")))) == [9 * 10**18]
    with pytest.raises(CONVERSION_ERRORS, match="out of bounds"):
        convert("timestamp", of_numbers([10**16], pa.timestamp("s")))


def test_a_date_is_its_midnight_in_utc() -> None:
    days = [0, -1, None, 2**31 - 1, -(2**31)]
    wanted = [None if day is None else day * 86_400_000 for day in days]
    assert numbers(convert("timestamp", pa.array(days, pa.int32()).view(pa.date32()))) == wanted
    assert numbers(convert("timestamp", of_numbers([86_400_000, None], pa.date64()))) == [86_400_000, None]


@pytest.mark.parametrize("arrow_type", [pa.int64(), pa.float64(), pa.time64("us"), pa.duration("us")], ids=str)
def test_numbers_and_other_times_are_no_moments(arrow_type: Any) -> None:
    for cql_type in ("timestamp", "date"):
        with pytest.raises(UnsupportedTypeError, match=f"cannot become {cql_type}"):
            plan(cql_type, arrow_type, is_lossy_allowed=True)


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("unit", UNITS)
def test_timestamps_at_midnight_are_dates_and_others_where_that_is_allowed(unit: str, zone: str | None) -> None:
    per_day = UNITS[unit] * 86_400
    midnights = of_numbers([0, -per_day, None, 19_000 * per_day], pa.timestamp(unit, zone))
    assert numbers(convert("date", midnights), pa.int32()) == [0, -1, None, 19_000]
    others = of_numbers([1, -1], pa.timestamp(unit, zone))
    with pytest.raises(CONVERSION_ERRORS, match="not midnight UTC"):
        convert("date", others)
    assert numbers(convert("date", others, is_lossy_allowed=True), pa.int32()) == [0, -1]


def test_timestamps_of_another_timezone_are_no_dates() -> None:
    with pytest.raises(UnsupportedTypeError, match="Europe/Berlin has another day elsewhere"):
        plan("date", pa.timestamp("us", "Europe/Berlin"), is_lossy_allowed=True)


def test_dates_beyond_32_bits_of_days_are_refused() -> None:
    with pytest.raises(CONVERSION_ERRORS, match="2147483648"):
        convert("date", of_numbers([2**31 * 86_400], pa.timestamp("s")))
    with pytest.raises(CONVERSION_ERRORS, match="would lose data"):
        convert("date", of_numbers([1], pa.date64()))
    assert numbers(convert("date", of_numbers([-86_400_000], pa.date64())), pa.int32()) == [-1]


def test_times_of_any_unit() -> None:
    seconds = pa.array([0, 86_399, None], pa.int32()).view(pa.time32("s"))
    assert numbers(convert("time", seconds), pa.int32()) == [0, 86_399_000, None]
    for arrow_type in (pa.time64("us"), pa.time64("ns")):
        assert convert("time", of_numbers([1, None], arrow_type)).type == arrow_type
    with pytest.raises(UnsupportedTypeError, match="cannot become time"):
        plan("time", pa.timestamp("us"), is_lossy_allowed=True)


@pytest.mark.parametrize("unit", UNITS)
def test_spans_are_durations_of_nanoseconds(unit: str) -> None:
    factor = UNITS["ns"] // UNITS[unit]
    found = convert("duration", of_numbers([3, None, -3], pa.duration(unit))).to_pylist()
    assert found == [
        {"months": 0, "days": 0, "nanoseconds": 3 * factor},
        None,
        {"months": 0, "days": 0, "nanoseconds": -3 * factor},
    ]
    if factor > 1:
        with pytest.raises(CONVERSION_ERRORS, match="overflow"):
            convert("duration", of_numbers([MOST_INT64], pa.duration(unit)))


def test_intervals_of_arrow_are_durations() -> None:
    array = pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([-1, 0, -(2**63)])])
    assert convert("duration", array).to_pylist() == [
        {"months": 1, "days": 2, "nanoseconds": 3},
        None,
        {"months": -1, "days": 0, "nanoseconds": -(2**63)},
    ]
    assert convert("duration", array.slice(0, 0)).to_pylist() == []
    with pytest.raises(CONVERSION_ERRORS, match="one sign"):
        convert("duration", pa.array([pa.MonthDayNano([1, -2, 3])]))


def test_intervals_of_parquet_are_durations() -> None:
    cell = np.array([14, 3, 5_000], "<u4").tobytes()
    assert convert("duration", pa.array([cell, None], pa.binary(12))).to_pylist() == [
        {"months": 14, "days": 3, "nanoseconds": 5_000_000_000},
        None,
    ]
    for parts in ([2**31, 0, 0], [0, 2**31, 0]):
        with pytest.raises(CONVERSION_ERRORS, match="2147483648"):
            convert("duration", pa.array([np.array(parts, "<u4").tobytes()], pa.binary(12)))
    with pytest.raises(UnsupportedTypeError):
        plan("duration", pa.binary(16))


def test_structs_of_a_duration_in_any_order_and_width() -> None:
    fields = {"nanoseconds": pa.int32(), "days": pa.int64(), "months": pa.int8()}
    value = {"months": -1, "days": 0, "nanoseconds": -5}
    array = pa.array([value, None], pa.struct(list(fields.items())))
    assert convert("duration", array).to_pylist() == [value, None]
    with pytest.raises(CONVERSION_ERRORS, match="2147483648"):
        convert("duration", pa.array([value | {"days": 2**31}], array.type))
    for names in (["months", "days"], ["months", "days", "nanoseconds", "days"], ["months", "days", "micros"]):
        with pytest.raises(UnsupportedTypeError, match="months, days and nanoseconds"):
            plan("duration", pa.struct([(name, pa.int32()) for name in names]))


def test_signs_of_a_duration_are_checked_also_in_the_struct_of_an_export() -> None:
    exported = pa.struct([("months", pa.int32()), ("days", pa.int32()), ("nanoseconds", pa.int64())])
    for bad in ({"months": 1, "days": -1, "nanoseconds": 0}, {"months": 0, "days": 1, "nanoseconds": -1}):
        with pytest.raises(CONVERSION_ERRORS, match="one sign"):
            convert("duration", pa.array([bad], exported))
    assert convert("duration", pa.array([datetime.timedelta(days=-1)])).to_pylist()[0]["nanoseconds"] == -86_400 * 10**9
