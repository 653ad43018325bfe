"""Which files of a hive dataset an import reads, told by their directories alone, before any is opened.

In: the conditions of `conditions`. Directories are text: they are compared as what the given value is, and ``01``
equals ``1``.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_cqlai.engine.conditions import COMPARISONS, MEMBERSHIPS, Condition
from airflow_provider_cqlai.engine.errors import OptionError


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
    if sign in MEMBERSHIPS:
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
    return bool(COMPARISONS[sign](given, found))


def _typed(text: str, value: Any) -> tuple[Any, Any]:
    if isinstance(value, bool):
        return text.lower(), str(value).lower()
    if isinstance(value, int | float):
        return type(value)(text), value
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.date.fromisoformat(text), value
    both = (text, str(value))
    return (int(text), int(both[1])) if all(part.isascii() and part.isdigit() for part in both) else both
