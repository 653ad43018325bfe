"""On demand or after the export: the events of a day from their dataset back into a table.

The window is the run's, as in the export, and the dataset's manifests tell which files hold it. The files are checked
against the table before the first row is written; running a day again writes the same rows.

Needs the table ``restored_events``, with the columns of ``events``, in the keyspace of the connection
``cqlai_default``, and what ``daily_events`` published for the day under the Variable ``lake``. To try it:
``airflow dags test restore_events 2024-01-05``, after ``daily_events`` of the same date, restores 2024-01-04.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator

with DAG(
    dag_id="restore_events",
    tags=["cqlai", "import"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
):
    ParquetToCassandraOperator(
        task_id="import_events",
        table="restored_events",
        path="{{ var.value.lake }}/events",
        # The day before the run, as `daily_events` exports it.
        period="1 day",
        # Reads back every row that was written.
        verify="all",
        outlets=[Asset("restored_events")],
    )
