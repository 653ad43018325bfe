"""Writes Arrow values that are not nested as exact texts: what JSON and CSV share.

`open_scalar_text` chooses the function once per column, for arrays without nulls. Whether such a text needs quotes in
JSON depends on the type: `is_json_number`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.cells.moment_texts import date_texts, timestamp_texts
from airflow_provider_cqlai.engine.types.families.uuids import uuid_texts

Texts: TypeAlias = Callable[[Any], Any]
"""An Arrow array without nulls to an array of strings."""

_INTEGRAL = r"^(-?\d+)$"
# As in XML Schema and Java, and as Python, DuckDB and pandas read them.
_NON_FINITE_TEXTS = (("nan", "NaN"), ("-inf", "-Infinity"), ("inf", "Infinity"))


class NoTextError(Exception):
    """A value that has no text in the format, for ``reason``; ``option`` changes that."""

    def __init__(self, path: str, reason: str, option: str, hint: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.option = option
        self.hint = hint


def is_json_number(arrow_type: Any) -> bool:
    """Numbers that each reader of JSON reads exactly, and truth values.

    Decimals and varints are not among them: DuckDB, pandas, JavaScript and Python read a JSON number with a point, and
    most of them one of more than 64 bits, as a binary float. Their digits are in a string.
    """
    return bool(pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type) or pa.types.is_boolean(arrow_type))


def open_scalar_text(arrow_type: Any, path: str, *, blob_encoding: str, non_finite: str) -> Texts | None:
    """The function that writes a column of ``arrow_type``; None where it cannot be written as text.

    Args:
        arrow_type: of values without values inside.
        path: of the column or of what is inside it, for errors.
        blob_encoding: see `TextOptions`.
        non_finite: ``"error"`` or ``"string"``; ``"null"`` is for the caller to apply before.
    """
    if pa.types.is_string(arrow_type):
        return _unchanged
    if pa.types.is_integer(arrow_type) or pa.types.is_boolean(arrow_type) or pa.types.is_decimal(arrow_type):
        return _cast
    if pa.types.is_floating(arrow_type):
        return _open_float_texts(path, non_finite)
    if pa.types.is_timestamp(arrow_type):
        return _timestamp_texts if arrow_type.tz == "UTC" else None
    if pa.types.is_date32(arrow_type):
        return _date_texts
    if pa.types.is_time(arrow_type):
        return _cast
    if pa.types.is_binary(arrow_type):
        return _base64_texts if blob_encoding == "base64" else _hex_texts
    if isinstance(arrow_type, pa.UuidType):
        return _uuid_texts
    return None


def _unchanged(array: Any) -> Any:
    return array


def _cast(array: Any) -> Any:
    return array.cast(pa.string())


def _open_float_texts(path: str, non_finite: str) -> Texts:
    def write(array: Any) -> Any:
        # A float is written with the digits of the equal double: whoever reads it as one has the same value.
        values = array.cast(pa.float64())
        texts = values.cast(pa.string())
        # Without a point a reader would take it for an integer, of which there is no -0.
        texts = pc.replace_substring_regex(texts, _INTEGRAL, r"\1.0")
        if pc.all(pc.is_finite(values)).as_py() in (True, None):
            return texts
        if non_finite == "error":
            raise NoTextError(
                path, "NaN or an infinity, which JSON has no number for", "non_finite", "'null' or 'string'"
            )
        for arrow_text, text in _NON_FINITE_TEXTS:
            texts = pc.if_else(pc.equal(texts, arrow_text), text, texts)
        return texts

    return write


def _timestamp_texts(array: Any) -> Any:
    return timestamp_texts(array, has_plus_sign=True)


def _date_texts(array: Any) -> Any:
    return date_texts(array, has_plus_sign=True)


def _base64_texts(array: Any) -> Any:
    # Bytes that are known to be ASCII become texts without being decoded.
    return pa.array([base64.b64encode(value) for value in array.to_pylist()], pa.binary()).cast(pa.string())


def _hex_texts(array: Any) -> Any:
    return pa.array([value.hex() for value in array.to_pylist()], pa.string())


def _uuid_texts(array: Any) -> Any:
    return pa.array(uuid_texts(array.storage.to_pylist()), pa.string())
