"""Columns that a plan adds to its query for itself, and that no file has.

What flows in is a CQL expression; what flows out is that expression under a name which the table does not have.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from airflow_provider_cqlai.engine.cassandra.identifiers import quote_name


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
