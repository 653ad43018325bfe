"""Translates a driver exception into the engine's own error, retryable or terminal, in the server's words.

Note: the driver has three unrelated families of exceptions (``cassandra.*``, the raw server messages of
``cassandra.protocol`` and plain connection errors), and turns a failed TLS handshake into an `OSError` of which only
the text tells that it was TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import cassandra
from cassandra import connection, pool, protocol
from cassandra.cluster import NoHostAvailable, Session

from airflow_provider_cqlai.engine.cassandra.cql_text import is_select
from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    ClusterUnavailableError,
    ConnectionSettingsError,
    CqlaiError,
    QueryError,
    TableChangedError,
)

# All that a driver call raises when the cluster or the network is at fault; programming errors are not among them.
DRIVER_EXCEPTIONS: tuple[type[Exception], ...] = (
    cassandra.DriverException,
    protocol.ErrorMessage,
    connection.ConnectionException,
    connection.ConnectionBusy,
    connection.ProtocolError,
    pool.NoConnectionsAvailable,
    NoHostAvailable,
    OSError,
)

_ACCESS_DENIED = (
    cassandra.AuthenticationFailed,
    cassandra.Unauthorized,
    protocol.BadCredentials,
    protocol.UnauthorizedErrorMessage,
)
_QUERY_REFUSED = (
    cassandra.RequestValidationException,
    cassandra.FunctionFailure,
    protocol.SyntaxException,
    protocol.InvalidRequestException,
    protocol.ConfigurationException,
    protocol.FunctionFailureMessage,
)
# A node answered, and what it answered may be the table's fault; not what only says that nodes are slow or away.
SERVER_ANSWERS: tuple[type[Exception], ...] = (
    *_QUERY_REFUSED,
    # The permissions on a table go with it.
    cassandra.Unauthorized,
    protocol.UnauthorizedErrorMessage,
    cassandra.ReadFailure,
    cassandra.WriteFailure,
    protocol.ReadFailureMessage,
    protocol.WriteFailureMessage,
    protocol.ServerError,
    protocol.PreparedQueryNotFound,
)
_SETTINGS_AT_FAULT = (
    cassandra.UnsupportedOperation,
    connection.ProtocolVersionUnsupported,
    connection.ProtocolError,
    protocol.ProtocolException,
)

# OpenSSL's reason codes that no later attempt cures.
_TLS_REFUSALS: Mapping[str, str] = {
    "CERTIFICATE_VERIFY_FAILED": "the server's certificate is not trusted; check tls_ca_certificate and the host name",
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port; check the port and tls",
    "RECORD_LAYER_FAILURE": "the server does not speak TLS on this port; check the port and tls",
    "CERTIFICATE_REQUIRED": "the server wants a client certificate; set tls_client_certificate and its key",
    "HANDSHAKE_FAILURE": "the server refused the TLS handshake; check the client certificate",
    "UNKNOWN_CA": "the server does not trust the client certificate; check tls_client_certificate",
    "BAD_CERTIFICATE": "the server refused the client certificate; check tls_client_certificate",
}


_PASSWORD = re.compile(r"\bpassword\b", re.IGNORECASE)
# Of "Tried connecting to [('10.0.0.1', 9042)]. Last error: Connection refused".
_LAST_ERROR = "Last error: "
# A TLS server answers plain text with a TLS alert; the driver takes its first byte, 0x15, for a protocol version.
_TLS_ALERT = "does not support protocol version 21"


def translate_driver_error(exception: BaseException, what: str, *, remedy: str = "") -> CqlaiError:
    """The engine's error for what a driver call raised; ``what`` was being done, such as ``"reading ks.events"``.

    ``remedy`` is what to do where no host answers.

    Timeouts, overload, missing replicas and lost connections are a `ClusterUnavailableError`, which is retryable, and
    so is everything not known to be terminal. An error of the engine's own comes back as it is.
    """
    if isinstance(exception, CqlaiError):
        return exception
    causes = list(causes_of(exception))
    for refused in causes:
        if isinstance(refused, _ACCESS_DENIED):
            return AccessDeniedError(f"access denied: {_access_advice(refused)}; {what}: {_words(refused)}")
    for cause in causes:
        advice = _tls_advice(cause)
        if advice:
            return ConnectionSettingsError(f"{advice}; {what}: {_words(cause)}", setting="tls")
    # Of several hosts, one that may answer later is enough to try again.
    if causes and all(isinstance(cause, _SETTINGS_AT_FAULT) for cause in causes):
        return ConnectionSettingsError(
            "server and driver do not agree; check protocol_version and compression of the connection;"
            f" {what}: {_words(causes[0])}",
            setting="protocol_version",
        )
    if isinstance(exception, protocol.PreparedQueryNotFound):
        return TableChangedError(f"{what}: the server forgot the prepared statement: {_words(exception)}")
    if isinstance(exception, _QUERY_REFUSED):
        return QueryError(f"{what}: the server refuses the query: {_words(exception)}")
    if isinstance(exception, cassandra.UnresolvableContactPoints):
        return ClusterUnavailableError(f"none of the host names can be resolved; check host of the connection; {what}")
    return ClusterUnavailableError(f"{f'{remedy}; ' if remedy else ''}{what}: {_all_words(exception)}")


def translate_statement_error(exception: BaseException, text: str, what: str) -> CqlaiError:
    """As `translate_driver_error`, of the statement ``text`` that was sent once: where it may have been run, that is
    said. Of a secret one nothing is quoted; raise that ``from None``."""
    translated = translate_driver_error(exception, what)
    if is_secret(text) and not translated.is_retryable:
        # The server repeats the statement around what it does not understand.
        return type(translated)(
            "the server refuses it; its words are left out, since the statement is about a password"
        )
    if translated.is_retryable and not is_select(text):
        unsure = "it may have been run, and a retry of the task runs it again"
        return type(translated)(f"{translated.message}; {unsure}", **translated.details)
    return translated


def is_secret(text: str) -> bool:
    """Whether the statement ``text`` is about a password."""
    return _PASSWORD.search(text) is not None


def is_page_too_large(exception: BaseException | None) -> bool:
    """Whether a guardrail refused the number of rows of a page; it binds every role but superusers."""
    return isinstance(exception, _QUERY_REFUSED) and "page_size violated" in str(exception)


def has_too_many_tombstones(exception: Exception) -> bool:
    """Whether replicas gave up over tombstones, of which there are fewer in a smaller page."""
    return isinstance(exception, cassandra.ReadFailure) and "TOO_MANY_TOMBSTONES" in str(exception)


def is_list_too_long(exception: Exception) -> bool:
    """Whether a guardrail refused the number of keys that a SELECT lists; it binds every role but superusers."""
    return isinstance(exception, _QUERY_REFUSED) and any(
        f"{guardrail} violated" in str(exception)
        for guardrail in ("partition_keys_in_select", "in_select_cartesian_product")
    )


def name_down_hosts(session: Session) -> str:
    """`` (down: 10.0.0.1:9042)``, for messages; nothing where all hosts are up. The driver's error may name none."""
    down = sorted(str(host.endpoint) for host in session.cluster.metadata.all_hosts() if not host.is_up)
    return f" (down: {', '.join(down)})" if down else ""


