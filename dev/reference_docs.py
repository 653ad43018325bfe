"""Writes ``docs/reference``: a page for each operator, for `CqlaiHook.capture` and for the connection.

``python -m dev.reference_docs`` writes the pages, ``--check`` tells whether that is needed. What an argument means is
written at its field; `dev.operator_docs` puts it into the docstrings, from which these pages are made, so run that
first. The connection's page is made from `hooks/connection_fields.py`. Pages written by hand may lie beside them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
from airflow_provider_cqlai.hooks.connection_fields import ATTRIBUTES, EXTRAS, ConnectionField, Kind
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from dev.operator_docs import TARGETS, Field, Target, read_fields

DIRECTORY = Path(__file__).parents[1] / "docs" / "reference"
COMMAND = "python -m dev.reference_docs"

_NOTE = f"<!-- Written by `{COMMAND}`; not to be edited by hand. -->"
# The class whose field explains an argument, and the heading that its arguments are under, in the order of the page.
_HEADINGS = {
    "CopyToOptions": "What is exported",
    "CaptureOptions": "What is captured",
    "CopyFromOptions": "What is imported",
    "SourceOptions": "Files that are read",
    "WindowRequest": "Window of the run",
    "WindowOptions": "How rows are told by their time",
    "PublishOptions": "Where and how it is published",
    "DatasetOptions": "Files that are written",
    "TextOptions": "Text formats",
    "ReadOptions": "Reading from Cassandra",
    "WriteOptions": "Writing to Cassandra",
    "RejectionOptions": "Rejected rows",
    "VerificationOptions": "Verification",
    "CqlaiScriptOperator": "Script",
    "CqlaiOperator": "Connections",
}
_OTHERS = "Others"
_ENTRY = re.compile(r"(?P<type>``.+?``), (?P<default>required|default ``.*?``)\. (?P<text>.+)")
_PAGE_IN_DOCS = re.compile(r"docs/([\w./-]+\.md)")


@dataclass(frozen=True)
class Argument:
    """An argument as the docstring has it."""

    name: str
    type: str
    default: str
    text: str


def render_pages() -> dict[str, str]:
    """The text of each page by file name."""
    pages = {_page_name(target): _render_target(target) for target in TARGETS}
    return pages | {"connection.md": _render_connection()}


def _page_name(target: Target) -> str:
    # The operator's module is what a DAG author imports it from.
    return "hook_capture.md" if _is_method(target) else f"{target.documented.__module__.rpartition('.')[2]}.md"


def _is_method(target: Target) -> bool:
    return not isinstance(target.documented, type)


def _render_target(target: Target) -> str:
    docstring = inspect.cleandoc(target.documented.__doc__)
    prose, _, entries = docstring.partition("\n:param ")
    entries, _, result = f":param {entries}".partition("\n:return:")
    owner = CqlaiHook if _is_method(target) else target.documented
    lines = [
        f"# {target.name}",
        _NOTE,
        f"```python\nfrom {owner.__module__} import {owner.__name__}\n```",
        _link_pages(prose.strip()),
    ]
    if not _is_method(target):
        lines.append("Arguments are given by name. Those that are not listed are Airflow's own (`task_id`, `retries`, ...).")
    for heading, arguments in _group(target, _read_entries(target, entries)):
        lines += [f"## {heading}", *map(_render_argument, arguments)]
    if result:
        lines += ["## Result", f"The XCom of the task: {_link_pages(_in_one_line(result))}"]
    return "\n\n".join([*lines, ""]).rstrip() + "\n"


def _read_entries(target: Target, entries: str) -> Iterator[Argument]:
    for entry in re.split(r"^:param ", entries, flags=re.MULTILINE)[1:]:
        name, _, rest = _in_one_line(entry).partition(": ")
        match = _ENTRY.fullmatch(rest)
        if match is None:
            raise ValueError(f"{target.name}: the entry of {name} is not ``type``, default. Text")
        yield Argument(name, match["type"], match["default"], _link_pages(match["text"]))


def _group(target: Target, arguments: Iterable[Argument]) -> Iterator[tuple[str, list[Argument]]]:
    """The arguments under each heading; within one they keep the order of the signature."""
    groups: dict[str, list[Argument]] = {heading: [] for heading in [*_HEADINGS.values(), _OTHERS]}
    for argument in arguments:
        groups[_heading_of(target, argument.name)].append(argument)
    return ((heading, group) for heading, group in groups.items() if group)


def _heading_of(target: Target, name: str) -> str:
    owner = target.find_owner(name)
    # An operator's own fields explain what the run's window, a retry or the output is to it.
    owners = [owner, *target.owners[1:], *target.owners[:1]] if owner is not None else []
    for candidate in owners:
        for base in candidate.__mro__:
            if base.__name__ in _HEADINGS and name in base.__annotations__:
                return _HEADINGS[base.__name__]
    return _HEADINGS["WindowRequest"] if name in ("use_run_window", "window") else _OTHERS


def _render_argument(argument: Argument) -> str:
    return f"### `{argument.name}`\n\n{argument.type}, {argument.default}\n\n{argument.text}"


def _link_pages(text: str) -> str:
    return _PAGE_IN_DOCS.sub(lambda match: f"[{match[1]}](../{match[1]})", text)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _render_connection() -> str:
    fields = [
        *("# The connection", _NOTE),
        "A connection of type `cqlai`, or one of type `cassandra` with extras of these names. Empty values count as not"
        " given; any other extra is an error that names the known ones. How to make one:"
        " [connect to Cassandra](../how-to/connect.md).",
        "## Airflow's own fields",
        *map(_render_field, ATTRIBUTES),
        "## Extras",
        *map(_render_field, EXTRAS),
    ]
    return "\n\n".join(fields) + "\n"


def _render_field(field: ConnectionField) -> str:
    kinds = "one of " + ", ".join(f"`{choice}`" for choice in field.choices) if field.choices else field.kind.value
    facts = [kinds, f"example `{field.placeholder}`" if field.placeholder else ""]
    facts.append("hidden in the form and in logs" if field.is_secret else "")
    facts.append("" if field.is_in_form else "not in the form")
    explained = [field.label + ".", field.description, _explain_setting(field)]
    text = " ".join(part for part in explained if part)
    return f"### `{field.name}`\n\n{', '.join(fact for fact in facts if fact)}\n\n{text}"


def _explain_setting(field: ConnectionField) -> str:
    """What the setting's own field says, where the form's description leaves it out."""
    if field.description or field.kind is Kind.MAPPING:
        return ""
    owner, name = (TlsSettings, field.setting[4:]) if field.setting.startswith("tls.") else (ConnectionSettings, field.setting)
    setting: Field | None = read_fields(owner).get(name)
    if setting is None:
        return ""
    return setting.text + (f" Default ``{setting.default}``." if setting.default not in (None, "None", "()") else "")


def main(arguments: list[str]) -> int:
    is_check = "--check" in arguments
    stale = []
    for name, text in render_pages().items():
        path = DIRECTORY / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if not is_check:
                path.write_text(text, "utf-8")
    for name in stale:
        print(f"docs/reference/{name}: {f'is not what the code says: {COMMAND}' if is_check else 'written'}")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
