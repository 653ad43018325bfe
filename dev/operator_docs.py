"""Writes what option fields say into the docstrings of the operators, where help() and editors show it.

``python -m dev.operator_docs`` rewrites the ``:param`` entries in place, ``--check`` tells whether that is needed.
The one place to edit is the docstring below a field: of the engine's options, of `WindowRequest`, or of the operator's
own class. An entry of an argument without such a field is kept as it is. These entries may push a file over 250
lines; that is accepted, since a DAG author reads them there.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.values import choices
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.operators.capture_queries import CaptureQueriesOperator
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.operators.cqlai_script import CqlaiScriptOperator
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator
from airflow_provider_cqlai.run_window import WindowRequest

PACKAGE = "airflow_provider_cqlai."
LINE_LENGTH = 120
# How a type reads to a DAG author, where its own name is the package's.
_READABLE_TYPES = {"AnyPath": "str | Path"}
# Code stays in one line where it is short.
_SHORT_CODE = re.compile(r"``[^`]{1,60}``")
_KEPT_SPACE = "\0"


@dataclass(frozen=True)
class Target:
    """A docstring with generated entries, and the classes whose fields are its arguments."""

    documented: Any
    """The class or function with the docstring."""

    signature_of: Callable[..., Any]

    owners: tuple[type, ...]
    """Where fields are looked for, in this order, each with its bases."""

    is_templated: bool = True
    """Whether any argument may be the text of a template."""

    @property
    def name(self) -> str:
        return str(self.documented.__qualname__)

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The arguments of the signature by name."""
        parameters = inspect.signature(self.signature_of).parameters
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return {name: item for name, item in parameters.items() if name != "self" and item.kind in named}

    def find_field(self, name: str) -> Field | None:
        """The field that explains the argument ``name``."""
        return next((read_fields(base)[name] for base in self.find_owners(name)), None)

    def find_owners(self, name: str) -> list[type]:
        """The classes with a field for the argument ``name``: the first one's is what explains it."""
        classes = [base for owner in self.owners for base in owner.__mro__ if base.__module__.startswith(PACKAGE)]
        return [base for base in classes if name in read_fields(base)]


def _operator(operator: type, *options: type) -> Target:
    return Target(operator, operator.__init__, (operator, *options))  # type: ignore[misc]


TARGETS = (
    _operator(CassandraToParquetOperator, CopyToOptions, WindowRequest),
    _operator(ParquetToCassandraOperator, CopyFromOptions, WindowRequest),
    _operator(CaptureQueriesOperator, CaptureOptions, WindowRequest),
    _operator(CqlaiScriptOperator),
    Target(CqlaiHook.capture, CqlaiHook.capture, (CaptureOptions,), is_templated=False),
)


@dataclass(frozen=True)
class Field:
    """A field as its class has it in the source."""

    annotation: str
    default: str | None
    """The default as it is written; None where there is none, or a factory makes it."""
    is_factory: bool
    text: str

    @property
    def members(self) -> tuple[str, ...]:
        """The types of the annotation, one by one."""
        return members_of(self.annotation)


@cache
def read_fields(owner: type) -> Mapping[str, Field]:
    """The fields of ``owner`` itself that have a docstring."""
    source = textwrap.dedent(inspect.getsource(owner))
    [class_] = ast.parse(source).body
    assert isinstance(class_, ast.ClassDef)
    fields = {}
    for statement, below in zip(class_.body, class_.body[1:], strict=False):
        match statement, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                is_factory = isinstance(value, ast.Call)
                default = None if value is None or is_factory else ast.get_source_segment(source, value)
                fields[name] = Field(ast.unparse(annotation), default, is_factory, " ".join(text.split()))
    return fields


def members_of(annotation: str) -> tuple[str, ...]:
    """``"int | str | None"`` -> int, str, None."""
    members, rest = [], ast.parse(annotation, mode="eval").body
    while isinstance(rest, ast.BinOp):
        members.append(ast.unparse(rest.right))
        rest = rest.left
    return (ast.unparse(rest), *reversed(members))


