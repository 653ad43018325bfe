"""The short text of an Arrow value, for an error that must name a row by its primary key.

It is what a reader would look for in a log or a query.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

# Longer values are cut: the text is for a message.
MAX_CHARACTERS = 200
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def key_texts(record_batch: Any, primary_key: Iterable[str], position: int) -> dict[str, str]:
    """The primary key of the row at ``position`` as texts by name, as far as ``record_batch`` has its columns."""
    names = [name for name in primary_key if name in record_batch.schema.names]
    return {name: _text_of_any(record_batch.column(name).slice(position, 1)) for name in names}


def _text_of_any(array: Any) -> str:
    try:
        return value_text(array)
    except (ValueError, OverflowError, pa.ArrowException):
        # A time that Python's own types cannot tell; Arrow counts it.
        return str(array.cast(pa.int64())[0].as_py())


def value_text(array: Any) -> str:
    """The only value of ``array`` as text.

    Raises:
        ValueError, OverflowError, pyarrow.ArrowException: Python has no such value, for example a year past 9999.
    """
    return shorten(_whole_text(array))


def describe_value(array: Any) -> str:
    """The only value of ``array`` as text, Arrow's own where Python has no such value."""
    try:
        return value_text(array)
    except (ValueError, OverflowError, pa.ArrowException):
        return shorten(" ".join(array.to_string().split()))


def shorten(text: str) -> str:
    """``text`` as far as a message shows it."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."


def _whole_text(array: Any) -> str:
    if array.type == pa.binary() and array.null_count == 0:
        return f"0x{array[0].as_py().hex()}"
    if pa.types.is_timestamp(array.type) and array.type.unit == "ms" and array.null_count == 0:
        milliseconds = array.view(pa.int64())[0].as_py()
        return (_EPOCH + datetime.timedelta(milliseconds=milliseconds)).isoformat()
    return str(array[0].as_py())
