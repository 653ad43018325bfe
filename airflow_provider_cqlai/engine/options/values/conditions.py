"""Conditions that select rows or files, as a user writes them: one reader for ``partition_filter`` and ``where``.

They are ``"year=2024,month=01"`` or tuples as pyarrow's filters have them, ``[("year", ">=", 2023), ("region", "in",
["eu", "us"])]``, all of which must hold, or such a list as the JSON text that a template gives. Each is read as (name,
operator, value).
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError

Condition = tuple[str, str, Any]

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MEMBERSHIPS = ("in", "not in")

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
"""A whole number as a text has it. Arrow would take hexadecimal digits, too: the 16 of 0x10."""


def read_conditions(option: str, given: str | Sequence[Any] | None) -> tuple[Condition, ...]:
    """The conditions; none where None was given, or the empty tuple that this returns for it.

    Raises:
        OptionError: something that is not a condition, or a text or list without any.
    """
    if given is None or (isinstance(given, tuple) and not given):
        return ()
    whole = given
    if isinstance(given, str) and given.lstrip().startswith("["):
        given = _read_list(option, given)
    if isinstance(given, str):
        parts = [part.partition("=") for part in given.split(",") if part.strip()]
        conditions = [(name.strip(), sign, value.strip()) for name, sign, value in parts]
        doubled = next((name for name, _, value in conditions if value.startswith("=")), None)
        if doubled is not None:
            raise OptionError(
                f"{option}={given!r}: write {doubled}=value; a value that begins with = is given in a list, as in"
                f" [('{doubled}', '=', '=value')]",
                option=option,
            )
    else:
        each = given if isinstance(given, Sequence) else (given,)
        conditions = [tuple(condition) if isinstance(condition, list | tuple) else () for condition in each]
    if not conditions:
        # A template that came out empty would select everything.
        raise OptionError(f"{option}={whole!r} has no condition; None means no filter", option=option)
    for condition in conditions:
        if not _is_condition(condition):
            raise OptionError(
                f"{option}={given!r}: expected 'name=value,...' or a list of (name, operator, value) with one of"
                f" {', '.join((*COMPARISONS, *MEMBERSHIPS))}; in and not in take a list",
                option=option,
            )
    return tuple(conditions)


def _read_list(option: str, text: str) -> list[Any]:
    try:
        return list(json.loads(text))
    except json.JSONDecodeError as error:
        raise OptionError(f"{option}={text!r} is not a JSON list: {error}", option=option) from error


def _is_condition(condition: tuple[Any, ...]) -> bool:
    if len(condition) != 3 or not isinstance(condition[0], str) or not condition[0]:
        return False
    if condition[1] in MEMBERSHIPS:
        return isinstance(condition[2], list | tuple | set | frozenset)
    return condition[1] in COMPARISONS
