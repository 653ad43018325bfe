"""Scripts of the tests, on Airflow 2.11 and 3.x."""

import datetime
from typing import Any

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.cqlai_script import CqlaiScriptOperator


def run_script(script: str, **arguments: Any) -> CqlaiScriptOperator:
    defaults: dict[str, Any] = {"task_id": "run", "retries": 3, "retry_delay": datetime.timedelta(seconds=0)}
    return CqlaiScriptOperator(script=script, **{**defaults, **arguments})


with DAG(
    "script_of_a_day",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2024, 1, 1),
    end_date=pendulum.datetime(2024, 1, 10),
    catchup=False,
    params={"device": "device-1"},
):
    run_script(
        """
        CREATE TABLE IF NOT EXISTS script_archive (device text, day date, event_id timeuuid, kind text, amount decimal,
            PRIMARY KEY ((device, day), event_id));
        COPY events TO '{{ var.value.lake }}/{{ dag.dag_id }}/' WITH PARTITION='event_id.date'
            AND TIME_COLUMN='event_id';
        CAPTURE PARQUET '{{ var.value.lake }}/{{ dag.dag_id }}.parquet';
        SELECT event_id FROM events WHERE device='{{ params.device }}' AND day = :window_start
            AND event_id >= :window_start AND event_id < :window_end;
        CAPTURE OFF;
        COPY script_archive FROM '{{ var.value.lake }}/{{ dag.dag_id }}/' WITH PERIOD='1 day';
        SELECT COUNT(*) FROM script_archive;
        """,
        outlets=[Asset("script_results")],
    )

with DAG("script_refused", schedule=None):
    run_script("CREATE TABLE IF NOT EXISTS made_by_script (id int PRIMARY KEY);\nSELECT nothing FROM made_by_script;")

with DAG("script_without_a_window", schedule=None):
    run_script("CREATE TABLE never_made (id int PRIMARY KEY);\nCOPY events TO '/nowhere' WITH TIME_COLUMN='event_id';")
