"""Checks and readings that option fields share: sizes, choices, unknown names.

Each returns the value the engine works with, or raises an `OptionError` that says which option, what was given and what
would be accepted.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from airflow_provider_cqlai.engine.errors import OptionError

OptionsT = TypeVar("OptionsT")

# K, M, ... and KB, MB, ... are powers of 1,000, as in the specification; KiB, MiB, ... of 1,024.
_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtpe", 1):
    _UNITS |= {_letter: 1000**_power, f"{_letter}b": 1000**_power, f"{_letter}ib": 1024**_power}
_AMOUNT = re.compile(r"([0-9_]*\.?[0-9]+)\s*([A-Za-z]*)")
_CUT_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/[^/]")


@runtime_checkable
class HasPosixText(Protocol):
    """A path of pathlib, or of universal_pathlib, which need not be an `os.PathLike`."""

    def as_posix(self) -> str: ...


AnyPath: TypeAlias = str | os.PathLike[str] | HasPosixText
"""What `read_path` reads."""


def read_amount(option: str, value: int | str) -> int:
    """A positive whole number from ``5000``, ``"50K"``, ``"1.5M"``, ``"500MB"`` or ``"64 MiB"``; fractions are cut."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise OptionError(
            f"{option}={value!r}: expected a whole number or a text such as '50K' or '500MB'", option=option
        )
    match = _AMOUNT.fullmatch(str(value).strip())
    factor = None if match is None else _UNITS.get(match[2].lower())
    if match is None or factor is None:
        raise OptionError(
            f"{option}={value!r} is not an amount: expected a whole number or a text such as '50K' or '500MB'",
            option=option,
        )
    amount = int(Decimal(match[1]) * factor)
    if amount < 1:
        raise OptionError(f"{option}={value!r} must be at least 1", option=option)
    return amount


def check_choice(option: str, value: object, choices: Iterable[str]) -> str:
    """``value`` in lower case, when it is one of ``choices``."""
    known = list(choices)
    if isinstance(value, str) and value.lower() in known:
        return value.lower()
    raise OptionError(f"{option}={value!r} is unknown; known values: {', '.join(known)}", option=option)


def set_choices(options: object, *names: str) -> None:
    """Put the fields ``names`` of ``options`` to lower case, each one of the `Literal` in its annotation, or None."""
    for name in names:
        value = getattr(options, name)
        if value is not None or type(None) not in accepted_types(type(options), name):
            object.__setattr__(options, name, check_choice(name, value, choices_of(type(options), name)))


def choices_of(options_type: type, name: str) -> tuple[str, ...]:
    """The values of the `Literal` in the annotation of the field ``name``; none where it has no `Literal`."""
    literals = [member for member in _members_of(options_type, name) if typing.get_origin(member) is Literal]
    return tuple(value for literal in literals for value in typing.get_args(literal))


def accepted_types(options_type: type, name: str) -> tuple[type, ...]:
    """The types in a field's annotation, without their parameters: ``str | Sequence[str]`` -> str, Sequence; a
    `Literal` is the type of its values."""
    members = _members_of(options_type, name)
    return tuple(str if (origin := typing.get_origin(member)) is Literal else origin or member for member in members)


@cache
def _members_of(options_type: type, name: str) -> tuple[Any, ...]:
    annotation = typing.get_type_hints(options_type)[name]
    # A union with a Literal is one of `typing`, any other one of `types`.
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def check_at_least(option: str, value: object, minimum: float) -> None:
    """Raise unless ``value`` is a number of at least ``minimum``."""
    # Asked this way round, since NaN is neither below nor above anything.
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= minimum:
        raise OptionError(f"{option}={value!r} must be a number of at least {minimum}", option=option)


