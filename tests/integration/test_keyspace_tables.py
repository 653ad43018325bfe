"""Which tables an export of a keyspace has, and the column that tells the time of each."""

from __future__ import annotations

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.verbs.keyspace import KeyspaceTable, choose_time_column, find_tables


@pytest.fixture
def tables(session: Session, keyspace: str) -> str:
    for definition in (
        "users (id int PRIMARY KEY)",
        "events (id int, at timeuuid, PRIMARY KEY (id, at))",
        '"Days" (day date, id int, PRIMARY KEY (day, id))',
        "noisy (id int, a timestamp, b date, PRIMARY KEY (id, a, b))",
        "both (day date, at timestamp, id int, PRIMARY KEY (day, at))",
    ):
        session.execute(f"CREATE TABLE {keyspace}.{definition}")
    return keyspace


def by_name(found: list[KeyspaceTable]) -> dict[str, KeyspaceTable]:
    return {table.name: table for table in found}


def test_tables_by_names_and_patterns(session: Session, tables: str) -> None:
    assert list(by_name(find_tables(session, tables))) == ["Days", "both", "events", "noisy", "users"]
    assert list(by_name(find_tables(session, tables, "e*, users"))) == ["events", "users"]
    assert list(by_name(find_tables(session, tables, ["*"], exclude="tmp_*, no*"))) == [
        "Days",
        "both",
        "events",
        "users",
    ]
    assert by_name(find_tables(session, tables, "Days"))["Days"].qualified_name == f'{tables}."Days"'


@pytest.mark.parametrize(
    ("wanted", "exclude", "message"),
    [
        ("user", "", "tables: no table matches 'user' .did you mean 'users'"),
        ("x*", "", "tables: no table matches"),
        ("*", "user", "exclude: no table matches 'user'"),
        ("users", "users", "leave no table"),
    ],
)
def test_a_mistyped_name_is_an_error(session: Session, tables: str, wanted: str, exclude: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        find_tables(session, tables, wanted, exclude or ())


def test_the_column_of_the_key_that_tells_the_time(session: Session, tables: str) -> None:
    found = by_name(find_tables(session, tables))
    assert {name: choose_time_column(found[name]) for name in ("users", "events", "Days", "both")} == {
        "users": None,
        "events": "at",
        "Days": "day",
        "both": "at",
    }
    with pytest.raises(OptionError, match=r"noisy has several columns that tell a time, a, b: say which by"):
        choose_time_column(found["noisy"])


def test_a_keyspace_that_there_is_not(session: Session) -> None:
    with pytest.raises(OptionError, match="has no tables, or there is no such keyspace"):
        find_tables(session, "nowhere")
