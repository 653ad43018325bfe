"""Each hour's readings, and any past hours again by a backfill.

The timetable gives every run a data interval with a length, so a run is about ``[its hour, the next)`` whoever starts
it, and ``period`` is not needed.

Needs the table ``readings`` in the keyspace of the connection ``cqlai_default``, and the Variable ``lake``, a directory
or a URL. To try it: ``airflow dags test incremental_backfill 2024-01-04T11:00:00`` exports the hour from 10:00.
Past hours again, which replaces what earlier runs of the same hours published:

    airflow backfill create --dag-id incremental_backfill --from-date 2024-01-01T00:00 --to-date 2024-01-01T23:00 \\
        --reprocess-behavior completed

Airflow 2.11 has ``airflow dags backfill --reset-dagruns`` for that.
"""

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

with DAG(
    dag_id="incremental_backfill",
    tags=["cqlai", "export"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
):
    CassandraToParquetOperator(
        task_id="export_readings",
        table="readings",
        path="{{ var.value.lake }}/readings",
        time_column="at",
        partition_by="at.date",
        # An hour without readings is marked skipped, not an empty success.
        on_empty="skip",
    )
