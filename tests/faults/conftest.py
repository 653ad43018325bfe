"""One keyspace and session for all fault tests of a module: filling the table costs more than an export of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from cassandra.cluster import Session

from .fault_proxy import FaultProxy, fault_proxy


@pytest.fixture(scope="module")
def module_session(cassandra: Any) -> Iterator[Session]:
    with cassandra.connect() as session:
        yield session


@pytest.fixture(scope="module")
def module_keyspace(module_session: Session) -> Iterator[str]:
    name = f"faults_{uuid.uuid4().hex[:12]}"
    module_session.execute(
        f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    yield name
    module_session.execute(f"DROP KEYSPACE {name}")


@pytest.fixture
def proxy(cassandra: Any) -> Iterator[FaultProxy]:
    """In front of the server, to cut and stall its connections."""
    with fault_proxy(cassandra.host, cassandra.port) as started:
        yield started
