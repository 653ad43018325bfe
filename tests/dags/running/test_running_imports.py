"""Imports on a running Airflow 3 that are killed, retried, cleared and marked as failed."""

from __future__ import annotations

import datetime
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.airflow_home import IS_AIRFLOW_3, TaskState
from tests.dags.event_rows import Events
from tests.dags.readings import GROUP_ROWS, ROWS, is_whole
from tests.dags.running_airflow import RunningAirflow

if TYPE_CHECKING:
    from cassandra.cluster import Session

pytestmark = [
    pytest.mark.skipif(not IS_AIRFLOW_3, reason="runs the processes of Airflow 3"),
    # The first test waits for the start of three processes.
    pytest.mark.timeout(600),
]


def result_of(airflow: RunningAirflow, dag_id: str) -> dict[str, Any]:
    # A task returns its result before it is told to have succeeded.
    airflow.wait_until(lambda: airflow.home.run_states(dag_id).get("run") == "success", "successful run", dag_id)
    result: dict[str, Any] = airflow.home.returned(dag_id, "load")[0]
    return result


def clear(airflow: RunningAirflow, dag_id: str) -> None:
    body = {"dry_run": False, "task_ids": ["load"], "dag_run_id": "run", "only_failed": False, "reset_dag_runs": True}
    airflow.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)


def has_finished_row_groups(airflow: RunningAirflow, dag_id: str) -> bool:
    """Whether an import left word of row groups that a retry may leave out."""
    variables = airflow.call("GET", "/variables")["variables"]
    return any(json.loads(one["value"])["finished"] for one in variables if f"import {dag_id}." in one["description"])


def test_a_retry_after_kill_9_goes_on(airflow: RunningAirflow, session: Session, shared_keyspace: str) -> None:
    airflow.trigger("import_killed", "run")
    result = result_of(airflow, "import_killed")
    assert airflow.home.task_states("import_killed", "load") == [TaskState("success", 2)]
    assert GROUP_ROWS <= result["rows_resumed"] < ROWS
    assert result["rows"] + result["rows_resumed"] == ROWS
    assert is_whole(session, shared_keyspace, "import_killed")


def test_a_cleared_task_starts_over(airflow: RunningAirflow, session: Session, shared_keyspace: str) -> None:
    dag_id = "import_killed_and_cleared"
    airflow.trigger(dag_id, "run")
    airflow.wait_until(lambda: airflow.home.run_states(dag_id).get("run") == "failed", "failed run", dag_id)
    assert len([text for text in airflow.home.variables("cqlai_import_") if dag_id in text]) == 1
    clear(airflow, dag_id)
    result = result_of(airflow, dag_id)
    assert (result["rows_resumed"], result["rows"]) == (0, ROWS)
    assert is_whole(session, shared_keyspace, dag_id)
    assert not [text for text in airflow.home.variables("cqlai_import_") if dag_id in text]


def test_a_task_cleared_while_it_runs_starts_over(airflow: RunningAirflow) -> None:
    dag_id = "import_cleared_while_running"
    airflow.trigger(dag_id, "run")
    airflow.wait_until(lambda: has_finished_row_groups(airflow, dag_id), "finished row group", dag_id)
    clear(airflow, dag_id)
    result = result_of(airflow, dag_id)
    assert (result["rows_resumed"], result["rows"]) == (0, ROWS)
    assert re.search(r"rows/s, .* of the rows done, about \d+ s left", airflow.home.logs(dag_id))


def test_rejected_rows_and_where_they_are_show_in_the_log(airflow: RunningAirflow) -> None:
    airflow.trigger("import_rejecting", "run")
    result = result_of(airflow, "import_rejecting")
    log = airflow.home.logs("import_rejecting")
    assert "rejected row 3" in log
    assert result["rejected_path"] in log


def test_an_import_marked_as_failed_stops_within_two_seconds(
    airflow: RunningAirflow, session: Session, shared_keyspace: str
) -> None:
    dag_id = "slow_import"
    airflow.trigger(dag_id, "run")
    has_begun = f"SELECT * FROM {shared_keyspace}.{dag_id} LIMIT 1"
    airflow.wait_until(lambda: session.execute(has_begun).one() is not None, "first row", dag_id)
    airflow.call(
        "PATCH", f"/dags/{dag_id}/dagRuns/run/taskInstances/load", {"new_state": "failed", "include_future": False}
    )
    airflow.wait_until(lambda: "stopped on request" in airflow.home.logs(dag_id), "end", dag_id)
    events = [json.loads(line) for line in airflow.home.logs(dag_id).splitlines()]
    moments = {event["event"]: datetime.datetime.fromisoformat(event["timestamp"]) for event in events}
    asked = next(moment for text, moment in moments.items() if "Terminating process" in text)
    assert moments["Task failed with exception"] - asked < datetime.timedelta(seconds=2)


@pytest.mark.slow
def test_an_import_that_exports_trigger_reads_the_windows_of_all_of_them(
    airflow: RunningAirflow, session: Session, shared_keyspace: str, events: Events
) -> None:
    # Until the other asset has an event, those of the exports gather: the first run is about all of them, and the next
    # about the one after. Its days are not next to each other.
    export_days(airflow, 3, 4, 7)
    announce_end(airflow)
    wait_for_imports(airflow, 1)
    export_days(airflow, 9)
    announce_end(airflow)
    wait_for_imports(airflow, 2)
    found = {str(row.event_id) for row in session.execute(f"SELECT event_id FROM {shared_keyspace}.import_announced")}
    days = [(f"2024-01-{day - 1:02}", f"2024-01-{day:02}") for day in (3, 4, 7, 9)]
    expected = [events.between(f"{start}T00:00:00+00:00", f"{end}T00:00:00+00:00") for start, end in days]
    assert all(expected)
    assert found == set().union(*expected)
    rows = [result["rows"] for result in airflow.home.returned("import_announced", "load")]
    assert sorted(rows) == sorted([sum(map(len, expected[:3])), len(expected[3])])


def export_days(airflow: RunningAirflow, *days: int) -> None:
    for day in days:
        airflow.trigger("announced_window", f"day-{day}", logical_date=f"2024-01-{day:02}T00:00:00Z")
    for day in days:
        airflow.wait_for_window("announced_window", f"day-{day}")


def announce_end(airflow: RunningAirflow) -> None:
    [asset] = airflow.call("GET", "/assets?name_pattern=announced_end")["assets"]
    airflow.call("POST", "/assets/events", {"asset_id": asset["id"], "extra": {}})


def wait_for_imports(airflow: RunningAirflow, count: int) -> None:
    def have_ended() -> bool:
        states = list(airflow.home.run_states("import_announced").values())
        return len(states) >= count and not set(states) & {"queued", "running"}

    airflow.wait_until(have_ended, f"{count} imports", "import_announced")
