"""How users' names become exact ones."""

import pytest

from airflow_provider_cqlai.engine.cassandra.identifiers import (
    describe_near_names,
    find_name,
    parse_table_name,
    quote_name,
)
from airflow_provider_cqlai.engine.errors import OptionError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ks.events", ("ks", "events")),
        ("Ks.Events", ("ks", "events")),
        (" ks . events ", ("ks", "events")),
        ("events", (None, "events")),
        ('"Ks"."Events"', ("Ks", "Events")),
        ('ks."a.b"', ("ks", "a.b")),
        ('"a""b"', (None, 'a"b')),
    ],
)
def test_table_name_is_read_as_cql_reads_it(text: str, expected: tuple[str | None, str]) -> None:
    assert parse_table_name(text) == expected


@pytest.mark.parametrize("text", ["", ".", "ks.", ".events", "a.b.c", 'ks."events', "ks events", "ks..events"])
def test_what_is_no_table_name_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="is not a table name"):
        parse_table_name(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Id", "Id"), ("ID", "id"), ('"Id"', "Id"), ('"ID"', None), ("iD", "id"), ('"', '"'), ("x", None)],
)
def test_exact_spelling_wins_over_lower_case(name: str, expected: str | None) -> None:
    assert find_name(name, {"Id", "id", '"'}) == expected


def test_quoted_name_doubles_its_quotes() -> None:
    assert quote_name('a"b') == '"a""b"'


def test_near_names_are_spelled_as_they_must_be_written() -> None:
    assert describe_near_names("events", ["Events", "other"]) == ' (did you mean "Events"?)'
    assert describe_near_names("nothing", ["Events"]) == ""
