"""Airflow provider that moves data between Apache Cassandra and Parquet.

Imports nothing, so that Airflow's provider discovery costs nothing.
"""

__version__ = "0.1.0"
