"""Which files of a hive dataset an import reads, told by their directories alone, before any is opened.

A directory's text is read as what the value of a condition (`conditions`) is: a number, a moment or a uuid. Note: of
two texts that are whole numbers, as a template gives them, the numbers are compared: ``01`` equals ``1``.
"""

from __future__ import annotations

import datetime
import decimal
import math
import numbers
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import dateutil.parser
import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.conditions import COMPARISONS, MEMBERSHIPS, WHOLE_NUMBER, Condition

_TYPES = (str, bool, np.bool_, numbers.Real, decimal.Decimal, datetime.date, uuid.UUID)
# Python's readers would take underscores and the digits of other scripts, too.
_NUMBER = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_UUID = re.compile(r"[0-9a-fA-F-]+")
# A date is whole: dateutil reads a year alone, too.
_DAY = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", re.ASCII)
# Python's moments end with microseconds, and reading cuts what is finer.
_FINER_DIGITS = re.compile(r"[.,][0-9]{6}([0-9]+)")


def matches_partition_filter(conditions: Sequence[Condition], hive_values: Sequence[tuple[str, str | None]]) -> bool:
    """Whether a file with these directories is read.

    Raises:
        OptionError: a key that the path lacks, a directory that is not a value of the given one's type, or a value of a
            type that no directory has.
    """
    texts = dict(hive_values)
    return all(_holds(condition, texts) for condition in conditions)


def _holds(condition: Condition, texts: Mapping[str, str | None]) -> bool:
    key, sign, value = condition
    if key not in texts:
        known = ", ".join(texts) or "none"
        raise OptionError(f"partition_filter: no directory {key}=...; keys: {known}", option="partition_filter")
    text = texts[key]
    if sign in MEMBERSHIPS:
        # All of them, so that one that cannot be compared is told whichever comes first.
        is_member = [_compare(key, text, "=", member) for member in value]
        return any(is_member) is (sign == "in")
    return _compare(key, text, sign, value)


def _compare(key: str, text: str | None, sign: str, value: Any) -> bool:
    if value is not None and not isinstance(value, _TYPES):
        raise OptionError(
            f"partition_filter: {key} {sign} {value!r}: a {type(value).__name__} cannot be compared with the text of a"
            " directory; give a text, number, truth value, date, datetime or UUID",
            option="partition_filter",
        )
    if text is None or value is None:
        # Null equals null only, as a directory's name does, and is neither smaller nor greater.
        return (text is value) if sign in ("=", "==") else (text is not value) if sign == "!=" else False
    try:
        given, found = _typed(text, value)
        return bool(COMPARISONS[sign](given, found))
    except (ValueError, ArithmeticError) as error:
        raise OptionError(
            f"partition_filter: {key}={text} cannot be compared with {value!r}: {error}", option="partition_filter"
        ) from error


def _typed(text: str, value: Any) -> tuple[Any, Any]:
    """The directory's text and the given value, as two of a type."""
    if isinstance(value, bool | np.bool_):
        # As an import reads such a directory: true and false in any case, 1 and 0.
        return bool(pa.scalar(text).cast(pa.bool_()).as_py()), bool(value)
    if isinstance(value, numbers.Integral):
        return _read_whole_number(text), int(value)
    if isinstance(value, numbers.Real | decimal.Decimal):
        return _typed_numbers(text, value)
    if isinstance(value, datetime.date):
        return _read_moment(text), _take_moment(value)
    if isinstance(value, uuid.UUID):
        if not _UUID.fullmatch(text):
            raise ValueError(f"{text!r} is not a uuid")
        return uuid.UUID(text), value
    is_whole = WHOLE_NUMBER.fullmatch(text) and WHOLE_NUMBER.fullmatch(value)
    return (int(text), int(value)) if is_whole else (text, value)


def _read_whole_number(text: str) -> int:
    if not WHOLE_NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _typed_numbers(text: str, value: Any) -> tuple[Any, Any]:
    """Both exactly; of a binary fraction the digits that it is shown with are meant, nobody has another 0.1."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    found = decimal.Decimal(text)
    given = value if isinstance(value, numbers.Rational | decimal.Decimal) else decimal.Decimal(str(value))
    # Decimals refuse to order NaN, where floats say no.
    return (math.nan, math.nan) if found.is_nan() or given != given else (found, given)


def _read_moment(text: str) -> tuple[datetime.datetime, str]:
    """A date or time, and its digits below a microsecond."""
    if not _DAY.match(text):
        raise ValueError(f"{text!r} is not a date or time")
    finer = _FINER_DIGITS.search(text)
    # Not fromisoformat, which before Python 3.11 takes three and six digits of a second only.
    return _as_utc(dateutil.parser.isoparse(text)), finer[1].rstrip("0") if finer else ""


def _take_moment(value: datetime.date) -> tuple[datetime.datetime, str]:
    """The same of a given value; a date is its midnight."""
    if not isinstance(value, datetime.datetime):
        return _as_utc(datetime.datetime.combine(value, datetime.time())), ""
    # That of pandas has nanoseconds.
    finer = f"{getattr(value, 'nanosecond', 0):03d}".rstrip("0")
    return _as_utc(datetime.datetime.combine(value.date(), value.time(), value.tzinfo)), finer


def _as_utc(moment: datetime.datetime) -> datetime.datetime:
    return (
        moment.replace(tzinfo=datetime.timezone.utc)
        if moment.tzinfo is None
        else moment.astimezone(datetime.timezone.utc)
    )
