"""Parameters of queries by the type of the marker that they are bound to.

Texts, as templates render them, are read; other values are held against the type, since the driver cuts and rounds what
does not fit.
"""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import numbers
import re
import uuid
from collections.abc import Callable, Mapping
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
_NUMBER_TEXT = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")
_NOT_FINITE = ("nan", "inf", "-inf", "infinity", "-infinity")
_BYTES_TEXT = re.compile(r"0[xX]([0-9a-fA-F]{2})*")
_NANOSECONDS_PER_DAY = 86_400_000_000_000
_TRUTH = {"true": True, "false": False}


def read_parameter(value: Any, cql_type: CqlType, name: str, description: str) -> Any:
    """The value of the marker ``:name``, of ``cql_type``.

    Of texts: numbers, canonical uuids, moments in ISO 8601 with an offset, days and times in ISO 8601, true and false,
    addresses, and bytes as ``0x`` and hexadecimal digits; a text for any other type is left to the driver.

    Raises:
        OptionError: it is none of its type, or only cut or rounded. Detail: ``option``.
    """
    try:
        return _read(value, cql_type)
    except ValueError as error:
        raise OptionError(
            f"{description}: parameters: :{name} is of type {cql_type}, and {value!r} is not {error}",
            option="parameters",
        ) from error


def _read(value: Any, cql_type: CqlType) -> Any:
    if isinstance(value, str):
        return _read_text(value, cql_type.name)
    children = [child for _, child in cql_type.children]
    if cql_type.name in ("list", "set", "vector") and isinstance(value, list | tuple | set | frozenset):
        return type(value)(_read(member, children[0]) for member in value)
    if cql_type.name == "map" and isinstance(value, Mapping):
        return {_read(key, children[0]): _read(member, children[1]) for key, member in value.items()}
    if cql_type.name == "udt" and isinstance(value, Mapping):
        unknown = [str(field) for field in value if field not in cql_type.field_names]
        if unknown:
            raise ValueError(f"one: it has no field {', '.join(unknown)}")
        value = tuple(value.get(field) for field in cql_type.field_names)
    if cql_type.name in ("tuple", "udt") and isinstance(value, list | tuple) and len(value) <= len(children):
        return tuple(_read(member, child) for member, child in zip(value, children, strict=False))
    check = _CHECKS.get(cql_type.name)
    return value if value is None or check is None else check(value)


def _read_text(text: str, name: str) -> Any:
    read = _READERS.get(name)
    if read is None:
        return text
    try:
        return read(text.strip())
    except ValueError as error:
        raise ValueError(_expected(name)) from error


def _expected(name: str) -> str:
    if name in _WHOLE:
        return "a whole number"
    return {
        **dict.fromkeys(("decimal", "double", "float"), "a number"),
        "inet": "an address, such as 10.0.0.1 or ::1",
        "blob": "bytes in hexadecimal digits, such as 0x00ff",
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


def _read_decimal(text: str) -> decimal.Decimal:
    if _NUMBER_TEXT.fullmatch(text) is None:
        raise ValueError(text)
    return decimal.Decimal(text)


def _read_double(text: str) -> Any:
    return _check_double(_read_number(text))


def _read_single(text: str) -> Any:
    return _check_single(_read_number(text))


def _read_number(text: str) -> decimal.Decimal | float:
    return float(text) if text.lower() in _NOT_FINITE else _read_decimal(text)


def _read_address(text: str) -> str:
    # The driver takes 1.2.3 for 1.2.0.3.
    return str(ipaddress.ip_address(text))


def _read_bytes(text: str) -> bytes:
    if _BYTES_TEXT.fullmatch(text) is None:
        raise ValueError(text)
    return bytes.fromhex(text[2:])


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
    "decimal": _read_decimal,
    "double": _read_double,
    "float": _read_single,
    "inet": _read_address,
    "blob": _read_bytes,
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


def _check_decimal(value: Any) -> Any:
    if isinstance(value, bool | float | np.floating):
        raise ValueError("an exact number: give a text, a decimal.Decimal or a whole number")
    if isinstance(value, numbers.Integral):
        return decimal.Decimal(int(value))
    if not isinstance(value, decimal.Decimal) or not value.is_finite():
        raise ValueError("a number")
    return value


def _check_bytes(value: Any) -> Any:
    # The driver makes five zero bytes of the number 5.
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("bytes")
    return value


def _check_address(value: Any) -> Any:
    if not isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        raise ValueError("an address")
    return str(value)


def _check_time(value: Any) -> Any:
    if isinstance(value, datetime.time) and value.tzinfo is not None:
        raise ValueError("a time of day without a timezone")
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if not 0 <= int(value) < _NANOSECONDS_PER_DAY:
            raise ValueError("nanoseconds of a day")
        return int(value)
    if not isinstance(value, datetime.time | Time):
        raise ValueError("a time of day")
    return value


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
    "decimal": _check_decimal,
    "blob": _check_bytes,
    "inet": _check_address,
    "time": _check_time,
}
