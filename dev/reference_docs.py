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
from airflow_provider_cqlai.hooks.connection_fields import ATTRIBUTES, EXTRAS, ConnectionField
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from dev.operator_docs import TARGETS, Target, read_fields

DIRECTORY = Path(__file__).parents[1] / "docs" / "reference"
COMMAND = "python -m dev.reference_docs"

_NOTE = f"<!-- Written by `{COMMAND}`; not to be edited by hand. -->"
# The class that an argument's field comes from, and the heading of its arguments, in the order of the page.
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
    "RunOptions": "The run itself",
    "CqlaiScriptOperator": "Script",
    "CqlaiOperator": "Connections",
}
# Arguments whose field is the operator's own, or that have none, and the class beside whose fields they belong.
_BESIDE = {
    "use_run_window": "WindowRequest",
    "window": "WindowRequest",
    "filesystem": "PublishOptions",
    "resume": "CopyFromOptions",
}
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
        _link_pages(prose.strip().replace("::\n", ":\n")),
    ]
    if not _is_method(target):
        lines.append(
            "Arguments are given by name. Those that are not listed are Airflow's own (`task_id`, `retries`, ...)."
        )
    for heading, arguments in _group(target, _read_entries(target, entries)):
        lines += [f"## {heading}", *map(_render_argument, arguments)]
    if result:
        lines += ["## Result", f"What the task returns: {_link_pages(_in_one_line(result))}"]
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
    groups: dict[str, list[Argument]] = {heading: [] for heading in _HEADINGS.values()}
    for argument in arguments:
        # Where options override a field of their base, the base says what it is about.
        name = argument.name
        owner = _BESIDE[name] if name in _BESIDE else target.find_owners(name)[-1].__name__
        groups[_HEADINGS[owner]].append(argument)
    return ((heading, group) for heading, group in groups.items() if group)


def _render_argument(argument: Argument) -> str:
    return f"### `{argument.name}`\n\n{argument.type}, {argument.default}\n\n{argument.text}"


def _link_pages(text: str) -> str:
    return _PAGE_IN_DOCS.sub(lambda match: f"[{match[1]}](../{match[1]})", text)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _render_connection() -> str:
    blocks = [
        "# The connection",
        _NOTE,
        "A connection of type `cqlai`, or one of type `cassandra` with extras of these names. An empty value counts as"
        " not given; an extra that is not listed is an error that names the known ones. How to make a connection:"
        " [connect to Cassandra](../how-to/connect.md).",
        "## Airflow's own fields",
        _render_fields(ATTRIBUTES),
        "## Extras",
        _render_fields(EXTRAS),
    ]
    return "\n\n".join(blocks) + "\n"


def _render_fields(fields: Iterable[ConnectionField]) -> str:
    rows = ["| name | in the form | value | default | meaning |", "|---|---|---|---|---|"]
    for field in fields:
        prefix, _, name = field.setting.rpartition(".")
        setting = read_fields(TlsSettings if prefix else ConnectionSettings).get(name)
        value = ", ".join(f"`{choice}`" for choice in field.choices) or field.kind.value
        default = setting.default if setting is not None and setting.default not in ("None", "()", None) else ""
        # The form's words come first: they are for this reader.
        meaning = field.description or (setting.text if setting is not None else "")
        if field.other_names:
            meaning += f" Also taken as {', '.join(f'`{name}`' for name in field.other_names)}."
        cells = [
            f"`{field.name}`",
            field.label if field.is_in_form else "not there",
            f"{value}; secret" if field.is_secret else value,
            f"`{default}`" if default else "",
            meaning,
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


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
