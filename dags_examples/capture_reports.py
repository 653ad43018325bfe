"""Each night, what three queries return about yesterday, as one dataset.

All three return the same columns: they are prepared and compared before the first one runs, and nothing is visible
before all of them have been read. ``:window_start`` and ``:window_end`` stand for the run's window, as a date beside
``day`` and as a timeuuid beside ``event_id``; the values of other markers are in ``parameters``.

Needs the table ``events`` in the keyspace of the connection ``cqlai_default``, and the Variable ``lake``, a directory
or a URL. To try it: ``airflow dags test capture_reports 2024-01-05`` captures 2024-01-04.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.capture_queries import CaptureQueriesOperator

with DAG(
    dag_id="capture_reports",
    tags=["cqlai", "capture"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    params={"device": "device-2"},
):
    CaptureQueriesOperator(
        task_id="capture_views",
        queries=[
            "SELECT device, event_id, kind FROM events WHERE device = 'device-0' AND day = :window_start",
            "SELECT device, event_id, kind FROM events WHERE device = 'device-1' AND day = :window_start",
            """
            SELECT device, event_id, kind FROM events
            WHERE device = :device AND day = :window_start
              AND event_id >= :window_start AND event_id < :window_end
            """,
        ],
        parameters={"device": "{{ params.device }}"},
        path="{{ var.value.lake }}/views",
        period="1 day",
        partition_by="event_id.date",
        # Running a day again replaces exactly that day's files.
        outlets=[Asset("views")],
    )
