"""Each night, yesterday's events to S3, with the credentials of an Airflow connection.

``aws_default@`` names the connection (package extra ``amazon``). Without it, credentials come from the environment of
the worker, such as ``AWS_PROFILE``.

Needs the table ``events`` in the keyspace of the connection ``cqlai_default``, the connection ``aws_default``, and the
Variable ``lake_bucket``, a bucket that exists. To try it: ``airflow dags test export_to_s3 2024-01-05`` exports
2024-01-04.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

with DAG(
    dag_id="export_to_s3",
    tags=["cqlai", "export", "s3"],
    doc_md=__doc__,
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"owner": "data-engineering", "retries": 3, "retry_delay": pendulum.duration(minutes=5)},
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
