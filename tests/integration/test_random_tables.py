"""Tables with random columns and rows: what was inserted as text comes back through the codec and Parquet."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dev.server_address import ServerAddress
from tests.cql_values import plain_values
from tests.integration import random_cql
from tests.integration.random_cql import RandomType, canonical
from tests.keyspaces import dropped_keyspace
from tests.raw_reader import connect, read_arrow_table

pytestmark = pytest.mark.twin_codecs

# The driver's threads draw random numbers while a table is made up; Hypothesis takes them for the strategy's own.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
    pytest.mark.usefixtures("codec"),
]

_numbers = itertools.count()
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.fixture(scope="module")
def sessions(cassandra: ServerAddress) -> Iterator[dict[int, Session]]:
    with (
        connect(cassandra.host, cassandra.port, 5) as version_5,
        connect(cassandra.host, cassandra.port, 4) as version_4,
    ):
        yield {5: version_5, 4: version_4}


@pytest.fixture(scope="module")
def random_keyspace(sessions: dict[int, Session]) -> Iterator[str]:
    with dropped_keyspace(sessions[5]) as name:
        yield name


@st.composite
def random_tables(draw: st.DrawFn) -> tuple[list[RandomType], list[list[tuple[str, Any] | None]]]:
    """Column types, and rows of literals with what is expected; None for null."""
    columns = draw(st.lists(random_cql.types(), min_size=1, max_size=5))
    row = st.tuples(*(st.one_of(st.none(), random_cql.values(column)) for column in columns))
    return columns, [list(found) for found in draw(st.lists(row, min_size=1, max_size=5))]


def check_round_trip(
    session: Session,
    keyspace: str,
    columns: list[RandomType],
    rows: list[list[tuple[str, Any] | None]],
) -> None:
    table = f"random_{next(_numbers)}"
    declared = ", ".join(f"c{number} {column.cql_type}" for number, column in enumerate(columns))
    session.execute(f"CREATE TABLE {keyspace}.{table} (id int PRIMARY KEY, {declared})")
    for row_id, row in enumerate(rows):
        literals = {f"c{number}": value[0] for number, value in enumerate(row) if value is not None}
        names, values = ", ".join(["id", *literals]), ", ".join([str(row_id), *literals.values()])
        session.execute(f"INSERT INTO {keyspace}.{table} ({names}) VALUES ({values})")
    found, zero_length_cells = read_arrow_table(session, keyspace, table)
    assert zero_length_cells == {}
    file = io.BytesIO()
    pq.write_table(found, file)
    read_back = pq.read_table(file)
    for arrow_table in (found, read_back):
        order = arrow_table.column("id").to_pylist()
        for number, column in enumerate(columns):
            by_row = dict(zip(order, plain_values(arrow_table.column(f"c{number}")), strict=True))
            for row_id, row in enumerate(rows):
                assert canonical(column, by_row[row_id]) == canonical(column, expected_value(column, row[number]))


def expected_value(column: RandomType, value: tuple[str, Any] | None) -> Any:
    """An empty collection that is not frozen is null in Cassandra itself."""
    if value is None or (column.kind in ("list", "set", "map") and not value[1]):
        return None
    return value[1]


@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=_UNHURRIED)
@given(random_tables(), st.sampled_from([5, 4]))
def test_random_tables_come_back_exactly(
    sessions: dict[int, Session],
    random_keyspace: str,
    random_table: tuple[list[RandomType], list[list[tuple[str, Any] | None]]],
    protocol_version: int,
) -> None:
    check_round_trip(sessions[protocol_version], random_keyspace, *random_table)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=50, deadline=None, suppress_health_check=_UNHURRIED)
@given(random_tables(), st.sampled_from([5, 4]))
def test_many_random_tables_come_back_exactly(
    sessions: dict[int, Session],
    random_keyspace: str,
    random_table: tuple[list[RandomType], list[list[tuple[str, Any] | None]]],
    protocol_version: int,
) -> None:
    check_round_trip(sessions[protocol_version], random_keyspace, *random_table)
