"""The one table of what a Connection may say: every standard field and every extra, with the setting it becomes.

`connection_form` makes the forms of Airflow 3.2 and 2.11 from it, `connection_reading` the settings. Note: provider
discovery reads this file in every Airflow process, so it imports neither airflow nor the driver, and writes out choices
that the engine knows too (a test holds the two together).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import get_args

from airflow_provider_cqlai.engine.options.values.choices import ConsistencyLevelName

CONNECTION_TYPE = "cqlai"

CONSISTENCY_LEVELS: tuple[str, ...] = get_args(ConsistencyLevelName)
LOAD_BALANCING_POLICIES = (
    "RoundRobinPolicy",
    "DCAwareRoundRobinPolicy",
    "WhiteListRoundRobinPolicy",
    "TokenAwarePolicy",
)


class Kind(Enum):
    """How a value is written, in a form as in JSON."""

    TEXT = "text"
    WHOLE_NUMBER = "whole number"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MAPPING = "mapping"
    PEM = "path or PEM text"


@dataclass(frozen=True, kw_only=True)
class ConnectionField:
    """One thing that a Connection may say."""

    name: str
    """Name of the extra, or of the Connection's attribute."""

    setting: str
    """Field of `ConnectionSettings` that it sets; ``tls.`` leads into `TlsSettings`."""

    label: str
    other_names: tuple[str, ...] = ()
    """Spellings that the driver and other tools use for the same."""

    description: str = ""
    kind: Kind = Kind.TEXT
    choices: tuple[str | int, ...] = ()
    default: bool | None = None
    """What an untouched form shows, where that is not nothing."""

    placeholder: str = ""
    is_secret: bool = False
    is_in_form: bool = True
    """False for what only Connections made for other hooks say."""


ATTRIBUTES = (
    ConnectionField(name="host", setting="hosts", label="Hosts", placeholder="node1, 10.0.0.2:9042, [::1]:9042"),
    ConnectionField(name="port", setting="port", label="Port", kind=Kind.WHOLE_NUMBER, placeholder="9042"),
    ConnectionField(name="login", setting="username", label="User name"),
    ConnectionField(name="password", setting="password", label="Password", is_secret=True),
    ConnectionField(name="schema", setting="keyspace", label="Keyspace"),
)

EXTRAS = (
    ConnectionField(
        name="local_data_centre",
        setting="local_data_centre",
        label="Local data centre",
        other_names=("local_dc", "localDatacenter", "local_datacenter", "local_data_center", "datacenter"),
        description="Whose nodes are asked. Empty takes that of the hosts, where they are all in one.",
    ),
    ConnectionField(
        name="consistency_level",
        setting="consistency_level",
        label="Consistency level",
        description="Replicas that must agree on a row; empty is LOCAL_QUORUM.",
        choices=CONSISTENCY_LEVELS,
    ),
    ConnectionField(
        name="serial_consistency_level",
        setting="serial_consistency_level",
        label="Serial consistency level",
        description="For lightweight transactions; empty is the servers' default.",
        choices=("SERIAL", "LOCAL_SERIAL"),
    ),
    ConnectionField(
        name="load_balancing_policy",
        setting="load_balancing_policy",
        label="Load balancing policy",
        description="Empty is token aware over the nodes of the local data centre.",
        choices=LOAD_BALANCING_POLICIES,
    ),
    ConnectionField(
        name="load_balancing_policy_args",
        setting="load_balancing_policy_args",
        label="Load balancing policy arguments",
        description='A JSON object, such as {"local_dc": "dc1", "used_hosts_per_remote_dc": 1}.',
        kind=Kind.MAPPING,
    ),
    ConnectionField(
        name="protocol_version",
        setting="protocol_version",
        label="Protocol version",
        description="Empty takes the highest that the servers speak.",
        kind=Kind.WHOLE_NUMBER,
        choices=(3, 4, 5),
    ),
    ConnectionField(
        name="compression",
        setting="compression",
        label="Compression of the traffic",
        description="Empty takes what both ends have; lz4 needs the Python package lz4, snappy python-snappy.",
        choices=("lz4", "snappy", "none"),
    ),
    ConnectionField(
        name="connect_timeout_seconds",
        setting="connect_timeout_seconds",
        label="Connect timeout (seconds)",
        description="Until a host that does not answer counts as down; empty is 10.",
        kind=Kind.NUMBER,
    ),
    ConnectionField(
        name="request_timeout_seconds",
        setting="request_timeout_seconds",
        label="Request timeout (seconds)",
        description="Until a request counts as timed out; empty is 30.",
        kind=Kind.NUMBER,
    ),
    ConnectionField(
        name="page_size",
        setting="page_size_rows",
        label="Page size (rows)",
        description="Rows per page where an operator does not say; empty is 10000.",
        kind=Kind.WHOLE_NUMBER,
    ),
    ConnectionField(
        name="tls",
        setting="tls",
        label="TLS",
        description="Encrypt the connection; also on where a certificate is given.",
        kind=Kind.BOOLEAN,
    ),
    ConnectionField(
        name="tls_ca_certificate",
        setting="tls.ca_certificate",
        label="TLS CA certificate",
        description="Path or PEM text; empty trusts what the system trusts.",
        kind=Kind.PEM,
    ),
    ConnectionField(
        name="tls_client_certificate",
        setting="tls.client_certificate",
        label="TLS client certificate",
        description="Path or PEM text, for servers that ask for one.",
        kind=Kind.PEM,
    ),
    ConnectionField(
        name="tls_client_private_key",
        setting="tls.client_private_key",
        label="TLS client private key",
        description="Path or PEM text.",
        kind=Kind.PEM,
        is_secret=True,
    ),
    ConnectionField(
        name="tls_client_private_key_password",
        setting="tls.client_private_key_password",
        label="TLS client private key password",
        is_secret=True,
    ),
    ConnectionField(
        name="tls_check_hostname",
        setting="tls.is_hostname_checked",
        label="TLS host name check",
        description="The servers' certificates must name their IP addresses; empty is true.",
        kind=Kind.BOOLEAN,
        default=True,
    ),
    ConnectionField(
        name="secure_connect_bundle",
        setting="secure_connect_bundle",
        label="Secure connect bundle",
        description="Path of a cloud service's zip file; leave Hosts and TLS empty.",
    ),
    ConnectionField(
        name="application_name",
        setting="application_name",
        label="Application name",
        description="Shown by the servers in system_views.clients.",
    ),
    ConnectionField(name="cql_version", setting="cql_version", label="CQL version", is_in_form=False),
    ConnectionField(
        name="ssl_options",
        setting="tls",
        label="TLS options of the official Cassandra hook",
        description="ca_certs, certfile, keyfile, cert_reqs, check_hostname, ciphers, ssl_version: as in that hook.",
        kind=Kind.MAPPING,
        is_in_form=False,
    ),
)
