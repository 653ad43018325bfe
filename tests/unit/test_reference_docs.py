"""The pages of docs/reference that are generated say what the code says, and every page can be found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_cqlai.hooks.connection_fields import ATTRIBUTES, EXTRAS
from dev import reference_docs
from dev.operator_docs import TARGETS, Target
from dev.reference_docs import COMMAND, DIRECTORY, render_pages

DOCS = DIRECTORY.parent
PAGES = render_pages()
_HEADING = re.compile(r"^### `(\w+)`$", re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_is_what_is_generated(name: str) -> None:
    assert (DIRECTORY / name).read_text("utf-8") == PAGES[name], f"run {COMMAND}"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_page_has_every_argument_once(target: Target) -> None:
    [page] = [text for text in PAGES.values() if text.startswith(f"# {target.name}\n")]
    assert sorted(_HEADING.findall(page)) == sorted(target.parameters)


def test_the_page_of_the_connection_has_every_field_and_extra() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGES["connection.md"], re.MULTILINE)
    assert listed == [field.name for field in (*ATTRIBUTES, *EXTRAS)]


def test_a_page_that_is_not_what_is_generated_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reference_docs, "DIRECTORY", tmp_path)
    assert reference_docs.main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert reference_docs.main([]) == 0
    assert reference_docs.main(["--check"]) == 0
    (tmp_path / "connection.md").write_text("# Another text\n", "utf-8")
    assert reference_docs.main(["--check"]) == 1


def test_every_page_is_in_the_navigation_and_in_the_index() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    navigation = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text("utf-8"))["nav"]
    assert set(_paths_in(navigation)) == pages
    linked = set(re.findall(r"\]\(([\w./-]+\.md)", (DOCS / "index.md").read_text("utf-8")))
    # The decisions have an index of their own.
    assert linked == {page for page in pages if not re.match(r"index\.md|decisions/\d", page)}


def _paths_in(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [path for part in parts for path in _paths_in(part)]
