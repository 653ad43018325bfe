"""Runs a command and ends it together with whoever started this process.

``python supervisor.py [--until-stdin-closes] COMMAND...``: with the flag, standard input is a pipe from the owner.
When the owner ends in any way, kill -9 included, the pipe closes and the command is ended. SIGTERM ends it too.
Nothing but the standard library is imported: the script runs by its path, outside any package.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

_FLAG = "--until-stdin-closes"


def main(arguments: list[str]) -> int:
    is_bound_to_stdin = arguments[:1] == [_FLAG]
    command = arguments[1:] if is_bound_to_stdin else arguments
    must_end = threading.Event()

    def on_signal(signal_number: int, frame: FrameType | None) -> None:
        must_end.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    if is_bound_to_stdin:
        threading.Thread(target=_wait_for_owner, args=(must_end,), daemon=True).start()
    threading.Thread(target=_wait_for_process, args=(process, must_end), daemon=True).start()
    must_end.wait()
    return _end(process)


def _wait_for_owner(must_end: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    must_end.set()


def _wait_for_process(process: subprocess.Popen[bytes], must_end: threading.Event) -> None:
    process.wait()
    must_end.set()


def _end(process: subprocess.Popen[bytes]) -> int:
    # The data is thrown away with the server: waiting 4 s for Cassandra to flush it would serve nobody.
    process.kill()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
