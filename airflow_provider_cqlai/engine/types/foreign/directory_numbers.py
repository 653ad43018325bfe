"""Reads numbers and booleans of directory names as strictly as a file's columns, where Arrow's cast from text rounds.

There is no `Conversion` here (None) for a CQL type whose text is read as a file's strings are.
"""

from __future__ import annotations

import decimal
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.options.values.conditions import WHOLE_NUMBER
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import Conversion, cast
from airflow_provider_cqlai.engine.types.foreign.number_conversions import FLOATS, INTEGERS


def plan_directory_number(name: str) -> Conversion | None:
    """From the texts of directories to the CQL type ``name``; it raises for a number that the type does not have."""
    if name == "boolean":
        return cast(pa.bool_())
    if name in FLOATS:
        wanted = FLOATS[name]
        return Conversion(wanted, lambda array: _read_floats(array, wanted))
    if name in INTEGERS and name != "counter":
        wanted = INTEGERS[name]
        return Conversion(wanted, lambda array: _read_integers(array, wanted))
    return None


def _read_integers(array: Any, wanted: Any) -> Any:
    for text in array.to_pylist():
        if text is not None and not WHOLE_NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is not a whole number")
    return array.cast(wanted)


def _read_floats(array: Any, wanted: Any) -> Any:
    floats = array.cast(wanted)
    for text, value, shortest in zip(
        array.to_pylist(), floats.to_pylist(), floats.cast(pa.string()).to_pylist(), strict=True
    ):
        if text is not None:
            _check_float(text, value, shortest, wanted)
    return floats


def _check_float(text: str, value: float, shortest: str, wanted: Any) -> None:
    """A fraction is rounded to the nearest; a whole number is not, unless the float is shown so."""
    try:
        exact = decimal.Decimal(text)
    except decimal.InvalidOperation as error:
        raise ValueError(f"{text!r} is beyond the range of a {wanted}") from error
    if not exact.is_finite():
        return
    found = decimal.Decimal(value)
    if not found.is_finite() or (found.is_zero() and not exact.is_zero()):
        raise ValueError(f"{text!r} is beyond the range of a {wanted}")
    is_whole = exact == exact.to_integral_value()
    if is_whole and exact != found and exact != decimal.Decimal(shortest):
        raise ValueError(f"{text!r} is not exactly a {wanted}: the nearest is {shortest}")
