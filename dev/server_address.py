"""How to reach a running cluster, whoever started it.

Tests, the demo and the benchmarks create tables and count rows with a plain driver session: not the session of the
provider, so that neither hides a mistake of the other.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import DCAwareRoundRobinPolicy

from dev.certificates import CertificateFiles

DATACENTER = "datacenter1"
# Schema changes and truncations on a busy machine of two cores take seconds.
_REQUEST_SECONDS = 60.0
_CONNECT_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class ServerAddress:
    """Host and port for CQL, and what a client must show."""

    host: str
    port: int
    hosts: tuple[str, ...] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    certificates: CertificateFiles | None = None

    @contextmanager
    def connect(self) -> Iterator[Session]:
        """A session that is closed with its cluster at the end of the block."""
        profile = ExecutionProfile(
            load_balancing_policy=DCAwareRoundRobinPolicy(DATACENTER), request_timeout=_REQUEST_SECONDS
        )
        cluster = Cluster(
            list(self.hosts or (self.host,)),
            port=self.port,
            protocol_version=5,
            auth_provider=PlainTextAuthProvider(self.username, self.password) if self.username else None,
            ssl_context=self.tls_context() if self.certificates else None,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            connect_timeout=_CONNECT_SECONDS,
            # Reading the schema, for which the driver has 2 seconds.
            control_connection_timeout=_CONNECT_SECONDS,
            # What others change is not read again here: with each statement of a test, in every process, it would be.
            schema_event_refresh_window=-1,
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def tls_context(self) -> ssl.SSLContext:
        """Trusts the cluster's authority and shows the client's certificate."""
        if self.certificates is None:
            raise ValueError("this cluster was started without TLS")
        context = ssl.create_default_context(cafile=self.certificates.authority)
        # The driver's own hostname check is tested through the provider's hook.
        context.check_hostname = False
        context.load_cert_chain(self.certificates.client_certificate, self.certificates.client_key)
        return context
