"""A script -> its statements, split at the semicolons that end one.

What flows in is CQL text as cqlsh takes it; what flows out is each statement's text, without the comments around it and
without its semicolon, and the line that it begins on. Texts in quotes, ``$$`` and comments are kept as they are, and so
is what stands between ``BEGIN BATCH`` and ``APPLY BATCH``, semicolons included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_provider_cqlai.engine.errors import OptionError

# Apache Cassandra's Lexer.g. A quote inside of quotes is doubled. Possessive, so that a text which is not closed is
# told at its own quote and not at a later one.
COMMENT_PATTERN = r"(?:--|//)[^\r\n]*|/\*(?s:.*?)\*/"
TEXT_PATTERN = r"'(?:[^']|'')*+'"
NAME_PATTERN = r'"(?:[^"]|"")*+"'
DOLLAR_PATTERN = r"\$\$(?s:.*?)\$\$"
_PIECE = re.compile(
    rf"""
    (?P<space>\s+|{COMMENT_PATTERN})
  | (?P<quoted>{TEXT_PATTERN}|{NAME_PATTERN}|{DOLLAR_PATTERN})
  | (?P<opening>['"]|\$\$|/\*)
  | (?P<word>\w+)
  | (?P<end>;)
  | (?P<sign>.)
    """,
    re.VERBOSE,
)
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

    def take(self, piece: re.Match[str]) -> None:
        if self.start is None:
            self.start = piece.start()
        self.end = piece.end()
        # The first three and the last two words tell a batch; other pieces count as words that are none of its.
        self.words.append(piece.group().upper() if piece.lastgroup == "word" else "")
        if len(self.words) > 5:
            del self.words[3]

    @property
    def is_open_batch(self) -> bool:
        begins = any(self.words[: len(words)] == words for words in _BATCH_BEGINNINGS)
        return begins and self.words[-2:] != ["APPLY", "BATCH"]


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
    for piece in _PIECE.finditer(text, 1 if text.startswith("\ufeff") else 0):
        if piece.lastgroup == "opening":
            raise _refuse_unclosed(text, piece.start(), _NAMES_OF_OPENINGS[piece.group()])
        if piece.lastgroup == "space":
            continue
        if piece.lastgroup != "end" or extent.is_open_batch:
            extent.take(piece)
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
