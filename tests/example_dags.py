"""What the DAG files of ``dags_examples`` say of themselves, read without running them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "dags_examples"
# Arguments whose texts are columns of the table, and those where only keys or values are.
_COLUMN_ARGUMENTS = ("columns", "time_column", "dictionary", "bloom_filters", "allow_lossy")
_COLUMN_KEYS = ("types",)
_COLUMN_VALUES = ("column_mapping",)
_CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_SELECT = re.compile(
    r"SELECT\s+(?P<columns>[^;]*?)\s+FROM\s+(?P<table>\w+)(?:\s+WHERE\s+(?P<where>[^;]*?))?\s*(?:LIMIT[^;]*)?(?:;|$)"
)
_JINJA_BLOCK = re.compile(r"\{%.*?%\}", re.DOTALL)
_COMMENT = re.compile(r"--.*")
_COMPARED = re.compile(r"(\w+)\s*(?:>=|<=|=|<|>)")


@dataclass(frozen=True)
class ExampleDag:
    """One file."""

    path: Path

    @property
    def name(self) -> str:
        """Of the file, and so of its DAG."""
        return self.path.stem

    @cached_property
    def tree(self) -> ast.Module:
        """The file as Python reads it."""
        return ast.parse(self.path.read_text("utf-8"))

    @property
    def dag_arguments(self) -> dict[str, ast.expr]:
        """The keyword arguments of its only ``DAG(...)``."""
        [call] = [call for call in self._calls() if isinstance(call.func, ast.Name) and call.func.id == "DAG"]
        return _keywords(call)

    @property
    def imports(self) -> dict[str, str]:
        """Where each imported name is from."""
        imported = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        return {alias.name: node.module or "" for node in imported for alias in node.names}

    @property
    def created_tables(self) -> set[str]:
        """The tables that its tasks create."""
        return {name for text in self._texts() for name in _CREATE.findall(text)}

    @property
    def columns(self) -> dict[str, set[str]]:
        """The tables that operators and statements name, each with the columns that can be seen to be its own."""
        found: dict[str, set[str]] = {}
        for call in self._calls():
            arguments = _keywords(call)
            if isinstance(table := arguments.get("table"), ast.Constant):
                found.setdefault(str(table.value), set()).update(_argument_columns(arguments))
        for text in self._texts():
            for select in _SELECT.finditer(_JINJA_BLOCK.sub("", _COMMENT.sub("", text))):
                found.setdefault(select["table"], set()).update(_select_columns(select))
        return found

    @property
    def connections(self) -> set[str]:
        """The Cassandra connections of its operators."""
        named = [_keywords(call).get("cassandra_conn_id") for call in self._calls()]
        return {str(name.value) for name in named if isinstance(name, ast.Constant)} or {"cqlai_default"}

    def _calls(self) -> list[ast.Call]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]

    def _texts(self) -> Iterator[str]:
        """Texts of the file and of the scripts that it names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
                if node.value.endswith(".cql") and " " not in node.value:
                    yield (EXAMPLES / node.value).read_text("utf-8")


def read_examples() -> list[ExampleDag]:
    """All of them."""
    return [ExampleDag(path) for path in sorted(EXAMPLES.glob("*.py"))]


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}


def _argument_columns(arguments: dict[str, ast.expr]) -> Iterator[str]:
    for name in _COLUMN_ARGUMENTS:
        yield from _strings(arguments.get(name))
    for name in (*_COLUMN_KEYS, *_COLUMN_VALUES):
        if isinstance(mapping := arguments.get(name), ast.Dict):
            for item in mapping.keys if name in _COLUMN_KEYS else mapping.values:
                yield from _strings(item)


def _strings(node: ast.expr | None) -> Iterator[str]:
    for inner in () if node is None else ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _select_columns(select: re.Match[str]) -> Iterator[str]:
    # `*` and functions are not columns.
    yield from (item for item in re.split(r"\s*,\s*", select["columns"]) if re.fullmatch(r"\w+", item))
    yield from _COMPARED.findall(select["where"] or "")
