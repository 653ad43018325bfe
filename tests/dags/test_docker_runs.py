"""Each example DAG on the tables of ``docker/``: what a first run shows there, with its compose file's connections."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.dags.airflow_home import EXAMPLES, REPOSITORY, AirflowHome
from tests.dags.conftest import MakeHome
from tests.docker_tables import NEEDS_DOCKERS_CASSANDRA, create_docker_tables
from tests.object_store import S3Server

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress

# Restoring needs what was exported; all others stand alone.
ORDER = ("daily_events", "restore_events")
# Rows of the first task that moves any, by DAG.
ROWS = {
    "capture_reports": ("capture_views", 3),
    "capture_workflow": ("capture_by_month", 6),
    "cluster_migration": ("import_accounts", 3),
    "daily_events": ("export_events", 3),
    "export_import_workflow": ("import_events", 2),
    "export_to_s3": ("export_events", 3),
    "incremental_backfill": ("export_readings", 2),
    "keyspace_nightly": ("export_shop.publish", 20),
    "load_foreign_dataset": ("load_measurements", 224),
    "mixed_schema_report": ("capture_json", 5),
    "order_archive": ("archive_orders", 2),
    "restore_events": ("import_events", 3),
    "sharded_export": ("export_events.publish", 3),
    "table_snapshot": ("export_customers", 3),
    "vectors_for_ml": ("export_embeddings", 3),
}

pytestmark = [pytest.mark.slow, NEEDS_DOCKERS_CASSANDRA]


@pytest.fixture(scope="module")
def docker_home(make_home: MakeHome, session: Session, cassandra: ServerAddress, lake_bucket: S3Server) -> AirflowHome:
    """Where every example has run once, as the scheduler would have run it just now."""
    made = make_home(EXAMPLES)
    keyspaces = create_docker_tables(session)
    compose = yaml.safe_load((REPOSITORY / "docker" / "compose.yaml").read_text("utf-8"))
    environment: dict[str, str] = compose["services"]["airflow"]["environment"]
    for name, text in environment.items():
        if name.startswith("AIRFLOW_CONN_CQLAI"):
            described: dict[str, Any] = json.loads(text)
            made.environment[name] = json.dumps(
                {**described, "host": cassandra.host, "port": cassandra.port, "schema": keyspaces[described["schema"]]}
            )
    made.environment |= {
        "AIRFLOW_VAR_KEYSPACE": keyspaces["shop"],
        "AIRFLOW_CONN_AWS_DEFAULT": lake_bucket.airflow_connection(),
        "AIRFLOW_VAR_LAKE_BUCKET": lake_bucket.bucket,
    }
    writer = REPOSITORY / "docker" / "foreign_dataset.py"
    subprocess.run([sys.executable, str(writer), str(made.lake / "foreign" / "measurements")], check=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = now.replace(minute=0, second=0, microsecond=0)
    dates = dict.fromkeys(ROWS, hour.replace(hour=0)) | {"incremental_backfill": hour}
    names = [*ORDER, *(name for name in ROWS if name not in ORDER)]
    made.test_dags([{"dag_id": name, "logical_date": dates[name].isoformat()} for name in names])
    return made


def test_every_example_is_run() -> None:
    assert set(ROWS) == {path.stem for path in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("dag_id", ROWS)
def test_first_run_of_an_example_moves_rows(docker_home: AirflowHome, dag_id: str) -> None:
    task_id, rows = ROWS[dag_id]
    assert set(docker_home.run_states(dag_id).values()) == {"success"}
    returned = docker_home.returned(dag_id, task_id)
    assert sum(result.get("rows_published", result.get("rows", 0)) for result in returned) == rows
