"""Apache Cassandra's server as jars from Maven Central, found without Maven or Java.

In: nothing. Out: the paths of the jars of the class path. The first call downloads 66 MB into the user's Maven
repository and jgo's cache; after it, a list kept under ``.local`` spares even asking jgo.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path

CASSANDRA_VERSION = "5.0.5"
PROJECT_ROOT = Path(__file__).resolve().parent.parent
LOCAL_STATE = PROJECT_ROOT / ".local"
_JAR_LIST = LOCAL_STATE / f"cassandra-{CASSANDRA_VERSION}-jars.json"


def server_jars() -> list[Path]:
    """The jars of the server, downloaded where they are missing."""
    known = _read_jar_list()
    if known:
        return known
    jars = _resolve()
    LOCAL_STATE.mkdir(parents=True, exist_ok=True)
    unfinished = _JAR_LIST.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps([str(jar) for jar in jars], indent=0))
    unfinished.replace(_JAR_LIST)
    return jars


def _read_jar_list() -> list[Path]:
    try:
        jars = [Path(jar) for jar in json.loads(_JAR_LIST.read_text())]
    except FileNotFoundError:
        return []
    return jars if all(jar.is_file() for jar in jars) else []


def _resolve() -> list[Path]:
    # jgo downloads with requests, which reads only this variable where a proxy needs certificates of its own.
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    if certificates:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", certificates)
    import jgo

    # jgo warns that it would download a JDK to run the program; it is only asked for jars.
    logging.getLogger("jgo").setLevel(logging.ERROR)
    endpoint = f"org.apache.cassandra:cassandra-all:{CASSANDRA_VERSION}"
    with contextlib.redirect_stdout(None):
        environment = jgo.build(endpoint)
        # ``classpath`` leaves out the jars that jgo sorts as Java modules.
        return [Path(jar).absolute() for jar in environment.all_jars]
