"""Runs a module of this package as a process, to its end or to be killed in the middle of its work."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
# What a process says, by the verb in its module's name.
_BEGINNINGS = {"sharded": "working", "export": "exporting", "import": "importing", "capture": "capturing"}


def start(module: str, cassandra: Any, *arguments: object) -> subprocess.Popen[str]:
    """The process of ``tests.faults.<module>``, as soon as it says that its work begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.faults.{module}", str(cassandra.port), *map(str, arguments)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    expected = next(word for verb, word in _BEGINNINGS.items() if verb in module)
    assert process.stdout.readline() == f"{expected}\n", process.stderr.read() if process.stderr else ""
    return process


def finish(process: subprocess.Popen[str]) -> str:
    """The last line that the process says; it must end well."""
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return output.splitlines()[-1]


def kill(module: str, cassandra: Any, *arguments: object, after_seconds: float) -> None:
    """Start the process and end it with SIGKILL."""
    process = start(module, cassandra, *arguments)
    time.sleep(after_seconds)
    process.kill()
    process.communicate()
