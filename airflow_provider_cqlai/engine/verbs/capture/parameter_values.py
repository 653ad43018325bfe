"""Parameters of queries by the type of the marker that they are bound to.

Texts, as templates render them, are read; other values are held against the type, since the driver cuts and rounds what
does not fit.
"""

from __future__ import annotations

import datetime
import decimal
import numbers
import re
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
from cassandra.util import Date, Time

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType

_WHOLE = ("tinyint", "smallint", "int", "bigint", "varint", "counter")
_WHOLE_TEXT = re.compile(r"[+-]?[0-9]+")
_UUID_TEXT = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME_TEXT = re.compile(r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?")
_FINER_THAN_MILLISECONDS = re.compile("[.,][0-9]{3}[0-9]*[1-9]")
_TRUTH = {"true": True, "false": False}


def read_parameter(value: Any, cql_type: CqlType, name: str, description: str) -> Any:
    """The value of the marker ``:name``, of ``cql_type``.

    Of texts: whole numbers, canonical uuids, moments in ISO 8601 with an offset, days and times in ISO 8601, true and
    false; a text for any other type is left to the driver.

    Raises:
        OptionError: it is none of its type, or only cut or rounded. Detail: ``option``.
    """
    try:
        return _read(value, cql_type)
    except ValueError as error:
        reason = _expected(cql_type.name) if isinstance(value, str) else str(error)
        raise OptionError(
            f"{description}: parameters: :{name} is of type {cql_type}, and {value!r} is not {reason}",
            option="parameters",
        ) from error


def _read(value: Any, cql_type: CqlType) -> Any:
    if isinstance(value, str):
        read = _READERS.get(cql_type.name)
        return value if read is None else read(value.strip())
    if cql_type.name in ("list", "set", "vector") and isinstance(value, list | tuple | set | frozenset):
        ((_, element),) = cql_type.children
        return type(value)(_read(member, element) for member in value)
    check = _CHECKS.get(cql_type.name)
    return value if value is None or check is None else check(value)


def _expected(name: str) -> str:
    if name in _WHOLE:
        return "a whole number"
    return {
        "uuid": "a uuid of 36 characters",
        "timeuuid": "a uuid of 36 characters",
        "timestamp": "a moment of whole milliseconds with an offset, such as 2024-01-01T00:00:00+00:00",
        "date": "a day, such as 2024-01-01",
        "boolean": "true or false",
        "time": "a time of day, such as 12:34:56.123456789",
    }[name]


def _read_whole(text: str) -> int:
    if _WHOLE_TEXT.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def _read_uuid(text: str) -> uuid.UUID:
    if _UUID_TEXT.fullmatch(text) is None:
        raise ValueError(text)
    return uuid.UUID(text)


def _read_moment(text: str) -> datetime.datetime:
    # Python 3.10 does not read the Z.
    moment = datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    if moment.tzinfo is None or _FINER_THAN_MILLISECONDS.search(text):
        raise ValueError(text)
    return moment


def _read_day(text: str) -> Date:
    return Date(datetime.date.fromisoformat(text))


def _read_time(text: str) -> Time:
    if _TIME_TEXT.fullmatch(text) is None:
        raise ValueError(text)
    return Time(text)


def _read_truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(text)
    return _TRUTH[text.lower()]


_READERS: dict[str, Any] = {
    **dict.fromkeys(_WHOLE, _read_whole),
    **dict.fromkeys(("uuid", "timeuuid"), _read_uuid),
    "timestamp": _read_moment,
    "date": _read_day,
    "time": _read_time,
    "boolean": _read_truth,
}


def _check_whole(value: Any) -> Any:
    # True would be 1.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValueError("a whole number")
    return value


def _check_double(value: Any) -> Any:
    return _check_float(value, float)


def _check_single(value: Any) -> Any:
    return _check_float(value, np.float32)


def _check_float(value: Any, kind: Callable[[Any], Any]) -> Any:
    """Exactly, or in the fewest digits that stand for the number: nobody has another 0.1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real | decimal.Decimal):
        raise ValueError("a number")
    try:
        with np.errstate(over="ignore"):
            stored = kind(value)
        written = decimal.Decimal(value) if not isinstance(value, numbers.Real) else decimal.Decimal(repr(float(value)))
        if isinstance(value, numbers.Integral):
            written = decimal.Decimal(int(value))
    except (OverflowError, decimal.InvalidOperation) as error:
        raise ValueError("a number that it holds") from error
    if written.is_nan():
        return float(value)
    if written not in (decimal.Decimal(float(stored)), decimal.Decimal(str(stored))):
        raise ValueError("a number that it holds without rounding")
    return float(value)


def _check_truth(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _check_moment(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and (value.microsecond % 1_000 or getattr(value, "nanosecond", 0)):
        raise ValueError("a moment of whole milliseconds")
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not isinstance(value, datetime.date) and not (is_number and value == int(value)):
        raise ValueError("a moment, or whole milliseconds since 1970")
    return value


def _check_day(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        moment = value.astimezone(datetime.timezone.utc) if value.tzinfo is not None else value
        if moment.time() != datetime.time() or bool(getattr(value, "nanosecond", 0)):
            raise ValueError("a day: it has a time of day in UTC")
        return Date(moment.date())
    # The driver takes a number for days of the protocol, which begin in the year -5877641.
    if not isinstance(value, datetime.date | Date):
        raise ValueError("a date")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_WHOLE, _check_whole),
    "double": _check_double,
    "float": _check_single,
    "boolean": _check_truth,
    "timestamp": _check_moment,
    "date": _check_day,
}
