"""Makes the project's virtual environments: ``python dev/environments.py NAME...`` with NAME of ``ENVIRONMENTS``.

Each follows a lock of ``requirements/``, some with another pyarrow than that; one whose lock and place are unchanged
costs nothing. Nothing but the standard library is imported: this runs before anything is
installed. Note: console scripts are never used, since their first line breaks in a directory with spaces.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT_ROOT / "requirements"
SUPPORTED = ((3, 10), (3, 11), (3, 12), (3, 13), (3, 14))

# name: directory, lock, what is installed instead of the lock's
ENVIRONMENTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "airflow3": (".venv", "airflow3.lock", ()),
    "airflow2": (".venv-airflow2", "airflow2.lock", ()),
    "lowest": (".venv-lowest", "lowest.lock", ()),
    "highest": (".venv-highest", "airflow3.lock", ()),
    "pyarrow20": (".venv-pyarrow20", "airflow3.lock", ("pyarrow==20.0.0",)),
    "pyarrow22": (".venv-pyarrow22", "airflow3.lock", ("pyarrow==22.0.0",)),
    "wheels": (".venv-wheels", "wheels.lock", ()),
    "docs": (".venv-docs", "docs.lock", ()),
}
# Of tools: without this project and what it depends on.
WITHOUT_PROJECT = frozenset({"docs", "wheels"})

# Options of pip that uv knows by another name; a machine's configuration of pip then serves both.
_UV_VARIABLES = {
    "cert": "SSL_CERT_FILE",
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "proxy": "HTTPS_PROXY",
    "trusted-host": "UV_INSECURE_HOST",
}


def main(names: list[str]) -> None:
    if sys.version_info[:2] not in SUPPORTED:
        sys.exit(f"Python {sys.version.split()[0]} cannot run this project; choose one: make PYTHON=python3.12 ...")
    for name in names:
        directory, lock, replaced = ENVIRONMENTS[name]
        has_project = name not in WITHOUT_PROJECT
        make_environment(PROJECT_ROOT / directory, REQUIREMENTS / lock, replaced, has_project=has_project)


def make_environment(directory: Path, lock: Path, replaced: Sequence[str] = (), *, has_project: bool = True) -> None:
    """An environment with exactly the packages of ``lock`` but for ``replaced``, and this project, editable."""
    stamp = directory / "installed"
    wanted = _fingerprint(lock, replaced)
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    print(f"Installing the packages of {lock.name} into {directory.name}", flush=True)
    if not _is_of_this_python(directory):
        shutil.rmtree(directory, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(directory)])
    stamp.unlink(missing_ok=True)
    python = directory / "bin" / "python"
    _install(python, lock, replaced, has_project=has_project)
    if has_project:
        _tell_codec(python)
    stamp.write_text(wanted, "utf-8")


def _fingerprint(lock: Path, replaced: Sequence[str]) -> str:
    # The place belongs to it: an editable install holds the path of the project.
    parts = [str(PROJECT_ROOT).encode(), sys.version.encode(), " ".join(replaced).encode()]
    # So does the native codec's source, which is compiled where there is cargo.
    files = (lock, REQUIREMENTS / "uv.txt", PROJECT_ROOT / "pyproject.toml", *_native_sources())
    parts += [path.read_bytes() for path in files]
    parts.append((shutil.which("cargo") or "").encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _native_sources() -> list[Path]:
    rust = PROJECT_ROOT / "rust"
    sources = sorted(path for path in rust.glob("**/*.rs") if "target" not in path.parts)
    return [rust / "Cargo.toml", rust / "Cargo.lock", *sources]


def _is_native_codec_built() -> bool:
    """Whether an environment made before has compiled the sources as they are."""
    built = [path.stat().st_mtime for path in (PROJECT_ROOT / "airflow_provider_cqlai").glob("_native*.so")]
    return bool(built) and min(built) > max(path.stat().st_mtime for path in _native_sources())


def _is_of_this_python(directory: Path) -> bool:
    python = directory / "bin" / "python"
    if not python.exists():
        return False
    version = "import sys; print(sys.version)"
    asked = subprocess.run([python, "-c", version], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout.strip() == sys.version.strip()


def _install(python: Path, lock: Path, replaced: Sequence[str], *, has_project: bool) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "-r", str(REQUIREMENTS / "uv.txt")])
    # The build backend is in the lock: building the editable install needs no network of its own.
    project = ["--no-deps", "--no-build-isolation", "--editable", str(PROJECT_ROOT)] if has_project else None
    uv = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    environment = uv_environment(python)
    if _is_native_codec_built():
        # One build serves every Python (its stable ABI) and takes a minute: this installation finds no compiler.
        paths = environment["PATH"].split(os.pathsep)
        environment["PATH"] = os.pathsep.join(path for path in paths if shutil.which("cargo", path=path) is None)
    try:
        _run([*uv, "--no-deps", "-r", str(lock)], environment)
        if replaced:
            _run([*uv, "--no-deps", *replaced], environment)
        if project:
            _run([*uv, *project], environment)
    except subprocess.CalledProcessError:
        # pip is slower by minutes, and reaches what it is configured for where uv does not.
        print("uv failed; trying pip", flush=True)
        _run([*pip, "--no-deps", "-r", str(lock)], environment)
        if replaced:
            _run([*pip, "--no-deps", *replaced], environment)
        if project:
            _run([*pip, *project], environment)


def _tell_codec(python: Path) -> None:
    """Say once which codec this environment has: an installer hides what the build said about it."""
    loads = subprocess.run([python, "-c", "import airflow_provider_cqlai._native"], capture_output=True, check=False)
    if loads.returncode == 0:
        return
    if shutil.which("cargo"):
        print("The native codec was not built although cargo is installed; pip install -v . shows why.", flush=True)
    else:
        print("No cargo: the native codec is not built, the slower reference codec is used.", flush=True)


def uv_environment(python: Path) -> dict[str, str]:
    environment = dict(os.environ)
    for option, value in pip_options(python).items():
        variable = _UV_VARIABLES.get(option)
        if variable is None or variable in environment:
            continue
        if option == "find-links":
            # pip passes over a directory that is missing, uv does not.
            value = ",".join(link for link in value.split() if "://" in link or Path(link).is_dir())
        if value:
            environment[variable] = value
    return environment


def pip_options(python: Path) -> Mapping[str, str]:
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    options: dict[str, str] = {}
    # Lines such as global.cert='/etc/ca.pem' and :env:.cert='/etc/ca.pem', the stronger ones last.
    for line in listed:
        key, _, value = line.partition("=")
        options[key.rpartition(".")[2]] = " ".join(value.strip("'\"").replace("\\n", " ").split())
    return options


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    main(sys.argv[1:])
