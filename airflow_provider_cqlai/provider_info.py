"""What Airflow discovers about this package through the entry point ``apache_airflow_provider``.

Every Airflow process calls `get_provider_info`, so nothing here imports airflow, the driver or pyarrow.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_cqlai import __version__
from airflow_provider_cqlai.hooks.connection_fields import CONNECTION_TYPE
from airflow_provider_cqlai.hooks.connection_form import conn_fields, ui_field_behaviour

PACKAGE_NAME = "airflow-provider-cqlai"
_CASSANDRA = "Apache Cassandra"
_PARQUET = "Apache Parquet"


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, by Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": PACKAGE_NAME,
        "name": "cqlai",
        # Plain: Airflow's page of providers strips the marks of a link and the blanks with them.
        "description": "Moves data between Apache Cassandra and Apache Parquet datasets.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _CASSANDRA,
                "external-doc-url": "https://cassandra.apache.org/doc/latest/",
                "tags": ["apache"],
            },
            {
                "integration-name": _PARQUET,
                "external-doc-url": "https://parquet.apache.org/docs/",
                "tags": ["apache"],
            },
        ],
        "config": {
            "cqlai": {
                "description": "What the operators of airflow-provider-cqlai have in common.",
                "options": {
                    "base_path": {
                        "description": "The directory or URI at which relative paths of tasks begin; without it they"
                        " are an error, unless a task has a base_path of its own.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://my_aws@lake",
                        "default": None,
                    }
                },
            }
        },
        "hooks": [{"integration-name": _CASSANDRA, "python-modules": ["airflow_provider_cqlai.hooks.cqlai"]}],
        "operators": [
            {
                "integration-name": _CASSANDRA,
                "python-modules": [
                    "airflow_provider_cqlai.operators.cassandra_to_parquet",
                    "airflow_provider_cqlai.operators.parquet_to_cassandra",
                    "airflow_provider_cqlai.operators.capture_queries",
                    "airflow_provider_cqlai.operators.cqlai_script",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": _CASSANDRA,
                "python-modules": [
                    "airflow_provider_cqlai.sensors.record",
                    "airflow_provider_cqlai.sensors.table",
                ],
            }
        ],
        "triggers": [{"integration-name": _CASSANDRA, "python-modules": ["airflow_provider_cqlai.triggers.cassandra"]}],
        "transfers": [
            {
                "source-integration-name": _CASSANDRA,
                "target-integration-name": _PARQUET,
                "python-module": "airflow_provider_cqlai.operators.cassandra_to_parquet",
            },
            {
                "source-integration-name": _PARQUET,
                "target-integration-name": _CASSANDRA,
                "python-module": "airflow_provider_cqlai.operators.parquet_to_cassandra",
            },
        ],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "airflow_provider_cqlai.hooks.cqlai.CqlaiHook",
                "hook-name": "Cassandra (cqlai)",
                "conn-fields": conn_fields(),
                "ui-field-behaviour": ui_field_behaviour(),
            }
        ],
        "extra-links": ["airflow_provider_cqlai.operators.links.DatasetLink"],
        "asset-uris": [{"schemes": ["cassandra"], "handler": None}],
    }
