"""By hand, the closed orders of one year into one small file.

The restrictions are in ``closed_orders.cql`` next to this file, rendered like every argument. ``params`` gives the
trigger form its fields.

Needs the table ``orders`` in the keyspace of the connection ``cqlai_default``, and the Variable ``lake``, a directory
or a URL. To try it: trigger it with the year in the form, or ``airflow dags test order_archive`` for 2023.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

with DAG(
    dag_id="order_archive",
    tags=["cqlai", "export"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    params={"year": 2023, "smallest_total": 10},
):
    CassandraToParquetOperator(
        task_id="archive_orders",
        table="orders",
        columns=["order_id", "customer", "status", "total", "placed"],
        where="closed_orders.cql",
        time_column="placed",
        # Runs started by hand have no dates of their own: the window is written out, in the DAG's timezone.
        start="{{ params.year }}-01-01",
        end="{{ params.year + 1 }}-01-01",
        # Filled in after Jinja, from the window above.
        path="{{ var.value.lake }}/orders-{window_start:%Y}.parquet",
        # Smaller than snappy and slower to write: right for what is seldom read.
        compression="zstd",
        compression_level=19,
        row_group_size="1M",
        metadata={"retention": "10 years"},
    )
