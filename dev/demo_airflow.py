"""An Airflow of the demo's own: directory, database, connection and variable, and runs of the example DAGs.

What Airflow printed is kept in ``output.log`` and shown where a run fails. Connection and variable come from the
environment, as in any deployment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
        """One run of a DAG to its end, without scheduler or API server."""
        self._run("dags", "test", dag_id, logical_date)

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
            text = self._log.read_bytes()[start:].decode("utf-8", errors="replace")
            shown = "\n".join(text.splitlines()[-_LINES_SHOWN:])
            raise SystemExit(f"airflow {' '.join(arguments)} failed with exit code {done.returncode}:\n{shown}")
