"""Each week, the whole of a table, shared by four tasks.

Without a time column there is no window: each run replaces the dataset. Every mapped task exports its share of the
token ring; ``max_active_tis_per_dagrun``, or a pool, bounds how many of them ask the cluster at once.

Needs the table ``customers`` in the keyspace of the connection ``cqlai_default``, and the Variable ``lake``, a
directory or a URL; pyarrow 21 or newer, for the type of ``id``. To try it:
``airflow dags test table_snapshot 2024-01-07``.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

SHARDS = 4

with DAG(
    dag_id="table_snapshot",
    tags=["cqlai", "export"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule="@weekly",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
):
    CassandraToParquetOperator.partial(
        task_id="export_customers",
        table="customers",
        path="{{ var.value.lake }}/customers",
        # A uuid as 16 bytes rather than as a text of 36 characters.
        types={"id": "uuid"},
        max_file_size="500MB",
        shard_count=SHARDS,
        max_active_tis_per_dagrun=2,
    ).expand(shard_index=list(range(SHARDS)))
