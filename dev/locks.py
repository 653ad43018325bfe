"""Resolves ``requirements/*.in`` with ``pyproject.toml`` into the locks, for every supported Python and platform.

Only the newest versions that fit each other are written: a lock holds no index, path or hash of this machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path("requirements")
# The lowest Python, for which the locks are true.
LOWEST_PYTHON = "3.10"
# The tools of development need a newer one.
DEVELOPMENT_PYTHON = "3.11"
# lock: options of uv
LOCKS = {
    "airflow3": ["--universal", "--python-version", DEVELOPMENT_PYTHON, "--extra", "dev"],
    "airflow2": ["--universal", "--python-version", DEVELOPMENT_PYTHON, "--extra", "test"],
    "lowest": ["--resolution", "lowest-direct", "--python-version", LOWEST_PYTHON],
    "wheels": ["--universal", "--python-version", LOWEST_PYTHON],
    "docs": ["--universal", "--python-version", DEVELOPMENT_PYTHON],
}
# Of tools: without what this project depends on.
WITHOUT_PROJECT = frozenset({"docs", "wheels"})


def main(names: list[str]) -> None:
    for name in names or LOCKS:
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", *LOCKS[name]),
                *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
                *(() if name in WITHOUT_PROJECT else ("pyproject.toml",)),
                *(str(REQUIREMENTS / f"{name}.in"), "-o", str(REQUIREMENTS / f"{name}.lock")),
            ],
            check=True,
            cwd=Path(__file__).resolve().parent.parent,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
