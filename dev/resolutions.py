"""What the package resolves to, beside which Airflow and which neighbours: ``python dev/resolutions.py``.

Nothing is installed. The tables of ``docs/installation.md`` are written anew. A combination that cannot be resolved is
an empty cell; a neighbour that falls back to an old version shows it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = PROJECT_ROOT / "docs" / "installation.md"
# With the newest Python that each supports, which uv does not ask.
AIRFLOWS = {"2.11": "3.12", "3.0": "3.12", "3.1": "3.13", "3.2": "3.14", "3.3": "3.14"}
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
NEIGHBOURS = (
    "apache-beam",
    "awswrangler",
    "mlflow",
    "dbt-core",
    "deltalake",
    "pyiceberg",
    "apache-airflow-providers-apache-cassandra",
    "apache-airflow-providers-snowflake",
    "apache-airflow-providers-databricks",
    "apache-airflow-providers-google",
)
# What most installations of today have.
_USUAL_PYTHON = "3.12"
_TABLES = re.compile(r"(<!-- resolutions -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    tables = "\n".join([*_airflow_table(), "", *_neighbour_table(), ""])
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(_TABLES.sub(lambda found: f"{found[1]}{tables}{found[2]}", text), "utf-8")
    print(tables)


def _airflow_table() -> Iterator[str]:
    yield "| pyarrow beside | " + " | ".join(f"Python {python}" for python in PYTHONS) + " |"
    yield "|---" * (len(PYTHONS) + 1) + "|"
    for airflow, newest in AIRFLOWS.items():
        pythons = PYTHONS[: PYTHONS.index(newest) + 1]
        resolved = [resolve([f"apache-airflow=={airflow}.*"], python) for python in pythons]
        cells = [versions.get("pyarrow", "") for versions in resolved] + [""] * (len(PYTHONS) - len(pythons))
        yield f"| Airflow {airflow} | " + " | ".join(cells) + " |"


def _neighbour_table() -> Iterator[str]:
    yield "| beside | resolved | pyarrow | numpy | Airflow |"
    yield "|---|---|---|---|---|"
    for neighbour in NEIGHBOURS:
        versions = resolve([neighbour], _USUAL_PYTHON)
        cells = [versions.get(name, "") for name in (neighbour, "pyarrow", "numpy", "apache-airflow")]
        yield f"| {neighbour} | " + " | ".join(cells) + " |"


def resolve(requirements: Sequence[str], python: str) -> dict[str, str]:
    """The newest versions that fit the package and ``requirements``; none where nothing fits."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", python]
    # Others may be built; these are never.
    command += ["--only-binary", "pyarrow", "--only-binary", "numpy", "pyproject.toml", "-"]
    run = subprocess.run(
        command, input="\n".join(requirements), cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    if run.returncode:
        return {}
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", run.stdout, re.MULTILINE))


if __name__ == "__main__":
    main()
