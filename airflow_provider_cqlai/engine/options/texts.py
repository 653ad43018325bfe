"""Texts that stand for option values -> values of the types that the engine's fields have.

Jinja renders text (``concurrency="{{ params.concurrency }}"`` arrives as ``"8"``) and a statement may quote any value
(``SKIPROWS='1'``). Whether a text is a number, a truth value or a mapping is told by the annotation of the option's
field, never guessed from the text.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from airflow_provider_cqlai.engine.errors import OptionError

_TRUTH_VALUES = {"true": True, "false": False}


def read_option_text(option: str, text: str, options_type: type) -> Any:
    """``text`` as a value for the field ``option`` of ``options_type``.

    Raises:
        OptionError: the field takes a number, a truth value or a mapping, and ``text`` is none.
    """
    accepted = _accepted_types(option, options_type)
    takes_text = any(issubclass(str, accept) for accept in accepted)
    # Before names: statistics="true" means all columns, not a column called "true".
    if bool in accepted and text.strip().lower() in _TRUTH_VALUES:
        return _TRUTH_VALUES[text.strip().lower()]
    if Mapping in accepted and (not takes_text or text.lstrip().startswith("{")):
        return _read_mapping(option, text)
    if takes_text:
        return text
    numbers = [accept for accept in accepted if accept in (int, float, bool)]
    try:
        return TypeAdapter(numbers[0]).validate_python(text.strip())
    except ValidationError as error:
        expected = {int: "a whole number", float: "a number", bool: "True or False"}[numbers[0]]
        raise OptionError(f"{option}={text!r}: expected {expected}", option=option) from error


def _read_mapping(option: str, text: str) -> dict[str, Any]:
    try:
        mapping = json.loads(text)
    except json.JSONDecodeError as error:
        raise OptionError(f"{option}={text!r} is not a JSON object: {error}", option=option) from error
    if not isinstance(mapping, dict):
        raise OptionError(f"{option}={text!r} is not a JSON object", option=option)
    return mapping


@cache
def _accepted_types(option: str, options_type: type) -> tuple[type, ...]:
    """The types in a field's annotation, without their parameters: ``str | Sequence[str]`` -> str, Sequence."""
    annotation = typing.get_type_hints(options_type)[option]
    members = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return tuple(typing.get_origin(member) or member for member in members)
