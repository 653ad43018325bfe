"""Exports of whole keyspaces through ``dag.test()``, on Airflow 2.11 and 3.x: a dataset a table, a summary."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.dags.airflow_home import IS_AIRFLOW_3, AirflowHome, TaskState
from tests.dags.nightly_tables import DAYS, USERS, VISITS_PER_DAY
from tests.dags.published_ids import read_ids

WHOLE = Counter(list(range(VISITS_PER_DAY)) * DAYS)


def ids(root: Path) -> Counter[int]:
    return Counter(read_ids(root, column="id"))


def test_each_table_is_a_dataset_of_its_own(home: AirflowHome, nightly_keyspace: str) -> None:
    root = home.lake / "night" / nightly_keyspace
    assert sorted(path.name for path in root.iterdir()) == ["Readings", "users", "visits"]
    assert ids(root / "users") == Counter(range(USERS))
    assert ids(root / "visits") == ids(root / "Readings") == Counter(range(VISITS_PER_DAY))
    assert {path.parent.name for path in (root / "visits").glob("*/*.parquet")} == {f"at.hour=0{n}" for n in range(4)}
    [summary] = home.returned("keyspace_of_a_day", "night.publish")
    assert (summary["table_count"], summary["rows"]) == (3, USERS + 2 * VISITS_PER_DAY)
    starts = {table.partition(".")[2]: result["window_start"] for table, result in summary["tables"].items()}
    assert starts == {"users": None, "visits": "2024-01-03T00:00:00+00:00", '"Readings"': "2024-01-03T00:00:00+00:00"}
    assert len(home.task_states("keyspace_of_a_day", "night.export")) == 3
    if IS_AIRFLOW_3:
        assert home.aliased_assets("keyspace_of_a_day.night") == {
            f"file://{root}/{name}" for name in ("Readings", "users", "visits")
        }


def test_a_table_that_fails_is_named_and_the_others_are_published(home: AirflowHome) -> None:
    root = home.lake / "shards"
    assert ids(root / "visits") == ids(root / "Readings") == WHOLE
    # What one table has of its own is not the next one's.
    assert {path.parent.name[:4] for path in (root / "Readings").glob("**/*.parquet")} == {"day="}
    assert {path.parent for path in (root / "visits").glob("**/*.parquet")} == {root / "visits"}
    assert list((root / "users").glob("**/*.parquet")) == []
    assert [path.name for path in (root / "users" / "_cqlai").glob("**/attempt-*")] == []
    dag = "keyspace_with_a_failing_table"
    assert Counter(state.state for state in home.task_states(dag, "shards.export")) == {"success": 4, "failed": 2}
    assert home.task_states(dag, "shards.publish") == [TaskState("failed", 1)]
    [cleaned] = home.returned(dag, "shards.clean_up")
    assert [table.partition(".")[2] for table in cleaned["removed"]] == ["users"]
    assert list(home.run_states(dag).values()) == ["failed"]


def test_a_name_that_is_no_table_fails_the_plan(home: AirflowHome) -> None:
    assert home.task_states("keyspace_without_such_tables", "none.plan") == [TaskState("failed", 1)]
    assert home.task_states("keyspace_without_such_tables", "none.publish")[0].state == "failed"
    assert not (home.lake / "none").exists()
