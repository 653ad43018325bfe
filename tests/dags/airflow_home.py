"""An Airflow installation of a test's own: directory, database, environment, and eyes on what its runs did.

Everything that Airflow does happens in processes of their own, so that tests share no state with it but the database.
That is read with SQL: XComs and states look the same on 2.11 and 3.x there, which the Python APIs do not.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

REPOSITORY = Path(__file__).parents[2]
DAG_FILES = Path(__file__).parent / "dag_files"
EXAMPLES = REPOSITORY / "dags_examples"
IS_AIRFLOW_3 = int(version("apache-airflow").partition(".")[0]) >= 3
# Airflow's own start takes 5 to 10 seconds here, on two cores that also run Cassandra.
_COMMAND_SECONDS = 400
_NOT_DUE = "2100-01-01 00:00:00.000000"


@dataclass(frozen=True)
class TaskState:
    """What became of one task instance."""

    state: str
    tries: int


@contextmanager
def migrated_database() -> Iterator[Path]:
    """An empty database of this Airflow, in a directory that ends with the block."""
    with TemporaryDirectory(prefix="cqlai-airflow-database-") as name:
        directory = Path(name)
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(
            command, env=home_environment(directory), cwd=directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield directory / "airflow.db"


class AirflowHome:
    """A migrated database in a directory of its own."""

    def __init__(
        self, directory: Path, migrated_database: Path, *, dags: Path, lake: Path, connection: Mapping[str, Any]
    ) -> None:
        self.directory = directory
        self.lake = lake
        self._database = directory / "airflow.db"
        shutil.copy(migrated_database, self._database)
        self.environment = home_environment(directory) | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW_CONN_CQLAI_DEFAULT": json.dumps(connection),
            "AIRFLOW_VAR_LAKE": str(lake),
        }

    def run_airflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``airflow <arguments>``, to its end."""
        return self._run("-m", "airflow", *arguments)

    def test_dags(self, runs: list[dict[str, Any]]) -> None:
        """``dag.test()`` of each ``{"dag_id": ..., "logical_date": ..., "conf": ...}``, all in one process."""
        done = self._run("-m", "tests.dags.dag_test_process", json.dumps(runs))
        assert done.returncode == 0, done.stdout + done.stderr

    def returned(self, dag_id: str, task_id: str = "export", run_id: str = "%") -> list[Any]:
        """What the runs of a task returned, in the order of the runs and of their mapped instances."""
        rows = self._query(
            "SELECT xcom.value FROM xcom JOIN dag_run ON dag_run.dag_id = xcom.dag_id AND dag_run.run_id = xcom.run_id"
            " WHERE xcom.dag_id = ? AND xcom.task_id = ? AND xcom.run_id LIKE ? AND xcom.key = 'return_value'"
            " ORDER BY dag_run.id, xcom.map_index",
            (dag_id, task_id, run_id),
        )
        return [json.loads(value) for (value,) in rows]

    def windows(self, dag_id: str, run_id: str = "%") -> list[tuple[str, str]]:
        """Start and end of the windows that the runs of a DAG exported."""
        return [(value["window_start"], value["window_end"]) for value in self.returned(dag_id, run_id=run_id)]

    def task_states(self, dag_id: str, task_id: str = "export", run_id: str = "%") -> list[TaskState]:
        """States of a task's instances, in the order of the runs."""
        rows = self._query(
            "SELECT ti.state, ti.try_number FROM task_instance ti"
            " JOIN dag_run ON dag_run.dag_id = ti.dag_id AND dag_run.run_id = ti.run_id"
            " WHERE ti.dag_id = ? AND ti.task_id = ? AND ti.run_id LIKE ? ORDER BY dag_run.id, ti.map_index",
            (dag_id, task_id, run_id),
        )
        return [TaskState(state, tries) for state, tries in rows]

    def run_states(self, dag_id: str) -> dict[str, str]:
        """State by run id."""
        return dict(self._query("SELECT run_id, state FROM dag_run WHERE dag_id = ? ORDER BY id", (dag_id,)))

    def asset_events(self, name: str) -> list[dict[str, Any]]:
        """Extras of the events of an asset, oldest first, with the run's partition key where there is one."""
        if IS_AIRFLOW_3:
            statement = "SELECT e.extra, e.partition_key FROM asset_event e JOIN asset a ON a.id = e.asset_id"
            rows = self._query(f"{statement} WHERE a.name = ? ORDER BY e.id", (name,))
        else:
            statement = "SELECT e.extra, NULL FROM dataset_event e JOIN dataset d ON d.id = e.dataset_id"
            rows = self._query(f"{statement} WHERE d.uri = ? ORDER BY e.id", (name,))
        return [{**json.loads(extra), "partition_key": key} for extra, key in rows]

    def aliased_assets(self, alias: str) -> set[str]:
        """URIs of the assets that came under an alias, on Airflow 3."""
        rows = self._query(
            "SELECT a.uri FROM asset a JOIN asset_alias_asset aa ON aa.asset_id = a.id"
            " JOIN asset_alias al ON al.id = aa.alias_id WHERE al.name = ?",
            (alias,),
        )
        return {uri for (uri,) in rows}

    def variables(self, prefix: str) -> list[str]:
        """Descriptions of the Variables whose name begins with ``prefix``."""
        return [text for (text,) in self._query("SELECT description FROM variable WHERE key LIKE ?", (f"{prefix}%",))]

    def postpone_next_run(self, dag_id: str) -> None:
        """The next scheduled run of a DAG is not due before a time that no test sees."""
        self._write("UPDATE dag SET next_dagrun_create_after = ? WHERE dag_id = ?", (_NOT_DUE, dag_id))

    def make_next_run_due(self, dag_id: str) -> None:
        """It is due at the moment that its schedule says: what waiting for the clock comes to."""
        self._write("UPDATE dag SET next_dagrun_create_after = next_dagrun WHERE dag_id = ?", (dag_id,))

    def is_run_due(self, dag_id: str) -> bool:
        """Whether a scheduled run is due that the scheduler has not made yet."""
        statement = "SELECT next_dagrun_create_after <= datetime('now') FROM dag WHERE dag_id = ?"
        [(is_due,)] = self._query(statement, (dag_id,))
        return bool(is_due)

    def logs(self, dag_id: str) -> str:
        """The logs of a DAG's tasks."""
        files = sorted((self.directory / "logs").glob(f"dag_id={dag_id}/**/*.log"))
        return "\n".join(file.read_text() for file in files)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )

    def _query(self, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
        connection = sqlite3.connect(self._database, timeout=60)
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def _write(self, statement: str, parameters: tuple[Any, ...]) -> None:
        connection = sqlite3.connect(self._database, timeout=60)
        try:
            with connection:
                assert connection.execute(statement, parameters).rowcount == 1, parameters
        finally:
            connection.close()


def home_environment(directory: Path) -> dict[str, str]:
    """The environment of every Airflow process of a home."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(REPOSITORY),
        "AIRFLOW_HOME": str(directory),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{directory / 'airflow.db'}?timeout=60",
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
    }
