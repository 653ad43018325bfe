"""An Airflow of the demo's own: directory, database, connection and variable, and runs of the example DAGs.

What Airflow printed is kept in ``output.log`` and shown where a run fails. Connection and variable come from the
environment, as in any deployment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.environments import PROJECT_ROOT
from dev.server_address import ServerAddress

_LINES_SHOWN = 60


class DemoAirflow:
    """Runs Airflow commands in processes of their own, with ``directory`` as Airflow's home."""

    def __init__(self, directory: Path, cassandra: ServerAddress, *, keyspace: str, lake: Path) -> None:
        directory.mkdir(parents=True)
        self._log = directory / "output.log"
        connection = {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": keyspace}
        # Nothing of a developer's own Airflow may reach the demo's.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self._environment = inherited | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "AIRFLOW_HOME": str(directory),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags_examples"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_CQLAI_DEFAULT": json.dumps(connection),
            "AIRFLOW_VAR_LAKE": str(lake),
        }

    def migrate(self) -> None:
        """Creates the database."""
        self._run("db", "migrate")

    def test_dag(self, dag_id: str, logical_date: str) -> None:
        """One run of a DAG to its end by ``airflow dags test``, without scheduler or API server."""
        self._run("dags", "test", dag_id, logical_date)

    @contextmanager
    def one_process(self) -> Iterator[Callable[[str, str], None]]:
        """Gives a function that does the same as `test_dag`, in one process for all calls."""
        with self._log.open("ab") as output:
            start = output.tell()
            with subprocess.Popen(
                [sys.executable, "-m", "dev.demo_runs"],
                env=self._environment,
                cwd=PROJECT_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                requests, answers = process.stdin, process.stdout

                def run(dag_id: str, logical_date: str) -> None:
                    print(json.dumps([dag_id, logical_date]), file=requests, flush=True)
                    answer = answers.readline()
                    if answer.strip() != '"success"':
                        raise SystemExit(f"{dag_id} of {logical_date} failed:\n{self._last_lines(start)}")

                yield run
                requests.close()

    def _run(self, *arguments: str) -> None:
        with self._log.open("ab") as output:
            start = output.tell()
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            shown = self._last_lines(start)
            raise SystemExit(f"airflow {' '.join(arguments)} failed with exit code {done.returncode}:\n{shown}")

    def _last_lines(self, start: int) -> str:
        text = self._log.read_bytes()[start:].decode("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-_LINES_SHOWN:])
