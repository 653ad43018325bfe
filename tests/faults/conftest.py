"""One keyspace and session for all fault tests of a module; tables that are only read serve all processes of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from cassandra.cluster import Session

from tests.keyspaces import make_keyspace

from .fault_proxy import FaultProxy, fault_proxy
from .killed_days import ROWS_PER_DAY

if TYPE_CHECKING:
    from dev.server_address import ServerAddress
    from tests.shared_resources import SharedResources

_FILLED = "tests.faults.events_table:filled_events"


@pytest.fixture(scope="module")
def module_session(cassandra: Any) -> Iterator[Session]:
    with cassandra.connect() as session:
        yield session


@pytest.fixture(scope="module")
def module_keyspace(module_session: Session) -> str:
    return make_keyspace(module_session)


@pytest.fixture(scope="session")
def four_days(shared_resources: SharedResources, cassandra: ServerAddress) -> str:
    """A table of 20,000 events, which are only read."""
    table: str = shared_resources.get(_FILLED, server=cassandra, days=4, rows_per_day=5_000)
    return table


@pytest.fixture(scope="session")
def two_days(shared_resources: SharedResources, cassandra: ServerAddress) -> str:
    """A table of two days for `Days`, which are only read."""
    table: str = shared_resources.get(_FILLED, server=cassandra, days=2, rows_per_day=ROWS_PER_DAY)
    return table


@pytest.fixture
def proxy(cassandra: Any) -> Iterator[FaultProxy]:
    """In front of the server, to cut and stall its connections."""
    with fault_proxy(cassandra.host, cassandra.port) as started:
        yield started
