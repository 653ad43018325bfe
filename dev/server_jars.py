"""Apache Cassandra's server as jars from Maven Central, found without Maven or Java.

In: nothing. Out: the paths of the jars of the class path. The first call downloads 66 MB into the user's Maven
repository and jgo's cache, in a process of its own (this module run as a program), since trusting the machine's
certificates patches ``ssl``. After it, a list kept under ``.local`` spares even asking jgo.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from dev.environments import PROJECT_ROOT, pip_options
from dev.free_ports import ServerStartError

CASSANDRA_VERSION = "5.0.5"
LOCAL_STATE = PROJECT_ROOT / ".local"
_JAR_LIST = LOCAL_STATE / f"cassandra-{CASSANDRA_VERSION}-jars.json"
# Maven Central answers now and then with an error that is gone a moment later.
_TRIES = 3


def server_jars() -> list[Path]:
    """The jars of the server, downloaded where they are missing."""
    jars = _read_jar_list()
    tries_left = _TRIES
    while not jars:
        tries_left -= 1
        command = [sys.executable, "-m", "dev.server_jars"]
        resolved = subprocess.run(command, cwd=PROJECT_ROOT, stderr=subprocess.PIPE, text=True, check=False)
        jars = _read_jar_list()
        if not jars and not tries_left:
            raise ServerStartError(
                f"Cassandra's jars could not be fetched from Maven Central:\n{resolved.stderr[-2000:]}"
            )
    return jars


def _read_jar_list() -> list[Path]:
    try:
        jars = [Path(jar) for jar in json.loads(_JAR_LIST.read_text("utf-8"))]
    except FileNotFoundError:
        return []
    return jars if all(jar.is_file() for jar in jars) else []


def _resolve() -> list[Path]:
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
        environment = jgo.build(f"org.apache.cassandra:cassandra-all:{CASSANDRA_VERSION}")
        # ``classpath`` leaves out the jars that jgo sorts as Java modules.
        return [Path(jar).absolute() for jar in environment.all_jars]


def _write_jar_list(jars: list[Path]) -> None:
    LOCAL_STATE.mkdir(parents=True, exist_ok=True)
    unfinished = _JAR_LIST.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps([str(jar) for jar in jars], indent=0), "utf-8")
    unfinished.replace(_JAR_LIST)


if __name__ == "__main__" and not _read_jar_list():
    print(f"Fetching Cassandra {CASSANDRA_VERSION} from Maven Central (66 MB)", file=sys.stderr, flush=True)
    _write_jar_list(_resolve())
