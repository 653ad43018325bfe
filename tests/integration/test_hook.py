"""The hook on real servers, plain and with passwords.

The tests named ``test_defect_...`` are of what the official Cassandra hook gets wrong.
"""

from __future__ import annotations

import logging
import socket
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, DefaultConnection
from cassandra.policies import DCAwareRoundRobinPolicy, RoundRobinPolicy, TokenAwarePolicy, WhiteListRoundRobinPolicy

from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cassandra.connect.session import RECEIVE_BUFFER_BYTES, SEND_CHUNK_BYTES
from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    ClusterUnavailableError,
    ConnectionSettingsError,
    QueryError,
)
from tests.cassandra_versions import server_under_test
from tests.integration.hook_connections import MakeHook, ask
from tests.waiting import wait_until

if TYPE_CHECKING:
    from dev.server_address import ServerAddress

PASSWORD = "hunter2-not-in-any-log"


def dead_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# What a client asked for when it connected is a column of 4.1.
SHOWS_CLIENTS_OPTIONS = pytest.mark.needs_cassandra("4.1", "the options of connected clients")


# --- defects of the official hook


def test_defect_cluster_is_built_in_the_constructor(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    hook = hook_to(cassandra, host="127.0.0.1", port=dead_port())
    assert hook._session is None
    hook_to(cassandra)
    with hook:
        assert ask(hook).startswith(server_under_test().version)


def test_defect_hosts_with_spaces_are_not_stripped(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra, host=f" 127.0.0.1:{dead_port()} ,  {cassandra.host} ") as hook:
        assert ask(hook).startswith(server_under_test().version)


def test_defect_mistyped_policy_becomes_round_robin(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    hook = hook_to(cassandra, {"load_balancing_policy": "TokenAwarePolcy"})
    with hook, pytest.raises(ConnectionSettingsError, match="did you mean 'TokenAwarePolicy'"):
        hook.get_conn()


def test_defect_dc_aware_without_data_centre_gets_an_empty_one(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    for extra in (
        {"load_balancing_policy": "DCAwareRoundRobinPolicy"},
        {"load_balancing_policy": "DCAwareRoundRobinPolicy", "load_balancing_policy_args": {"local_dc": ""}},
    ):
        with hook_to(cassandra, extra) as hook:
            policy = hook.get_conn().get_execution_profile(EXEC_PROFILE_DEFAULT).load_balancing_policy
            assert isinstance(policy, DCAwareRoundRobinPolicy)
            assert policy.local_dc == "datacenter1"


def test_defect_protocol_version_stays_text(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra, {"protocol_version": "4"}) as hook:
        assert hook.get_conn().cluster.protocol_version == 4
        assert ask(hook).startswith(server_under_test().version)


def test_defect_legacy_parameters_block_execution_profiles(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with hook_to(cassandra, {"load_balancing_policy": "RoundRobinPolicy"}) as hook:
            session = hook.get_conn()
            session.cluster.add_execution_profile(
                "mine", session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, request_timeout=7)
            )
            assert session.execute("SELECT key FROM system.local", execution_profile="mine").one() == ("local",)


def test_defect_hook_cannot_be_used_after_shutdown(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    hook = hook_to(cassandra)
    first = hook.get_conn()
    assert hook.get_conn() is first
    hook.close()
    assert first.is_shutdown
    assert first.cluster.is_shutdown
    assert ask(hook).startswith(server_under_test().version)
    hook.get_conn().shutdown()
    assert ask(hook).startswith(server_under_test().version)
    hook.close()


def test_defect_no_server_reads_as_no_rows(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra, port=dead_port()) as hook, pytest.raises(ClusterUnavailableError, match="refused"):
        ask(hook)


def test_defect_no_context_manager(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra) as hook:
        session = hook.get_conn()
        assert not session.cluster.is_shutdown
    assert session.cluster.is_shutdown


def test_defect_no_test_button(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    is_good, message = hook_to(cassandra).test_connection()
    assert is_good
    for part in (
        "cluster '",
        f"Cassandra {server_under_test().version}",
        "data centres datacenter1",
        f"{codec_name()} codec",
    ):
        assert part in message


def test_defect_no_consistency_timeouts_and_page_size(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    extra = {
        "consistency_level": "ALL",
        "serial_consistency_level": "LOCAL_SERIAL",
        "request_timeout_seconds": 12.5,
        "connect_timeout_seconds": 7,
        "page_size": 3,
    }
    with hook_to(cassandra, extra) as hook:
        session = hook.get_conn()
        profile = session.get_execution_profile(EXEC_PROFILE_DEFAULT)
        assert profile.consistency_level == ConsistencyLevel.ALL
        assert profile.serial_consistency_level == ConsistencyLevel.LOCAL_SERIAL
        assert profile.request_timeout == 12.5
        assert session.cluster.connect_timeout == 7
        page = session.execute("SELECT keyspace_name FROM system_schema.tables")
        assert len(page.current_rows) == 3
        assert page.has_more_pages


def test_defect_unknown_extras_are_ignored(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra, {"pagesize": 3}) as hook, pytest.raises(ConnectionSettingsError, match="'page_size'"):
        hook.get_conn()


# --- settings on a plain server


def test_connection_of_the_official_hook_works(
    cassandra: ServerAddress, hook_to: MakeHook, session: Any, keyspace: str
) -> None:
    extra = {
        "load_balancing_policy": "TokenAwarePolicy",
        "load_balancing_policy_args": {
            "child_load_balancing_policy": "WhiteListRoundRobinPolicy",
            "child_load_balancing_policy_args": {"hosts": ["127.0.0.1"]},
        },
        "protocol_version": 4,
        "cql_version": session.execute("SELECT cql_version FROM system.local").one().cql_version,
    }
    with hook_to(cassandra, extra, conn_type="cassandra", schema=keyspace) as hook:
        opened = hook.get_conn()
        policy = opened.get_execution_profile(EXEC_PROFILE_DEFAULT).load_balancing_policy
        assert isinstance(policy, TokenAwarePolicy)
        assert isinstance(policy._child_policy, WhiteListRoundRobinPolicy)
        assert opened.keyspace == keyspace
        assert ask(hook).startswith(server_under_test().version)


def test_mixed_case_keyspace_is_found(cassandra: ServerAddress, hook_to: MakeHook, session: Any, keyspace: str) -> None:
    name = f"Mixed{keyspace}"
    session.execute(
        f"CREATE KEYSPACE \"{name}\" WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    try:
        session.execute(f'CREATE TABLE "{name}".t (id int PRIMARY KEY)')
        with hook_to(cassandra, schema=name) as hook:
            assert hook.get_conn().execute("SELECT id FROM t").all() == []
    finally:
        session.execute(f'DROP KEYSPACE "{name}"')


def test_keyspace_that_does_not_exist_is_an_error(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    hook = hook_to(cassandra, schema="no_such_keyspace")
    with hook, pytest.raises(ConnectionSettingsError, match="no_such_keyspace"):
        hook.get_conn()


def test_data_centre_that_does_not_exist_is_an_error(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    hook = hook_to(cassandra, {"local_data_centre": "dc9"})
    with hook, pytest.raises(ConnectionSettingsError, match="no data centre 'dc9'; the cluster has: datacenter1"):
        hook.get_conn()


@SHOWS_CLIENTS_OPTIONS
def test_failed_opening_leaves_no_connection_open(cassandra: ServerAddress, hook_to: MakeHook, session: Any) -> None:
    name = "leftover-of-a-failed-opening"
    hook = hook_to(cassandra, {"application_name": name}, schema="no_such_keyspace")
    with hook, pytest.raises(ConnectionSettingsError):
        hook.get_conn()
    # The server lists a connection until it has seen that the other side closed it.
    wait_until(lambda: name not in connected_applications(session), f"{name} is gone", 20)


def connected_applications(session: Any) -> list[str | None]:
    rows = session.execute("SELECT client_options FROM system_views.clients")
    return [dict(row.client_options or {}).get("APPLICATION_NAME") for row in rows]


@SHOWS_CLIENTS_OPTIONS
def test_server_sees_the_application_name(cassandra: ServerAddress, hook_to: MakeHook, session: Any) -> None:
    with hook_to(cassandra, {"application_name": "nightly-export"}) as hook:
        hook.get_conn()
        assert "nightly-export" in connected_applications(session)


@SHOWS_CLIENTS_OPTIONS
@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_traffic_is_compressed_as_asked(
    cassandra: ServerAddress, hook_to: MakeHook, session: Any, compression: str
) -> None:
    if compression != "none":
        pytest.importorskip(compression)
    extra = {"compression": compression, "application_name": f"compressed-{compression}"}
    with hook_to(cassandra, extra) as hook:
        assert ask(hook).startswith(server_under_test().version)
        rows = session.execute("SELECT client_options FROM system_views.clients")
        options = [dict(row.client_options or {}) for row in rows]
    used = {o.get("COMPRESSION") for o in options if o.get("APPLICATION_NAME") == extra["application_name"]}
    assert used == {None if compression == "none" else compression}


def test_round_robin_policy_reaches_the_session(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra, {"load_balancing_policy": "RoundRobinPolicy"}) as hook:
        profile = hook.get_conn().get_execution_profile(EXEC_PROFILE_DEFAULT)
        assert type(profile.load_balancing_policy) is RoundRobinPolicy


def test_connections_receive_in_large_pieces(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra) as hook:
        connection_class = hook.get_conn().cluster.connection_class
    assert issubclass(connection_class, DefaultConnection)
    assert connection_class.in_buffer_size == RECEIVE_BUFFER_BYTES > DefaultConnection.in_buffer_size
    assert connection_class.out_buffer_size == SEND_CHUNK_BYTES > DefaultConnection.out_buffer_size


def test_refused_query_is_a_terminal_error(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra) as hook:
        for query in ("SELECT nothing FROM nowhere.never", "SELEKT 1"):
            with pytest.raises(DRIVER_EXCEPTIONS) as caught:
                hook.get_conn().execute(query)
            assert type(translate_driver_error(caught.value, "asking")) is QueryError


# --- passwords


def test_right_password_is_accepted(cassandra_with_auth: ServerAddress, hook_to: MakeHook) -> None:
    with hook_to(cassandra_with_auth) as hook:
        assert ask(hook).startswith(server_under_test().version)


@pytest.mark.parametrize("login", ["cassandra", "nobody", None])
def test_wrong_credentials_are_a_terminal_error_without_the_password(
    cassandra_with_auth: ServerAddress, hook_to: MakeHook, caplog: pytest.LogCaptureFixture, login: str | None
) -> None:
    caplog.set_level(logging.DEBUG)
    hook = hook_to(cassandra_with_auth, login=login, password=PASSWORD if login else None)
    with hook, pytest.raises(AccessDeniedError) as caught:
        hook.get_conn()
    is_good, message = hook.test_connection()
    assert not is_good
    assert message.startswith("AccessDeniedError: ")
    for text in (str(caught.value), message, caplog.text):
        assert PASSWORD not in text


def test_missing_permission_is_a_terminal_error(cassandra_with_auth: ServerAddress, hook_to: MakeHook) -> None:
    with cassandra_with_auth.connect() as superuser:
        superuser.execute("CREATE ROLE IF NOT EXISTS reader WITH PASSWORD = 'reader' AND LOGIN = true")
    hook = hook_to(cassandra_with_auth, login="reader", password="reader")
    with hook, pytest.raises(DRIVER_EXCEPTIONS) as caught:
        hook.get_conn().execute("SELECT * FROM system_auth.roles")
    error = translate_driver_error(caught.value, "reading system_auth.roles")
    assert type(error) is AccessDeniedError
    assert "SELECT" in str(error)
