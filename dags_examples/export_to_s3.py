"""Each night, yesterday's events to S3, with the credentials of an Airflow connection.

``aws_default@`` names the connection (package extra ``amazon``). Without it, credentials come from the environment of
the worker, such as ``AWS_PROFILE``.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

with DAG(
    dag_id="export_to_s3",
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": pendulum.duration(minutes=5)},
):
    CassandraToParquetOperator(
        task_id="export_events",
        table="events",
        path="s3://aws_default@{{ var.value.lake_bucket }}/events",
        time_column="event_id",
        period="1 day",
        partition_by="event_id.date",
        compression="zstd",
        # Spares a cluster that serves users at the same time.
        concurrency=2,
        rate_limit_bytes_per_second="20MB",
    )
