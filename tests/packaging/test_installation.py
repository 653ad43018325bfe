"""What an ordinary installation gives: the native codec where there is cargo, the reference codec elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PACKAGED = ("airflow_provider_cqlai", "rust", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
TELL_CODEC = """
import airflow_provider_cqlai
from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
print(airflow_provider_cqlai.__file__)
print(codec_name())
"""

# A release build of the extension; most of it is found in the compiler's cache after the first.
pytestmark = pytest.mark.timeout(600)


def copy_project(directory: Path) -> Path:
    """The project's sources alone, so that a build leaves nothing in the project."""
    directory.mkdir()
    ignored = shutil.ignore_patterns("target", "__pycache__", "*.so")
    for name in PACKAGED:
        source = PROJECT_ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=ignored)
        else:
            shutil.copy(source, directory / name)
    return directory


def build_wheel(sources: Path, into: Path, environment: Mapping[str, str]) -> tuple[Path, str]:
    """The wheel and what the build said."""
    # As an installer asks the build backend, which is in this environment's lock: nothing is downloaded.
    ask_backend = "import sys, setuptools.build_meta; setuptools.build_meta.build_wheel(sys.argv[1])"
    finished = subprocess.run(
        [sys.executable, "-c", ask_backend, str(into)],
        env=environment,
        cwd=sources,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    [wheel] = into.glob("*.whl")
    return wheel, finished.stdout


def install(wheel: Path, directory: Path) -> Path:
    """An environment with the wheel, and beside it only what this one has as dependencies; returns its Python."""
    venv.create(directory, with_pip=False)
    python = directory / "bin" / "python"
    [site_packages] = directory.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    # As plain paths: an editable install of this project is not found through them.
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return python


def ask(python: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CQLAI_CODEC")}
    return subprocess.run(
        [python, "-c", code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=python.parent,
    )


# A release build with link-time optimisation takes minutes; the environment that runs the tests was built by one.
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo here to build the native codec with")
def test_with_cargo_the_wheel_has_the_native_codec(tmp_path: Path) -> None:
    wheel, said = build_wheel(copy_project(tmp_path / "sources"), tmp_path / "wheels", os.environ)
    assert "cp310-abi3" in wheel.name, said
    python = install(wheel, tmp_path / "environment")
    told = ask(python, TELL_CODEC, CQLAI_CODEC="native")
    assert told.stdout.splitlines()[-1:] == ["native"], told.stderr
    assert str(tmp_path) in told.stdout


def test_without_cargo_the_installation_succeeds_with_the_reference_codec(tmp_path: Path) -> None:
    paths = [path for path in os.environ["PATH"].split(os.pathsep) if shutil.which("cargo", path=path) is None]
    without_cargo = {name: value for name, value in os.environ.items() if not name.startswith(("CARGO", "RUST"))}
    without_cargo["PATH"] = os.pathsep.join(paths)
    wheel, said = build_wheel(copy_project(tmp_path / "sources"), tmp_path / "wheels", without_cargo)
    assert "can't find Rust compiler" in said
    assert wheel.name.endswith("-py3-none-any.whl")
    python = install(wheel, tmp_path / "environment")
    told = ask(python, TELL_CODEC)
    assert told.stdout.splitlines()[-1:] == ["python"], told.stderr
    refused = ask(python, TELL_CODEC, CQLAI_CODEC="native")
    assert refused.returncode != 0
    assert "this installation has no native codec" in refused.stderr
