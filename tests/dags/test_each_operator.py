"""One run of each operator: what `make test` asks of Airflow 2.11, whose other runs are those of `make test-full`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dags.airflow_home import IS_AIRFLOW_3, AirflowHome, TaskState
from tests.dags.conftest import MakeHome
from tests.dags.event_rows import Events
from tests.dags.published_ids import read_ids
from tests.dags.readings import ROWS, create_tables, is_whole, write_readings

if TYPE_CHECKING:
    from cassandra.cluster import Session

pytestmark = pytest.mark.skipif(IS_AIRFLOW_3, reason="every tier runs all DAGs of the tests on Airflow 3")

DAY = ("2024-01-04T00:00:00+00:00", "2024-01-05T00:00:00+00:00")


@pytest.fixture(scope="module")
def home(make_home: MakeHome, events: Events, session: Session, shared_keyspace: str) -> AirflowHome:
    """Where an export, an import, a capture and a script have ended."""
    made = make_home()
    write_readings(made.lake)
    create_tables(session, shared_keyspace, ["import_all"])
    made.test_dags(
        [
            {"dag_id": "daily_window", "logical_date": DAY[1]},
            {"dag_id": "import_all"},
            {"dag_id": "capture_mapped"},
            {"dag_id": "script_of_a_day", "logical_date": DAY[1]},
        ]
    )
    return made


def test_an_export_is_its_day(home: AirflowHome, events: Events) -> None:
    assert set(home.windows("daily_window")) == {DAY}
    assert sorted(read_ids(home.lake / "daily_window")) == sorted(events.between(*DAY))


def test_an_import_writes_every_row(home: AirflowHome, session: Session, shared_keyspace: str) -> None:
    [returned] = home.returned("import_all", "load")
    assert returned["rows"] == ROWS
    assert is_whole(session, shared_keyspace, "import_all")


def test_mapped_captures_publish_a_file_each(home: AirflowHome) -> None:
    assert home.task_states("capture_mapped") == [TaskState("success", 1)] * 3
    assert len(list((home.lake / "capture_mapped").glob("*.parquet"))) == 3


def test_a_script_runs_each_of_its_statements(home: AirflowHome, events: Events) -> None:
    [returned] = home.returned("script_of_a_day", "run")
    assert [statement.get("rows") for statement in returned["statements"]][1] == len(events.between(*DAY))
    assert sorted(read_ids(home.lake / "script_of_a_day")) == sorted(events.between(*DAY))