def check_count(option: str, value: object, minimum: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise OptionError(f"{option}={value!r} must be a whole number of at least {minimum}", option=option)


def check_type(option: str, value: object, expected: type) -> None:
    """Raise unless ``value`` is an ``expected``."""
    if not isinstance(value, expected):
        raise OptionError(f"{option} must be a {expected.__name__}, and is a {type(value).__name__}", option=option)


def check_truth(option: str, value: object) -> None:
    """Raise unless ``value`` is True or False: the text ``"no"`` would count as true."""
    if not isinstance(value, bool):
        raise OptionError(f"{option}={value!r} must be True or False", option=option)


def check_text(option: str, value: object) -> None:
    """Raise unless ``value`` is a text."""
    if not isinstance(value, str):
        raise OptionError(f"{option}={value!r} must be a text", option=option)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"{option}={value!r} is not valid Unicode: {error.reason}", option=option) from error


def read_path(option: str, value: object) -> str:
    """The text of a path: a text, a `pathlib.Path`, or one of universal_pathlib, which may stand for a URI.

    Raises:
        OptionError: not a path, a URI that lost a slash in pathlib, or a path with storage options such as credentials.
    """
    if isinstance(value, str):
        return value
    text: object = None
    if isinstance(value, HasPosixText):
        # Not `os.fspath`: paths of universal_pathlib are `os.PathLike` or not, depending on version and place.
        text = str(value)
        own_options = set(getattr(value, "storage_options", ())) - {"conn_id"}
        if own_options:
            # Only the names: the values may be secrets.
            raise OptionError(
                f"{option}={text!r} has options of its own ({', '.join(sorted(own_options))}), which would not be used:"
                " leave them to a connection, or to the file system",
                option=option,
            )
    elif isinstance(value, os.PathLike):
        text = os.fspath(value)
    if not isinstance(text, str):
        raise OptionError(f"{option}={value!r}: expected a path, got {type(value).__name__}", option=option)
    if _CUT_URI.match(text):
        raise OptionError(f"{option}={value!r}: pathlib drops a slash of a URI; give it as a text", option=option)
    return text


def check_texts(option: str, value: object) -> None:
    """Raise unless ``value`` maps texts to texts."""
    if not isinstance(value, Mapping):
        raise OptionError(f"{option}={value!r} must be a mapping of texts to texts", option=option)
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise OptionError(f"{option}: {key!r}: {text!r} must be texts", option=option)


def read_names(option: str, value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Names from a list, or from one text with commas as the specification writes it: ``"year,month"``."""
    if value is None:
        return ()
    if not isinstance(value, Iterable):
        raise OptionError(f"{option}={value!r}: expected names, as a list or with commas between them", option=option)
    parts = value.split(",") if isinstance(value, str) else list(value)
    names = tuple(part.strip() if isinstance(part, str) else part for part in parts)
    for name in names:
        if not isinstance(name, str) or not name:
            raise OptionError(f"{option}={value!r}: expected names, found {name!r}", option=option)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise OptionError(f"{option}={value!r} names {', '.join(repeated)} more than once", option=option)
    return names


def hint_near_names(name: str, known: Iterable[str], *, spell: Callable[[str], str] = repr, most: int = 1) -> str:
    """For an error about an unknown ``name``: `` (did you mean 'this'?)``, or nothing where none of ``known`` is near.

    Args:
        name: as it was written.
        known: what could have been meant.
        spell: how a known name is shown.
        most: of them, the nearest first.
    """
    near = difflib.get_close_matches(name, list(known), n=most)
    return f" (did you mean {' or '.join(map(spell, near))}?)" if near else ""


def build_options(options_type: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """``options_type(**values)``, where an unknown name is an error that lists the known ones."""
    known = [field.name for field in dataclasses.fields(options_type) if field.init]  # type: ignore[arg-type]
    unknown = [name for name in values if name not in known]
    if unknown:
        hint = hint_near_names(unknown[0], known)
        raise OptionError(
            f"unknown option {', '.join(map(repr, unknown))}{hint}; known options: {', '.join(sorted(known))}",
            option=unknown[0],
        )
    return options_type(**values)
