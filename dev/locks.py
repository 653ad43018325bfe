"""Resolves ``requirements/*.in`` with ``pyproject.toml`` into the locks, for every supported Python and platform.

Only the newest versions that fit each other are written: a lock holds no index, path or hash of this machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path("requirements")
# lock: extra of pyproject.toml
LOCKS = {"airflow3": "dev", "airflow2": "test"}


def main() -> None:
    for name, extra in LOCKS.items():
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--universal"),
                *("--python-version", "3.11", "--no-emit-index-url", "--no-emit-find-links"),
                *("--custom-compile-command", "make lock", "--extra", extra),
                *("pyproject.toml", str(REQUIREMENTS / f"{name}.in"), "-o", str(REQUIREMENTS / f"{name}.lock")),
            ],
            check=True,
            cwd=Path(__file__).resolve().parent.parent,
        )


if __name__ == "__main__":
    main()
