"""What Airflow discovers about this package."""

from __future__ import annotations

from typing import Any

from airflow_provider_cqlai import __version__


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, in the form of Airflow's ``provider_info`` schema."""
    return {
        "package-name": "airflow-provider-cqlai",
        "name": "CQLAI",
        "description": "Moves data between Apache Cassandra and Parquet.",
        "versions": [__version__],
    }
