"""Compiles ``dev/java/ShortLivedSchema.java``, which spares a test server work, with Cassandra's own compiler.

Eclipse's batch compiler is among the server's jars, where it compiles user-defined functions.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from dev.free_ports import ServerStartError
from dev.java_runtime import find_java
from dev.server_jars import LOCAL_STATE, server_jars

FACTORY = "org.apache.cassandra.schema.ShortLivedSchema"
_SOURCE = Path(__file__).with_name("java") / "ShortLivedSchema.java"
# What the source refers to, directly or by the signatures of what it calls.
_NEEDED_JARS = ("cassandra-all-", "guava-", "netty-common-")
_COMPILER = "org.eclipse.jdt.internal.compiler.batch.Main"


def short_lived_schema(version: str) -> Path:
    """The directory with the class for this line of Cassandra, compiled where it is missing.

    Raises:
        ServerStartError: the compiler refused it.
    """
    jars = server_jars(version)
    needed = [str(jar) for jar in jars if jar.name.startswith(_NEEDED_JARS)]
    digest = hashlib.sha256("\n".join([*needed, _SOURCE.read_text("utf-8")]).encode()).hexdigest()[:16]
    classes = LOCAL_STATE / f"short-lived-schema-{digest}"
    if classes.is_dir():
        return classes
    LOCAL_STATE.mkdir(parents=True, exist_ok=True)
    # Several test processes may do this at once: each fills a directory of its own, and the first to finish names it.
    unfinished = Path(tempfile.mkdtemp(prefix="short-lived-schema-", dir=LOCAL_STATE))
    compiler = next(str(jar) for jar in jars if jar.name.startswith("ecj-"))
    command = [
        *(str(find_java(version)), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", compiler, _COMPILER),
        *("-17", "-nowarn", "-cp", ":".join(needed), "-d", str(unfinished), str(_SOURCE)),
    ]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    if compiled.returncode:
        raise ServerStartError(f"{_SOURCE.name} could not be compiled:\n{compiled.stderr[-2000:]}")
    try:
        unfinished.rename(classes)
    except OSError:
        # Another process was first.
        if not classes.is_dir():
            raise
    return classes
