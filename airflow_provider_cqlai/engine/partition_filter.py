"""Which files of a hive dataset an import reads, told by their directories alone, before any is opened.

In: ``"year=2024,month=01"`` or pyarrow-like tuples ``[("year", ">=", 2023), ("region", "in", ["eu", "us"])]``, all of
which must hold. Directories are text: they are compared as what the given value is, and ``01`` equals ``1``.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError

Condition = tuple[str, str, Any]

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MEMBERSHIPS = ("in", "not in")


def read_partition_filter(given: str | Sequence[Any] | None) -> tuple[Condition, ...]:
    """The conditions; raises OptionError for what is none."""
    if given is None:
        return ()
    if isinstance(given, str):
        parts = [part.partition("=") for part in given.split(",") if part.strip()]
        conditions = [(key.strip(), sign, value.strip()) for key, sign, value in parts]
    else:
        conditions = [tuple(condition) if isinstance(condition, list | tuple) else () for condition in given]
    for condition in conditions:
        if len(condition) != 3 or condition[1] not in (*_COMPARISONS, *_MEMBERSHIPS) or not condition[0]:
            raise OptionError(
                f"partition_filter={given!r}: expected 'key=value,...' or a list of (key, operator, value) with one of"
                f" {', '.join((*_COMPARISONS, *_MEMBERSHIPS))}",
                option="partition_filter",
            )
    return tuple(conditions)


def matches_partition_filter(conditions: Sequence[Condition], hive_values: Sequence[tuple[str, str | None]]) -> bool:
    """Whether a file with these directories is read.

    Raises:
        OptionError: a key that the path lacks, or a directory that is no value of the given one's type.
    """
    texts = dict(hive_values)
    return all(_holds(condition, texts) for condition in conditions)


def _holds(condition: Condition, texts: Mapping[str, str | None]) -> bool:
    key, sign, value = condition
    if key not in texts:
        known = ", ".join(texts) or "none"
        raise OptionError(f"partition_filter: no directory {key}=...; keys: {known}", option="partition_filter")
    text = texts[key]
    if sign in _MEMBERSHIPS:
        return any(_compare(key, text, "=", member) for member in value) is (sign == "in")
    return _compare(key, text, sign, value)


def _compare(key: str, text: str | None, sign: str, value: Any) -> bool:
    if text is None or value is None:
        # Null equals null only, as a directory's name does, and is neither smaller nor greater.
        return (text is value) if sign in ("=", "==") else (text is not value) if sign == "!=" else False
    try:
        given, found = _typed(text, value)
    except ValueError as error:
        raise OptionError(
            f"partition_filter: {key}={text} cannot be compared with {value!r}: {error}", option="partition_filter"
        ) from error
    return _COMPARISONS[sign](given, found)


def _typed(text: str, value: Any) -> tuple[Any, Any]:
    if isinstance(value, bool):
        return text.lower(), str(value).lower()
    if isinstance(value, int | float):
        return type(value)(text), value
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.date.fromisoformat(text), value
    both = (text, str(value))
    return (int(text), int(both[1])) if all(part.isascii() and part.isdigit() for part in both) else both
