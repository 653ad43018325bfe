"""Fixtures of the tests that go through Airflow itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.airflow_home import DAG_FILES, AirflowHome
from tests.dags.event_rows import Events, create_events
from tests.dags.readings import create_tables, write_readings

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress
    from tests.dags.running_airflow import RunningAirflow
    from tests.shared_resources import SharedResources

MakeHome = Callable[..., AirflowHome]


@pytest.fixture(scope="session")
def migrated_database(shared_resources: SharedResources) -> Path:
    """An empty database of this Airflow; every home has a copy, since making one takes seconds."""
    database: Path = shared_resources.get("tests.dags.airflow_home:migrated_database")
    return database


@pytest.fixture(scope="session")
def shared_keyspace(session: Session) -> Iterator[str]:
    """A keyspace for all DAG tests, which only read."""
    import uuid

    name = f"test_dags_{uuid.uuid4().hex[:12]}"
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    yield name
    session.execute(f"DROP KEYSPACE {name}")


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
def airflow(make_home: MakeHome, events: Events, session: Session, shared_keyspace: str) -> Iterator[RunningAirflow]:
    """A running Airflow 3 for all tests of the group "running Airflow", with two backfills to begin with."""
    from tests.dags.running_airflow import run_airflow

    home = make_home()
    write_readings(home.lake)
    tables = ("killed", "killed_and_cleared", "cleared_while_running", "rejecting")
    create_tables(session, shared_keyspace, ["slow_import", *(f"import_{name}" for name in tables)])
    with run_airflow(home) as running:
        running.backfill("backfilled_window", "2024-01-01", "2024-01-07")
        running.backfill("partition_window_backfilled", "2024-01-03", "2024-01-04")
        running.start_scheduler()
        yield running
