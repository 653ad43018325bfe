"""The tree in docs/architecture.md is that of the package."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_cqlai"
# With its __init__: what a newcomer can take in at a glance.
MOST_FILES = 14


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
