"""``docker/tables.cql`` on the tests' Cassandra, in keyspaces of other names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from tests.keyspaces import make_keyspace

if TYPE_CHECKING:
    from cassandra.cluster import Session

TABLES = Path(__file__).resolve().parents[1] / "docker" / "tables.cql"
NEEDS_DOCKERS_CASSANDRA = pytest.mark.needs_cassandra("5.0", "the Cassandra of docker/compose.yaml")


def create_docker_tables(session: Session) -> dict[str, str]:
    """Runs the file twice, as two starts do; tells which keyspace stands for ``shop`` and for ``new_shop``."""
    names = {"new_shop": make_keyspace(session), "shop": make_keyspace(session)}
    text = TABLES.read_text("utf-8")
    for name, keyspace in names.items():
        for following in (".", " WITH"):
            text = text.replace(f" {name}{following}", f" {keyspace}{following}")
    assert "shop." not in text
    statements = split_statements(text)
    for statement in [*statements, *statements]:
        session.execute(statement.text)
    return names
