"""One keyspace and session for all fault tests of a module; tables that are only read serve all modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cassandra.cluster import Session

from tests.keyspaces import make_keyspace

from .events_table import FOUR_DAYS_ROWS, create_events
from .fault_proxy import FaultProxy, fault_proxy
from .killed_days import ROWS_PER_DAY


@pytest.fixture(scope="module")
def module_session(cassandra: Any) -> Iterator[Session]:
    with cassandra.connect() as session:
        yield session


@pytest.fixture(scope="module")
def module_keyspace(module_session: Session) -> str:
    return make_keyspace(module_session)


@pytest.fixture(scope="session")
def four_days(session: Session) -> str:
    """A table of `FOUR_DAYS_ROWS` events, which are only read."""
    return create_events(session, make_keyspace(session), days=4, rows_per_day=FOUR_DAYS_ROWS // 4)


@pytest.fixture(scope="session")
def two_days(session: Session) -> str:
    """A table of two days for `Days`, which are only read."""
    return create_events(session, make_keyspace(session), days=2, rows_per_day=ROWS_PER_DAY)


@pytest.fixture
def proxy(cassandra: Any) -> Iterator[FaultProxy]:
    """In front of the server, to cut and stall its connections."""
    with fault_proxy(cassandra.host, cassandra.port) as started:
        yield started
