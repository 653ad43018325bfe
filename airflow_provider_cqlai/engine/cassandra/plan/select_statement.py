"""Builds SELECT statements from columns and `Restriction` objects, and prepares them.

Whether a query needs ALLOW FILTERING is the server's decision: the query is tried without it first. A `HiddenColumn` is
one that a plan adds to its query for its own use, and that no file has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra import InvalidRequest
from cassandra.cluster import Session
from cassandra.protocol import SyntaxException
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cassandra.connect.prepare import prepare_statement
from airflow_provider_cqlai.engine.cassandra.metadata.server_release import name_server
from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import TokenRange
from airflow_provider_cqlai.engine.errors import QueryError
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name


@dataclass(frozen=True)
class Restriction:
    """One part of a WHERE clause: CQL with bind markers, and a value for each."""

    cql: str
    values: tuple[Any, ...] = ()


def restrict_tokens(partition_key: Sequence[str], token_range: TokenRange) -> Restriction:
    """The rows whose partition key has a token in ``token_range``."""
    token = f"token({', '.join(quote_name(name) for name in partition_key)})"
    return Restriction(f"{token} > ? AND {token} <= ?", (token_range.start, token_range.end))


@dataclass(frozen=True)
class Selection:
    """A prepared SELECT; ``needs_filtering`` tells that it carries ALLOW FILTERING."""

    statement: PreparedStatement
    needs_filtering: bool


def build_select(columns: str, table: str, restrictions: Sequence[Restriction], *, filtering: bool = False) -> str:
    """The statement's text; each restriction ends its line, so that a comment in it ends there too."""
    text = f"SELECT {columns} FROM {table}"
    if restrictions:
        text += " WHERE " + "\nAND ".join(restriction.cql for restriction in restrictions)
    return text + ("\nALLOW FILTERING" if filtering else "")


def prepare_select(
    session: Session, columns: str, table: str, restrictions: Sequence[Restriction], *, allow_filtering: bool
) -> Selection:
    """Prepare a SELECT, with ALLOW FILTERING only where the server demands it and ``allow_filtering`` permits it.

    Raises:
        QueryError: the server refuses the query, or it needs filtering that ``allow_filtering=False`` forbids, or the
            cluster's guardrails, of which the detail ``is_filtering_forbidden`` tells.
    """
    text = build_select(columns, table, restrictions)
    plain = _try_prepare(session, text)
    if isinstance(plain, PreparedStatement):
        return Selection(_check_values(plain, restrictions), needs_filtering=False)
    if not restrictions:
        raise _refuse(session, text, plain) from plain
    filtering_text = build_select(columns, table, restrictions, filtering=True)
    filtered = _try_prepare(session, f"{filtering_text} {_role_mark(session)}")
    if not isinstance(filtered, PreparedStatement) and "allow_filtering violated" in str(filtered):
        raise QueryError(
            "bucket_column with bucket_format, an index, or whole partition keys in where lead to rows without ALLOW"
            f" FILTERING, which the cluster's guardrails forbid and {text!r} needs: {_words(filtered)}",
            query=text,
            is_filtering_forbidden=True,
        ) from filtered
    if not isinstance(filtered, PreparedStatement):
        raise _refuse(session, filtering_text, filtered) from filtered
    if not allow_filtering:
        raise QueryError(
            f"allow_filtering=False forbids the ALLOW FILTERING that the query needs: {text!r}: {_words(plain)}",
            query=text,
            option="allow_filtering",
        ) from plain
    return Selection(_check_values(filtered, restrictions), needs_filtering=True)


def _role_mark(session: Session) -> str:
    """A comment of the role's own. The server looks at guardrails when it prepares a text that it does not know: one
    that a superuser has prepared would be refused to an ordinary role only when it runs."""
    username = getattr(session.cluster.auth_provider, "username", None)
    return f"/* {hashlib.sha256(str(username).encode()).hexdigest()[:12]} */" if username else ""


def _words(error: Exception) -> str:
    """The server's own words, without the driver's wrapping."""
    message = str(error)
    _, found, words = message.partition('message="')
    return words.removesuffix('"') if found else message


def _refuse(session: Session, text: str, refusal: Exception) -> QueryError:
    return QueryError(f"{name_server(session)} refuses {text!r}: {_words(refusal)}", query=text)


def _try_prepare(session: Session, text: str) -> PreparedStatement | Exception:
    try:
        return prepare_statement(session, text)
    except (InvalidRequest, SyntaxException) as error:
        return error
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, f"preparing {text!r}") from error


def _check_values(statement: PreparedStatement, restrictions: Sequence[Restriction]) -> PreparedStatement:
    expected = sum(len(restriction.values) for restriction in restrictions)
    found = len(statement.column_metadata)
    if found != expected:
        text = statement.query_string
        raise QueryError(
            f"a bind marker has no value in {text!r}: write the value itself into where", query=text, option="where"
        )
    return statement


@dataclass(frozen=True)
class HiddenColumn:
    """``name`` is its alias, ``cql`` what is selected, ``cql_text`` the type of the result."""

    name: str
    cql: str
    cql_text: str


def hide_column(name: str, expression: str, cql_text: str, taken: Collection[str]) -> HiddenColumn:
    """``expression`` as ``name``, or as a longer name where ``taken`` has that one."""
    while name in taken:
        name += "_"
    return HiddenColumn(name, f"{expression} AS {quote_name(name)}", cql_text)
