"""Sessions that the engine's caller opened: whatever they make of rows, and settings that cannot be shared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import dict_factory, ordered_dict_factory, tuple_factory

from airflow_provider_cqlai.engine import CaptureOptions, CopyFromOptions, CopyToOptions, capture, copy_from, copy_to
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError
from dev.server_address import ServerAddress

# The driver has two seconds and five for a server that is busy with other tests.
PATIENT = {"connect_timeout": 20, "control_connection_timeout": 20, "protocol_version": 5}


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    for name in ("events", "back"):
        session.execute(f"CREATE TABLE {keyspace}.{name} (day date, id int, name text, PRIMARY KEY (day, id))")
    for number in range(20):
        session.execute(f"INSERT INTO {keyspace}.events (day, id, name) VALUES ('2024-03-01', {number}, 'n{number}')")
    return f"{keyspace}.events"


@pytest.mark.parametrize("row_factory", [dict_factory, ordered_dict_factory, tuple_factory])
def test_rows_may_be_made_of_anything(
    cassandra: ServerAddress, session: Session, table: str, keyspace: str, tmp_path: Path, row_factory: Any
) -> None:
    profile = ExecutionProfile(row_factory=row_factory)
    profiles = {EXEC_PROFILE_DEFAULT: profile}
    cluster = Cluster([cassandra.host], port=cassandra.port, execution_profiles=profiles, **PATIENT)
    try:
        own = cluster.connect()
        path = str(tmp_path / "events.parquet")
        assert copy_to(own, CopyToOptions(table=table, path=path)).rows == 20
        result = copy_from(own, CopyFromOptions(table=f"{keyspace}.back", path=path, verify="all"))
        assert result.rows == 20
        captured = tmp_path / "captured.parquet"
        capture(own, CaptureOptions(queries=(f"SELECT * FROM {table}",), path=str(captured)))
        assert pq.read_table(captured).num_rows == 20
    finally:
        cluster.shutdown()
    assert session.execute(f"SELECT count(*) FROM {keyspace}.back").one() == (20,)


def _make_policy(cluster: Cluster) -> Session:
    return cluster.connect()


def _make_rows(cluster: Cluster) -> Session:
    session = cluster.connect()
    session.row_factory = dict_factory
    return session


def _make_level(cluster: Cluster) -> Session:
    session = cluster.connect()
    session.default_consistency_level = ConsistencyLevel.QUORUM
    return session


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("settings", "connect"),
    [({"load_balancing_policy": RoundRobinPolicy()}, _make_policy), ({}, _make_rows), ({}, _make_level)],
)
def test_legacy_settings_are_an_error_that_names_what_to_write(
    cassandra: ServerAddress,
    table: str,
    keyspace: str,
    tmp_path: Path,
    settings: dict[str, Any],
    connect: Callable[[Cluster], Session],
) -> None:
    path = str(tmp_path / "events.parquet")
    cluster = Cluster([cassandra.host], port=cassandra.port, **settings, **PATIENT)
    try:
        own = connect(cluster)
        with pytest.raises(ConnectionSettingsError, match="execution_profiles=") as caught:
            copy_to(own, CopyToOptions(table=table, path=path))
        assert caught.value.setting == "execution_profiles"
        with pytest.raises(ConnectionSettingsError, match="legacy"):
            capture(own, CaptureOptions(queries=(f"SELECT * FROM {table}",), path=path))
    finally:
        cluster.shutdown()
    assert list(tmp_path.iterdir()) == []
