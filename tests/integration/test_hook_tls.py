"""The hook on servers with TLS and client certificates, and behind a secure connect bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, ConnectionSettingsError
from tests.cassandra_versions import server_under_test
from tests.integration.cloud_service import open_cloud_service
from tests.integration.hook_connections import MakeHook, ask
from tests.integration.tls_endpoint import open_tls_endpoint

if TYPE_CHECKING:
    from dev.server_address import ServerAddress


# --- TLS


def tls_extra(server: ServerAddress, **changes: Any) -> dict[str, Any]:
    assert server.certificates is not None
    extra = {
        "tls": True,
        "tls_ca_certificate": str(server.certificates.authority),
        "tls_client_certificate": str(server.certificates.client_certificate),
        "tls_client_private_key": str(server.certificates.client_key),
    }
    return {name: value for name, value in {**extra, **changes}.items() if value is not None}


@pytest.mark.needs_cassandra("4.1", "the options of connected clients")
def test_tls_with_certificates_as_paths(cassandra_with_tls: ServerAddress, hook_to: MakeHook) -> None:
    extra = tls_extra(cassandra_with_tls, application_name="over-tls")
    with hook_to(cassandra_with_tls, extra) as hook:
        query = "SELECT client_options, ssl_enabled FROM system_views.clients"
        rows = [row for row in hook.get_conn().execute(query) if "over-tls" in dict(row.client_options).values()]
        assert {row.ssl_enabled for row in rows} == {True}


def test_tls_with_certificates_as_single_line_text(cassandra_with_tls: ServerAddress, hook_to: MakeHook) -> None:
    as_text = {
        name: Path(value).read_text("ascii").replace("\n", " ")
        for name, value in tls_extra(cassandra_with_tls, tls=None).items()
    }
    with hook_to(cassandra_with_tls, as_text) as hook:
        assert ask(hook).startswith(server_under_test().version)


def test_tls_by_the_official_hooks_options(cassandra_with_tls: ServerAddress, hook_to: MakeHook) -> None:
    extra = tls_extra(cassandra_with_tls)
    options = {
        "ca_certs": extra["tls_ca_certificate"],
        "certfile": extra["tls_client_certificate"],
        "keyfile": extra["tls_client_private_key"],
    }
    with hook_to(cassandra_with_tls, {"ssl_options": options}, conn_type="cassandra") as hook:
        assert ask(hook).startswith(server_under_test().version)


def test_untrusted_server_is_a_terminal_error(cassandra_with_tls: ServerAddress, hook_to: MakeHook) -> None:
    assert cassandra_with_tls.certificates is not None
    untrusted = str(cassandra_with_tls.certificates.untrusted_authority)
    for authority in (untrusted, None):
        hook = hook_to(cassandra_with_tls, tls_extra(cassandra_with_tls, tls_ca_certificate=authority))
        with hook, pytest.raises(ConnectionSettingsError, match="tls_ca_certificate"):
            hook.get_conn()


def test_missing_client_certificate_is_an_error_that_says_so(
    cassandra_with_tls: ServerAddress, hook_to: MakeHook
) -> None:
    extra = tls_extra(cassandra_with_tls, tls_client_certificate=None, tls_client_private_key=None)
    with hook_to(cassandra_with_tls, extra) as hook:
        is_good, message = hook.test_connection()
    assert not is_good
    assert "tls_client_certificate" in message


def test_plain_connection_to_a_tls_server_says_that_it_may_want_tls(
    cassandra_with_tls: ServerAddress, hook_to: MakeHook
) -> None:
    is_good, message = hook_to(cassandra_with_tls, {"connect_timeout_seconds": 3}).test_connection()
    assert not is_good
    assert "tls" in message.lower()


def test_tls_to_a_plain_server_is_a_terminal_error(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    hook = hook_to(cassandra, {"tls": True})
    with hook, pytest.raises(ConnectionSettingsError, match="does not speak TLS"):
        hook.get_conn()


def test_certificate_of_another_name_is_refused_unless_names_are_not_checked(
    hook_to: MakeHook, cassandra: ServerAddress, tmp_path: Path
) -> None:
    with open_tls_endpoint("elsewhere.example.org", tmp_path) as endpoint:
        extra = {"tls_ca_certificate": str(endpoint.authority), "connect_timeout_seconds": 3}
        with hook_to(cassandra, extra, port=endpoint.port) as hook, pytest.raises(ConnectionSettingsError) as caught:
            hook.get_conn()
        assert "127.0.0.1" in str(caught.value)
        assert endpoint.handshakes == 0
        hook = hook_to(cassandra, {**extra, "tls_check_hostname": False}, port=endpoint.port)
        # The endpoint closes after the handshake, which is as far as this goes.
        with hook, pytest.raises(ClusterUnavailableError):
            hook.get_conn()
        assert endpoint.handshakes > 0


# --- secure connect bundle


def test_secure_connect_bundle_leads_to_the_cluster(
    cassandra_with_tls: ServerAddress, hook_to: MakeHook, tmp_path: Path
) -> None:
    with open_cloud_service(cassandra_with_tls, tmp_path) as bundle:
        bundle.chmod(0o400)
        with hook_to(cassandra_with_tls, {"secure_connect_bundle": str(bundle)}, host=None, port=None) as hook:
            assert ask(hook).startswith(server_under_test().version)
        assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def test_bundle_of_a_service_that_is_down_is_a_retryable_error(
    cassandra_with_tls: ServerAddress, hook_to: MakeHook, tmp_path: Path
) -> None:
    with open_cloud_service(cassandra_with_tls, tmp_path) as bundle:
        pass
    hook = hook_to(cassandra_with_tls, {"secure_connect_bundle": str(bundle)}, host=None, port=None)
    with hook, pytest.raises(ClusterUnavailableError, match="metadata service"):
        hook.get_conn()


def test_bundle_that_is_missing_is_named_by_the_test_button(cassandra: ServerAddress, hook_to: MakeHook) -> None:
    extra = {"secure_connect_bundle": "/nowhere/bundle.zip"}
    is_good, message = hook_to(cassandra, extra, host=None, port=None).test_connection()
    assert not is_good
    assert "/nowhere/bundle.zip" in message
