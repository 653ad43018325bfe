"""That what is resolved is what the image installs; the resolution itself needs a registry, and is no test."""

from __future__ import annotations

from pathlib import Path

from dev.image_resolution import DOCKERFILE, compile_command, read_installation, read_pins


def test_requirements_are_those_of_the_dockerfile() -> None:
    installation = read_installation(DOCKERFILE.read_text("utf-8"))
    [airflow, duckdb] = installation.requirements
    assert airflow.startswith("apache-airflow==3.")
    assert duckdb == "duckdb"
    assert installation.extras == ("amazon", "openlineage")
    assert installation.python == "3.12"


def test_constraints_python_and_extras_reach_uv() -> None:
    installation = read_installation(DOCKERFILE.read_text("utf-8"))
    command = " ".join(compile_command(installation, Path("/there/constraints.txt")))
    assert "--constraint /there/constraints.txt " in command
    assert "--python-version 3.12 " in command
    assert "--extra amazon --extra openlineage " in command


def test_pins_are_found_under_one_spelling_of_their_names() -> None:
    text = "# via pip\nPyYAML==6.0.3\nruamel.yaml==0.19.1\nazure_x[cli]==1.0 ; python_version < '4'\nnone>=1\n"
    assert read_pins(text) == {"pyyaml": "6.0.3", "ruamel-yaml": "0.19.1", "azure-x": "1.0"}
