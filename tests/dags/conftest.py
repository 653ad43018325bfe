"""Fixtures of the tests that go through Airflow itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.airflow_home import DAG_FILES, EXAMPLES, AirflowHome
from tests.dags.event_rows import Events, create_events
from tests.dags.example_tables import create_accounts, create_example_tables, write_with_pandas
from tests.dags.nightly_tables import create_nightly_tables
from tests.dags.readings import create_tables, write_readings
from tests.dags.tested_runs import (
    BY_THE_HOOK,
    CAPTURES,
    EXAMPLE_DAY,
    EXAMPLE_RUNS,
    EXPORTS,
    IMPORTS,
    KEYSPACES,
    ON_THE_COMMAND_LINE,
    SCRIPTS,
    SENSORS,
    SHARDED,
)
from tests.keyspaces import make_keyspace
from tests.object_store import S3Server

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress
    from tests.shared_resources import SharedResources

MakeHome = Callable[..., AirflowHome]


@pytest.fixture(scope="session")
def migrated_database(shared_resources: SharedResources) -> Path:
    """An empty database of this Airflow; every home has a copy, since making one takes seconds."""
    database: Path = shared_resources.get("tests.dags.airflow_home:migrated_database")
    return database


@pytest.fixture(scope="session")
def shared_keyspace(session: Session) -> str:
    """A keyspace for all DAG tests, which only read."""
    return make_keyspace(session)


@pytest.fixture(scope="session")
def events(session: Session, shared_keyspace: str) -> Events:
    """The rows of the table ``events`` in the shared keyspace."""
    return create_events(session, shared_keyspace)


@pytest.fixture(scope="session")
def cassandra_connection(cassandra: ServerAddress, shared_keyspace: str) -> dict[str, Any]:
    """The Airflow connection ``cqlai_default``, as Airflow reads it from the environment."""
    return {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": shared_keyspace}


@pytest.fixture(scope="session")
def make_home(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path, cassandra_connection: dict[str, Any]
) -> MakeHome:
    """Makes an `AirflowHome` for a folder of DAGs."""

    def make(dags: Path = DAG_FILES, **environment: str) -> AirflowHome:
        home = AirflowHome(
            tmp_path_factory.mktemp("airflow"),
            migrated_database,
            dags=dags,
            lake=tmp_path_factory.mktemp("lake"),
            connection=cassandra_connection,
        )
        home.environment |= environment
        return home

    return make


@pytest.fixture(scope="session")
def lake_bucket(s3_endpoint: str) -> S3Server:
    """The bucket that DAGs of `home` write to."""
    server = S3Server(endpoint_url=s3_endpoint, bucket="lake")
    server.make_bucket()
    return server


@pytest.fixture(scope="session")
def new_keyspace(session: Session) -> str:
    """Stands for another cluster: it is reached through another connection."""
    return make_keyspace(session)


@pytest.fixture(scope="session")
def nightly_keyspace(session: Session) -> str:
    """Tables with and without a time in their key, for exports of a whole keyspace."""
    keyspace = make_keyspace(session)
    create_nightly_tables(session, keyspace)
    return keyspace


@pytest.fixture(scope="session")
def home(
    make_home: MakeHome,
    events: Events,
    session: Session,
    shared_keyspace: str,
    new_keyspace: str,
    nightly_keyspace: str,
    cassandra_connection: dict[str, Any],
    lake_bucket: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AirflowHome:
    """Where all of `tested_runs` have ended; OpenLineage's events are appended to a file."""
    dags = tmp_path_factory.mktemp("dags")
    for folder in (DAG_FILES, EXAMPLES):
        (dags / folder.name).symlink_to(folder)
    made = make_home(
        dags,
        AIRFLOW_VAR_OTHER_DEVICE="device-2",
        AIRFLOW_VAR_LAKE_BUCKET=lake_bucket.bucket,
        AIRFLOW_CONN_MY_AWS=lake_bucket.airflow_connection(),
        AIRFLOW_CONN_AWS_DEFAULT=lake_bucket.airflow_connection(),
        AIRFLOW_CONN_CQLAI_OLD_CLUSTER=json.dumps(cassandra_connection),
        AIRFLOW_CONN_CQLAI_NEW_CLUSTER=json.dumps({**cassandra_connection, "schema": new_keyspace}),
        AIRFLOW_CONN_UNREACHABLE=(
            '{"conn_type": "cqlai", "host": "127.0.0.1", "port": 1, "extra": {"connect_timeout_seconds": 1}}'
        ),
    )
    transport = {"type": "file", "log_file_path": str(made.directory / "lineage.json"), "append": True}
    made.environment["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
    # Two processes are forked for each task that has it.
    made.environment["AIRFLOW__OPENLINEAGE__SELECTIVE_ENABLE"] = "True"
    write_readings(made.lake)
    names = ("all", "rejecting", "failing_once", "lineage", "timed_out")
    create_tables(session, shared_keyspace, [f"import_{name}" for name in names])
    create_tables(session, shared_keyspace, ["import_templates"], key="id")
    made.environment |= {"AIRFLOW_VAR_NIGHTLY_KEYSPACE": nightly_keyspace, "AIRFLOW_VAR_KEYSPACE": nightly_keyspace}
    session.execute(f"CREATE TABLE {shared_keyspace}.import_counting (sensor int PRIMARY KEY, hits counter)")
    create_example_tables(session, shared_keyspace)
    create_accounts(session, shared_keyspace, new_keyspace)
    write_with_pandas(made.lake / "foreign" / "measurements")
    done = made.run_airflow("dags", "test", ON_THE_COMMAND_LINE, EXAMPLE_DAY[1])
    assert done.returncode == 0, done.stdout + done.stderr
    runs = [*EXPORTS, *IMPORTS, *CAPTURES, *SCRIPTS, *SENSORS, *SHARDED, *KEYSPACES, *BY_THE_HOOK, *EXAMPLE_RUNS]
    by_profile = {"dag_id": "s3_by_profile", "environment": lake_bucket.aws_profile(made.directory)}
    made.test_dags([*runs, by_profile])
    return made
