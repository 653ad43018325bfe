"""What an operator's arguments are, which of them are rendered, and what can be said about them when a DAG is parsed.

An argument without a template is checked in the constructor, where a mistake breaks the import of the DAG file instead
of a task at night; the others are checked when they are rendered. Nothing here needs the driver or pyarrow.
"""

from __future__ import annotations

import dataclasses
import datetime
import inspect
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from dateutil.relativedelta import relativedelta

from airflow_provider_cqlai.engine.options.values.checks import HasPosixText, build_options, check_choice, choices_of
from airflow_provider_cqlai.engine.options.values.texts import read_option_text
from airflow_provider_cqlai.engine.options.window import TimeWindow

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_PLAIN = (type(None), bool, int, float, datetime.date, datetime.time, datetime.timedelta, relativedelta)
# Any window, for options that ask for one: a run has its own.
_SOME_WINDOW = TimeWindow(
    start=datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(2000, 1, 2, tzinfo=datetime.timezone.utc),
)


def read_arguments(constructor: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of an operator and their defaults, in the order of the constructor's signature."""
    parameters = inspect.signature(constructor).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


def is_given(value: Any, default: Any) -> bool:
    """Whether ``value`` is something else than its default, which holds no template and is the same in every task."""
    return value is not default and not (type(value) is type(default) and value == default)


def has_template(value: Any) -> bool:
    """Whether only a run tells what ``value`` is: a text with Jinja in it or the name of a file of CQL, an XCom, and
    whatever holds one."""
    if isinstance(value, str):
        return bool(_TEMPLATE.search(value)) or value.endswith(".cql")
    if isinstance(value, Mapping):
        return any(has_template(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return any(has_template(part) for part in value)
    if isinstance(value, os.PathLike | HasPosixText):
        return has_template(str(value))
    return not isinstance(value, _PLAIN)


def read_values(options_type: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments ``given`` as values for the fields of ``options_type`` that they are named after: texts by the type
    of the field, and None as the empty mapping, which as a default would be shared by all tasks."""
    mappings = {field.name for field in dataclasses.fields(options_type) if field.default_factory is dict}
    values = {name: read_rendered(name, value, options_type) for name, value in given.items()}
    return {name: value or {} if name in mappings else value for name, value in values.items()}


def read_rendered(option: str, value: Any, options_type: type) -> Any:
    """``value`` for the field ``option`` of ``options_type``; anything but a text is left as it is."""
    return read_option_text(option, value, options_type) if isinstance(value, str) else value


def check_literals(options_type: type, given: Mapping[str, Any], *, has_window: bool) -> None:
    """Raise what the engine would raise at night for the arguments that have no template.

    Args:
        options_type: the engine's options.
        given: the arguments among its fields.
        has_window: whether the run will be asked for a window.

    Raises:
        OptionError: names the argument.
    """
    templates = {name: value for name, value in given.items() if has_template(value)}
    values = read_values(options_type, {name: value for name, value in given.items() if name not in templates})
    for name in ("table", "path", "queries"):
        if isinstance(templates.get(name), str):
            # How a path ends matters to other options; the rest of it is anything.
            values[name] = _TEMPLATE.sub("x", templates.pop(name))
    if not templates:
        build_options(options_type, {**values, "window": _SOME_WINDOW if has_window else None})
        return
    # What options say of each other is not known without the missing ones.
    for name, value in values.items():
        choices = choices_of(options_type, name)
        if choices and isinstance(value, str):
            check_choice(name, value, choices)
