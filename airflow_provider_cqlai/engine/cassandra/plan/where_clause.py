"""Reads a user's ``where`` token by token: restrictions only, nothing that changes the shape of the query.

A `WhereClause` has the same text and the columns that it restricts. The server judges the restrictions themselves when
the query is prepared; refused here is what would prepare and yet be wrong, such as a LIMIT, which would apply to each
token range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_cqlai.engine.cassandra.cql_text import read_tokens
from airflow_provider_cqlai.engine.cassandra.plan.select_statement import Restriction
from airflow_provider_cqlai.engine.errors import OptionError

# Cassandra takes one lower and one upper bound of a column, or one list of its values.
_CUTTING = ("=", "IN", "<", "<=", ">", ">=", "BETWEEN", ",", ")")
_OPENING, _CLOSING = "([{", ")]}"
# Words that no column can have unquoted, and what they are doing here.
_REFUSED_WORDS = {
    "LIMIT": "it would apply to each of the queries that the export is split into",
    "ORDER": "rows come in the order of the token ring",
    "ALLOW": "the export adds ALLOW FILTERING itself where it is needed, see the option allow_filtering",
    "WHERE": "leave the word out and begin with the first restriction",
    "SELECT": "it holds restrictions only",
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def keyword(self) -> str:
        """The word in upper case; empty for anything else."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def column(self) -> str | None:
        """The name that this token spells, as the server reads it."""
        if self.kind == "word":
            return self.text.lower()
        return self.text[1:-1].replace('""', '"') if self.kind == "name" else None


@dataclass(frozen=True)
class WhereClause:
    """Restrictions as the user wrote them. ``operators`` maps each restricted column to its first operator.

    A column inside of a tuple such as ``(a, b) > (1, 2)`` has the sign that follows it there.
    """

    text: str
    operators: Mapping[str, str]

    def cuts(self, column: str) -> bool:
        """Whether ``column`` is restricted in a way that goes together with no other bounds on it."""
        return self.operators.get(column) in _CUTTING

    @property
    def restriction(self) -> Restriction:
        """For a statement: on lines of its own, since the text may end with a comment."""
        return Restriction(self.text + "\n")

    def fixes(self, columns: Sequence[str]) -> bool:
        """Whether each of ``columns`` is restricted by ``=`` or ``IN``, so that their values are listed."""
        return all(self.operators.get(column) in ("=", "IN") for column in columns)


def read_where(text: str) -> WhereClause:
    """Check that ``text`` holds restrictions only, and find the columns it restricts.

    Raises:
        OptionError: it is empty, does not end what it begins, or holds a bind marker, a semicolon, LIMIT,
            PER PARTITION LIMIT, ORDER BY, GROUP BY or ALLOW FILTERING.
    """
    tokens = [_Token(str(token.lastgroup), token.group()) for token in read_tokens(text)]
    if not tokens:
        raise OptionError(f"where={text!r} is empty: leave it out to export every row", option="where")
    _refuse_other_clauses(text, tokens)
    operators: dict[str, str] = {}
    for relation in _split_relations(text, tokens):
        while relation[0].text == "(" and len(relation) > 1:
            del relation[0]
        column = relation[0].column
        # A function such as token(...) restricts no column by its value; `CONTAINS KEY` needs no second word here.
        if column is not None and len(relation) > 1 and relation[1].text != "(":
            operators.setdefault(column, relation[1].text.upper())
            for name, sign in _rest_of_tuple(relation):
                operators.setdefault(name, sign)
    return WhereClause(text, operators)


def _rest_of_tuple(relation: Sequence[_Token]) -> Iterator[tuple[str, str]]:
    """Columns after the first of ``a, b) > (1, 2)``, each with the sign behind it."""
    for comma, name, sign in zip(relation[1::2], relation[2::2], relation[3::2], strict=False):
        if comma.text != "," or name.column is None:
            return
        yield name.column, sign.text


def _refuse_other_clauses(text: str, tokens: Sequence[_Token]) -> None:
    for index, token in enumerate(tokens):
        following = tokens[index + 1].keyword if index + 1 < len(tokens) else ""
        if token.keyword in _REFUSED_WORDS:
            raise _refuse(text, f"{token.keyword} is not a restriction: {_REFUSED_WORDS[token.keyword]}")
        if token.keyword == "GROUP" and following == "BY":
            raise _refuse(text, "GROUP BY is not a restriction: the export returns rows as they are")
        # No name is empty.
        if token.text in ("'", '"', '""'):
            raise _refuse(text, f"a {token.text[0]} is not closed")
        if token.text == "/*":
            raise _refuse(text, "a comment is not closed")
        if token.kind != "sign":
            continue
        if token.text == ";":
            raise _refuse(text, "a semicolon ends a statement; give the restrictions alone")
        if token.text == "?":
            raise _refuse(text, "a bind marker has no value here; write the value itself")


def _split_relations(text: str, tokens: Sequence[_Token]) -> list[list[_Token]]:
    """The relations between the ANDs that stand outside of brackets."""
    relations: list[list[_Token]] = [[]]
    open_brackets: list[str] = []
    for token in tokens:
        if token.kind == "sign" and token.text in _OPENING:
            open_brackets.append(_CLOSING[_OPENING.index(token.text)])
        elif (
            token.kind == "sign" and token.text in _CLOSING and (not open_brackets or open_brackets.pop() != token.text)
        ):
            raise _refuse(text, f"{token.text!r} closes nothing")
        if token.keyword == "AND" and not open_brackets:
            relations.append([])
        else:
            relations[-1].append(token)
    if open_brackets:
        raise _refuse(text, f"{open_brackets[-1]!r} is missing")
    return [relation for relation in relations if relation]


def _refuse(text: str, reason: str) -> OptionError:
    return OptionError(f"where={text!r}: {reason}", option="where")
