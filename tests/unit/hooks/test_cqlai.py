"""What the hook does without a server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, ConnectionSettingsError
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

SetConnection = Callable[..., None]


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> SetConnection:
    def set_it(**fields: object) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", json.dumps({"conn_type": "cqlai", **fields}))

    return set_it


@pytest.fixture
def dead_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_constructor_looks_nothing_up() -> None:
    assert CqlaiHook("no_such_connection").cassandra_conn_id == "no_such_connection"


def test_hook_is_built_the_way_airflow_builds_it() -> None:
    hook = CqlaiHook(**{CqlaiHook.conn_name_attr: "mine"})
    assert hook.cassandra_conn_id == "mine"
    assert CqlaiHook().cassandra_conn_id == CqlaiHook.default_conn_name == "cqlai_default"


def test_closing_what_was_never_opened_does_nothing() -> None:
    with CqlaiHook("no_such_connection") as hook:
        hook.close()
    hook.close()


def test_hook_reads_its_connection(set_connection: SetConnection) -> None:
    set_connection(host="a, b", schema="ks")
    settings = CqlaiHook().settings
    assert [str(point) for point in settings.contact_points] == ["a", "b"]
    assert settings.keyspace == "ks"


def test_uri_connection_with_ipv6_and_extras_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", "cqlai://u:p@[::1]:9142/ks?page_size=7&tls=true")
    settings = CqlaiHook().settings
    assert [point.address for point in settings.contact_points] == ["::1"]
    assert (settings.port, settings.username, settings.keyspace) == (9142, "u", "ks")
    assert settings.page_size_rows == 7
    assert settings.tls is not None


def test_no_server_is_an_error_and_never_an_answer(set_connection: SetConnection, dead_port: int) -> None:
    set_connection(host="127.0.0.1", port=dead_port)
    with CqlaiHook() as hook, pytest.raises(ClusterUnavailableError, match=f"127.0.0.1:{dead_port}"):
        hook.get_conn()


def test_test_button_says_that_nobody_listens(set_connection: SetConnection, dead_port: int) -> None:
    set_connection(host="127.0.0.1", port=dead_port, login="u", password="hunter2")
    is_good, message = CqlaiHook().test_connection()
    assert not is_good
    assert "ClusterUnavailableError" in message
    assert "refused" in message
    assert "hunter2" not in message


def test_test_button_says_which_extra_is_wrong(set_connection: SetConnection) -> None:
    set_connection(host="a", extra={"pagesize": 1})
    is_good, message = CqlaiHook().test_connection()
    assert (is_good, "did you mean 'page_size'" in message) == (False, True)


def test_test_button_says_that_the_connection_is_missing() -> None:
    is_good, message = CqlaiHook("no_such_connection").test_connection()
    assert not is_good
    assert "no_such_connection" in message


def test_test_button_lets_a_defect_of_ours_through(
    set_connection: SetConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> str:
        raise KeyError("a defect")

    set_connection(host="a")
    monkeypatch.setattr("airflow_provider_cqlai.hooks.cqlai.describe_connection", fail)
    with pytest.raises(KeyError):
        CqlaiHook().test_connection()


def test_forced_compression_that_is_not_installed_is_an_error(
    set_connection: SetConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connection(host="127.0.0.1", extra={"compression": "lz4"})
    monkeypatch.setattr("airflow_provider_cqlai.engine.cassandra.connect.session.locally_supported_compressions", {})
    with pytest.raises(ConnectionSettingsError, match=r"Python package lz4, .*: pip install lz4$"):
        CqlaiHook().get_conn()


def test_importing_the_hook_does_not_import_the_driver() -> None:
    code = "import sys, airflow_provider_cqlai.hooks.cqlai; print('cassandra.cluster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
