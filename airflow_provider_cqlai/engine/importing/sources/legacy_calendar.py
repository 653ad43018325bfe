"""Dates and timestamps that Spark wrote in the calendar of the time: the Julian one before 15 October 1582.

Spark 2, and Spark 3 where it is asked to, count days as people of the time did; Parquet, Arrow and Cassandra count as
if the Gregorian calendar had always been in use, so 1000-01-01 would come out as 1000-01-06. A date is moved to the
day that has its name. A timestamp depends on the timezone of who wrote it, which before 1900 was no whole number of
minutes from UTC, and is refused. Anything later is the same in both.

Source: Spark's ``DataSourceUtils`` (which keys of a file tell) and ``RebaseDateTime`` (how days are moved).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.files.formats.parquet_columns import leaf_arrays
from airflow_provider_cqlai.engine.pyarrow_versions import has_type
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_numpy
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import DefiniteError

# Days and seconds since 1970.
FIRST_GREGORIAN_DAY = -141_427
FIRST_CERTAIN_SECOND = -2_208_988_800
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_VERSION = b"org.apache.spark.version"
_OLDER_THAN_VERSIONS = b"org.apache.spark.sql.parquet.row.metadata"
_REMEDY = "write the file again with Spark's datetimeRebaseModeInWrite and int96RebaseModeInWrite set to CORRECTED"


@dataclass(frozen=True)
class LegacyCalendar:
    """Which values of a file are in the old calendar."""

    dates: bool
    """Dates, and timestamps of 64 bits."""
    int96: bool
    """Timestamps of 96 bits."""


def read_legacy_calendar(key_values: Mapping[bytes, bytes] | None) -> LegacyCalendar | None:
    """What the footer's key-value metadata say; None for a file whose values are all in today's calendar."""
    told = key_values or {}
    version = re.match(rb"(\d+)\.(\d+)", told.get(_VERSION, b""))
    if version is None:
        # Spark 2.4.5 and before left no version, and Spark's schema all the same.
        return LegacyCalendar(True, True) if _OLDER_THAN_VERSIONS in told else None
    release = int(version[1]), int(version[2])
    found = LegacyCalendar(
        dates=release < (3, 0) or b"org.apache.spark.legacyDateTime" in told,
        int96=release < (3, 1) or b"org.apache.spark.legacyINT96" in told,
    )
    return found if found.dates or found.int96 else None


def plan_rebase(calendar: LegacyCalendar | None, arrow_type: Any, *, is_int96: bool) -> Callable[[Any], Any] | None:
    """A function that gives a column's values in today's calendar; None where they are.

    It raises ValueError for a value that cannot be moved: a timestamp before 1900, and a date inside of a nested value.
    """
    if calendar is None or not (calendar.int96 if is_int96 else calendar.dates) or not has_moments(arrow_type):
        return None
    return _rebase


LEGACY_METADATA = {_VERSION: b"3.5.0", b"org.apache.spark.legacyDateTime": b""}
"""What says of a file with dates and timestamps of 64 bits that they are in the old calendar."""


def has_moments(arrow_type: Any) -> bool:
    """Whether there are dates or timestamps in it, at any depth."""
    return has_type(arrow_type, lambda part: pa.types.is_date32(part) or pa.types.is_timestamp(part))


def is_ancient(value: Any) -> bool:
    """Whether an Arrow scalar is a date or timestamp whose meaning depends on the calendar."""
    array = pa.array([value.as_py()], value.type)
    return bool(len(_ancient_places(array)))


def _rebase(array: Any) -> Any:
    if pa.types.is_date32(array.type):
        return _rebase_dates(array)
    for _, leaf in leaf_arrays("", array):
        places = _ancient_places(leaf)
        if len(places):
            raise DefiniteError(
                f"{leaf[int(places[0])].as_py()} is of Spark's old calendar, and which moment is meant depends on the"
                f" timezone of its writer; {_REMEDY}"
            )
    return array


def _ancient_places(array: Any) -> np.ndarray:
    if pa.types.is_date32(array.type):
        numbers, limit = to_numpy(array.view(pa.int32()), np.int32), FIRST_GREGORIAN_DAY
    elif pa.types.is_timestamp(array.type):
        numbers, limit = to_numpy(array.view(pa.int64()), np.int64), FIRST_CERTAIN_SECOND * _PER_SECOND[array.type.unit]
    else:
        return np.zeros(0, np.int64)
    return np.flatnonzero((numbers < limit) & ~null_mask(array))


def _rebase_dates(array: Any) -> Any:
    places = _ancient_places(array)
    if not len(places):
        return array
    days = to_numpy(array.view(pa.int32()), np.int32).astype(np.int64)
    days[places] = _same_name_in_gregorian(days[places])
    return pa.array(days.astype(np.int32), pa.int32(), mask=null_mask(array)).view(pa.date32())


def _same_name_in_gregorian(days: np.ndarray) -> np.ndarray:
    """Days since 1970 of the Gregorian dates that are called as these days were in the Julian calendar."""
    # Years that begin in March, so that the leap day is their last; from 1 March of year 0 (Julian) on.
    since = days + 719_470
    year = (4 * since + 3) // 1461
    day_of_year = since - 1461 * year // 4
    # 29 February of a year that only the Julian calendar gives one.
    is_lost = (day_of_year == 365) & ((year + 1) % 100 == 0) & ((year + 1) % 400 != 0)
    if is_lost.any():
        raise DefiniteError(
            f"{int(year[is_lost.argmax()]) + 1:04d}-02-29 of Spark's old calendar is no day of today's; {_REMEDY}"
        )
    return np.asarray(year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719_468)
