"""Tables with random columns and rows: exported and imported into an empty copy, both are equal cell by cell."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from dev.server_address import ServerAddress
from tests.cql_values import plain_values
from tests.integration.import_cases import import_files
from tests.integration.random_cql import RandomType
from tests.integration.test_random_tables import random_tables
from tests.keyspaces import dropped_keyspace
from tests.raw_reader import connect, read_arrow_table

pytestmark = pytest.mark.twin_codecs

pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
    pytest.mark.usefixtures("codec"),
]

_numbers = itertools.count()
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.fixture(scope="module")
def raw_session(cassandra: ServerAddress) -> Iterator[Session]:
    with connect(cassandra.host, cassandra.port, 5) as session:
        yield session


@pytest.fixture(scope="module")
def random_keyspace(raw_session: Session) -> Iterator[str]:
    with dropped_keyspace(raw_session) as name:
        yield name


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


def check_copy(
    session: Session,
    keyspace: str,
    directory: Path,
    columns: list[RandomType],
    rows: list[list[tuple[str, Any] | None]],
    null_handling: str,
) -> None:
    number = next(_numbers)
    source, copy = f"source_{number}", f"copy_{number}"
    declared = ", ".join(f"c{place} {column.cql_type}" for place, column in enumerate(columns))
    for table in (source, copy):
        session.execute(f"CREATE TABLE {keyspace}.{table} (id int, at int, {declared}, PRIMARY KEY (id, at))")
    for place, row in enumerate(rows):
        literals = {f"c{index}": value[0] for index, value in enumerate(row) if value is not None}
        names, values = ", ".join(["id", "at", *literals]), ", ".join([str(place % 2), str(place), *literals.values()])
        session.execute(f"INSERT INTO {keyspace}.{source} ({names}) VALUES ({values})")
    path = str(directory / f"{number}.parquet")
    exported = copy_to(session, CopyToOptions(table=f"{keyspace}.{source}", path=path))
    imported = import_files(session, keyspace, copy, path, null_handling=null_handling)
    assert imported.rows == exported.rows == len(rows)
    before, _ = read_arrow_table(session, keyspace, source)
    after, _ = read_arrow_table(session, keyspace, copy)
    before, after = before.sort_by("at"), after.sort_by("at")
    assert before.schema == after.schema
    for name in before.column_names:
        assert plain_values(after.column(name)) == plain_values(before.column(name)), name


@settings(max_examples=8, derandomize=True, deadline=None, suppress_health_check=_UNHURRIED)
@given(random_tables(), st.sampled_from(["unset", "null"]))
def test_random_tables_are_copied_exactly(
    raw_session: Session,
    random_keyspace: str,
    directory: Path,
    random_table: tuple[list[RandomType], list[list[tuple[str, Any] | None]]],
    null_handling: str,
) -> None:
    check_copy(raw_session, random_keyspace, directory, *random_table, null_handling)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=60, deadline=None, suppress_health_check=_UNHURRIED)
@given(random_tables(), st.sampled_from(["unset", "null"]))
def test_many_random_tables_are_copied_exactly(
    raw_session: Session,
    random_keyspace: str,
    directory: Path,
    random_table: tuple[list[RandomType], list[list[tuple[str, Any] | None]]],
    null_handling: str,
) -> None:
    check_copy(raw_session, random_keyspace, directory, *random_table, null_handling)
