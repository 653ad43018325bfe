"""The tree in docs/architecture.md is that of the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_cqlai"
# With its __init__: what a newcomer can take in at a glance.
MOST_FILES = 14
TOP_FOLDERS = "tests|docs|dev|rust|benchmarks|dags_examples|docker|engine|operators|hooks"


def folders() -> set[str]:
    found = {file.parent for file in PACKAGE.rglob("*.py")} - {PACKAGE}
    return {str(folder.relative_to(PACKAGE)) for folder in found}


def drawn_folders() -> set[str]:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    tree = text.partition("airflow_provider_cqlai/\n")[2].partition("```")[0]
    above: list[str] = []
    drawn = set()
    for indent, name in re.findall(r"^( +)([a-z_]+)/ ", tree, flags=re.MULTILINE):
        above = [*above[: len(indent) // 2 - 1], name]
        drawn.add("/".join(above))
    return drawn


def test_the_diagram_is_the_tree() -> None:
    assert drawn_folders() == folders()


def test_a_folder_has_few_files() -> None:
    counts = {folder: len(list((PACKAGE / folder).glob("*.py"))) for folder in folders()}
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "README.md"]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_document_names_are_there(document: Path) -> None:
    text = document.read_text("utf-8")
    named = re.findall(rf"`((?:{TOP_FOLDERS})/[\w./-]+\.\w+)`", text)
    missing = [path for path in named if not (ROOT / path).exists() and not (PACKAGE / path).exists()]
    assert missing == []
