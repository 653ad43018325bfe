"""A real Apache Cassandra 5 or 4 on this machine, from Python packages and Maven Central alone.

The cluster runs on 127.0.0.1 (and .2, .3 for further nodes) with free ports, ready for CQL. ``python -m
dev.local_cassandra start|stop|status`` is the same for a server that outlives its starter.

A cluster ends with the process that started it, even if that is killed: each node runs under ``dev/supervisor.py``.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from dev.certificates import CertificateFiles, write_certificates
from dev.free_ports import ServerStartError, check_loopback, free_ports
from dev.java_command import java_command, java_environment
from dev.server_address import ServerAddress
from dev.server_config import NodeConfig
from dev.server_jars import LOCAL_STATE, NEWEST, RELEASES

if TYPE_CHECKING:
    from typing_extensions import Self

_BINDING = "--until-stdin-closes"
# Said after the port for CQL is bound; "Starting listening for CQL clients" comes before that, and may fail.
_READY = "Startup complete"
_SUPERUSER_READY = "Created default superuser role"
# 6 to 15 s on two quiet cores; a busy machine needs several times that.
_START_SECONDS = 240.0
_STOP_SECONDS = 30.0
_PORT_TRIES = 3
_LOG_LINES_SHOWN = 25
STORAGE_COMPATIBILITY_MODES = ("NONE", "CASSANDRA_4")


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What to start. ``heap`` is Java's: 1G serves tests, 4G benchmarks."""

    version: str = NEWEST
    """A line of ``RELEASES``: "5.0", "4.1" or "4.0"."""
    storage_compatibility_mode: str = "NONE"
    """What 5.0 may do that 4.x cannot read: "NONE" is everything; "CASSANDRA_4" is what the server ships with."""
    nodes: int = 1
    heap: str = "1G"
    native_port: int | None = None
    """The port for CQL; a free one by default."""
    has_password_authentication: bool = False
    """PasswordAuthenticator and CassandraAuthorizer; the superuser is ``cassandra`` with password ``cassandra``."""
    has_tls: bool = False
    requires_client_certificates: bool = False
    """With ``has_tls``: a client without a certificate of the cluster's authority is refused."""
    tls_host_names: tuple[str, ...] = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "localhost")
    is_short_lived: bool = False
    """For tests: starts and changes schemas with half the CPU, is slower under load, and may lose schemas if killed."""
    has_many_tables: bool = False
    """For tests, on one node of the newest version: a change of the schema costs the same with hundreds of tables."""

    def __post_init__(self) -> None:
        if self.version not in RELEASES:
            raise ValueError(f"version={self.version!r}: one of {', '.join(RELEASES)}")
        if self.storage_compatibility_mode not in STORAGE_COMPATIBILITY_MODES:
            raise ValueError(
                f"storage_compatibility_mode={self.storage_compatibility_mode!r}:"
                f" one of {', '.join(STORAGE_COMPATIBILITY_MODES)}"
            )
        if self.storage_compatibility_mode != "NONE" and self.version != NEWEST:
            raise ValueError(f"storage_compatibility_mode is a setting of {NEWEST}, not of {self.version}")
        if not 1 <= self.nodes <= 3:
            raise ValueError(f"nodes={self.nodes}: 1, 2 or 3 nodes can run, on 127.0.0.1 to 127.0.0.3")
        if self.requires_client_certificates and not self.has_tls:
            raise ValueError("requires_client_certificates needs has_tls=True")


class LocalCassandra:
    """A running cluster; a context manager that stops it. ``start_cassandra`` makes it."""

    def __init__(self, address: ServerAddress, directory: Path, supervisors: list[subprocess.Popen[bytes]]) -> None:
        self.address = address
        self.directory = directory
        self.supervisors = supervisors

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start_again(self) -> None:
        """Starts nodes whose process has ended on the data and ports that they had; waits until they answer CQL."""
        for number, supervisor in enumerate(self.supervisors):
            if supervisor.poll() is None:
                continue
            _end([supervisor])
            node = self.directory / f"node-{self.address.hosts[number]}"
            # What it says when it is ready must not be what it said before.
            (node / "system.log").unlink(missing_ok=True)
            command = [str(argument) for argument in supervisor.args]  # type: ignore[union-attr]
            self.supervisors[number] = _launch(node, command[command.index(_BINDING) + 1 :], is_detached=False)
            _await_ready(node, self.supervisors[number], [_READY])

    def stop(self) -> None:
        """Ends every node and removes the cluster's directory; harmless when called again."""
        _end(self.supervisors)
        shutil.rmtree(self.directory, ignore_errors=True)


def start_cassandra(
    options: ServerOptions | None = None, *, directory: Path | None = None, is_detached: bool = False
) -> LocalCassandra:
    """Starts a cluster and waits until it answers.

    ``directory`` is emptied first; by default it is a new one under ``.local``. A detached cluster goes on when this
    process ends. Raises ServerStartError, which shows the end of the server's log; the directory is then kept.
    """
    options = options or ServerOptions()
    hosts = tuple(f"127.0.0.{number}" for number in range(1, options.nodes + 1))
    check_loopback(hosts)
    if directory is None:
        LOCAL_STATE.mkdir(exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="cassandra-", dir=LOCAL_STATE))
    for tries_left in reversed(range(_PORT_TRIES)):
        try:
            return _start(options, hosts, directory, is_detached)
        except ServerStartError as error:
            # Between choosing a port and Java's binding it, another process can take it.
            if not error.is_port_taken or options.native_port is not None or not tries_left:
                raise
    raise AssertionError("unreachable")


