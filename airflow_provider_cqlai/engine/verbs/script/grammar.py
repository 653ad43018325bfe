"""The grammar of COPY, CAPTURE and USE, after the specification's examples.

The clauses of a statement are returned as they were written: names with their quotes, options by the names that they
have in the statement. What an option means is `option_table`'s business. Note: pyparsing is imported with the first
statement, never with this module, which Airflow imports while it parses DAGs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine.cassandra.cql_text import (
    COMMENT_PATTERN,
    DOLLAR_PATTERN,
    NAME_PATTERN,
    TEXT_PATTERN,
    Statement,
)
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.file_formats import FORMATS

if TYPE_CHECKING:
    import pyparsing

OptionValue = str | int | float | bool


@dataclass(frozen=True)
class WrittenOption:
    """``NAME = value`` as the statement has it."""

    name: str
    value: OptionValue
    line: int


@dataclass(frozen=True)
class CopyClauses:
    """What a COPY statement says."""

    table: str
    columns: tuple[str, ...] | None
    is_export: bool
    path: str
    options: Sequence[WrittenOption]
    where: str | None


@dataclass(frozen=True)
class CaptureClauses:
    """What a CAPTURE statement says; without a path it is CAPTURE OFF or asks for the status."""

    is_off: bool
    format: str | None
    path: str | None
    options: Sequence[WrittenOption]


def read_copy(statement: Statement) -> CopyClauses:
    """The clauses of a COPY statement; OptionError names line and column of what was not expected."""
    found = _parse(_grammar().copy, statement)
    return CopyClauses(
        table=found["table"],
        columns=tuple(found["columns"]) if "columns" in found else None,
        is_export=found["direction"] == "TO",
        path=found["path"],
        options=_list_options(found, statement),
        where=found.get("where"),
    )


def read_capture(statement: Statement) -> CaptureClauses:
    """The clauses of a CAPTURE statement; OptionError names line and column of what was not expected."""
    found = _parse(_grammar().capture, statement)
    return CaptureClauses("off" in found, found.get("format"), found.get("path"), _list_options(found, statement))


def read_use(statement: Statement) -> str:
    """The keyspace of a USE statement, with its double quotes where it is written with them."""
    return str(_parse(_grammar().use, statement)["keyspace"])


def _list_options(found: Any, statement: Statement) -> list[WrittenOption]:
    return [
        WrittenOption(name, value, statement.line + statement.text.count("\n", 0, position))
        for position, name, value in found.get("options", ())
    ]


def _parse(grammar: pyparsing.ParserElement, statement: Statement) -> Any:
    import pyparsing as pp

    try:
        return grammar.parse_string(statement.text)
    except pp.ParseBaseException as error:
        line = statement.line + error.lineno - 1
        # The place only: the text may hold a password in a path.
        expected = error.msg[0].lower() + error.msg[1:]
        raise OptionError(
            f"line {line}, column {error.column}: {expected}, found {error.found}", option="script", line=line
        ) from None


@dataclass(frozen=True)
class _Grammar:
    copy: pyparsing.ParserElement
    capture: pyparsing.ParserElement
    use: pyparsing.ParserElement


@cache
def _grammar() -> _Grammar:
    import pyparsing as pp

    def keywords(*words: str) -> pp.ParserElement:
        return pp.MatchFirst([pp.CaselessKeyword(word) for word in words]).set_name(" or ".join(words))

    def end(expected: str) -> pp.ParserElement:
        return pp.StringEnd().set_name(expected)

    name = pp.Regex(rf"[A-Za-z]\w*|{NAME_PATTERN}").set_name("a name")
    quoted = pp.Regex(f"{TEXT_PATTERN}|{NAME_PATTERN}").set_parse_action(lambda found: _unquote(found[0]))
    path = quoted.copy().set_name("a path in quotes")("path")
    number = pp.Regex(r"[+-]?\d+(?:\.\d+)?(?![\w.])").set_parse_action(lambda found: _read_number(found[0]))
    truth = keywords("TRUE", "FALSE").set_parse_action(lambda found: found[0] == "TRUE")
    value = (quoted | number | truth).set_name("a value: a text in quotes, a number, TRUE or FALSE")
    option_name = pp.Regex(r"[A-Za-z]\w*").set_name("the name of an option")
    option = pp.Group(option_name - pp.Suppress("=") - value)
    # In front of each option its place in the text.
    option.set_parse_action(lambda _, position, found: [(position, *found[0])])
    options = pp.Group(option + pp.ZeroOrMore(pp.Suppress(keywords("AND")) - option))("options")
    with_options = pp.Suppress(keywords("WITH")) - options

    # Everything up to WITH or the end. WITH is a reserved word: no column has it without quotes.
    piece = pp.Regex(rf"(?!(?i:WITH)\b)(?:{TEXT_PATTERN}|{NAME_PATTERN}|{DOLLAR_PATTERN}|\w+|\S)")
    restrictions = pp.original_text_for(pp.OneOrMore(piece.set_name("restrictions")))("where")
    where = pp.Suppress(keywords("WHERE")) - restrictions
    table = pp.Combine(name + pp.Opt("." - name), adjacent=False)("table")
    columns = pp.Suppress("(") - pp.DelimitedList(name)("columns") - pp.Suppress(")")
    copy = (
        keywords("COPY")
        - table
        - pp.Opt(columns)
        - keywords("TO", "FROM")("direction")
        - path
        - pp.Opt(where - pp.Opt(with_options) | with_options - pp.Opt(where))
        - end("WITH, AND, WHERE or a semicolon")
    )

    formats = [name.upper() for name in FORMATS]
    target = pp.Opt(keywords(*formats)("format")) + path - pp.Opt(with_options | options)
    expected = f"{', '.join(formats)}, OFF or a path in quotes"
    what = (pp.StringEnd() | keywords("OFF")("off") | target).set_name(expected)
    capture = keywords("CAPTURE") - what - end("WITH, AND or a semicolon")
    use = keywords("USE") - name("keyspace") - end("a semicolon")
    return _Grammar(*(_finish(grammar) for grammar in (copy, capture, use)))


def _finish(grammar: pyparsing.ParserElement) -> pyparsing.ParserElement:
    import pyparsing as pp

    # Tabs would become spaces, in paths too.
    return grammar.ignore(pp.Regex(COMMENT_PATTERN)).parse_with_tabs()


def _unquote(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


def _read_number(text: str) -> int | float:
    return float(text) if "." in text else int(text)
