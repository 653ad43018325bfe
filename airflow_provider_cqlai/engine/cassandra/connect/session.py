"""Opens a connected driver session from `ConnectionSettings`; whoever opens one closes it with `close_session`.

One execution profile is the default of every request, so requests may add profiles of their own. Note: the driver has
no option that tells the server who is connected, so the connection class adds it to STARTUP.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import tempfile
import zipfile
from typing import Any

from cassandra import ConsistencyLevel, ProtocolVersion
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    DefaultConnection,
    ExecutionProfile,
    NoHostAvailable,
    Session,
)
from cassandra.connection import ConnectionShutdown, locally_supported_compressions
from cassandra.policies import ExponentialReconnectionPolicy
from cassandra.protocol import StartupMessage

from airflow_provider_cqlai import __version__
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    causes_of,
    translate_driver_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.driver_log import ClusterWatch, close_watch, open_watch
from airflow_provider_cqlai.engine.cassandra.connect.load_balancing import build_policy, check_data_centre
from airflow_provider_cqlai.engine.cassandra.connect.settings import BUNDLE_FILES, ConnectionSettings
from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings, build_ssl_context
from airflow_provider_cqlai.engine.cassandra.wire.segment_connection import read_segments_leanly
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError

__all__ = ["ConnectionSettings", "Session", "TlsSettings", "close_session", "open_session"]

log = logging.getLogger(__name__)

# The driver's own ceiling is ten minutes; a host that is back should serve the running task.
RECONNECT_BASE_SECONDS = 0.5
RECONNECT_MAX_SECONDS = 10.0
# The driver's own 4 KiB make hundreds of system calls of a page.
RECEIVE_BUFFER_BYTES = 256 * 1024
# Nor should a batch of 64 KiB be sent in 16 pieces, each of which gives the interpreter away and waits for it again.
SEND_CHUNK_BYTES = 256 * 1024

_HUNG_UP = (ConnectionResetError, BrokenPipeError, ssl.SSLError, ConnectionShutdown)


class _Cluster(Cluster):  # type: ignore[misc]
    # Where negotiation starts. The driver's own start is a version of DataStax Enterprise, which costs every connection
    # two refused attempts and two warnings.
    protocol_version = ProtocolVersion.V5
    watch: ClusterWatch | None = None

    def shutdown(self) -> None:
        super().shutdown()
        if self.watch is not None:
            close_watch(self.watch)


def open_session(settings: ConnectionSettings) -> Session:
    """A connected session with ``settings`` as its defaults; `close_session` gives everything back.

    `AccessDeniedError` for refused credentials, `ConnectionSettingsError` for settings that do not fit this cluster or
    machine, `ClusterUnavailableError` when no host answers. Nothing stays open when it raises.
    """
    try:
        cluster = _build_cluster(settings)
        with contextlib.ExitStack() as on_error:
            on_error.callback(cluster.shutdown)
            cluster.watch = open_watch(cluster)
            session = _connect(cluster, settings)
            _check_cluster(cluster, settings)
            session.default_fetch_size = settings.page_size_rows
            if settings.keyspace is not None:
                session.set_keyspace(settings.keyspace)
            on_error.pop_all()
        cluster.watch.finish_opening()
    except DRIVER_EXCEPTIONS as error:
        what = f"connecting to {_describe(settings)}"
        raise translate_driver_error(error, what, remedy=_find_remedy(settings, error)) from error
    return session


def close_session(session: Session) -> None:
    """Close the session with its cluster's threads and connections. Closing again does nothing."""
    session.cluster.shutdown()


def _build_cluster(settings: ConnectionSettings) -> _Cluster:
    profile = ExecutionProfile(
        load_balancing_policy=build_policy(settings.load_balancing),
        consistency_level=ConsistencyLevel.name_to_value[settings.consistency_level],
        serial_consistency_level=ConsistencyLevel.name_to_value.get(settings.serial_consistency_level),
        request_timeout=settings.request_timeout_seconds,
    )
    arguments: dict[str, Any] = {
        "execution_profiles": {EXEC_PROFILE_DEFAULT: profile},
        "compression": _find_compression(settings.compression),
        "connect_timeout": settings.connect_timeout_seconds,
        "control_connection_timeout": settings.connect_timeout_seconds,
        "connection_class": _named_connection_class(settings.application_name),
        "reconnection_policy": ExponentialReconnectionPolicy(
            RECONNECT_BASE_SECONDS, RECONNECT_MAX_SECONDS, max_attempts=None
        ),
        "cql_version": settings.cql_version,
    }
    if settings.protocol_version is not None:
        arguments["protocol_version"] = settings.protocol_version
    if settings.username is not None:
        arguments["auth_provider"] = PlainTextAuthProvider(settings.username, settings.password)
    if settings.secure_connect_bundle is not None:
        arguments["cloud"] = {
            "secure_connect_bundle": settings.secure_connect_bundle,
            "ssl_context": _bundle_ssl_context(settings.secure_connect_bundle),
            "connect_timeout": settings.connect_timeout_seconds,
            # Otherwise the driver unpacks it beside the bundle, which is often a read-only mount.
            "use_default_tempdir": True,
        }
    else:
        arguments["port"] = settings.port
        arguments["contact_points"] = [
            (point.address, point.port or settings.port) for point in settings.contact_points
        ]
        if settings.tls is not None:
            arguments["ssl_context"] = build_ssl_context(settings.tls)
    return _Cluster(**arguments)


