"""CQL names: how a user writes them, how a table spells them, how a statement quotes them.

What flows in is a user's text; what flows out is the exact name. Statements always quote: a name that is a reserved
word of some server version, or in mixed case, needs no list of its own then.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from airflow_provider_cqlai.engine.errors import OptionError

_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\s".]+))\s*')


def quote_name(name: str) -> str:
    """``name`` in double quotes, as CQL takes any name."""
    return '"' + name.replace('"', '""') + '"'


def parse_table_name(text: str) -> tuple[str | None, str]:
    """``(keyspace or None, table)`` from ``keyspace.table`` or ``table``, each part quoted or in lower case, as in CQL.

    Raises:
        OptionError: ``text`` is not one or two names.
    """
    names: list[str] = []
    position = 0
    while match := _PART.match(text, position):
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
    near = difflib.get_close_matches(name.lower(), list(by_lower_case), n=3, cutoff=0.6)
    if not near:
        return ""
    return " (did you mean " + " or ".join(spell_name(by_lower_case[found]) for found in near) + "?)"


def spell_name(name: str) -> str:
    """``name`` as a user would write it: in double quotes only where CQL would read it otherwise."""
    return name if re.fullmatch("[a-z][a-z0-9_]*", name) else quote_name(name)
