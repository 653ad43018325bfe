"""Sensors of the tests, on Airflow 2.11 and 3.x."""

import datetime
import threading
from typing import Any

from airflow_provider_cqlai.airflow_compat import DAG
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.sensors.record import CassandraRecordSensor
from airflow_provider_cqlai.sensors.table import CassandraTableSensor

RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": datetime.timedelta(seconds=0)}


def make_table_and_row_later(_: Any) -> None:
    """A second after the first sensor has begun to wait."""

    def make() -> None:
        with CqlaiHook() as hook:
            hook.run(
                "CREATE TABLE waited_for (day date PRIMARY KEY); INSERT INTO waited_for (day) VALUES ('2024-03-01')"
            )

    threading.Timer(1, make).start()


with DAG("waiting", schedule=None, params={"table": "waited_for"}):
    table = CassandraTableSensor(
        task_id="table",
        table="{{ params.table }}",
        deferrable=True,
        poke_interval=0.5,
        timeout=300,
        on_execute_callback=make_table_and_row_later,
    )
    deferred = CassandraRecordSensor(
        task_id="deferred", table="waited_for", keys={"day": datetime.date(2024, 3, 1)}, deferrable=True, timeout=300
    )
    poked = CassandraRecordSensor(
        task_id="poked", table="waited_for", keys={"day": "{{ '2024-03-01' }}"}, poke_interval=0.5, timeout=300
    )
    table >> deferred >> poked

with DAG("waiting_for_what_cannot_be", schedule=None):
    CassandraRecordSensor(task_id="poked", table="events", keys={"nowhere": 1}, timeout=300, **RETRIES)