def _connect(cluster: Cluster, settings: ConnectionSettings) -> Session:
    try:
        session = cluster.connect()
    except NoHostAvailable:
        # A data centre that does not exist leaves no host to ask, though the cluster answered.
        _check_data_centre(cluster, settings)
        raise
    _check_data_centre(cluster, settings)
    return session


def _check_data_centre(cluster: Cluster, settings: ConnectionSettings) -> None:
    hosts = cluster.metadata.all_hosts()
    contacted = [cluster.metadata.get_host(endpoint) for endpoint in cluster.endpoints_resolved]
    check_data_centre(
        settings.load_balancing,
        known=[host.datacenter for host in hosts if host.datacenter],
        contacted=[host.datacenter for host in contacted if host is not None and host.datacenter],
    )


def _check_cluster(cluster: Cluster, settings: ConnectionSettings) -> None:
    if settings.compression == "snappy" and ProtocolVersion.has_checksumming_support(cluster.protocol_version):
        raise ConnectionSettingsError(
            f"compression='snappy' does not exist in protocol version {cluster.protocol_version}, which server and"
            " driver agreed on; take 'lz4', or set protocol_version to 4",
            setting="compression",
        )
    if settings.keyspace is not None and settings.keyspace not in cluster.metadata.keyspaces:
        raise ConnectionSettingsError(
            f"the connection's schema: there is no keyspace {settings.keyspace!r} (written exactly as it is, without"
            " quotes)",
            setting="keyspace",
        )


def _find_compression(compression: str | None) -> str | bool:
    if compression is None:
        return True
    if compression == "none":
        return False
    if compression not in locally_supported_compressions:
        package = {"lz4": "lz4", "snappy": "python-snappy"}[compression]
        raise ConnectionSettingsError(
            f"compression={compression!r} needs the Python package {package}, which is not installed here:"
            f" pip install {package}",
            setting="compression",
        )
    return compression


def _named_connection_class(application_name: str) -> type:
    # The driver's default is the fastest reactor it has: libev where that is compiled in.
    class NamedConnection(read_segments_leanly(DefaultConnection)):  # type: ignore[misc]
        in_buffer_size = RECEIVE_BUFFER_BYTES
        out_buffer_size = SEND_CHUNK_BYTES
        last_error: Exception | None

        def send_msg(self, msg: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(msg, StartupMessage):
                msg.options.update(APPLICATION_NAME=application_name, APPLICATION_VERSION=__version__)
            return super().send_msg(msg, *args, **kwargs)

        def close(self) -> None:
            super().close()
            # As the driver's other reactors do. With libev, whoever opens a connection that the server closes instead
            # of answering would wait for all of connect_timeout_seconds.
            if not self.connected_event.is_set():
                self.last_error = self.last_error or ConnectionShutdown(f"Connection to {self.endpoint} was closed")
                self.connected_event.set()

    return NamedConnection


def _bundle_ssl_context(path: str) -> ssl.SSLContext:
    with tempfile.TemporaryDirectory(prefix="cqlai-bundle-") as directory, zipfile.ZipFile(path) as bundle:
        _, ca_certificate, certificate, key = (bundle.extract(name, directory) for name in BUNDLE_FILES)
        return build_ssl_context(
            TlsSettings(
                ca_certificate=ca_certificate,
                client_certificate=certificate,
                client_private_key=key,
                # Nodes are addressed by their id through one proxy: its name is not in their certificates.
                is_hostname_checked=False,
            )
        )


def _find_remedy(settings: ConnectionSettings, error: Exception) -> str:
    """What servers that hung up may have wanted, since they do not say and an overloaded one hangs up as well; else
    where to look when no host answers."""
    if any(isinstance(cause, _HUNG_UP) for cause in causes_of(error)):
        if settings.tls is None and settings.secure_connect_bundle is None:
            return "the server hung up: if it expects TLS, set tls of the connection"
        if settings.tls is not None and settings.tls.client_certificate is None:
            return "the server hung up: if it expects a client certificate, set tls_client_certificate"
    if settings.secure_connect_bundle is not None:
        return "check secure_connect_bundle of the connection, and whether the cluster is up"
    return "check host and port of the connection, and whether the cluster is up"


def _describe(settings: ConnectionSettings) -> str:
    if settings.secure_connect_bundle is not None:
        return f"secure_connect_bundle {settings.secure_connect_bundle!r}"
    return ", ".join(
        str(point) if point.port else f"{point} (port {settings.port})" for point in settings.contact_points
    )
