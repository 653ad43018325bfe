"""CQL as users write it: text to tokens, a script to its statements, names to the exact ones.

A script is split at the semicolons that end a statement. Texts in quotes, ``$$`` and comments inside of a statement are
kept as they are, and so is what stands between ``BEGIN BATCH`` and ``APPLY BATCH``, semicolons included.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names
from airflow_provider_cqlai.engine.types.cells.cql_type import spell_name

# Apache Cassandra's Lexer.g. A quote inside of quotes is doubled, so none follows the closing one: a text which is
# not closed is told at its own quote and not at a later one.
COMMENT_PATTERN = r"(?:--|//)[^\r\n]*|/\*(?s:.*?)\*/"
TEXT_PATTERN = r"'(?:[^']|'')*'(?!')"
NAME_PATTERN = r'"(?:[^"]|"")*"(?!")'
DOLLAR_PATTERN = r"\$\$(?s:.*?)\$\$"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|{COMMENT_PATTERN})
  | (?P<text>{TEXT_PATTERN}|{DOLLAR_PATTERN})
  | (?P<name>{NAME_PATTERN})
  | (?P<opening>['"]|\$\$|/\*)
  | (?P<word>[A-Za-z][A-Za-z0-9_]*)
  | (?P<number>[0-9][0-9A-Za-z_.]*)
  | (?P<sign><=|>=|!=|.)
    """,
    re.VERBOSE,
)
_SELECT = re.compile(r"select\b", re.IGNORECASE)
_NAME_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\s".]+))\s*')
_NAMES_OF_OPENINGS = {"'": "a text in '...'", '"': 'a name in "..."', "$$": "a text in $$...$$", "/*": "a comment"}
_BATCH_BEGINNINGS = (["BEGIN", "BATCH"], ["BEGIN", "UNLOGGED", "BATCH"], ["BEGIN", "COUNTER", "BATCH"])


@dataclass(frozen=True)
class Statement:
    """One statement of a script."""

    text: str
    """Without the comments around it and without its semicolon."""

    line: int
    """The line of the script that it begins on, from 1."""


@dataclass
class _Extent:
    """What is known of the statement that is being read."""

    start: int | None = None
    end: int = 0
    words: list[str] = field(default_factory=list)

    def take(self, token: re.Match[str]) -> None:
        if self.start is None:
            self.start = token.start()
        self.end = token.end()
        # The first three and the last two words tell a batch; other tokens count as words that are none of its.
        self.words.append(token.group().upper() if token.lastgroup == "word" else "")
        if len(self.words) > 5:
            del self.words[3]

    @property
    def is_open_batch(self) -> bool:
        begins = any(self.words[: len(words)] == words for words in _BATCH_BEGINNINGS)
        return begins and self.words[-2:] != ["APPLY", "BATCH"]


def read_tokens(text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """The tokens of ``text``, without the blanks and comments between them; ``lastgroup`` is what one is.

    A ``text``, ``name``, ``word``, ``number`` or ``sign``, or the ``opening`` of what is not closed.
    """
    return (token for token in _TOKEN.finditer(text, start) if token.lastgroup != "space")


def is_select(statement: str) -> bool:
    """Whether ``statement``, without comments before it, is a SELECT."""
    return _SELECT.match(statement) is not None


def split_statements(text: str) -> list[Statement]:
    """The statements of ``text`` in their order; the last one needs no semicolon.

    Raises:
        OptionError: a text, a name, a comment or a batch is not closed; the message names its line. Detail: ``line``.
    """
    statements: list[Statement] = []
    line, position = 1, 0
    for start, end in _find_extents(text):
        line += text.count("\n", position, start)
        position = start
        statements.append(Statement(text[start:end], line))
    return statements


def _find_extents(text: str) -> Iterator[tuple[int, int]]:
    """Where each statement begins and ends in ``text``."""
    extent = _Extent()
    # A byte order mark, which some editors put at the beginning of a file.
    for token in read_tokens(text, 1 if text.startswith("\ufeff") else 0):
        if token.lastgroup == "opening":
            raise _refuse_unclosed(text, token.start(), _NAMES_OF_OPENINGS[token.group()])
        if token.group() != ";" or extent.is_open_batch:
            extent.take(token)
            continue
        if extent.start is not None:
            yield extent.start, extent.end
        extent = _Extent()
    if extent.start is not None:
        if extent.is_open_batch:
            raise _refuse_unclosed(text, extent.start, "a batch")
        yield extent.start, extent.end


def _refuse_unclosed(text: str, position: int, what: str) -> OptionError:
    line = text.count("\n", 0, position) + 1
    return OptionError(f"line {line}: {what} begins here and is not closed", option="script", line=line)


def parse_table_name(text: str) -> tuple[str | None, str]:
    """``(keyspace or None, table)`` from ``keyspace.table`` or ``table``, each part quoted or in lower case, as in CQL.

    Raises:
        OptionError: ``text`` is not one or two names.
    """
    names: list[str] = []
    position = 0
    while match := _NAME_PART.match(text, position):
        quoted, plain = match.groups()
        names.append(quoted.replace('""', '"') if quoted is not None else plain.lower())
        position = match.end()
        if position == len(text) and len(names) <= 2:
            return (names[0] if len(names) == 2 else None), names[-1]
        if text[position : position + 1] != ".":
            break
        position += 1
    raise OptionError(
        f"table={text!r} is not a table name: expected keyspace.table or table, mixed case in double quotes",
        option="table",
    )


def find_name(name: str, known: Collection[str]) -> str | None:
    """The known name that ``name`` stands for: spelled exactly so, without its double quotes, or in lower case."""
    if name in known:
        return name
    if len(name) > 2 and name[0] == name[-1] == '"':
        unquoted = name[1:-1].replace('""', '"')
        return unquoted if unquoted in known else None
    return name.lower() if name.lower() in known else None


def describe_near_names(name: str, known: Collection[str]) -> str:
    """A hint for an error: `` (did you mean ...?)`` or nothing."""
    by_lower_case = {known_name.lower(): known_name for known_name in sorted(known)}
    return hint_near_names(name.lower(), by_lower_case, spell=lambda found: spell_name(by_lower_case[found]), most=3)
