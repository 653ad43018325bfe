"""Windows, errors and mapped tasks through ``dag.test()``, on Airflow 2.11 and 3.x."""

from __future__ import annotations

import pytest

from tests.dags.airflow_home import IS_AIRFLOW_3, AirflowHome, TaskState
from tests.dags.conftest import MakeHome
from tests.dags.event_rows import Events
from tests.dags.published_ids import read_ids


@pytest.mark.parametrize(
    ("dag_id", "start", "end"),
    [
        ("trigger_window", "2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"),
        ("trigger_window_from_start", "2024-01-05T12:00:00+00:00", "2024-01-06T12:00:00+00:00"),
        ("interval_window", "2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"),
        ("berlin_window", "2024-01-04T23:00:00+00:00", "2024-01-05T23:00:00+00:00"),
    ],
)
def test_a_window_is_exported_to_the_tick(home: AirflowHome, events: Events, dag_id: str, start: str, end: str) -> None:
    assert set(home.windows(dag_id)) == {(start, end)}
    assert sorted(read_ids(home.lake / dag_id)) == sorted(events.between(start, end))
    assert home.returned(dag_id)[0]["rows"] == len(events.between(start, end))


def test_daily_with_a_period_is_the_day_before_on_every_airflow(home: AirflowHome, events: Events) -> None:
    start, end = "2024-01-04T00:00:00+00:00", "2024-01-05T00:00:00+00:00"
    assert home.windows("daily_window")[0] == (start, end)
    assert sorted(read_ids(home.lake / "daily_window", start, end)) == sorted(events.between(start, end))


def test_an_interval_of_no_length_without_period_fails_without_retries(home: AirflowHome) -> None:
    assert home.task_states("trigger_window_without_period") == [TaskState("failed", 1)]
    assert not (home.lake / "trigger_window_without_period").exists()


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="every run of Airflow 2.11 has a logical date")
def test_a_run_without_dates_fails_without_retries(home: AirflowHome) -> None:
    assert home.task_states("manual_window") == [TaskState("failed", 1)]


def test_since_exports_what_was_written_until_the_run_began(home: AirflowHome, events: Events) -> None:
    assert sorted(read_ids(home.lake / "since_log")) == sorted(events.ticks)
    [(start, _)] = home.windows("since_log")
    assert start == "2020-01-01T00:00:00+00:00"


def test_mapped_tasks_share_a_window(home: AirflowHome, events: Events) -> None:
    start, end = "2024-01-01T00:00:00+00:00", "2024-01-04T00:00:00+00:00"
    assert home.windows("mapped") == [(start, end)] * 3
    assert sorted(read_ids(home.lake / "mapped-2024")) == sorted(events.between(start, end))
    assert sum(returned["rows"] for returned in home.returned("mapped")) == len(events.between(start, end))


def test_a_path_may_be_a_path_object(home: AirflowHome, events: Events) -> None:
    [returned] = home.returned("local_by_path")
    assert returned["path"] == str(home.lake / "by_path.parquet")
    assert sorted(read_ids(home.lake / "by_path.parquet")) == sorted(events.ticks)


@pytest.mark.parametrize("dag_id", ["unknown_column", "unknown_option_value"])
def test_a_terminal_error_is_not_retried(home: AirflowHome, dag_id: str) -> None:
    assert home.task_states(dag_id) == [TaskState("failed", 1)]
    assert not (home.lake / dag_id).exists()


def test_a_cluster_that_cannot_be_reached_is_tried_again(home: AirflowHome) -> None:
    assert home.task_states("unreachable_cluster") == [TaskState("failed", 2)]


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="on 2.11 a timeout ends dag.test() itself")
def test_an_export_that_takes_too_long_ends_and_publishes_nothing(home: AirflowHome) -> None:
    assert home.task_states("timed_out_export") == [TaskState("failed", 1)]
    assert home.returned("timed_out_export") == []
    assert list((home.lake / "timed_out_export").glob("**/*.parquet")) == []


def test_nothing_to_export_is_skipped_where_asked(home: AirflowHome) -> None:
    assert home.task_states("empty_window") == [TaskState("skipped", 1)]
    assert home.returned("empty_window") == []


def test_an_asset_event_says_what_was_published(home: AirflowHome, events: Events) -> None:
    [event] = home.asset_events("trigger_window_dataset")
    start, end = "2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"
    assert (event["window_start"], event["window_end"]) == (start, end)
    assert event["rows"] == len(events.between(start, end))
    assert event["files"][0]["path"].endswith(".parquet")


@pytest.mark.slow
def test_the_command_line_runs_a_day_and_exits_with_zero(make_home: MakeHome, events: Events) -> None:
    home = make_home()
    done = home.run_airflow("dags", "test", "daily_window", "2024-01-07")
    assert done.returncode == 0, done.stdout + done.stderr
    start, end = "2024-01-06T00:00:00+00:00", "2024-01-07T00:00:00+00:00"
    assert home.windows("daily_window") == [(start, end)]
    assert sorted(read_ids(home.lake / "daily_window")) == sorted(events.between(start, end))


@pytest.mark.slow
def test_the_command_line_exits_with_an_error_when_the_export_fails(make_home: MakeHome, events: Events) -> None:
    done = make_home().run_airflow("dags", "test", "unknown_column", "2024-01-07")
    assert done.returncode != 0
    assert "nothing" in done.stdout + done.stderr
