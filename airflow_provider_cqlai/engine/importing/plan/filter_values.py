"""Converts a value of ``where`` to an Arrow scalar of the type of a file's column: exactly that value or none.

The value is as Python or a template has it.
"""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.options.values.conditions import WHOLE_NUMBER

FILTER_VALUE_ERRORS = (pa.ArrowException, ArithmeticError, TypeError, ValueError)
"""What a value ends in that a column cannot be compared with."""


def find_plain_type(arrow_type: Any) -> Any:
    """The type that Arrow compares values of ``arrow_type`` as."""
    if pa.types.is_dictionary(arrow_type):
        return arrow_type.value_type
    return arrow_type.storage_type if isinstance(arrow_type, pa.BaseExtensionType) else arrow_type


def read_filter_value(value: Any, arrow_type: Any) -> Any:
    """``value`` as one of the column's type; a text, as templates give it, is read as such.

    Raises:
        FILTER_VALUE_ERRORS: the type cannot hold the value; cut or rounded, it would select other rows.
    """
    plain = find_plain_type(arrow_type)
    if arrow_type == pa.uuid():
        return pa.scalar(uuid.UUID(str(value)).bytes, plain)
    if isinstance(value, uuid.UUID):
        value = str(value)
    if isinstance(value, str):
        return _read_text(value, plain)
    if isinstance(value, bytes) and (pa.types.is_string(plain) or pa.types.is_large_string(plain)):
        value = value.decode()
    if isinstance(value, datetime.date):
        if pa.types.is_timestamp(plain):
            return _read_moment(value, plain)
        value = _read_day(value)
    # Arrow takes this for 1.0.
    if isinstance(value, bool) and pa.types.is_floating(plain):
        raise _refusal(plain)
    scalar = pa.scalar(value, plain)
    _check_same(scalar.as_py(), value, plain)
    return scalar


def _read_moment(value: datetime.date, plain: Any) -> Any:
    """A date or time as a timestamp; without a timezone it is UTC."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    elif value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    # Arrow cuts what is finer than the unit; cast from the finest that Python has, it refuses.
    scalar = pa.scalar(value, pa.timestamp("us"))
    # That of pandas has nanoseconds.
    _check_same(scalar.as_py(), value, plain)
    return _place(scalar.cast(pa.timestamp(plain.unit)), plain)


def _read_day(value: datetime.date) -> datetime.date:
    """The date of a midnight in UTC; any other value as it is, which is then not a date."""
    if not isinstance(value, datetime.datetime):
        return value
    moment = value.astimezone(datetime.timezone.utc) if value.tzinfo is not None else value
    return moment.date() if moment.time() == datetime.time() and not getattr(moment, "nanosecond", 0) else value


def _read_text(text: str, plain: Any) -> Any:
    if pa.types.is_integer(plain) and not WHOLE_NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a whole number")
    array = pa.array([text], pa.string())
    if pa.types.is_timestamp(plain) and plain.tz is not None:
        try:
            return array.cast(plain)[0]
        except pa.ArrowInvalid:
            return _place(array.cast(pa.timestamp(plain.unit))[0], plain)
    scalar = array.cast(plain)[0]
    if pa.types.is_floating(plain):
        _check_float(scalar.as_py(), decimal.Decimal(text.strip()), plain)
    return scalar


def _place(scalar: Any, plain: Any) -> Any:
    """A timestamp without a timezone as one of ``plain``'s, which it is read as UTC for."""
    return scalar if plain.tz is None else scalar.cast(pa.timestamp(plain.unit, "UTC")).cast(plain)


def _check_same(found: Any, value: Any, plain: Any) -> None:
    if found == value:
        return
    if not (pa.types.is_floating(plain) and isinstance(value, float)):
        raise _refusal(plain)
    _check_float(found, decimal.Decimal(repr(float(value))), plain)


def _check_float(found: Any, written: decimal.Decimal, plain: Any) -> None:
    """Whether ``written`` is ``found``, exactly or in the fewest digits that stand for it: nobody has another 0.1."""
    value = float(found)
    if math.isnan(value) and written.is_nan():
        return
    if written not in (decimal.Decimal(value), decimal.Decimal(_shortest_text(found, plain))):
        raise _refusal(plain)


def _shortest_text(found: Any, plain: Any) -> str:
    return str(pa.scalar(found, plain).cast(pa.string())) if plain != pa.float64() else repr(float(found))


def _refusal(plain: Any) -> ValueError:
    return ValueError(f"a column of {plain} has no such value")