def causes_of(exception: BaseException) -> Iterator[BaseException]:
    """The driver's exceptions of every host that was tried, or the exception itself."""
    # After a session was open the driver gives a list of addresses instead of a mapping.
    errors = getattr(exception, "errors", None)
    if isinstance(exception, NoHostAvailable) and isinstance(errors, Mapping) and errors:
        for error in errors.values():
            if isinstance(error, BaseException):
                yield error
    else:
        yield exception


def _tls_advice(exception: BaseException) -> str | None:
    if isinstance(exception, connection.ProtocolError) and _TLS_ALERT in str(exception):
        return "the server wants TLS on this port; set tls"
    if not isinstance(exception, OSError | connection.ConnectionException):
        return None
    text = str(exception)
    if "[SSL" not in text:
        return None
    return next((advice for reason, advice in _TLS_REFUSALS.items() if reason in text), None)


def _all_words(exception: BaseException) -> str:
    if not isinstance(exception, NoHostAvailable):
        return _words(exception)
    errors = exception.errors
    if isinstance(errors, Mapping):
        hosts = "; ".join(f"{host}: {_words(error)}" for host, error in errors.items())
    else:
        hosts = ", ".join(str(host) for host in errors or ())
    return f"no host answered: {hosts or 'none is up'}"


def _access_advice(refused: BaseException) -> str:
    if isinstance(refused, cassandra.Unauthorized | protocol.UnauthorizedErrorMessage):
        return "grant the permission to the role that login of the connection names"
    return "check login and password of the connection"


def describe_briefly(error: BaseException) -> str:
    """Type and words of ``error``, without the addresses that a connection attempt lists before its reason."""
    words = str(error).rpartition(_LAST_ERROR)[2]
    # Python's number for a failed handshake is that of a missing permission.
    return words if words.startswith("[SSL") else f"{type(error).__name__}: {words}"


def _words(exception: object) -> str:
    if not isinstance(exception, BaseException):
        return str(exception)
    return describe_briefly(exception)
