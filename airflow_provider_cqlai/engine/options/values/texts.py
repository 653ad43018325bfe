"""Converts texts that stand for option values to the types that the engine's fields have.

Jinja renders text (``concurrency="{{ params.concurrency }}"`` arrives as ``"8"``) and a statement may quote any value
(``SKIPROWS='1'``). Whether a text is a number, a truth value or a mapping is told by the annotation of the option's
field, never guessed from the text.
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import accepted_types

_TRUTH_VALUES = {"true": True, "false": False}
# Also read where nothing but a truth value can be meant.
_TRUTH_WORDS = {
    **_TRUTH_VALUES,
    **dict.fromkeys(("1", "yes", "y", "on", "t"), True),
    **dict.fromkeys(("0", "no", "n", "off", "f"), False),
}


def read_option_text(option: str, text: str, options_type: type) -> Any:
    """``text`` as a value for the field ``option`` of ``options_type``.

    Raises:
        OptionError: the field takes a number, a truth value or a mapping, and ``text`` is none.
    """
    accepted = accepted_types(options_type, option)
    takes_text = any(issubclass(str, accept) for accept in accepted)
    # Before names: statistics="true" means all columns, not a column called "true".
    if bool in accepted and text.strip().lower() in _TRUTH_VALUES:
        return _TRUTH_VALUES[text.strip().lower()]
    if Mapping in accepted and (not takes_text or text.lstrip().startswith(("{", "["))):
        return _read_json(option, text, may_be_list=takes_text)
    if takes_text:
        return text
    read, expected = next(_READERS[accept] for accept in accepted if accept in _READERS)
    try:
        return read(text.strip())
    except (ValueError, KeyError):
        raise OptionError(f"{option}={text!r}: expected {expected}", option=option) from None


def _read_whole(text: str) -> int:
    # A template that divides gives the whole number 8 as 8.0.
    return int(text.removesuffix(".0"))


def _read_truth(text: str) -> bool:
    return _TRUTH_WORDS[text.lower()]


_READERS: Mapping[type, tuple[Callable[[str], Any], str]] = {
    int: (_read_whole, "a whole number"),
    float: (float, "a number"),
    bool: (_read_truth, "True or False"),
}


def _read_json(option: str, text: str, *, may_be_list: bool) -> Any:
    expected = "a JSON object or list" if may_be_list else "a JSON object"
    # The digits of a query's parameters are not to become others.
    fractions = decimal.Decimal if option == "parameters" else float
    try:
        read = json.loads(text, object_pairs_hook=_read_object, parse_float=fractions)
    except ValueError as error:
        raise OptionError(f"{option}={text!r} is not {expected}: {error}", option=option) from error
    if not isinstance(read, dict | list if may_be_list else dict):
        raise OptionError(f"{option}={text!r} is not {expected}", option=option)
    return read


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is there twice")
    return dict(pairs)
