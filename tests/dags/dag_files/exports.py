"""DAGs of the tests, on Airflow 2.11 and 3.x: one for each way a run tells its window, and for what becomes of errors.

A DAG named ``..._window`` exports the window of its run; those with an end date in the past are scheduled at most once.
"""

import datetime
import os
from pathlib import Path
from typing import Any

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_cqlai.airflow_compat import DAG, Asset, ObjectStoragePath
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator

try:
    from airflow.sdk import CronPartitionTimetable
except ImportError:
    CronPartitionTimetable = None

DAY = datetime.timedelta(days=1)
BERLIN = "Europe/Berlin"
ONCE: dict[str, Any] = {
    "start_date": pendulum.datetime(2024, 1, 3),
    "end_date": pendulum.datetime(2024, 1, 3),
    "catchup": True,
}
NEVER: dict[str, Any] = {
    "start_date": pendulum.datetime(2024, 1, 1),
    "end_date": pendulum.datetime(2024, 1, 10),
    "catchup": False,
}


def export(dag_id: str, **arguments: Any) -> CassandraToParquetOperator:
    defaults: dict[str, Any] = {
        "task_id": "export",
        "table": "events",
        "path": f"{{{{ var.value.lake }}}}/{dag_id}",
        "time_column": "event_id",
        "retries": 3,
        "retry_delay": datetime.timedelta(seconds=0),
    }
    return CassandraToParquetOperator(**{**defaults, **arguments})


# A data interval of no length, as "@daily" has it on Airflow 3.
with DAG("trigger_window", schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC"), **ONCE):
    export("trigger_window", period="1 day", outlets=[Asset("trigger_window_dataset")])

with DAG("trigger_window_from_start", schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC"), **NEVER):
    export("trigger_window_from_start", period="1 day", anchor="start", align=False)

with DAG("trigger_window_without_period", schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC"), **NEVER):
    export("trigger_window_without_period")

# Its first run has a logical date before the start date, and so no task instance.
with DAG(
    "trigger_interval_window",
    schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC", interval=DAY),
    **{**ONCE, "start_date": pendulum.datetime(2024, 1, 2)},
):
    export("trigger_interval_window")

with DAG("daily_window", schedule="@daily", **NEVER):
    export("daily_window", period="1 day")

with DAG("interval_window", schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"), **ONCE):
    export("interval_window")

with DAG("backfilled_window", schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"), **NEVER):
    export("backfilled_window", partition_by="event_id.date")

with DAG("announced_window", schedule=None):
    export("announced_window", period="1 day", outlets=[Asset("announced_dataset")])

with DAG("manual_window", schedule=None):
    export("manual_window")

with DAG("berlin_window", schedule=None, start_date=pendulum.datetime(2024, 1, 1, tz=BERLIN)):
    export("berlin_window", start="2024-01-05", end="{{ params.get('end', '2024-01-06') }}")

with DAG("since_log", schedule=None):
    export("since_log", time_column=None, window_by="writetime", since="2020-01-01", rows_without_writetime="include")

with DAG("mapped", schedule=None):
    CassandraToParquetOperator.partial(
        task_id="export",
        table="events",
        path="{{ var.value.lake }}/{{ dag.dag_id }}-{window_start:%Y}",
        time_column="event_id",
        start="{{ params.get('year', '2024') }}-01-01",
        end="2024-01-04",
        shard_count="3",
    ).expand(shard_index=[0, 1, 2])

with DAG("unknown_column", schedule=None):
    export("unknown_column", time_column=None, columns=["event_id", "nothing"])

with DAG("unknown_option_value", schedule=None):
    export("unknown_option_value", time_column=None, compression="{{ 'brotli' }}")

with DAG("unreachable_cluster", schedule=None):
    export("unreachable_cluster", time_column=None, cassandra_conn_id="unreachable", retries=1)

with DAG("empty_window", schedule=None):
    export("empty_window", start="2001-01-01", end="2001-01-02", on_empty="skip")

with DAG("slow_export", schedule=None):
    export("slow_export", time_column=None, rate_limit_rows_per_second=2, page_size=1, concurrency=1)

with DAG("timed_out_export", schedule=None):
    export(
        "timed_out_export",
        time_column=None,
        rate_limit_rows_per_second=2,
        page_size=1,
        concurrency=1,
        retries=0,
        execution_timeout=datetime.timedelta(seconds=2),
    )

with DAG("s3_by_profile", schedule=None):
    export("s3_by_profile", time_column=None, path="s3://{{ var.value.lake_bucket }}/by_profile")

with DAG("s3_by_connection", schedule=None):
    export(
        "s3_by_connection",
        time_column=None,
        path="s3://{{ var.value.lake_bucket }}/by_connection.parquet",
        storage_conn_id="my_aws",
    )

with DAG("local_by_path", schedule=None):
    export("local_by_path", time_column=None, path=Path(os.environ["AIRFLOW_VAR_LAKE"]) / "by_path.parquet")

if "AIRFLOW_VAR_LAKE_BUCKET" in os.environ:
    # Opening it asks for the connection, which is there with the bucket only.
    BUCKET = ObjectStoragePath(f"s3://my_aws@{os.environ['AIRFLOW_VAR_LAKE_BUCKET']}")

    with DAG("s3_by_path", schedule=None):
        export("s3_by_path", time_column=None, path=BUCKET / "{{ dag.dag_id }}.parquet")

if CronPartitionTimetable is not None:
    BERLIN_DAYS = CronPartitionTimetable("0 0 * * *", timezone=BERLIN, key_format="%Y-%m-%d")

    MIDNIGHT = pendulum.datetime(2024, 1, 2, tz=BERLIN)

    with DAG("partition_window", schedule=BERLIN_DAYS, **{**ONCE, "start_date": MIDNIGHT, "end_date": MIDNIGHT}):
        export("partition_window", period="1 day", outlets=[Asset("partition_window_dataset")])

    with DAG("partition_window_backfilled", schedule=BERLIN_DAYS, **NEVER):
        export("partition_window_backfilled", period="1 day")

    with DAG("partition_window_without_period", schedule=BERLIN_DAYS, **NEVER):
        export("partition_window_without_period")
