"""Functions of the tests that move tables by the hook, on Airflow 2.11 and 3.x."""

import datetime

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_cqlai.airflow_compat import DAG, Asset, Variable, task
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

with DAG(
    "by_the_hook",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2024, 1, 1),
    end_date=pendulum.datetime(2024, 1, 10),
    catchup=False,
):

    @task(outlets=[Asset("by_the_hook_dataset")])
    def export() -> dict:
        with CqlaiHook() as hook:
            result = hook.copy_to("events", f"{Variable.get('lake')}/by_the_hook", time_column="event_id")
        return result.to_dict()

    @task(retries=1, retry_delay=datetime.timedelta(seconds=0), outlets=[Asset("by_the_hook_table")])
    def load(exported: dict) -> dict:
        with CqlaiHook() as hook:
            hook.run(
                "CREATE TABLE IF NOT EXISTS hooked_events (device text, day date, event_id timeuuid, kind text,"
                " amount decimal, PRIMARY KEY ((device, day), event_id))"
            )
            result = hook.copy_from("hooked_events", exported["path"], use_run_window=True, verify="all")
            # Outside of its call nothing of the hook is left on the task.
            return {**result.to_dict(), "count": hook.get_first("SELECT count(*) FROM hooked_events")[0]}

    load(export())
