"""What users may rely on: the public API is the one that was written down, and documents and examples use no more."""

from __future__ import annotations

import difflib
import importlib
import re
from pathlib import Path

import pytest

from airflow_provider_cqlai import airflow_compat, engine, task_groups
from airflow_provider_cqlai.provider_info import get_provider_info
from dev.public_api import COMMAND, PATH, describe_public_api

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("dags_examples/*.py"))]
PACKAGE = "airflow_provider_cqlai"
PUBLIC_MODULES = {
    f"{PACKAGE}.engine",
    f"{PACKAGE}.airflow_compat",
    f"{PACKAGE}.datasets",
    f"{PACKAGE}.task_groups",
    *(
        module
        for kind in ("hooks", "operators", "sensors")
        for entry in get_provider_info()[kind]
        for module in entry["python-modules"]
    ),
}
_IMPORT = re.compile(rf"^\s*from ({PACKAGE}[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)
_DOTTED_PATH = re.compile(rf"{PACKAGE}\.\w+(?:\.\w+)*")


def test_public_api_is_the_one_that_was_written_down() -> None:
    written = PATH.read_text("utf-8")
    difference = "\n".join(
        difflib.unified_diff(
            written.splitlines(), describe_public_api().splitlines(), PATH.name, "the code", lineterm="", n=5
        )
    )
    assert not difference, (
        f'the public API changed:\n{difference}\n\nIf it is meant to (CONTRIBUTING.md, "The public API"):'
        f" {COMMAND}, and a line in CHANGELOG.md"
    )


def test_description_is_the_same_in_every_process() -> None:
    described = describe_public_api()
    assert " at 0x" not in described
    assert "<class" not in described


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_and_examples_use_public_names_only(path: Path) -> None:
    text = path.read_text("utf-8")
    for module, names in _IMPORT.findall(text):
        assert module in PUBLIC_MODULES, f"{path.name} imports from {module}, which is private"
        for name in re.findall(r"\w+", re.sub(r"#.*| as \w+", "", names)):
            assert is_public(module, name), f"{path.name} imports {name} from {module}, where it is private"
    for dotted in _DOTTED_PATH.findall(text):
        module, _, name = dotted.rpartition(".")
        assert dotted in PUBLIC_MODULES or is_public(module, name), f"{path.name} names {dotted}, which is private"


def test_documents_do_import_something() -> None:
    imported = {module for path in DOCUMENTS for module, _ in _IMPORT.findall(path.read_text("utf-8"))}
    assert imported == PUBLIC_MODULES


def is_public(module: str, name: str) -> bool:
    if module == engine.__name__:
        return name in engine.__all__
    if module == airflow_compat.__name__:
        return name in airflow_compat.__all__
    if module == task_groups.__name__:
        return name in task_groups.__all__
    return module in PUBLIC_MODULES and getattr(importlib.import_module(module), name).__module__ == module
