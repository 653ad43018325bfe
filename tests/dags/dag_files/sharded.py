"""Sharded exports of the tests, on Airflow 2.11 and 3.x: one that runs through, one with a retry, two that fail."""

import datetime
from typing import Any

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_cqlai.airflow_compat import DAG, AirflowFailException, Asset
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.task_groups import ShardedExport

RETRIES: dict[str, Any] = {"retries": 1, "retry_delay": datetime.timedelta(seconds=0)}


def fail_the_first_try_of_a_shard(context: Any) -> None:
    instance = context["ti"]
    if instance.task_id == "group.export" and instance.map_index == 1 and instance.try_number == 1:
        raise RuntimeError("the first try of this shard fails")


def fail_a_shard(context: Any) -> None:
    instance = context["ti"]
    if instance.task_id == "group.export" and instance.map_index == 1:
        raise AirflowFailException("this shard fails")


def sharded(dag_id: str, **arguments: Any) -> ShardedExport:
    defaults: dict[str, Any] = {
        "table": "events",
        "path": f"{{{{ var.value.lake }}}}/{dag_id}",
        "shards": 3,
        **RETRIES,
    }
    return ShardedExport("group", **{**defaults, **arguments})


with DAG(
    "sharded_day",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2024, 1, 1),
    end_date=pendulum.datetime(2024, 1, 10),
    catchup=False,
):
    group = sharded(
        "sharded_day",
        time_column="event_id",
        partition_by="event_id.hour",
        shards="{{ 3 }}",
        outlets=[Asset("sharded_day_dataset")],
    )
    # What the group returns can be used as that of an operator.
    CassandraToParquetOperator(
        task_id="copy",
        table="events",
        path="{{ var.value.lake }}/sharded_day_copy",
        time_column="event_id",
        start="{{ ti.xcom_pull('group.publish')['window_start'] }}",
        end="{{ ti.xcom_pull('group.publish')['window_end'] }}",
    ).set_upstream(group)

with DAG("sharded_with_a_retry", schedule=None):
    sharded(
        "sharded_with_a_retry",
        shards=4,
        pre_execute=fail_the_first_try_of_a_shard,
        rate_limit_rows_per_second=1_000_000,
    )

with DAG("sharded_failing", schedule=None):
    sharded("sharded_failing", pre_execute=fail_a_shard)

with DAG("sharded_failing_and_kept", schedule=None):
    sharded("sharded_failing_and_kept", pre_execute=fail_a_shard, keep_failed=True)

with DAG("sharded_unplanned", schedule=None):
    sharded("sharded_unplanned", columns="nowhere")
