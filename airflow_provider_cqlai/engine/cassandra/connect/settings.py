"""Everything that decides how a session is opened, checked where it is built: `session.open_session` takes it.

Plain values in (a hook reads them from an Airflow Connection, a script writes them), no connection made. Secrets are
left out of ``repr``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cassandra import ConsistencyLevel, ProtocolVersion

from airflow_provider_cqlai.engine.cassandra.connect.contact_points import ContactPoint, read_contact_points
from airflow_provider_cqlai.engine.cassandra.connect.load_balancing import LoadBalancing, read_load_balancing
from airflow_provider_cqlai.engine.cassandra.connect.tls import TlsSettings
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError, OptionError
from airflow_provider_cqlai.engine.options.values.checks import check_at_least, check_choice

COMPRESSIONS = ("lz4", "snappy", "none")
CONSISTENCY_LEVELS = tuple(ConsistencyLevel.name_to_value)
SERIAL_CONSISTENCY_LEVELS = ("SERIAL", "LOCAL_SERIAL")
PROTOCOL_VERSIONS = (3, 4, 5)
# What a bundle of a cloud service holds; the first is how to find the cluster, the others are its TLS files.
BUNDLE_FILES = ("config.json", "ca.crt", "cert", "key")


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings:
    """How to reach a cluster, and the defaults of every request."""

    hosts: str | Sequence[str | ContactPoint] = ()
    """Nodes to ask first: ``"node1, 10.0.0.2:9043, [::1]:9042"``. One that answers is enough."""

    port: int = 9042
    """Port of every host that does not name its own, and of the nodes that the cluster tells about."""

    username: str | None = None
    """Given together with ``password``, or not at all."""

    password: str | None = field(default=None, repr=False)
    """Given together with ``username``, or not at all."""

    keyspace: str | None = None
    """Keyspace of tables named without one; exactly as written, mixed case too."""

    local_data_centre: str | None = None
    """Data centre whose nodes are asked; None takes that of the contact points, where they are all in one."""

    consistency_level: str = "LOCAL_QUORUM"
    """Replicas that must agree on a row. ``"ONE"`` spares the cluster and may miss rows that a replica lacks."""

    serial_consistency_level: str | None = None
    """``"SERIAL"`` or ``"LOCAL_SERIAL"``, for lightweight transactions; None is the server's default."""

    load_balancing_policy: str | None = None
    """A policy's name, see `load_balancing.POLICIES`; None is token aware over the local data centre."""

    load_balancing_policy_args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of ``load_balancing_policy``."""

    protocol_version: int | None = None
    """3, 4 or 5; None takes the highest that the server speaks."""

    cql_version: str | None = None
    """Version of the CQL language, such as ``"3.4.7"``; None is the server's newest."""

    compression: str | None = None
    """Of the traffic: ``"lz4"`` or ``"snappy"`` (fails where it cannot be had), ``"none"``; None takes what both ends
    have."""

    connect_timeout_seconds: float = 10.0
    """Until a host that does not answer counts as down."""

    request_timeout_seconds: float = 30.0
    """Until a request counts as timed out; above the servers' own ``range_request_timeout``, 10 s by default."""

    page_size_rows: int = 10_000
    """Rows per page, where an operator does not say."""

    tls: TlsSettings | None = None
    """None is an unencrypted connection."""

    secure_connect_bundle: str | None = None
    """Path of a cloud service's zip file, which replaces hosts, port and TLS."""

    application_name: str = "airflow-provider-cqlai"
    """Shown by the servers in ``system_views.clients``."""

    def __post_init__(self) -> None:
        with _settings_errors():
            object.__setattr__(self, "hosts", read_contact_points(self.hosts))
            object.__setattr__(
                self, "consistency_level", _check_name("consistency_level", self.consistency_level, CONSISTENCY_LEVELS)
            )
            if self.serial_consistency_level is not None:
                level = _check_name(
                    "serial_consistency_level", self.serial_consistency_level, SERIAL_CONSISTENCY_LEVELS
                )
                object.__setattr__(self, "serial_consistency_level", level)
            if self.compression is not None:
                compression = check_choice("compression", self.compression, COMPRESSIONS)
                object.__setattr__(self, "compression", compression)
            _check_whole("port", self.port, 1, 65_535)
            _check_whole("page_size", self.page_size_rows, 1, 2**31 - 1)
            for name in ("connect_timeout_seconds", "request_timeout_seconds"):
                check_at_least(name, getattr(self, name), 0.001)
        if (self.username is None) != (self.password is None):
            missing, given = ("password", "login") if self.password is None else ("login", "password")
            raise ConnectionSettingsError(f"{given} without {missing}", setting=missing)
        self._check_protocol()
        self._check_where_to_connect()
        read_load_balancing(self.load_balancing_policy, self.load_balancing_policy_args, self.local_data_centre)

    @property
    def contact_points(self) -> tuple[ContactPoint, ...]:
        """``hosts``, read."""
        return self.hosts  # type: ignore[return-value]

    @property
    def load_balancing(self) -> LoadBalancing:
        return read_load_balancing(self.load_balancing_policy, self.load_balancing_policy_args, self.local_data_centre)

    def _check_protocol(self) -> None:
        version = self.protocol_version
        if version is None:
            return
        if isinstance(version, bool) or version not in PROTOCOL_VERSIONS:
            raise ConnectionSettingsError(
                f"protocol_version={version!r} is unknown; known versions: {', '.join(map(str, PROTOCOL_VERSIONS))}",
                setting="protocol_version",
            )
        if self.compression == "snappy" and ProtocolVersion.has_checksumming_support(version):
            raise ConnectionSettingsError(
                f"compression='snappy' does not exist in protocol_version {version}; take 'lz4', or version 4",
                setting="compression",
            )

    def _check_where_to_connect(self) -> None:
        if self.secure_connect_bundle is None:
            if not self.hosts:
                raise ConnectionSettingsError("no host: name at least one, or a secure_connect_bundle", setting="hosts")
            return
        if self.hosts or self.tls is not None:
            raise ConnectionSettingsError(
                "a secure_connect_bundle brings its own hosts and TLS: leave host and the tls settings empty",
                setting="secure_connect_bundle",
            )
        check_bundle(self.secure_connect_bundle)


def check_bundle(path: str) -> None:
    """Raise `ConnectionSettingsError` unless ``path`` is a secure connect bundle with all its files."""
    try:
        with zipfile.ZipFile(path) as bundle:
            missing = sorted(set(BUNDLE_FILES) - set(bundle.namelist()))
    except (OSError, zipfile.BadZipFile) as error:
        raise ConnectionSettingsError(
            f"secure_connect_bundle {path!r} cannot be read: {error}", setting="secure_connect_bundle"
        ) from error
    if missing:
        raise ConnectionSettingsError(
            f"secure_connect_bundle {path!r} lacks {', '.join(missing)}", setting="secure_connect_bundle"
        )


@contextmanager
def _settings_errors() -> Iterator[None]:
    try:
        yield
    except OptionError as error:
        raise ConnectionSettingsError(error.message, setting=error.option) from None


def _check_name(setting: str, name: object, known: Sequence[str]) -> str:
    return check_choice(setting, name, [level.lower() for level in known]).upper()


def _check_whole(setting: str, value: object, minimum: int, maximum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ConnectionSettingsError(
            f"{setting}={value!r} must be a whole number from {minimum} to {maximum}", setting=setting
        )
