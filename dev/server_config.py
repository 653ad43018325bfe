"""Writes the configuration files of one node: ``cassandra.yaml`` and ``logback.xml``.

JSON is YAML, so ``json`` writes the file and quotes paths with spaces or other scripts. Settings are named as since
4.1, and renamed for 4.0.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.certificates import CertificateFiles

_LOGBACK = """<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>system.log</file>
    <encoder><pattern>%-5level %date{ISO8601} %logger{0}:%line - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
"""
# 4.0 has the unit in the name, and numbers without one.
_NAMES_OF_4_0 = {
    "commitlog_sync_period": "commitlog_sync_period_in_ms",
    "materialized_views_enabled": "enable_materialized_views",
    "user_defined_functions_enabled": "enable_user_defined_functions",
    "sasi_indexes_enabled": "enable_sasi_indexes",
    "permissions_validity": "permissions_validity_in_ms",
    "roles_validity": "roles_validity_in_ms",
    "credentials_validity": "credentials_validity_in_ms",
}


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """One node of a cluster; the nodes differ only in ``host``."""

    host: str
    seed: str
    native_port: int
    storage_port: int
    version: str
    storage_compatibility_mode: str
    has_password_authentication: bool = False
    certificates: CertificateFiles | None = None
    requires_client_certificates: bool = False
    is_short_lived: bool = False

    def write(self, directory: Path) -> None:
        """Makes ``directory`` ready for a start."""
        (directory / "tmp").mkdir(parents=True, exist_ok=True)
        settings = self._settings(directory / "data")
        if self.version == "4.0":
            settings = {_NAMES_OF_4_0.get(name, name): _without_unit(value) for name, value in settings.items()}
        (directory / "cassandra.yaml").write_text(json.dumps(settings, indent=2, ensure_ascii=False), "utf-8")
        # ``system.log`` is relative to the node's directory, which is the process's working directory.
        (directory / "logback.xml").write_text(_LOGBACK, "utf-8")

    def _settings(self, data: Path) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "cluster_name": "local",
            "num_tokens": 16,
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "data_file_directories": [str(data / "data")],
            "commitlog_directory": str(data / "commitlog"),
            "saved_caches_directory": str(data / "saved_caches"),
            "hints_directory": str(data / "hints"),
            "cdc_raw_directory": str(data / "cdc_raw"),
            "commitlog_sync": "periodic",
            "commitlog_sync_period": "10000ms",
            "seed_provider": [
                {
                    "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                    "parameters": [{"seeds": f"{self.seed}:{self.storage_port}"}],
                }
            ],
            "listen_address": self.host,
            "rpc_address": self.host,
            "native_transport_port": self.native_port,
            "storage_port": self.storage_port,
            "endpoint_snitch": "SimpleSnitch",
            "materialized_views_enabled": True,
            "user_defined_functions_enabled": True,
            "sasi_indexes_enabled": True,
        }
        if self.version.startswith("4."):
            # Tests have hundreds of keyspaces, and each further one would warn the client.
            settings |= {"table_count_warn_threshold": 100_000, "keyspace_count_warn_threshold": 100_000}
        else:
            settings["storage_compatibility_mode"] = self.storage_compatibility_mode
        if self.is_short_lived:
            # A dropped table needs no copy. Without slabs a table with a row takes bytes of the heap, not a megabyte:
            # tests have hundreds of tables.
            settings |= {"auto_snapshot": False, "memtable_allocation_type": "unslabbed_heap_buffers"}
        if self.has_password_authentication:
            settings |= {
                "authenticator": "PasswordAuthenticator",
                "authorizer": "CassandraAuthorizer",
                "role_manager": "CassandraRoleManager",
                # A GRANT or REVOKE is seen by the next statement.
                "permissions_validity": "0ms",
                "roles_validity": "0ms",
                "credentials_validity": "0ms",
            }
            if self.version != "4.0":
                # What binds every role but superusers, as operators of shared clusters set it.
                settings |= {
                    "page_size_fail_threshold": 500,
                    "in_select_cartesian_product_fail_threshold": 8,
                    "partition_keys_in_select_fail_threshold": 5,
                    "allow_filtering_enabled": False,
                }
            if not self.version.startswith("4."):
                settings["dynamic_data_masking_enabled"] = True
        if self.certificates:
            settings["client_encryption_options"] = {
                "enabled": True,
                "optional": False,
                "keystore": str(self.certificates.server_keystore),
                "keystore_password": self.certificates.store_password,
                "truststore": str(self.certificates.truststore),
                "truststore_password": self.certificates.store_password,
                "require_client_auth": self.requires_client_certificates,
                "store_type": "PKCS12",
            }
        return settings


def _without_unit(value: Any) -> Any:
    return int(value[:-2]) if isinstance(value, str) and value.endswith("ms") and value[:-2].isdigit() else value
