"""Scheduled, backfilled, triggered and killed runs of a running Airflow 3: every row of the window table."""

from __future__ import annotations

import datetime
import itertools
import shutil

import pytest

from tests.dags.airflow_home import IS_AIRFLOW_3, TaskState
from tests.dags.event_rows import Events
from tests.dags.published_ids import read_ids
from tests.dags.running.conftest import BACKFILLED_DAYS
from tests.dags.running_airflow import RunningAirflow

pytestmark = [
    pytest.mark.skipif(not IS_AIRFLOW_3, reason="the window table's rows are those of Airflow 3"),
    # The first test waits for the start of two processes and for all scheduled and backfilled runs.
    pytest.mark.timeout(900),
]

MIDNIGHT = "T00:00:00+00:00"
LATE_EVENING = "T23:00:00+00:00"


@pytest.mark.parametrize(
    ("dag_id", "start", "end"),
    [
        pytest.param("trigger_window", "2024-01-02", "2024-01-03", id="interval of no length"),
        pytest.param("interval_window", "2024-01-03", "2024-01-04", id="CronDataIntervalTimetable"),
        pytest.param("trigger_interval_window", "2024-01-02", "2024-01-03", id="CronTriggerTimetable with interval"),
    ],
)
def test_a_scheduled_run_exports_its_day(
    airflow: RunningAirflow, events: Events, dag_id: str, start: str, end: str
) -> None:
    window = (start + MIDNIGHT, end + MIDNIGHT)
    assert airflow.wait_for_window(dag_id, "scheduled%") == window
    assert sorted(read_ids(airflow.home.lake / dag_id, *window)) == sorted(events.between(*window))


def test_a_scheduled_partition_run_exports_its_local_day(airflow: RunningAirflow, events: Events) -> None:
    window = airflow.wait_for_window("partition_window", "scheduled%")
    assert window == ("2024-01-01" + LATE_EVENING, "2024-01-02" + LATE_EVENING)
    assert sorted(read_ids(airflow.home.lake / "partition_window", *window)) == sorted(events.between(*window))


def test_a_backfill_of_partitions_exports_local_days(airflow: RunningAirflow, events: Events) -> None:
    airflow.wait_for_backfills("partition_window_backfilled", 1)
    days = ["2024-01-02", "2024-01-03", "2024-01-04"]
    windows = [(start + LATE_EVENING, end + LATE_EVENING) for start, end in itertools.pairwise(days)]
    assert sorted(airflow.home.windows("partition_window_backfilled")) == windows
    for window in windows:
        exported = read_ids(airflow.home.lake / "partition_window_backfilled", *window)
        assert sorted(exported) == sorted(events.between(*window))


def test_a_partition_key_through_rest_exports_its_local_day_and_is_on_the_asset_event(
    airflow: RunningAirflow, events: Events
) -> None:
    airflow.trigger("partition_window", "rest", partition_key="2024-01-03")
    window = airflow.wait_for_window("partition_window", "rest")
    assert window == ("2024-01-02" + LATE_EVENING, "2024-01-03" + LATE_EVENING)
    assert sorted(read_ids(airflow.home.lake / "partition_window", *window)) == sorted(events.between(*window))
    airflow.wait_until(lambda: len(_partitions(airflow)) > 1, "asset event", "partition_window")
    assert "2024-01-03" in _partitions(airflow)


@pytest.mark.parametrize("dag_id", ["daily_window", "backfilled_window"])
def test_a_date_through_rest_exports_the_day_before_with_or_without_an_interval(
    airflow: RunningAirflow, dag_id: str
) -> None:
    airflow.trigger(dag_id, "rest", logical_date="2024-01-09T00:00:00Z")
    assert airflow.wait_for_window(dag_id, "rest") == ("2024-01-08" + MIDNIGHT, "2024-01-09" + MIDNIGHT)


def test_a_run_triggered_for_a_date_on_the_command_line_is_about_the_clocks_yesterday(airflow: RunningAirflow) -> None:
    done = airflow.home.run_airflow("dags", "trigger", "backfilled_window", "-l", "2024-01-10T00:00:00Z", "-r", "cli")
    assert done.returncode == 0, done.stderr
    today = datetime.datetime.now(datetime.timezone.utc).date()
    start, end = airflow.wait_for_window("backfilled_window", "cli")
    assert datetime.datetime.fromisoformat(end) - datetime.datetime.fromisoformat(start) == datetime.timedelta(days=1)
    # The test may run over midnight.
    assert end in {(today - datetime.timedelta(days=ago)).isoformat() + MIDNIGHT for ago in (0, 1)}


