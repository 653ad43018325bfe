"""Writes arrays of dates and timestamps, without nulls, as ISO 8601 texts of every year that Cassandra has.

Arrow writes the years 1 to 9999; others, for which its texts are wrong, are written here: ``-0044-03-15``. The year
10000 is ``+10000`` where ``has_plus_sign``: in values of text formats, as in Java's ``Instant`` and as ISO 8601
demands. It is ``10000`` in names of directories, which lie on users' disks under that name: with the sign a second run
would write its rows beside the first one's. An import reads both.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.cells.number_arrays import to_numpy

_UNITS_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
# The first and the last day that Arrow writes, counted from 1970: of the years 1 and 9999.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_EPOCH = datetime.date(1970, 1, 1)
# The calendar repeats itself.
_DAYS_PER_CYCLE, _YEARS_PER_CYCLE = 146_097, 400


def with_nulls(array: Any, texts: Callable[[Any], Any]) -> Any:
    """What ``texts`` makes of the values of ``array``, and its nulls."""
    if not array.null_count:
        return texts(array)
    return pc.replace_with_mask(pa.nulls(len(array), pa.string()), array.is_valid(), texts(array.drop_null()))


def date_texts(array: Any, *, has_plus_sign: bool) -> Any:
    """``2024-01-31`` for each date32, or for each int64 of days since 1970."""
    days = array.cast(pa.int32()).cast(pa.int64()) if pa.types.is_date32(array.type) else array
    return _texts(
        days,
        to_numpy(days, np.int64),
        1,
        lambda near: near.cast(pa.int32()).cast(pa.date32()).cast(pa.string()),
        lambda day: _day_text(day, has_plus_sign),
    )


def timestamp_texts(array: Any, *, has_plus_sign: bool) -> Any:
    """``2024-01-31T23:59:59.999Z`` for each timestamp, with the digits of its unit; no ``Z`` where it has no zone."""
    unit = array.type.unit
    zone = "Z" if array.type.tz is not None else ""
    per_day = _UNITS_PER_DAY[unit]

    def far_text(count: int) -> str:
        day, rest = divmod(count, per_day)
        seconds, fraction = divmod(rest, per_day // 86_400)
        clock = f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        digits = f".{fraction:0{_DIGITS[unit]}d}" if _DIGITS[unit] else ""
        return f"{_day_text(day, has_plus_sign)}T{clock}{digits}{zone}"

    def near_texts(moments: Any) -> Any:
        # Without its zone, which Arrow would look up for each value; it is in UTC.
        texts = moments.view(pa.timestamp(unit)).cast(pa.string())
        return pc.binary_join_element_wise(pc.replace_substring(texts, " ", "T"), zone, "")

    return _texts(array, to_numpy(array, np.int64), per_day, near_texts, far_text)


def _texts(
    array: Any, counts: np.ndarray, per_day: int, near_texts: Callable[[Any], Any], far_text: Callable[[int], str]
) -> Any:
    is_near = (counts >= _FIRST_DAY * per_day) & (counts < (_LAST_DAY + 1) * per_day)
    if is_near.all():
        return near_texts(array)
    far = pa.array([far_text(count) for count in counts[~is_near].tolist()], pa.string())
    near = near_texts(pc.if_else(pa.array(is_near), array, pa.scalar(0, array.type)))
    return pc.replace_with_mask(near, pa.array(~is_near), far)


def year_text(year: int, *, has_plus_sign: bool) -> str:
    """Four digits, more for a year past 9999, a minus sign before them for one before year 0."""
    sign = "-" if year < 0 else "+" if year > 9999 and has_plus_sign else ""
    return f"{sign}{abs(year):04d}"


def _day_text(day: int, has_plus_sign: bool) -> str:
    cycles, rest = divmod(day, _DAYS_PER_CYCLE)
    date = _EPOCH + datetime.timedelta(days=rest)
    year = year_text(date.year + cycles * _YEARS_PER_CYCLE, has_plus_sign=has_plus_sign)
    return f"{year}-{date:%m-%d}"
