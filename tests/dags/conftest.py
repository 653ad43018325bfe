"""Fixtures of the tests that go through Airflow itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.airflow_home import DAG_FILES, AirflowHome, home_environment
from tests.dags.event_rows import Events, create_events

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress

MakeHome = Callable[..., AirflowHome]


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of this Airflow; every home has a copy, since making one takes seconds."""
    directory = tmp_path_factory.mktemp("migrated")
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(
        command, env=home_environment(directory), cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "airflow.db"


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