@pytest.mark.parametrize("dag_id", ["manual_window", "daily_window", "partition_window_without_period"])
def test_a_run_without_a_usable_date_fails_without_retries(airflow: RunningAirflow, dag_id: str) -> None:
    key = {"partition_key": "2024-01-03"} if dag_id.startswith("partition") else {}
    airflow.trigger(dag_id, "no-date", **key)
    airflow.wait_until(lambda: airflow.home.run_states(dag_id).get("no-date") == "failed", "failed run", dag_id)
    assert airflow.home.task_states(dag_id, run_id="no-date") == [TaskState("failed", 1)]


@pytest.mark.parametrize(
    ("dag_id", "beginning"), [("slow_export", "exporting events to"), ("slow_capture", "capturing to")]
)
def test_a_task_marked_as_failed_stops_and_publishes_nothing(
    airflow: RunningAirflow, dag_id: str, beginning: str
) -> None:
    root = airflow.home.lake / dag_id
    # Airflow kills a task 5 s after it asked it to end; a busy machine may not have come to its `on_kill` by then.
    for run_id in ("killed-1", "killed-2", "killed-3"):
        airflow.trigger(dag_id, run_id)
        airflow.wait_until(lambda: any(root.glob("_cqlai/**/*")), "attempt", dag_id)
        task = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/export"
        airflow.call("PATCH", task, {"new_state": "failed", "include_future": False})
        airflow.wait_until(lambda: _has_ended(airflow, dag_id, beginning), "end", dag_id)
        assert not list(root.glob("**/*.parquet"))
        if "stopped on request" in airflow.home.logs(dag_id):
            break
        shutil.rmtree(root)
    assert "stopped on request" in airflow.home.logs(dag_id)
    assert not any(path.is_file() for path in root.glob("**/*"))


def _has_ended(airflow: RunningAirflow, dag_id: str, beginning: str) -> bool:
    """Whether the process of the DAG's last task is gone, by its own words or by those of its supervisor."""
    last_log = airflow.home.logs(dag_id).rpartition(beginning)[2]
    return "stopped on request" in last_log or "Task killed!" in last_log


def test_a_backfill_gives_exact_windows_and_two_of_them_again_the_same(airflow: RunningAirflow, events: Events) -> None:
    airflow.wait_for_backfills("backfilled_window", 1)
    first = _check_days(airflow, events)
    with airflow.without_scheduler():
        airflow.backfill_on_the_command_line("backfilled_window", "2024-01-02", "2024-01-03")
    airflow.wait_for_backfills("backfilled_window", 2)
    second = _check_days(airflow, events)
    assert {window: rows for window, (rows, _) in first.items()} == {
        window: rows for window, (rows, _) in second.items()
    }
    # Published anew, not left alone, and the other days left alone: names of files are never used twice.
    renamed = {window for window in first if first[window][1] != second[window][1]}
    assert sorted(renamed) == [(f"2024-01-0{day}{MIDNIGHT}", f"2024-01-0{day + 1}{MIDNIGHT}") for day in (2, 3)]


def _check_days(airflow: RunningAirflow, events: Events) -> dict[tuple[str, str], tuple[int, list[str]]]:
    """Rows and files by window."""
    days = [f"2024-01-0{day}" + MIDNIGHT for day in range(1, BACKFILLED_DAYS + 2)]
    exported = airflow.home.returned("backfilled_window", run_id="backfill%")
    assert len(exported) == BACKFILLED_DAYS
    found = {
        (run["window_start"], run["window_end"]): (run["rows"], [file["path"] for file in run["files"]])
        for run in exported
    }
    assert sorted(found) == list(itertools.pairwise(days))
    for window, (rows, _) in found.items():
        ids = read_ids(airflow.home.lake / "backfilled_window", *window)
        assert sorted(ids) == sorted(events.between(*window))
        assert rows == len(ids)
    return found


def _partitions(airflow: RunningAirflow) -> set[str]:
    return {event["partition_key"] for event in airflow.home.asset_events("partition_window_dataset")}
