"""A dataset that somebody wrote with pandas, into a table with other names and types.

Nothing is written before all files were checked against the table. Rows that do not fit go to a file of their own with
the reason, up to a share of them; more fail the task.

Needs the table ``measurements`` in the keyspace of the connection ``cqlai_default``, and the dataset in the directory
``foreign/measurements`` of the Variable ``lake``; ``docker/foreign_dataset.py`` of this project writes one. To try it:
trigger it, with another ``country`` if you like, or ``airflow dags test load_foreign_dataset``.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator

with DAG(
    dag_id="load_foreign_dataset",
    tags=["cqlai", "import"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    params={"country": "de", "max_errors": "1%"},
):
    ParquetToCassandraOperator(
        task_id="load_measurements",
        table="measurements",
        # Written by ``DataFrame.to_parquet(path, partition_cols=["country"])``.
        path="{{ var.value.lake }}/foreign/measurements",
        partition_filter=[("country", "=", "{{ params.country }}")],
        where=[("quality", "in", ["good", "fair"])],
        # File column by table column; what is not named here has the same name in both.
        column_mapping={"Station ID": "station", "measured_at": "at", "deg_C": "degrees"},
        # Columns that only the analysts need.
        on_extra_column="ignore",
        # pandas counts nanoseconds, a CQL timestamp milliseconds.
        allow_lossy=["at"],
        max_errors="{{ params.max_errors }}",
        rejected_path="{{ var.value.lake }}/rejected/measurements-{{ params.country }}.parquet",
        inlets=[Asset("foreign_measurements")],
        outlets=[Asset("measurements")],
    )
