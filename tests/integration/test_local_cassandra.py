"""The local Cassandra of ``dev/``: what it offers, and that nothing is left of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from cassandra import Unauthorized
from cassandra.cluster import NoHostAvailable

from dev import local_cassandra
from dev.free_ports import ServerStartError, check_loopback, free_ports
from dev.java_runtime import JavaMissingError, find_java
from dev.local_cassandra import ServerOptions, start_cassandra
from dev.server_address import ServerAddress
from dev.server_jars import PROJECT_ROOT, RELEASES
from tests.cassandra_versions import server_under_test, start_server


def _address(address: ServerAddress, **changes: object) -> ServerAddress:
    values = {"host": address.host, "port": address.port, "certificates": address.certificates} | changes
    return ServerAddress(**values)  # type: ignore[arg-type]


def test_password_is_asked_for(cassandra_with_auth: ServerAddress) -> None:
    with cassandra_with_auth.connect() as session:
        # Other tests make roles of their own on the same server.
        assert "cassandra" in {row.role for row in session.execute("SELECT role FROM system_auth.roles")}
    with (
        pytest.raises(NoHostAvailable, match="incorrect"),
        _address(cassandra_with_auth, username="cassandra", password="wrong").connect(),
    ):
        pass


def test_revoked_permission_is_refused_at_once(cassandra_with_auth: ServerAddress) -> None:
    with cassandra_with_auth.connect() as superuser:
        superuser.execute("CREATE ROLE revoked_reader WITH password = 'secret' AND login = true")
        superuser.execute(
            "CREATE KEYSPACE revoked WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        superuser.execute("CREATE TABLE revoked.things (id int PRIMARY KEY)")
        superuser.execute("GRANT SELECT ON revoked.things TO revoked_reader")
        with _address(cassandra_with_auth, username="revoked_reader", password="secret").connect() as reader:
            # The server has guardrails, and the driver's own pages are larger.
            reader.default_fetch_size = 100
            assert list(reader.execute("SELECT * FROM revoked.things")) == []
            superuser.execute("REVOKE SELECT ON revoked.things FROM revoked_reader")
            with pytest.raises(Unauthorized):
                reader.execute("SELECT * FROM revoked.things")
        superuser.execute("DROP KEYSPACE revoked")
        superuser.execute("DROP ROLE revoked_reader")


def test_only_clients_with_the_authoritys_certificate_connect(cassandra_with_tls: ServerAddress) -> None:
    with cassandra_with_tls.connect() as session:
        assert session.execute("SELECT cluster_name FROM system.local").one().cluster_name == "local"
    with pytest.raises(NoHostAvailable), _address(cassandra_with_tls, certificates=None).connect():
        pass


@pytest.mark.slow
def test_stopped_server_leaves_no_process_and_no_directory(tmp_path: Path) -> None:
    directory = tmp_path / "dir with spaces ü"
    with start_server(directory, heap="512M") as started:
        processes = _process_tree(started.supervisors[0].pid)
        assert len(processes) == 2
        with started.address.connect() as session:
            release = session.execute("SELECT release_version FROM system.local").one().release_version
            assert release == RELEASES[server_under_test().version]
    assert not directory.exists()
    assert _still_running(processes) == []


@pytest.mark.slow
def test_server_ends_with_its_starter_even_if_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from dev.local_cassandra import ServerOptions, start_cassandra\n"
        "started = start_cassandra(ServerOptions(heap='512M'), directory=Path(sys.argv[1]))\n"
        "print(started.supervisors[0].pid, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "server")],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    with starter:
        processes = _process_tree(int(starter.stdout.readline()))
        starter.send_signal(signal.SIGKILL)
    assert len(processes) == 2
    assert _still_running(processes) == []


@pytest.mark.slow
def test_port_in_use_is_an_error_that_shows_the_servers_log(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ServerOptions(heap="512M", native_port=taken.getsockname()[1])
        with pytest.raises(ServerStartError, match=r"from .*system\.log") as raised:
            start_cassandra(options, directory=tmp_path / "server")
    assert raised.value.is_port_taken
    assert (tmp_path / "server" / "node-127.0.0.1" / "system.log").exists()


def test_server_that_cannot_start_names_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="Invalid initial heap size"):
        start_cassandra(ServerOptions(heap="much"), directory=tmp_path / "server")


def test_missing_loopback_address_is_an_error_that_says_how_to_add_it() -> None:
    with pytest.raises(ServerStartError, match=r"sudo ifconfig lo0 alias 192\.0\.2\.1 up"):
        check_loopback(["192.0.2.1"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "3.11"}, "version='3.11': one of 5.0, 4.1, 4.0"),
        ({"storage_compatibility_mode": "none"}, "one of NONE, CASSANDRA_4"),
        ({"version": "4.1", "storage_compatibility_mode": "CASSANDRA_4"}, "a setting of 5.0, not of 4.1"),
    ],
)
def test_servers_that_do_not_exist_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ServerOptions(**options)  # type: ignore[arg-type]


def test_a_missing_java_for_cassandra_4_is_an_error_that_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA11_HOME", str(tmp_path))
    with pytest.raises(JavaMissingError, match=rf"Cassandra 4\.1 needs Java 11.*{tmp_path}/bin/java"):
        find_java("4.1")


def test_free_ports_differ() -> None:
    assert len(set(free_ports(["127.0.0.1"], 20))) == 20


@pytest.mark.slow
def test_command_starts_a_server_that_outlives_it_and_stops_it(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "dev.local_cassandra", *arguments, "--directory", str(tmp_path / "server")],
            cwd=PROJECT_ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert "not running" in run("status")
    tested = server_under_test()
    which = ["--cassandra-version", tested.version, "--storage-compatibility-mode", tested.storage_compatibility_mode]
    started = run("start", "--heap", "512M", *which)
    try:
        host, port = started.split()[-1].split(":")
        with ServerAddress(host=host, port=int(port)).connect() as session:
            release = session.execute("SELECT release_version FROM system.local").one().release_version
            assert release == RELEASES[tested.version]
        assert f"{host}:{port}" in run("status")
    finally:
        run("stop")
    assert "not running" in run("status")
    assert not (tmp_path / "server").exists()


@pytest.mark.slow
def test_three_nodes_form_one_ring(tmp_path: Path) -> None:
    options = ServerOptions(nodes=3, heap="384M")
    with start_cassandra(options, directory=tmp_path / "server") as started, started.address.connect() as session:
        assert {host.address for host in session.cluster.metadata.all_hosts()} == set(started.address.hosts)
        assert all(host.is_up for host in session.cluster.metadata.all_hosts())


def test_java_options_of_the_machine_do_not_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1")
    assert "JAVA_TOOL_OPTIONS" not in local_cassandra.java_environment()
    assert local_cassandra.java_environment()["PATH"] == os.environ["PATH"]


def _process_tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=30)[1]
