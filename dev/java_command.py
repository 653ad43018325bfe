"""The command line that runs one Cassandra node on the Java of ``dev/java_runtime.py``.

Note: Java cannot open files with non-ASCII names under the C locale, so the environment belongs to the command.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dev.java_runtime import find_java
from dev.server_jars import NEWEST, server_jars
from dev.short_lived_schema import FACTORY, short_lived_schema

# What Cassandra 5.0 reaches inside the JDK; its own conf/jvm17-server.options lists the same. What 4.0 and 4.1 list in
# conf/jvm11-server.options is a part of it.
_EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.rmi/sun.rmi.transport.tcp",
    "java.sql/java.sql",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)
# Within minutes the optimizing compiler costs more than it saves, and parallel collectors have no cores of their own.
# So does the check of every class that is loaded. A change of the schema is written at the next flush, not at once in a
# dozen files, and a truncation waits for none.
_SHORT_LIFE = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-BytecodeVerificationRemote",
    "-Dcassandra.test.flush_local_schema_changes=false",
    "-Dcassandra.unsafesystem=true",
    # Each table has hundreds of metrics, which nobody asks for over JMX, and a password is hashed at each connection.
    "-Dorg.apache.cassandra.disable_mbean_registration=true",
    "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
)


# On Java 11 Netty has to be allowed to make buffers with Unsafe; the same file sets it.
_FOR_JAVA_11 = ("-Dio.netty.tryReflectionSetAccessible=true",)


def java_command(
    directory: Path,
    *,
    version: str,
    heap: str,
    jmx_port: int,
    has_peers: bool,
    is_short_lived: bool = False,
    has_many_tables: bool = False,
) -> list[str]:
    """The node whose ``cassandra.yaml`` and ``logback.xml`` lie in ``directory``; see `ServerOptions`."""
    class_path = server_jars(version)
    schema_handler: tuple[str, ...] = ()
    if has_many_tables and not has_peers and version == NEWEST:
        class_path = [short_lived_schema(version), *class_path]
        schema_handler = (f"-Dcassandra.schema.update_handler_factory.class={FACTORY}",)
    return [
        str(find_java(version)),
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+ExitOnOutOfMemoryError",
        *(_SHORT_LIFE if is_short_lived else ()),
        *schema_handler,
        *(_FOR_JAVA_11 if version.startswith("4.") else ()),
        # Native libraries are unpacked here: /tmp is mounted noexec on some machines.
        f"-Djava.io.tmpdir={directory / 'tmp'}",
        f"-Dcassandra.config={(directory / 'cassandra.yaml').as_uri()}",
        f"-Dcassandra.storagedir={directory / 'data'}",
        "-Dcassandra-foreground=yes",
        f"-Dcassandra.jmx.local.port={jmx_port}",
        f"-Dlogback.configurationFile={(directory / 'logback.xml').as_uri()}",
        "-Djdk.attach.allowAttachSelf=true",
        # Waits that matter in a data centre and cost half a minute here.
        # A node that joins others must hear of them first, over a gossip of one message a second.
        f"-Dcassandra.ring_delay_ms={10_000 if has_peers else 1000}",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.superuser_setup_delay_ms=0",
        *(argument for name in _EXPORTS for argument in ("--add-exports", f"{name}=ALL-UNNAMED")),
        *(argument for name in _OPENS for argument in ("--add-opens", f"{name}=ALL-UNNAMED")),
        "-cp",
        os.pathsep.join(str(entry) for entry in class_path),
        "org.apache.cassandra.service.CassandraDaemon",
    ]


def java_environment() -> dict[str, str]:
    """The process's environment under which Java opens any file name and reads no options of the machine."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
    }
    if sys.platform != "darwin":
        environment["LC_ALL"] = "C.UTF-8"
    return environment
