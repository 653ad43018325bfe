"""Exports of whole keyspaces of the tests, on Airflow 2.11 and 3.x."""

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.task_groups import KeyspaceExport

KEYSPACE = "{{ var.value.nightly_keyspace }}"

with DAG(
    "keyspace_of_a_day",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2024, 1, 1),
    end_date=pendulum.datetime(2024, 1, 10),
    catchup=False,
):
    KeyspaceExport(
        "night",
        keyspace=KEYSPACE,
        path="{{ var.value.lake }}/night/{keyspace}/{table}",
        exclude="tmp_*",
        time_column="auto",
        table_options={"visits": {"partition_by": "at.hour"}},
    )

with DAG("keyspace_with_a_failing_table", schedule=None):
    KeyspaceExport(
        "shards",
        keyspace=KEYSPACE,
        path="{{ var.value.lake }}/shards/{table}",
        tables=["users", "visits", "Readings"],
        # Refused when its shards are planned in the task that exports them: the plan itself has no shards of it.
        table_options={
            "Readings": {"partition_by": "day"},
            "users": {"consistency_level": "THREE", "max_page_attempts": 1},
        },
        shards=2,
    )

with DAG("keyspace_without_such_tables", schedule=None):
    KeyspaceExport("none", keyspace=KEYSPACE, path="{{ var.value.lake }}/none/{table}", tables="user, visits")
