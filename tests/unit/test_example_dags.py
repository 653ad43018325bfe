"""What each DAG of ``dags_examples`` tells its readers, and that every supported Airflow can import it."""

from __future__ import annotations

import ast
import importlib.util

import pytest

from airflow_provider_cqlai import airflow_compat
from tests.example_dags import ExampleDag, read_examples

EXAMPLES = read_examples()
on_each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def test_examples_are_found() -> None:
    assert len(EXAMPLES) >= 15


@on_each_example
def test_dag_has_the_files_name_tags_and_an_owner(example: ExampleDag) -> None:
    arguments = example.dag_arguments
    assert ast.literal_eval(arguments["dag_id"]) == example.name
    tags = ast.literal_eval(arguments["tags"])
    assert tags[0] == "cqlai"
    assert set(tags[1:]) & {"export", "import", "capture"}
    defaults = arguments["default_args"]
    assert isinstance(defaults, ast.Dict)
    assert "owner" in [key.value for key in defaults.keys if isinstance(key, ast.Constant)]


@on_each_example
def test_doc_md_is_the_head_and_tells_tables_connections_and_how_to_try_it(example: ExampleDag) -> None:
    assert ast.unparse(example.dag_arguments["doc_md"]) == "__doc__"
    head = ast.get_docstring(example.tree) or ""
    assert head.count(".") >= 3
    assert "To try it:" in " ".join(head.split())
    names = {*example.columns, *example.connections}
    assert {name for name in names if f"``{name}``" not in head} == set()


@on_each_example
def test_names_that_airflow_has_moved_come_from_the_compat_module(example: ExampleDag) -> None:
    imports = example.imports
    assert imports["DAG"] == airflow_compat.__name__
    assert {module for name, module in imports.items() if name in airflow_compat.__all__} == {airflow_compat.__name__}
    assert not [module for module in imports.values() if module.startswith("airflow.sdk")]


@on_each_example
def test_file_is_imported_by_the_installed_airflow(example: ExampleDag) -> None:
    spec = importlib.util.spec_from_file_location(f"example_{example.name}", example.path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
