"""No SQL example of the specification is forgotten, and docs/specification.md names the tests that there are."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.specification import EXAMPLES, PLANNED

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "specification.md"
SECTIONS = [section for section in EXAMPLES if not section.startswith(PLANNED)]


def _tests() -> Iterator[tuple[str, Any]]:
    for file in sorted(HERE.glob("test_*.py")):
        if file.name != Path(__file__).name:
            module = importlib.import_module(f"tests.acceptance.{file.stem}")
            yield from ((name, test) for name, test in vars(module).items() if name.startswith("test_"))


def test_each_example_outside_of_the_planned_features_has_one_test() -> None:
    marked = [
        mark.args for _, test in _tests() for mark in getattr(test, "pytestmark", ()) if mark.name == "specification"
    ]
    wanted = [(section, number + 1) for section in SECTIONS for number in range(len(EXAMPLES[section]))]
    assert len(wanted) == 31
    assert Counter(marked) == Counter(wanted)


def test_the_document_has_each_section_and_each_test() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in document.splitlines() if line[:1] == "|"]
    # The document leaves out the headings that sections share.
    assert {section.rpartition(" / ")[2] for section in SECTIONS} <= {row[0] for row in rows}
    assert set(re.findall(r"`(test_\w+)`", document)) == {name for name, _ in _tests()}
