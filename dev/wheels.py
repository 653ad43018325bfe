"""Builds this machine's release wheel and the source archive into ``dist/``, checks the wheel, and tries it.

On Linux zig links against an old glibc, so that the wheel runs wherever Python itself has manylinux wheels; elsewhere
the system's linker does. A wheel must have the native codec: here a build without it is an error. ``python -m
dev.wheels`` runs in the environment ``wheels``.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from dev.environments import PROJECT_ROOT

DIST = PROJECT_ROOT / "dist"
# The oldest glibc that Rust itself supports, of 2012.
GLIBC = "2.17"
# rustc, which setuptools-rust asks about the target, knows of no glibc behind it.
_CARGO = """\
#!{python}
import os, sys
arguments = [a + ".{glibc}" if before == "--target" else a for before, a in zip(sys.argv, sys.argv[1:])]
os.execv("{zigbuild}", ["{zigbuild}", *arguments])
"""
_TELL_CODEC = "from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name; print(codec_name())"


def main() -> None:
    python = Path(sys.executable)
    for old in DIST.glob("*"):
        old.unlink()
    _run([python, "-m", "build", "--sdist", "--no-isolation", "--outdir", DIST, PROJECT_ROOT])
    wheel = _build(python)
    _run([python, "-m", "abi3audit", "--strict", "--summary", wheel])
    _try(wheel)
    print(f"built, checked and tried: {wheel.relative_to(PROJECT_ROOT)}", flush=True)


def _build(python: Path) -> Path:
    """The wheel, under the name of the platforms that it runs on."""
    is_linux = sys.platform == "linux"
    with tempfile.TemporaryDirectory() as directory:
        environment = os.environ | (_link_with_zig(python, Path(directory)) if is_linux else {})
        _run([python, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, PROJECT_ROOT], environment)
        [built] = Path(directory).glob("*.whl")
        if "-abi3-" not in built.name:
            sys.exit(f"{built.name}: the native codec was not built; the lines above say why")
        if not is_linux:
            return built.replace(DIST / built.name)
        # Finds out what the codec really needs, refuses more than the name promises, and gives it that name.
        name = f"manylinux_{GLIBC.replace('.', '_')}_{platform.machine()}"
        _run([python, "-m", "auditwheel", "repair", "--plat", name, "--wheel-dir", DIST, built], environment)
        [wheel] = DIST.glob("*.whl")
        return wheel


def _link_with_zig(python: Path, directory: Path) -> dict[str, str]:
    """The variables of the environment that make setuptools-rust build through cargo-zigbuild."""
    cargo = directory / "cargo"
    cargo.write_text(
        _CARGO.format(python=python, glibc=GLIBC, zigbuild=python.with_name("cargo-zigbuild")), encoding="utf-8"
    )
    cargo.chmod(0o755)
    return {
        "CARGO": str(cargo),
        "CARGO_BUILD_TARGET": f"{platform.machine()}-unknown-linux-gnu",
        # zig is a package of the same environment.
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
    }


def _try(wheel: Path) -> None:
    """Install it as a user does, where there is no cargo, and ask it for the codec."""
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = Path(directory, "bin", "python")
        _run([python, "-m", "pip", "install", "--quiet", wheel])
        environment = {"PATH": os.defpath, "CQLAI_CODEC": "native"}
        told = subprocess.run(
            [python, "-c", _TELL_CODEC], env=environment, cwd=directory, capture_output=True, text=True, check=False
        )
        if told.stdout.strip() != "native":
            sys.exit(f"{wheel.name}: installed, and does not run the native codec: {told.stdout}{told.stderr}")


def _run(command: Sequence[object], environment: dict[str, str] | None = None) -> None:
    subprocess.run([str(part) for part in command], check=True, env=environment)


if __name__ == "__main__":
    main()
