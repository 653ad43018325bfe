"""Scripts are split at the semicolons that end a statement, and at no other; users' names become exact ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.cassandra.cql_text import (
    Statement,
    describe_near_names,
    find_name,
    is_select,
    parse_table_name,
    split_statements,
)
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name

# The machine may be busy with other tests.
_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Text with what could be taken for the end of something.
_contents = st.lists(
    st.one_of(st.text(max_size=4), st.sampled_from([";", "--", "//", "/*", "*/", "$", "\n"])), max_size=5
).map("".join)
_texts = _contents.map(lambda text: "'" + text.replace("'", "''") + "'")
_names = _contents.map(lambda text: '"' + text.replace('"', '""') + '"')
_dollar_texts = _contents.map(lambda text: "$$" + text.replace("$", "") + "$$")
_line_comments = st.builds(
    lambda opening, text: opening + text.replace("\n", "").replace("\r", "") + "\n",
    st.sampled_from(["--", "//"]),
    _contents,
)
_block_comments = _contents.map(lambda text: "/*" + text.replace("*", "") + "*/")
_comments = st.one_of(_line_comments, _block_comments)
_plain = st.sampled_from([*"()=<>+-*/.,:?%{}[]", "SELECT", "x1", "naïve", "1.5e-3", "!="])
_pieces = st.one_of(_texts, _names, _dollar_texts, _plain)


@st.composite
def _statements(draw: st.DrawFn) -> str:
    inner = draw(st.lists(st.one_of(_pieces, _comments, st.just("\n")), max_size=6))
    return " ".join([draw(_pieces), *inner, draw(_pieces)])


_gaps = st.lists(st.one_of(_comments, st.sampled_from([" ", "\n", "\t", ";"]))).map("".join)


@_unhurried
@given(st.lists(st.tuples(_gaps, _statements()), max_size=4), _gaps, st.booleans())
def test_statements_joined_with_comments_and_semicolons_split_back(
    script: list[tuple[str, str]], last_gap: str, has_last_semicolon: bool
) -> None:
    text, expected = "", []
    for gap, statement in script:
        text += gap
        expected.append(Statement(statement, text.count("\n") + 1))
        text += statement + ";"
    if script and not has_last_semicolon:
        text = text.removesuffix(";")
        # Comments may follow; a semicolon would be the one that was left out.
        last_gap = last_gap if ";" not in last_gap else ""
    assert split_statements(text + last_gap) == expected


@_unhurried
@given(st.text(alphabet="ab;'\"$-/*\n", max_size=40))
def test_any_text_splits_or_names_a_line_of_it(text: str) -> None:
    try:
        statements = split_statements(text)
    except OptionError as error:
        line, statements = error.line, []
    else:
        line = 1
    assert 1 <= line <= text.count("\n") + 1
    lines = text.split("\n")
    for statement in statements:
        assert statement.text.split("\n")[0] in lines[statement.line - 1]
        assert statement.text == statement.text.strip()
        assert split_statements(statement.text) == [Statement(statement.text, 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  -- nothing\n;;/* at all */", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\nSELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT 'it''s; here';SELECT 2", ["SELECT 'it''s; here'", "SELECT 2"]),
        ('SELECT "a;""b" FROM t; x', ['SELECT "a;""b" FROM t', "x"]),
        ("CREATE FUNCTION f() AS $$ return 'x;$'; $$; x", ["CREATE FUNCTION f() AS $$ return 'x;$'; $$", "x"]),
        ("a -- it's; one\n b; // \"\nc", ["a -- it's; one\n b", "c"]),
        ("/* ' */ a /* ; */ b /* c */; d", ["a /* ; */ b", "d"]),
        ("\ufeffSELECT 1;\r\nx", ["SELECT 1", "x"]),
        ("price$ = 1; x", ["price$ = 1", "x"]),
    ],
)
def test_quotes_and_comments_hide_semicolons(text: str, expected: list[str]) -> None:
    assert [statement.text for statement in split_statements(text)] == expected


@pytest.mark.parametrize("kind", ["", "UNLOGGED ", "counter "])
def test_a_batch_is_one_statement(kind: str) -> None:
    batch = f"begin {kind}BATCH USING TIMESTAMP 1\n INSERT INTO a;\n-- ;\n UPDATE b; /* APPLY BATCH */ APPLY BATCH"
    assert [statement.text for statement in split_statements(f"{batch};\nSELECT 1;")] == [batch, "SELECT 1"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("SELECT 1;\n\nSELECT 'a\nb", 3, "a text in '...'"),
        ("SELECT 'a''\nb;\nc", 1, "a text in '...'"),
        ('\nSELECT "a', 2, 'a name in "..."'),
        ("x;\n$$ a $", 2, "a text in $$...$$"),
        ("x;\n\n\n/* a *", 4, "a comment"),
        ("x;\nBEGIN BATCH\nINSERT a;\nAPPLY;", 2, "a batch"),
    ],
)
def test_what_is_not_closed_is_told_with_the_line_it_begins_on(text: str, line: int, what: str) -> None:
    with pytest.raises(OptionError) as raised:
        split_statements(text)
    assert str(raised.value) == f"line {line}: {what} begins here and is not closed"
    assert raised.value.line == line


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


@pytest.mark.parametrize(
    ("statement", "expected"),
    [("SELECT 1", True), ("select* FROM t", True), ("selected", False), ("INSERT INTO t SELECT", False), ("", False)],
)
def test_a_select_is_told_by_its_first_word(statement: str, expected: bool) -> None:
    assert is_select(statement) is expected
