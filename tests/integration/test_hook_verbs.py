"""`CqlaiHook.copy_to` and `copy_from` outside of a task, and what they leave on the task that they run in."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import CopyCancelledError, OptionError, TimeWindowError
from airflow_provider_cqlai.hooks import verbs
from dev.server_address import ServerAddress
from tests.inserted_rows import insert_rows
from tests.integration.hook_connections import MakeHook


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.days (id int, day date, PRIMARY KEY (id, day))")
    rows = [(n, datetime.date(2024, 1, 1 + n % 3)) for n in range(300)]
    insert_rows(session, f"INSERT INTO {keyspace}.days (id, day) VALUES (?, ?)", rows)
    return f"{keyspace}.days"


def test_a_table_and_a_window_of_it_go_out_and_come_back(
    hook_to: MakeHook, cassandra: ServerAddress, session: Session, keyspace: str, table: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.again (id int, day date, PRIMARY KEY (id, day))")
    with hook_to(cassandra, schema=keyspace) as hook:
        whole = hook.copy_to("days", tmp_path / "{table}.parquet")
        day = hook.copy_to(
            table, "day", base_path=str(tmp_path), time_column="day", start="2024-01-02", end="2024-01-03"
        )
        assert (whole.rows, day.rows) == (300, 100)
        assert pq.read_metadata(tmp_path / "days.parquet").num_rows == 300
        assert hook.copy_from("again", tmp_path / "day", verify="all").rows == 100
        assert hook.get_first("SELECT count(*) FROM again")[0] == 100
        assert hook.copy_from("again", [tmp_path / "days.parquet"], where=[("id", "<", 10)]).rows == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partitionby": "id"}, "unknown option 'partitionby' .did you mean 'partition_by'"),
        ({"window": "nonsense"}, "window is the run's own"),
        ({"time_column": "day"}, "time_column without a window|no data interval"),
        ({"time_column": "day", "start": "2024-01-02"}, "start without end"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_read(
    options: dict[str, Any], message: str, hook_to: MakeHook, cassandra: ServerAddress, table: str, tmp_path: Path
) -> None:
    with hook_to(cassandra) as hook, pytest.raises((OptionError, TimeWindowError), match=message):
        hook.copy_to(table, tmp_path / "data", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_task_ends_the_export_and_keeps_its_own_end(
    hook_to: MakeHook, cassandra: ServerAddress, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Task:
        outlets: tuple[Any, ...] = ()
        kills = 0

        def on_kill(self) -> None:
            self.kills += 1

    task = Task()
    instance = SimpleNamespace(task=task, dag_id="dag", task_id="task", run_id="run", map_index=-1, max_tries=0)
    monkeypatch.setattr(verbs, "get_current_context", lambda: {"ti": instance, "task": task, "dag": None})
    with hook_to(cassandra) as hook:

        def kill() -> None:
            # By its name at that moment, as Airflow does.
            task.on_kill()

        threading.Timer(0.5, kill).start()
        with pytest.raises(CopyCancelledError):
            hook.copy_to(table, tmp_path / "data", rate_limit_rows_per_second=20)
        assert task.kills == 1
        # Nothing runs any more that a further kill would end.
        assert vars(task)["_cqlai_running"] == []
        assert list(tmp_path.glob("**/*.parquet")) == []
        assert hook.copy_to(table, tmp_path / "data").rows == 300
