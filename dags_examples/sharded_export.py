"""Each night, a large table by several tasks on any workers, published at once: readers see all of it or nothing.

``plan`` decides the window and the number of tasks, the mapped ``export`` tasks write a part each, and ``publish``
makes the files of all of them visible. Three at once are what the cluster is to bear. A task that fails is tried again
by itself; what a failed run has left is removed by ``clean_up``.

Needs the table ``events`` in the keyspace of the connection ``cqlai_default``, and the Variable ``lake``, a URL or a
directory that all workers share. To try it: ``airflow dags test sharded_export 2024-01-05`` exports 2024-01-04.
"""

import datetime

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.task_groups import ShardedExport

with DAG(
    dag_id="sharded_export",
    tags=["cqlai", "export"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering", "retries": 2, "retry_delay": datetime.timedelta(minutes=1)},
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
):
    ShardedExport(
        "export_events",
        table="events",
        path="{{ var.value.lake }}/sharded_events",
        time_column="event_id",
        period="1 day",
        partition_by="event_id.date",
        shards=4,
        max_active_tis_per_dagrun=3,
        # Of the three together.
        rate_limit_rows_per_second=100_000,
        outlets=[Asset("sharded_events")],
    )
