"""Finds Apache Cassandra's server as jars from Maven Central, without Maven or Java.

The first call for a version downloads 50 to 66 MB into the user's Maven repository and jgo's cache, in a process of its
own (this module run as a program), since trusting the machine's certificates patches ``ssl``. After it, a list kept
under ``.local`` spares even asking jgo.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from dev.environments import PROJECT_ROOT, pip_options
from dev.free_ports import ServerStartError

# Line: the release that stands for it. A pin, so that a test fails because of this project only.
RELEASES = {"5.0": "5.0.5", "4.1": "4.1.10", "4.0": "4.0.19"}
NEWEST = "5.0"
LOCAL_STATE = PROJECT_ROOT / ".local"
# Maven Central answers now and then with an error that is gone a moment later.
_TRIES = 3


def server_jars(version: str = NEWEST) -> list[Path]:
    """The jars of the server of one line of `RELEASES`, downloaded where they are missing."""
    jars = _read_jar_list(version)
    return jars if jars else _fetch_jars(version)


def _fetch_jars(version: str) -> list[Path]:
    LOCAL_STATE.mkdir(parents=True, exist_ok=True)
    with (LOCAL_STATE / "fetching-jars.lock").open("w") as lock:
        # Several test processes may come here at once, and jgo's cache is made for one.
        fcntl.flock(lock, fcntl.LOCK_EX)
        jars = _read_jar_list(version)
        tries_left = _TRIES
        while not jars:
            tries_left -= 1
            command = [sys.executable, "-m", "dev.server_jars", version]
            resolved = subprocess.run(command, cwd=PROJECT_ROOT, stderr=subprocess.PIPE, text=True, check=False)
            jars = _read_jar_list(version)
            if not jars and not tries_left:
                raise ServerStartError(
                    f"Cassandra's jars could not be fetched from Maven Central:\n{resolved.stderr[-2000:]}"
                )
    return jars


def _jar_list(version: str) -> Path:
    return LOCAL_STATE / f"cassandra-{RELEASES[version]}-jars.json"


def _read_jar_list(version: str) -> list[Path]:
    try:
        jars = [Path(jar) for jar in json.loads(_jar_list(version).read_text("utf-8"))]
    except FileNotFoundError:
        return []
    return jars if all(jar.is_file() for jar in jars) else []


def _resolve(version: str) -> list[Path]:
    certificate = pip_options(Path(sys.executable)).get("cert")
    if certificate:
        # jgo downloads with requests, which reads no other setting.
        os.environ.setdefault("REQUESTS_CA_BUNDLE", certificate)
    import truststore

    # What the machine trusts, as pip does; requests alone trusts a list of its own.
    truststore.inject_into_ssl()
    import jgo

    # jgo warns that it would download a JDK to run the program; it is only asked for jars.
    logging.getLogger("jgo").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(sys.stderr):
        environment = jgo.build(f"org.apache.cassandra:cassandra-all:{RELEASES[version]}")
        # ``classpath`` leaves out the jars that jgo sorts as Java modules.
        return [Path(jar).absolute() for jar in environment.all_jars]


def _write_jar_list(version: str, jars: list[Path]) -> None:
    LOCAL_STATE.mkdir(parents=True, exist_ok=True)
    unfinished = _jar_list(version).with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps([str(jar) for jar in jars], indent=0), "utf-8")
    unfinished.replace(_jar_list(version))


def main(versions: list[str]) -> None:
    for version in versions or [NEWEST]:
        if not _read_jar_list(version):
            print(
                f"Fetching Cassandra {RELEASES[version]} from Maven Central (some 60 MB)", file=sys.stderr, flush=True
            )
            _write_jar_list(version, _resolve(version))


if __name__ == "__main__":
    main(sys.argv[1:])
