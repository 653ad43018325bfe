"""Splits a script into statements, in their order and each with its line, and reads the options of COPY and CAPTURE.

Statements other than COPY, CAPTURE and USE are CQL for the server and are not looked into. All of a script is parsed
before any of it can run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_cqlai.engine.cassandra.cql_text import Statement, is_select, split_statements
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.verbs.script.grammar import read_capture, read_copy, read_use
from airflow_provider_cqlai.engine.verbs.script.option_table import CAPTURE_OPTIONS, COPY_FROM_OPTIONS, COPY_TO_OPTIONS

_FIRST_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class ParsedStatement:
    """One statement of a script."""

    line: int
    """The line of the script that it begins on, from 1."""

    text: str = field(repr=False)
    """As written, without its semicolon and the comments around it."""

    @property
    def kind(self) -> str:
        """What messages call it: its first word, ``INSERT``; the text itself may hold values of rows."""
        first_word = _FIRST_WORD.match(self.text)
        return first_word.group().upper() if first_word else "statement"


@dataclass(frozen=True, kw_only=True)
class _OptionsStatement(ParsedStatement):
    options: Mapping[str, Any]
    """Keywords of the options class; values are checked there."""

    window: Mapping[str, str] = field(default_factory=dict)
    """``start``, ``end``, ``period``, ``anchor``, ``align`` and ``since`` as written: the run that executes the
    statement resolves them to the options' ``window``."""


@dataclass(frozen=True, kw_only=True)
class CopyToStatement(_OptionsStatement):
    """COPY TO: ``options`` are keywords of `CopyToOptions`."""

    @property
    def kind(self) -> str:
        return "COPY TO"


@dataclass(frozen=True, kw_only=True)
class CopyFromStatement(_OptionsStatement):
    """COPY FROM: ``options`` are keywords of `CopyFromOptions`.

    A column list names columns of the table; the files' columns are found by these names (``columns``), in any order.
    Files with other names need ``COLUMN_MAPPING``.
    """

    notes: tuple[str, ...] = ()
    """Lines for the log, about options that are accepted and change nothing."""

    @property
    def kind(self) -> str:
        return "COPY FROM"


@dataclass(frozen=True, kw_only=True)
class StartCapture(_OptionsStatement):
    """CAPTURE to a path: the results of the following queries go there; ``options`` are `CaptureOptions` keywords."""


@dataclass(frozen=True, kw_only=True)
class StopCapture(ParsedStatement):
    """CAPTURE OFF."""


@dataclass(frozen=True, kw_only=True)
class CaptureStatus(ParsedStatement):
    """CAPTURE alone: asks for the status."""


@dataclass(frozen=True, kw_only=True)
class UseKeyspace(ParsedStatement):
    """USE: unqualified tables of the following statements are in this keyspace."""

    name: str
    """As written: in double quotes, or else in any case."""


@dataclass(frozen=True, kw_only=True)
class CqlStatement(ParsedStatement):
    """Any other statement, for the server."""

    @property
    def is_query(self) -> bool:
        """Whether it is a SELECT, whose result a capture takes."""
        return is_select(self.text)


def parse_script(text: str) -> list[ParsedStatement]:
    """The statements of ``text``.

    Raises:
        OptionError: a statement is not closed, does not follow its grammar, or has an option that is unknown or given
            twice; the message names the line. Details: ``line``, ``option``.
    """
    return [_parse_statement(statement) for statement in split_statements(text)]


def _parse_statement(statement: Statement) -> ParsedStatement:
    first_word = _FIRST_WORD.match(statement.text)
    parsers = {"COPY": _parse_copy, "CAPTURE": _parse_capture, "USE": _parse_use}
    parse = parsers.get(first_word.group().upper() if first_word else "", _keep_cql)
    return parse(statement)


def _parse_copy(statement: Statement) -> ParsedStatement:
    clauses = read_copy(statement)
    given = {"table": clauses.table, "path": clauses.path, "columns": clauses.columns, "where": clauses.where}
    given = {name: value for name, value in given.items() if value is not None}
    if clauses.is_export:
        read = COPY_TO_OPTIONS.read(given, clauses.options)
        return CopyToStatement(options=read.options, window=read.window, line=statement.line, text=statement.text)
    if clauses.where is not None:
        raise OptionError(
            f"line {statement.line}: COPY FROM has no WHERE clause, which CQL would judge; rows of files are chosen by"
            " an option, AND WHERE='column=value'",
            option="where",
            line=statement.line,
        )
    read = COPY_FROM_OPTIONS.read(given, clauses.options)
    return CopyFromStatement(
        options=read.options,
        window=read.window,
        notes=tuple(read.notes),
        line=statement.line,
        text=statement.text,
    )


def _parse_capture(statement: Statement) -> ParsedStatement:
    clauses = read_capture(statement)
    if clauses.is_off:
        return StopCapture(line=statement.line, text=statement.text)
    if clauses.path is None:
        return CaptureStatus(line=statement.line, text=statement.text)
    given = {"path": clauses.path}
    if clauses.format is not None:
        given["format"] = clauses.format.lower()
    read = CAPTURE_OPTIONS.read(given, clauses.options)
    return StartCapture(options=read.options, window=read.window, line=statement.line, text=statement.text)


def _parse_use(statement: Statement) -> ParsedStatement:
    return UseKeyspace(name=read_use(statement), line=statement.line, text=statement.text)


def _keep_cql(statement: Statement) -> ParsedStatement:
    return CqlStatement(line=statement.line, text=statement.text)
