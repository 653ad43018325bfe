"""Cassandra to Parquet and back, as a plain Python library: nothing here imports airflow."""
