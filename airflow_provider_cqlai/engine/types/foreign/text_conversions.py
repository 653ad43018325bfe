"""Converts texts of foreign files: checked where the target is a text, read where it is something else.

There is no `Conversion` (None) where the encoder reads the text itself (decimal, varint, inet) or nothing does. An
empty text and surrounding blanks are errors, never null and never cut away. Texts are not repeated in errors: they may
be anything.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.families.durations import ARROW_TYPE as DURATION
from airflow_provider_cqlai.engine.types.families.durations import read_duration
from airflow_provider_cqlai.engine.types.families.uuids import are_canonical
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import Conversion, ConversionTarget, parse_texts
from airflow_provider_cqlai.engine.types.foreign.time_conversions import TIMESTAMP

_DATE = r"(?P<year>[+-]?[0-9]{4,9})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
_ZONE = r" ?(?P<zone>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)"
_DATE_TEXT = re.compile(_DATE)
_TIME_TEXT = re.compile(_TIME)
_TIMESTAMP_TEXT = re.compile(rf"{_DATE}(?:[T ]{_TIME})?(?:{_ZONE})?")
_UUID_TEXT = re.compile(
    r"(?:urn:uuid:)?(\{)?([0-9a-f]{8})(-?)([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{4})\3([0-9a-f]{12})(?(1)\})",
    re.IGNORECASE,
)
# The usual forms, which Arrow's own cast reads in a hundredth of the time.
_USUAL_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_USUAL_LOCAL = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,3})?$"
_USUAL_ZONED = _USUAL_LOCAL.replace("$", "(Z|[+]00:?00)$")
_DAYS_OF_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_TO_1970 = 719_468


def plan_text(target: ConversionTarget) -> Conversion | None:
    """From the texts of a file to ``target``."""
    if target.name in ("text", "ascii"):
        return Conversion(pa.string(), _checked_texts)
    if target.name == "timestamp":
        read = parse_texts(TIMESTAMP, lambda text: _read_timestamp(text, is_cut=target.is_lossy_allowed))
        return _try_casts(read, {_USUAL_ZONED: TIMESTAMP, _USUAL_LOCAL: pa.timestamp("ms")})
    if target.name == "date":
        return _try_casts(parse_texts(pa.date32(), _read_date), {_USUAL_DATE: pa.date32()})
    if target.name == "time":
        return parse_texts(pa.time64("ns"), _read_time)
    if target.name == "duration":
        return parse_texts(DURATION, _read_duration)
    return None


def canonical_uuids(array: Any) -> Any:
    """The form that the encoder takes; files may have braces, capitals, ``urn:uuid:`` or no hyphens."""
    if are_canonical(array):
        return array
    return pa.array([None if text is None else _read_uuid(text) for text in array.to_pylist()], pa.string())


def _try_casts(read: Conversion, usual: dict[str, Any]) -> Conversion:
    """Arrow's cast for a column of nothing but one usual form; ``read`` for others, and to say what is wrong."""

    def convert(array: Any) -> Any:
        for pattern, arrow_type in usual.items():
            if pc.all(pc.match_substring_regex(array, pattern)).as_py():
                try:
                    return array.cast(arrow_type).view(read.arrow_type)
                except pa.ArrowInvalid:
                    break
        return read(array)

    return Conversion(read.arrow_type, convert)


def _checked_texts(array: Any) -> Any:
    # Parquet readers do not look; the server would refuse the whole statement without telling which row.
    array.validate(full=True)
    return array


def _read_uuid(text: str) -> str:
    found = _UUID_TEXT.fullmatch(text)
    if found is None:
        raise ValueError("a text that is not a uuid")
    return "-".join((found[2], found[4], found[5], found[6], found[7])).lower()


def _read_date(text: str) -> int:
    found = _DATE_TEXT.fullmatch(text)
    if found is None:
        raise ValueError("a text that is not a date like 2024-12-31")
    return _days_since_1970(found)


def _read_time(text: str) -> int:
    found = _TIME_TEXT.fullmatch(text)
    if found is None:
        raise ValueError("a text that is not a time like 12:34:56.123456789")
    return _nanoseconds_of_day(found)


def _read_timestamp(text: str, *, is_cut: bool) -> int:
    found = _TIMESTAMP_TEXT.fullmatch(text)
    if found is None:
        raise ValueError("a text that is not a timestamp like 2024-12-31T12:34:56.123Z")
    nanoseconds = _nanoseconds_of_day(found) if found["hour"] else 0
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    if rest and not is_cut:
        raise ValueError("a text that is finer than a millisecond")
    return _days_since_1970(found) * 86_400_000 + milliseconds - _minutes_of_zone(found["zone"]) * 60_000


def _read_duration(text: str) -> dict[str, int]:
    return dict(zip(("months", "days", "nanoseconds"), read_duration(text), strict=True))


def _days_since_1970(found: re.Match[str]) -> int:
    """Days of a Gregorian date of any year, also before the calendar began, as Arrow and Cassandra count them."""
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS_OF_MONTHS[month - 1] + (month == 2 and is_leap):
        raise ValueError("a text with a day that the calendar lacks")
    # Years begin in March here, so that the leap day is their last.
    shifted = year - (month <= 2)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + day_of_year - _DAYS_TO_1970


def _nanoseconds_of_day(found: re.Match[str]) -> int:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("a text with a time outside 00:00:00 to 23:59:59")
    return (hour * 3600 + minute * 60 + second) * 1_000_000_000 + int((found["fraction"] or "").ljust(9, "0"))


def _minutes_of_zone(zone: str | None) -> int:
    if zone in (None, "Z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 18 or minutes > 59:
        raise ValueError("a text with no such distance from UTC")
    return (-1 if zone[0] == "-" else 1) * (hours * 60 + minutes)
