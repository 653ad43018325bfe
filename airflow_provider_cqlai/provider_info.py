"""What Airflow discovers about this package through the entry point ``apache_airflow_provider``.

Every Airflow process calls `get_provider_info`, so nothing here imports airflow, the driver or pyarrow.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_cqlai import __version__

PACKAGE_NAME = "airflow-provider-cqlai"


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, by Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": PACKAGE_NAME,
        "name": "cqlai",
        "description": "Moves data between Apache Cassandra and Parquet datasets.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": "cqlai",
                "hook-class-name": "airflow_provider_cqlai.hooks.cqlai.CqlaiHook",
                "hook-name": "Cassandra (cqlai)",
            }
        ],
    }
