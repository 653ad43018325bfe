"""The public API as a text, `docs/public_api.txt`, that a test compares with the code.

``python -m dev.public_api`` writes it anew. It tells names, arguments, annotations and defaults as they are written in
the code, so it is the same on every supported version of Python and Airflow.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from airflow_provider_cqlai import airflow_compat, datasets, engine, task_groups
from airflow_provider_cqlai.engine.options.values import choices
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.provider_info import get_provider_info

PATH = Path(__file__).parents[1] / "docs" / "public_api.txt"
COMMAND = "python -m dev.public_api"
PACKAGE = "airflow_provider_cqlai"

_HEAD = f"""\
The public API of {PACKAGE}, one block a name. CONTRIBUTING.md says how it may change.
Written by `{COMMAND}`; not to be edited by hand.
"""
_MISSING = object()
_PLAIN_VALUES = (type(None), bool, int, float, str)


def describe_public_api() -> str:
    """The whole text."""
    blocks = [
        *_describe_operators(),
        *_describe_task_groups(),
        [f"class {PACKAGE}.hooks.cqlai.CqlaiHook", *_indented(_describe_members(CqlaiHook))],
        [f"module {airflow_compat.__name__}", *_indented(sorted(airflow_compat.__all__))],
        *(_describe_name(f"{datasets.__name__}.{name}", getattr(datasets, name)) for name in sorted(datasets.__all__)),
        *_describe_choices(),
        *(_describe_name(f"{engine.__name__}.{name}", getattr(engine, name)) for name in sorted(engine.__all__)),
    ]
    return "\n".join([_HEAD, *("\n".join([*block, ""]) for block in blocks)])


def _describe_operators() -> Iterator[list[str]]:
    info = get_provider_info()
    for entry in [*info["operators"], *info["sensors"]]:
        for module_name in sorted(entry["python-modules"]):
            for name, value in sorted(vars(importlib.import_module(module_name)).items()):
                if (
                    name.endswith(("Operator", "Sensor"))
                    and isinstance(value, type)
                    and value.__module__ == module_name
                ):
                    yield [
                        f"class {module_name}.{name}",
                        *_indented(_describe_function("def __init__", inspect.getattr_static(value, "__init__"))),
                    ]


def _describe_task_groups() -> Iterator[list[str]]:
    for name in sorted(task_groups.__all__):
        init = inspect.getattr_static(getattr(task_groups, name), "__init__")
        yield [f"class {task_groups.__name__}.{name}", *_indented(_describe_function("def __init__", init))]


def _describe_choices() -> Iterator[list[str]]:
    """What the annotations of options stand for."""
    for name, value in sorted(vars(choices).items()):
        if get_args(value):
            yield [f"{name} = {' | '.join(map(repr, get_args(value)))}"]


def _describe_name(path: str, value: Any) -> list[str]:
    if not isinstance(value, type):
        return _describe_function(f"def {path}", value)
    bases = [base.__name__ for base in value.__bases__ if base.__name__ in engine.__all__]
    lines = [f"class {path}" + (f"({', '.join(bases)})" if bases else "")]
    if dataclasses.is_dataclass(value):
        lines += _indented(_describe_fields(value))
    return [*lines, *_indented(_describe_members(value))]


def _describe_fields(value: type) -> Iterator[str]:
    is_keyword_only = False
    for field in dataclasses.fields(value):
        if not field.init or field.name.startswith("_"):
            continue
        if field.kw_only and not is_keyword_only:
            is_keyword_only = True
            yield "*"
        if field.default is not dataclasses.MISSING:
            default = f" = {_describe_value(field.default)}"
        elif field.default_factory is not dataclasses.MISSING:
            default = f" = {_describe_value(field.default_factory)}()"
        else:
            default = ""
        yield f"{field.name}: {field.type}{default}"


def _describe_members(value: type) -> Iterator[str]:
    """Of the class and of its bases that are the package's own and have no block; not the fields of a dataclass."""
    members: dict[str, Any] = {}
    annotations: dict[str, str] = {}
    for owner in reversed(value.__mro__):
        has_own_block = owner is not value and owner.__name__ in engine.__all__
        if owner.__module__.partition(".")[0] == PACKAGE and not has_own_block:
            members |= vars(owner)
            annotations |= inspect.get_annotations(owner)
    if dataclasses.is_dataclass(value) or getattr(value, "_is_protocol", False):
        members.pop("__init__", None)
    told = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
    for name in sorted({*members, *annotations} - told):
        if not name.startswith("_") or name in ("__init__", "__enter__"):
            yield from _describe_member(name, annotations.get(name), members.get(name, _MISSING))


def _describe_member(name: str, annotation: str | None, member: Any) -> list[str]:
    if isinstance(member, property | functools.cached_property):
        function = member.fget if isinstance(member, property) else member.func
        assert function is not None
        return [f"{name}: {inspect.signature(function).return_annotation}"]
    if isinstance(member, staticmethod | classmethod):
        return _describe_function(f"{type(member).__name__} {name}", member.__func__)
    if inspect.isfunction(member):
        return _describe_function(f"def {name}", member)
    told = name if annotation is None else f"{name}: {annotation}"
    return [told if member is _MISSING else f"{told} = {_describe_value(member)}"]


def _describe_function(head: str, function: Any) -> list[str]:
    signature = inspect.signature(function)
    lines: list[str] = []
    is_keyword_only = False
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            is_keyword_only = True
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword_only:
            is_keyword_only = True
            lines.append("*")
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else stars
        default = "" if parameter.default is parameter.empty else f" = {_describe_value(parameter.default)}"
        lines.append(f"{stars}{parameter.name}: {parameter.annotation}{default}")
    is_constructor = function.__name__ == "__init__"
    result = "" if is_constructor else f" -> {signature.return_annotation}"
    if not lines:
        return [f"{head}(){result}"]
    return [f"{head}(", *_indented(lines), f"){result}"]


def _describe_value(value: Any) -> str:
    """Without addresses: what is not a plain value is shown by its name."""
    if isinstance(value, _PLAIN_VALUES):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"({''.join(f'{_describe_value(one)}, ' for one in value)})".replace(", )", ")")
    if inspect.isfunction(value) or isinstance(value, type):
        return value.__name__
    return f"{type(value).__name__}(...)"


def _indented(lines: Iterator[str] | list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


if __name__ == "__main__":
    PATH.write_text(describe_public_api(), "utf-8")
    print(f"written: {PATH}")
