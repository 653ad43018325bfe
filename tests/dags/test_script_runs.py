"""Scripts through ``dag.test()``, on Airflow 2.11 and 3.x: templates, windows, results, assets and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from tests.dags.airflow_home import AirflowHome, TaskState
from tests.dags.event_rows import Events
from tests.dags.published_ids import read_ids

if TYPE_CHECKING:
    from cassandra.cluster import Session

DAY = ("2024-01-04T00:00:00+00:00", "2024-01-05T00:00:00+00:00")


def test_a_script_of_a_day_moves_that_day(home: AirflowHome, events: Events) -> None:
    day = events.between(*DAY)
    [returned] = home.returned("script_of_a_day", "run")
    created, exported, captured, imported, counted = returned["statements"]
    assert created["statement"] == "CREATE"
    assert [(each["window_start"], each["window_end"]) for each in (exported, captured)] == [DAY, DAY]
    assert sorted(read_ids(home.lake / "script_of_a_day")) == sorted(day)
    ids = {str(event_id) for event_id in pq.read_table(captured["path"])["event_id"].to_pylist()}
    assert 0 < len(ids) < len(day)
    assert ids < day
    assert imported["rows"] == counted["count"] == len(day)
    [event] = home.asset_events("script_results")
    assert [each["rows"] for each in event["results"]] == [len(day), len(ids), len(day)]
    # The journal of a finished import is gone.
    assert [text for text in home.variables("cqlai_import_") if "script_of_a_day" in text] == []


def test_what_the_server_refuses_is_not_tried_again_and_what_ran_before_stays(
    home: AirflowHome, session: Session, shared_keyspace: str
) -> None:
    assert home.task_states("script_refused", "run") == [TaskState("failed", 1)]
    assert list(session.execute(f"SELECT * FROM {shared_keyspace}.made_by_script")) == []


def test_a_script_without_its_window_runs_nothing(home: AirflowHome, session: Session, shared_keyspace: str) -> None:
    assert home.task_states("script_without_a_window", "run") == [TaskState("failed", 1)]
    tables = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (shared_keyspace,))
    assert "never_made" not in {row.table_name for row in tables}
