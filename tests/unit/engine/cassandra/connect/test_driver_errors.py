"""Driver exceptions become the engine's errors."""

from __future__ import annotations

import ssl

import cassandra
import pytest
from cassandra import connection, protocol
from cassandra.cluster import NoHostAvailable

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    ClusterUnavailableError,
    ConnectionSettingsError,
    CqlaiError,
    QueryError,
    TableChangedError,
)

REFUSED = ConnectionRefusedError(111, "Connection refused")


def server_message(message_type: type, text: str = "words of the server") -> Exception:
    return message_type(code=message_type.error_code, message=text, info=None)  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        (cassandra.AuthenticationFailed("Failed to authenticate"), AccessDeniedError),
        (cassandra.Unauthorized("no SELECT permission"), AccessDeniedError),
        (server_message(protocol.BadCredentials), AccessDeniedError),
        (cassandra.InvalidRequest("unconfigured table"), QueryError),
        (server_message(protocol.SyntaxException), QueryError),
        (server_message(protocol.ConfigurationException), QueryError),
        (cassandra.FunctionFailure("f", "ks", "f", []), QueryError),
        (server_message(protocol.PreparedQueryNotFound), TableChangedError),
        (cassandra.ReadTimeout("t"), ClusterUnavailableError),
        (cassandra.WriteTimeout("t", write_type=0), ClusterUnavailableError),
        (cassandra.Unavailable("u"), ClusterUnavailableError),
        (cassandra.ReadFailure("f"), ClusterUnavailableError),
        (cassandra.OperationTimedOut(), ClusterUnavailableError),
        (server_message(protocol.OverloadedErrorMessage), ClusterUnavailableError),
        (server_message(protocol.IsBootstrappingErrorMessage), ClusterUnavailableError),
        (server_message(protocol.ServerError), ClusterUnavailableError),
        (connection.ConnectionShutdown("closed"), ClusterUnavailableError),
        (connection.ConnectionBusy(), ClusterUnavailableError),
        (NoHostAvailable("none", {}), ClusterUnavailableError),
        (NoHostAvailable("none", ["127.0.0.1"]), ClusterUnavailableError),
        (NoHostAvailable("none", {"a": REFUSED}), ClusterUnavailableError),
        (NoHostAvailable("none", {"a": REFUSED, "b": cassandra.AuthenticationFailed("bad")}), AccessDeniedError),
        (NoHostAvailable("none", {"a": connection.ProtocolVersionUnsupported("a", 5)}), ConnectionSettingsError),
        (
            NoHostAvailable("none", {"a": REFUSED, "b": connection.ProtocolVersionUnsupported("b", 5)}),
            ClusterUnavailableError,
        ),
        (cassandra.UnresolvableContactPoints({}), ClusterUnavailableError),
        (REFUSED, ClusterUnavailableError),
        (ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF"), ClusterUnavailableError),
        (OSError(1, "Last error: [SSL: CERTIFICATE_VERIFY_FAILED] unable to get issuer"), ConnectionSettingsError),
        (OSError(1, "Last error: [SSL: WRONG_VERSION_NUMBER] wrong version number"), ConnectionSettingsError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_driver_exception_becomes(exception: Exception, expected: type[CqlaiError]) -> None:
    assert isinstance(exception, DRIVER_EXCEPTIONS)
    error = translate_driver_error(exception, "reading ks.events")
    assert type(error) is expected
    assert "reading ks.events" in str(error)


def test_alert_of_a_tls_server_is_no_protocol_version() -> None:
    alert = connection.ProtocolError("This version of the driver does not support protocol version 21")
    error = translate_driver_error(NoHostAvailable("none", {"a": alert}), "connecting")
    assert isinstance(error, ConnectionSettingsError)
    assert error.setting == "tls"
    assert "wants TLS" in str(error)


def test_words_of_every_host_are_kept() -> None:
    error = translate_driver_error(
        NoHostAvailable("none", {"a": REFUSED, "b": connection.ConnectionShutdown("was closed")}), "connecting"
    )
    assert "a: ConnectionRefusedError" in str(error)
    assert "b: ConnectionShutdown: was closed" in str(error)


def test_server_words_are_kept() -> None:
    error = translate_driver_error(server_message(protocol.SyntaxException, "no viable alternative"), "preparing")
    assert "no viable alternative" in str(error)


def test_error_of_the_engine_comes_back_as_it_is() -> None:
    error = QueryError("mine")
    assert translate_driver_error(error, "x") is error


@pytest.mark.parametrize("exception", [TypeError("x"), KeyError("x"), AssertionError()])
def test_programming_errors_are_not_driver_exceptions(exception: Exception) -> None:
    assert not isinstance(exception, DRIVER_EXCEPTIONS)