def describe_type(field: Field) -> str:
    """The type as a DAG author reads it, with the values of a `Literal`."""
    readable = []
    for member in field.members:
        literal = getattr(choices, member, None)
        readable += [f'"{value}"' for value in get_args(literal)] if literal else [_readable_type(member)]
    if field.is_factory:
        readable.append("None")
    return " | ".join(dict.fromkeys(readable))


def _readable_type(member: str) -> str:
    for name, readable in _READABLE_TYPES.items():
        member = re.sub(rf"\b{name}\b", readable, member)
    return member


def describe_default(field: Field, parameter: inspect.Parameter) -> str:
    """``64 * 1024`` as the field has it, or what the signature has for a field without; ``required``."""
    if parameter.default is inspect.Parameter.empty:
        return "required"
    default = f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)
    return f"default ``{field.default or default}``"


def render_entries(target: Target, kept: Mapping[str, list[str]], indent: str) -> Iterator[str]:
    """The lines of all ``:param`` entries, in the order of the signature."""
    for name, parameter in target.parameters.items():
        field = target.find_field(name)
        if field is None:
            if name not in kept:
                raise LookupError(f"{target.name}: no field and no entry explains {name}")
            yield from kept[name]
            continue
        entry = f":param {name}: ``{describe_type(field)}``, {describe_default(field, parameter)}. {field.text}"
        lines = textwrap.wrap(
            _SHORT_CODE.sub(lambda code: code[0].replace(" ", _KEPT_SPACE), entry),
            LINE_LENGTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (line.replace(_KEPT_SPACE, " ") for line in lines)


def render_file(target: Target) -> tuple[Path, str]:
    """The file that ``target`` is in, and its text with the entries as they should be."""
    path = Path(inspect.getfile(target.documented))
    lines = path.read_text("utf-8").splitlines()
    node = _find_docstring(path.read_text("utf-8"), target.name)
    first, end = node.lineno - 1, node.end_lineno
    docstring = lines[first:end]
    indent = " " * node.col_offset
    begin = next((n for n, line in enumerate(docstring) if line.startswith(f"{indent}:param ")), None)
    after = next((n for n, line in enumerate(docstring) if line.startswith(f"{indent}:return:")), len(docstring) - 1)
    begin = after if begin is None else begin
    # Prose may follow the entries, after an empty line.
    after = next((n for n in range(begin, after) if not docstring[n].strip()), after)
    kept: dict[str, list[str]] = {}
    for line in docstring[begin:after]:
        if match := re.match(r"\s*:param (\w+):", line):
            entry = kept.setdefault(match[1], [])
        entry.append(line)
    docstring[begin:after] = render_entries(target, kept, indent)
    if any("\\" in line for line in docstring) and docstring[0].lstrip().startswith('"""'):
        docstring[0] = docstring[0].replace('"""', 'r"""', 1)
    return path, "\n".join([*lines[:first], *docstring, *lines[end:], ""])


def _find_docstring(source: str, qualified_name: str) -> ast.expr:
    body = ast.parse(source).body
    for name in qualified_name.split("."):
        found = next(item for item in body if isinstance(item, ast.ClassDef | ast.FunctionDef) and item.name == name)
        body = found.body
    statement = body[0]
    assert isinstance(statement, ast.Expr)
    return statement.value


def main(arguments: list[str]) -> int:
    is_check = "--check" in arguments
    stale = []
    for target in TARGETS:
        path, text = render_file(target)
        if text != path.read_text("utf-8"):
            stale.append(target.name)
            if not is_check:
                path.write_text(text, "utf-8")
    for name in stale:
        print(f"{name}: {'does not say what its fields say: python -m dev.operator_docs' if is_check else 'rewritten'}")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
