"""Whether what ``docker/Dockerfile`` installs fits the image's constraints: ``python dev/image_resolution.py FILE``.

``FILE`` is Airflow's ``constraints-3.12.txt`` of the tag ``constraints-`` and the Dockerfile's ``AIRFLOW_VERSION``; the
image has it as ``~/constraints.txt``. Nothing is installed: uv resolves for the image's Python what pip is given there.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = PROJECT_ROOT / "docker" / "Dockerfile"
_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True)
class Installation:
    """What the Dockerfile gives to pip."""

    python: str
    extras: tuple[str, ...]
    """Of this package."""
    requirements: tuple[str, ...]
    """All else."""


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        sys.exit(__doc__)
    constraints = Path(arguments[0]).resolve()
    installation = read_installation(DOCKERFILE.read_text("utf-8"))
    run = subprocess.run(
        compile_command(installation, constraints),
        input="\n".join(installation.requirements),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        sys.exit(f"{' '.join(installation.requirements)} and this package do not fit {constraints.name}:\n{run.stderr}")
    pinned = read_pins(constraints.read_text("utf-8"))
    resolved = read_pins(run.stdout)
    free = {name: version for name, version in resolved.items() if name not in pinned}
    print(f"{len(resolved)} packages for Python {installation.python}, {len(resolved) - len(free)} of them constrained")
    print("not constrained: " + (", ".join(f"{name} {version}" for name, version in sorted(free.items())) or "none"))


def read_installation(dockerfile: str) -> Installation:
    """The last stage's Python, and the words of its ``pip install``."""
    [airflow] = re.findall(r"^ARG AIRFLOW_VERSION=(\S+)$", dockerfile, re.MULTILINE)
    [python] = re.findall(r"^FROM apache/airflow:\S+-python(\S+)$", dockerfile, re.MULTILINE)
    [install] = re.findall(r"pip install (.*?)\s*\\?\s*&&", dockerfile, re.DOTALL)
    words = shlex.split(install.replace("\\\n", " ").replace("${AIRFLOW_VERSION}", airflow))
    words = [word for word in words if not word.startswith("--") and not word.endswith("constraints.txt")]
    [wheel] = [word for word in words if ".whl" in word]
    extras = wheel[wheel.index("[") + 1 : wheel.rindex("]")].split(",")
    return Installation(python, tuple(extras), tuple(word for word in words if word != wheel))


def compile_command(installation: Installation, constraints: Path) -> list[str]:
    """uv's; it reads ``installation.requirements`` from its standard input."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--constraint", str(constraints)]
    # The image has no compiler, so only what has a wheel for it can be installed there.
    command += ["--python-version", installation.python, "--python-platform", "linux", "--only-binary", ":all:"]
    for extra in installation.extras:
        command += ["--extra", extra]
    return [*command, "pyproject.toml", "-"]


def read_pins(text: str) -> dict[str, str]:
    """Versions by normalized name of the lines ``name==version``."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PIN.findall(text)}


if __name__ == "__main__":
    main(sys.argv[1:])
