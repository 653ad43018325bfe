"""What importing a name costs: a DAG file is read again and again, so only verbs may load the driver and pyarrow."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_cqlai import engine
from airflow_provider_cqlai.engine import errors
from airflow_provider_cqlai.provider_info import get_provider_info

# Seconds to import, hundreds of megabytes to hold.
HEAVY_PACKAGES = {"cassandra", "numpy", "pandas", "pyarrow"}
# They open or take a session, so whoever imports them is about to load the driver.
VERBS = {
    "cassandra.connect.session",
    "cassandra.connect.settings",
    "verbs.capture.query",
    "verbs.capture.run",
    "verbs.copy_from",
    "verbs.copy_to",
    "verbs.script.run",
}
OPERATOR_MODULES = [
    module
    for kind in ("operators", "sensors")
    for entry in get_provider_info()[kind]
    for module in entry["python-modules"]
]
STATEMENTS = {
    module: f"from airflow_provider_cqlai.engine import {', '.join(names)}"
    for module, names in engine._NAMES_BY_MODULE.items()
}
LIGHT_STATEMENTS = [
    "import airflow_provider_cqlai.engine",
    *(f"import {module}" for module in ("airflow_provider_cqlai.hooks.cqlai", *OPERATOR_MODULES)),
    *(statement for module, statement in STATEMENTS.items() if module not in VERBS),
]


def heavy_packages_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return HEAVY_PACKAGES.intersection(done.stdout.splitlines()[-1].split())


def test_imports_load_nothing_heavy() -> None:
    # One process, since importing Airflow takes seconds: what the first heavy import follows is told.
    told = "print({statement!r}, *sorted({packages!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    code = "import sys\n" + "\n".join(
        f"{statement}\n{told.format(statement=statement, packages=HEAVY_PACKAGES)}" for statement in LIGHT_STATEMENTS
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == LIGHT_STATEMENTS


@pytest.mark.parametrize("module", sorted(VERBS))
def test_verb_can_be_the_first_import_of_a_process(module: str) -> None:
    assert "cassandra" in heavy_packages_after(STATEMENTS[module])


def test_every_name_is_there_and_is_told() -> None:
    for name in engine.__all__:
        assert getattr(engine, name).__name__ == name
    assert {*engine.__all__} <= {*dir(engine)}


def test_type_checkers_and_interpreter_find_a_name_in_the_same_module() -> None:
    assert engine.__file__ is not None
    (checked,) = [
        node for node in ast.parse(Path(engine.__file__).read_text("utf-8")).body if isinstance(node, ast.If)
    ][:1]
    seen = {
        alias.name: statement.module.removeprefix(f"{engine.__name__}.")
        for statement in checked.body
        if isinstance(statement, ast.ImportFrom) and statement.module is not None
        for alias in statement.names
    }
    assert seen == engine._MODULES
    assert sorted(engine.__all__) == sorted(seen)


def test_every_error_is_public() -> None:
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined <= {*engine.__all__}


def test_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match=r"'airflow_provider_cqlai\.engine' has no attribute 'copy_too'"):
        _ = engine.copy_too  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="copy_too"):
        from airflow_provider_cqlai.engine import copy_too  # type: ignore[attr-defined]  # noqa: F401


def test_no_module_is_called_like_a_function() -> None:
    assert not {module.name for module in pkgutil.iter_modules(engine.__path__)} & {*engine.__all__}
