"""Each night, yesterday's events into a dataset with one directory a day.

``event_id`` is a timeuuid: it tells both which rows belong to the day and which directory they go to. On Airflow 3 the
data interval of ``@daily`` has no length, so ``period`` says that a run is about the day before it. Running a day again
replaces exactly that day's files.

Needs the table ``events`` in the keyspace of the connection ``cqlai_default``, and the Variable ``lake``, a directory
or a URL. To try it: ``airflow dags test daily_events 2024-01-05`` exports 2024-01-04.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

with DAG(
    dag_id="daily_events",
    tags=["cqlai", "export"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
):
    CassandraToParquetOperator(
        task_id="export_events",
        # In the keyspace of the connection "cqlai_default".
        table="events",
        # {{ var.value.lake }}/events/event_id.year=2024/event_id.month=01/event_id.day=01/part-....parquet
        path="{{ var.value.lake }}/events",
        time_column="event_id",
        period="1 day",
        partition_by=["event_id.year", "event_id.month", "event_id.day"],
        # DAGs scheduled on this asset see window, rows and files in the event's extra.
        outlets=[Asset("events")],
    )
