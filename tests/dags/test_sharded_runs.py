"""Sharded exports through ``dag.test()``, on Airflow 2.11 and 3.x: one publication of all shards, or none."""

from __future__ import annotations

from tests.dags.airflow_home import AirflowHome, TaskState
from tests.dags.event_rows import Events
from tests.dags.published_ids import read_ids

SUCCESS = TaskState("success", 1)


def visible(home: AirflowHome, dag_id: str) -> list[str]:
    return [str(path) for path in (home.lake / dag_id).glob("**/*.parquet")]


def attempts(home: AirflowHome, dag_id: str) -> list[str]:
    return [path.name for path in (home.lake / dag_id / "_cqlai").glob("**/attempt-*")]


def test_the_shards_of_a_window_are_published_together(home: AirflowHome, events: Events) -> None:
    start, end = "2024-01-03T00:00:00+00:00", "2024-01-04T00:00:00+00:00"
    expected = sorted(events.between(start, end))
    assert sorted(read_ids(home.lake / "sharded_day")) == expected
    [published] = home.returned("sharded_day", "group.publish")
    assert (published["rows"], published["window_start"], published["window_end"]) == (len(expected), start, end)
    shards = home.returned("sharded_day", "group.export")
    assert [(shard["shard_index"], shard["shard_count"]) for shard in shards] == [(0, 3), (1, 3), (2, 3)]
    assert sum(shard["rows"] for shard in shards) == len(expected)
    # The window of a task after the group is that of the group.
    assert sorted(read_ids(home.lake / "sharded_day_copy")) == expected
    [event] = home.asset_events("sharded_day_dataset")
    assert (event["rows"], event["path"]) == (len(expected), published["path"])
    assert home.task_states("sharded_day", "group.clean_up") == [SUCCESS]
    assert attempts(home, "sharded_day") == []


def test_a_shard_is_tried_again_by_itself(home: AirflowHome, events: Events) -> None:
    states = home.task_states("sharded_with_a_retry", "group.export")
    assert states == [SUCCESS, TaskState("success", 2), SUCCESS, SUCCESS]
    assert sorted(read_ids(home.lake / "sharded_with_a_retry")) == sorted(events.ticks)


def test_a_failed_shard_publishes_nothing_and_leaves_nothing(home: AirflowHome) -> None:
    assert home.task_states("sharded_failing", "group.export") == [SUCCESS, TaskState("failed", 1), SUCCESS]
    assert home.task_states("sharded_failing", "group.publish")[0].state == "upstream_failed"
    assert home.returned("sharded_failing", "group.clean_up") == [{"is_removed": True}]
    assert list(home.run_states("sharded_failing").values()) == ["failed"]
    assert visible(home, "sharded_failing") == attempts(home, "sharded_failing") == []


def test_what_a_failed_run_has_staged_can_be_kept(home: AirflowHome) -> None:
    assert home.task_states("sharded_failing_and_kept", "group.publish")[0].state == "upstream_failed"
    assert home.task_states("sharded_failing_and_kept", "group.clean_up") == []
    assert visible(home, "sharded_failing_and_kept") == []
    assert len([name for name in attempts(home, "sharded_failing_and_kept") if name.endswith(".done")]) == 2


def test_a_plan_that_fails_starts_no_shard(home: AirflowHome) -> None:
    assert home.task_states("sharded_unplanned", "group.plan") == [TaskState("failed", 1)]
    assert {state.state for state in home.task_states("sharded_unplanned", "group.export")} <= {"upstream_failed", None}
    assert home.task_states("sharded_unplanned", "group.clean_up")[0].state == "success"
    assert not (home.lake / "sharded_unplanned").exists()
