"""A table out of one cluster and into another, whole, with its write times and expiries, and checked there.

The export puts the write time and the expiry of every cell beside it, and the import writes each cell with its own: a
row that the new cluster has received from the application in the meantime is not overwritten by an older one, and
migrating again changes nothing. ``verify`` reads the rows back from the new cluster; a difference fails the task.

Needs the table ``accounts`` in the keyspaces of both connections, ``cqlai_old_cluster`` and ``cqlai_new_cluster``, and
the Variable ``lake``, a directory or a URL. To try it: trigger it, or ``airflow dags test cluster_migration``; two
keyspaces of one cluster will do.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator

with DAG(
    dag_id="cluster_migration",
    tags=["cqlai", "export", "import"],
    doc_md=__doc__,
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    default_args={"owner": "data-engineering", "retries": 3, "retry_delay": pendulum.duration(minutes=1)},
):
    export = CassandraToParquetOperator(
        task_id="export_accounts",
        cassandra_conn_id="cqlai_old_cluster",
        table="accounts",
        path="{{ var.value.lake }}/migration/accounts",
        include_writetime=True,
        include_ttl=True,
        compression="zstd",
    )

    load = ParquetToCassandraOperator(
        task_id="import_accounts",
        cassandra_conn_id="cqlai_new_cluster",
        table="accounts",
        # What the export published, wherever that was.
        path="{{ ti.xcom_pull(task_ids='export_accounts')['path'] }}",
        # A null of the source is not a value there either: no tombstones.
        null_handling="unset",
        # Half of what the new cluster can take, so that its users notice nothing.
        rate_limit_rows_per_second=20_000,
        verify=True,
    )

    export >> load
