"""Converts moments, dates, times of day and durations of foreign files from Arrow's types for them.

A type that is taken as it is, or not at all, has no `Conversion` (None). All arithmetic is on the whole numbers behind
the values, so that years outside 1 to 9999 survive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask
from airflow_provider_cqlai.engine.types.families.durations import ARROW_TYPE as DURATION
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import (
    Conversion,
    ConversionTarget,
    cast,
    whole_numbers,
)

TIMESTAMP = pa.timestamp("ms", tz="UTC")
_UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_SECONDS_PER_DAY = 86_400
_UTC_NAMES = (None, "UTC", "+00:00", "Etc/UTC", "Z")
# Parquet's INTERVAL: months, days and milliseconds in four unsigned bytes each, little-endian.
_PARQUET_INTERVAL = pa.binary(12)
_INTERVAL_PARTS = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])


def plan_timestamp(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    """Any unit and timezone; without one it is UTC, as Spark and pandas write it. A date is its midnight in UTC."""
    if pa.types.is_date(arrow_type):
        return Conversion(TIMESTAMP, lambda array: array.cast(pa.timestamp("ms")).view(TIMESTAMP))
    if not pa.types.is_timestamp(arrow_type) or arrow_type == TIMESTAMP:
        return None
    per_millisecond = _UNITS_PER_SECOND[arrow_type.unit] // 1_000
    in_utc = pa.timestamp(arrow_type.unit, tz="UTC")
    if target.is_lossy_allowed and per_millisecond > 1:

        def cut(array: Any) -> Any:
            numbers, is_null = whole_numbers(array)
            return pa.array(numbers // per_millisecond, pa.int64(), mask=is_null).view(TIMESTAMP)

        return Conversion(TIMESTAMP, cut)
    # The timezone only says how a moment is shown; the cast refuses what is finer than milliseconds or out of range.
    return Conversion(TIMESTAMP, lambda array: array.view(in_utc).cast(TIMESTAMP))


def plan_date(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    """Timestamps at midnight, which is how pandas writes dates; others where a loss is allowed."""
    if arrow_type == pa.date64():
        return cast(pa.date32())
    if not pa.types.is_timestamp(arrow_type):
        return None
    if arrow_type.tz not in _UTC_NAMES:
        raise target.refuse(arrow_type, f"a moment in {arrow_type.tz} has another day elsewhere")
    per_day = _UNITS_PER_SECOND[arrow_type.unit] * _SECONDS_PER_DAY

    def convert(array: Any) -> Any:
        numbers, is_null = whole_numbers(array)
        if not target.is_lossy_allowed and np.any(numbers % per_day):
            raise ValueError("a moment that is not midnight UTC is not a date")
        return pa.array(numbers // per_day, pa.int64(), mask=is_null).cast(pa.int32()).view(pa.date32())

    return Conversion(pa.date32(), convert)


def plan_numbers_of_time(target: ConversionTarget, arrow_type: Any) -> Conversion:
    """From whole numbers to a timestamp, and from moments to whole numbers, which count ``target.time_unit``."""
    assert target.time_unit is not None
    unit = pa.timestamp(target.time_unit, tz="UTC")
    if target.name == "timestamp" and pa.types.is_integer(arrow_type):
        planned = plan_timestamp(target, unit) or Conversion(TIMESTAMP)
        return planned.after(lambda array: array.cast(pa.int64()).view(unit))
    numbers = {"bigint": pa.int64(), "int": pa.int32()}.get(target.name)
    if numbers is not None and pa.types.is_integer(arrow_type):
        return cast(numbers)
    if numbers is not None and pa.types.is_timestamp(arrow_type):
        ratio = _UNITS_PER_SECOND[arrow_type.unit] // _UNITS_PER_SECOND[target.time_unit]

        def count(array: Any) -> Any:
            if not ratio:
                return array.view(pa.timestamp(arrow_type.unit, tz="UTC")).cast(unit).view(pa.int64()).cast(numbers)
            moments, is_null = whole_numbers(array)
            if not target.is_lossy_allowed and np.any(moments % ratio):
                raise ValueError(f"a moment that is finer than time_units={target.time_unit!r}")
            return pa.array(moments // ratio, pa.int64(), mask=is_null).cast(numbers)

        return Conversion(numbers, count)
    raise target.refuse(
        arrow_type,
        f"time_units={{{target.column!r}: {target.time_unit!r}}} is for whole numbers of the file and a timestamp, or"
        " moments of the file and a bigint or int",
    )


def plan_time(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    return cast(pa.time32("ms")) if arrow_type == pa.time32("s") else None


def plan_duration(target: ConversionTarget, arrow_type: Any) -> Conversion | None:
    """The struct of an export, Arrow's intervals and time spans, and Parquet's INTERVAL."""
    if pa.types.is_struct(arrow_type):
        return _plan_duration_struct(target, arrow_type)
    if arrow_type == pa.month_day_nano_interval():
        return Conversion(DURATION, lambda array: _checked_signs(_read_intervals(array)))
    if arrow_type == _PARQUET_INTERVAL:
        return Conversion(DURATION, _read_parquet_intervals)
    if pa.types.is_duration(arrow_type):
        factor = _UNITS_PER_SECOND["ns"] // _UNITS_PER_SECOND[arrow_type.unit]

        def convert(array: Any) -> Any:
            zeros = pa.array(np.zeros(len(array), np.int32))
            nanoseconds = pc.multiply_checked(array.view(pa.int64()), factor)
            return _durations([zeros, zeros, nanoseconds], null_mask(array))

        return Conversion(DURATION, convert)
    return None


def _plan_duration_struct(target: ConversionTarget, arrow_type: Any) -> Conversion:
    names = [field.name for field in DURATION]
    has_integers = all(pa.types.is_integer(field.type) for field in arrow_type)
    if sorted(field.name for field in arrow_type) != sorted(names) or not has_integers:
        raise target.refuse(arrow_type, "a duration has the whole numbers months, days and nanoseconds")
    if arrow_type == DURATION:
        return Conversion(DURATION, _checked_signs)
    places = [arrow_type.get_field_index(name) for name in names]

    def convert(array: Any) -> Any:
        parts = array.flatten()
        children = [parts[place].cast(field.type) for place, field in zip(places, DURATION, strict=True)]
        return _checked_signs(_durations(children, null_mask(array)))

    return Conversion(DURATION, convert)


def _durations(children: list[Any], is_null: np.ndarray) -> Any:
    return pa.StructArray.from_arrays(children, fields=list(DURATION), mask=pa.array(is_null))


def _checked_signs(array: Any) -> Any:
    # The server refuses mixed signs too, but does not say in which row.
    parts = [part.fill_null(0).to_numpy(zero_copy_only=False) for part in array.flatten()]
    is_mixed = np.logical_or.reduce([part < 0 for part in parts]) & np.logical_or.reduce([part > 0 for part in parts])
    if is_mixed.any():
        raise ValueError("months, days and nanoseconds of a duration must all have one sign")
    return array


def _read_intervals(array: Any) -> Any:
    # pyarrow shows an interval as a Python object only; the 16 bytes behind each say the same.
    data = array.buffers()[1]
    raw = np.frombuffer(data if data is not None else b"", np.uint8)[
        array.offset * 16 : (array.offset + len(array)) * 16
    ]
    intervals = np.frombuffer(raw.tobytes(), _INTERVAL_PARTS)
    return _durations([pa.array(intervals[field.name], field.type) for field in DURATION], null_mask(array))


def _read_parquet_intervals(array: Any) -> Any:
    raw = b"".join(cell or bytes(12) for cell in array.to_pylist())
    parts = np.frombuffer(raw, "<u4").reshape(-1, 3).astype(np.int64)
    children = [
        pa.array(parts[:, 0], pa.int64()).cast(pa.int32()),
        pa.array(parts[:, 1], pa.int64()).cast(pa.int32()),
        pa.array(parts[:, 2] * 1_000_000, pa.int64()),
    ]
    return _durations(children, null_mask(array))
