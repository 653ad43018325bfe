"""Sensors through ``dag.test()``, on Airflow 2.11 and 3.x: poked and deferred."""

from __future__ import annotations

from tests.dags.airflow_home import AirflowHome, TaskState


def test_sensors_wait_in_worker_and_triggerer(home: AirflowHome) -> None:
    for task in ("table", "deferred", "poked"):
        assert home.task_states("waiting", task) == [TaskState("success", 1)]


def test_what_cannot_come_true_fails_without_retries(home: AirflowHome) -> None:
    assert home.task_states("waiting_for_what_cannot_be", "poked") == [TaskState("failed", 1)]