def _start(options: ServerOptions, hosts: tuple[str, ...], directory: Path, is_detached: bool) -> LocalCassandra:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    storage_port, free_native_port, *jmx_ports = free_ports(hosts, 2 + options.nodes)
    native_port = options.native_port or free_native_port
    certificates: CertificateFiles | None = None
    if options.has_tls:
        certificates = write_certificates(directory / "certificates", options.tls_host_names)
    supervisors: list[subprocess.Popen[bytes]] = []
    try:
        for host, jmx_port in zip(hosts, jmx_ports, strict=True):
            config = NodeConfig(
                host=host,
                seed=hosts[0],
                native_port=native_port,
                storage_port=storage_port,
                version=options.version,
                storage_compatibility_mode=options.storage_compatibility_mode,
                has_password_authentication=options.has_password_authentication,
                certificates=certificates,
                requires_client_certificates=options.requires_client_certificates,
                is_short_lived=options.is_short_lived,
            )
            node = directory / f"node-{host}"
            config.write(node)
            command = java_command(
                node,
                version=options.version,
                heap=options.heap,
                jmx_port=jmx_port,
                has_peers=len(hosts) > 1,
                is_short_lived=options.is_short_lived,
                has_many_tables=options.has_many_tables,
            )
            supervisors.append(_launch(node, command, is_detached))
            awaits_superuser = options.has_password_authentication and host == hosts[0]
            _await_ready(node, supervisors[-1], [_READY, _SUPERUSER_READY] if awaits_superuser else [_READY])
        address = ServerAddress(
            host=hosts[0],
            port=native_port,
            hosts=hosts,
            username="cassandra" if options.has_password_authentication else None,
            password="cassandra" if options.has_password_authentication else None,
            certificates=certificates,
        )
        if len(hosts) > 1:
            _await_ring(address)
    except BaseException:
        _end(supervisors)
        raise
    return LocalCassandra(address, directory, supervisors)


def _launch(node: Path, command: list[str], is_detached: bool) -> subprocess.Popen[bytes]:
    binding = [] if is_detached else [_BINDING]
    with (node / "output.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("supervisor.py")), *binding, *command],
            stdin=subprocess.DEVNULL if is_detached else subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=node,
            env=java_environment(),
            # Ctrl-C in a terminal reaches the starter only, which then stops the server in order.
            start_new_session=True,
        )


def _await_ready(node: Path, supervisor: subprocess.Popen[bytes], needed: list[str]) -> None:
    log = node / "system.log"
    deadline = time.monotonic() + _START_SECONDS
    while True:
        has_ended = supervisor.poll() is not None
        text = log.read_text("utf-8", errors="replace") if log.exists() else ""
        if all(line in text for line in needed):
            return
        if has_ended:
            raise _start_error(node, f"Cassandra ended with exit code {supervisor.returncode} while starting")
        if time.monotonic() > deadline:
            raise _start_error(node, f"Cassandra was not ready after {_START_SECONDS:.0f} s")
        time.sleep(0.1)


def _await_ring(address: ServerAddress) -> None:
    # A node that is ready itself is not yet known to the others, nor to a client that asks them.
    deadline = time.monotonic() + _START_SECONDS
    for host in address.hosts:
        while True:
            with dataclasses.replace(address, host=host, hosts=(host,)).connect() as session:
                known = {str(known.address) for known in session.cluster.metadata.all_hosts()}
            if known == set(address.hosts):
                break
            if time.monotonic() > deadline:
                raise ServerStartError(f"{host} knows only {sorted(known)} after {_START_SECONDS:.0f} s")
            time.sleep(0.5)


def _start_error(node: Path, what: str) -> ServerStartError:
    shown: list[str] = []
    logs = [log for log in (node / "output.log", node / "system.log") if log.exists()]
    for log in logs:
        lines = log.read_text("utf-8", errors="replace").splitlines()
        errors = [number for number, line in enumerate(lines) if line.startswith("ERROR")]
        # What follows an error is the orderly end; the error itself is what to show.
        first = errors[0] if errors else max(0, len(lines) - _LOG_LINES_SHOWN)
        shown += [f"--- from {log}", *lines[first : first + _LOG_LINES_SHOWN]]
    text = "\n".join(shown)
    return ServerStartError(f"{what}.\n{text}", is_port_taken="in use" in text or "BindException" in text)


def _end(supervisors: list[subprocess.Popen[bytes]]) -> None:
    for supervisor in supervisors:
        if supervisor.poll() is None:
            supervisor.terminate()
    for supervisor in supervisors:
        supervisor.wait(_STOP_SECONDS)
        if supervisor.stdin:
            supervisor.stdin.close()


if __name__ == "__main__":
    from dev.local_cassandra_command import main

    sys.exit(main(sys.argv[1:]))
