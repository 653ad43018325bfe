"""One table with every CQL type: plain, in every kind of collection, in a tuple, in a user-defined type, in a vector.

It is filled, with what each of its columns must hold, row by row. Before Cassandra 5.0 the table has no vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from cassandra.cluster import Session

from tests.cassandra_versions import NEEDS_VECTORS, has_vectors
from tests.cql_values import TypeValues

NULLS_ROW, FULL_ROW, EMPTY_ROW, FIRST_VALUE_ROW = 0, 1, 2, 3


def create_all_types_table(session: Session, keyspace: str, table: str, all_types: Sequence[TypeValues]) -> None:
    """Row 0 is null everywhere, row 1 full, row 2 empty where there is an empty value; then one value a row."""
    fields = ", ".join(f"a{number} {types.cql_type}" for number, types in enumerate(all_types))
    session.execute(f"CREATE TYPE {keyspace}.{table}_fields ({fields})")
    columns = ", ".join(
        f"{name} {_declared(name, types)}"
        for number, types in enumerate(all_types)
        for name in _names_here(number, types)
    )
    session.execute(
        f"CREATE TABLE {keyspace}.{table} (id int PRIMARY KEY, u frozen<{table}_fields>,"
        f" d map<int, frozen<map<text, frozen<list<frozen<{table}_fields>>>>>>, {columns})"
    )
    everything = ", ".join(f"a{number}: {types.literals[-1]}" for number, types in enumerate(all_types))
    full = {"u": f"{{{everything}}}", "d": f"{{1: {{'a': [{{{everything}}}, {{a0: null}}], 'b': []}}, 2: {{}}}}"}
    empty = {"u": "{a0: null}", "d": "{}"}
    for number, types in enumerate(all_types):
        literals = _full_literals(number, types)
        full |= {name: literals[name] for name in _names_here(number, types) if name in literals}
        empty |= _empty_literals(number, types)
    session.execute(f"INSERT INTO {keyspace}.{table} (id) VALUES ({NULLS_ROW})")
    _insert(session, f"{keyspace}.{table}", FULL_ROW, full)
    _insert(session, f"{keyspace}.{table}", EMPTY_ROW, empty)
    for index in range(max(len(types.values) for types in all_types)):
        values = {
            f"v{number}": types.literals[index] for number, types in enumerate(all_types) if index < len(types.values)
        }
        _insert(session, f"{keyspace}.{table}", FIRST_VALUE_ROW + index, values)


def expected_rows(all_types: Sequence[TypeValues]) -> list[dict[str, Any]]:
    """What `plain_values` must tell of the table, by row id; a column that is not named is null."""
    everything = {f"a{number}": types.expected[-1] for number, types in enumerate(all_types)}
    nothing = dict.fromkeys(everything)
    deep = [(1, [("a", [everything, nothing]), ("b", [])]), (2, [])]
    rows: list[dict[str, Any]] = [{}, {"u": everything, "d": deep}, {"u": nothing}]
    rows += [{} for _ in range(max(len(types.values) for types in all_types))]
    for number, types in enumerate(all_types):
        values = types.expected
        first, last = values[0], values[-1]
        rows[FULL_ROW] |= {
            f"l{number}": values,
            f"n{number}": [(1, [*values]), (2, [])],
            f"t{number}": {"f0": first, "f1": None, "f2": last},
            f"e{number}": [first, last],
        }
        if types.is_comparable:
            rows[FULL_ROW] |= {
                f"s{number}": values,
                f"m{number}": [(value, index) for index, value in enumerate(values)],
            }
        rows[EMPTY_ROW] |= {
            f"n{number}": [],
            f"t{number}": {"f0": None, "f1": None, "f2": None},
        }
        for index, value in enumerate(values):
            rows[FIRST_VALUE_ROW + index][f"v{number}"] = value
    return rows


def column_names(number: int, types: TypeValues) -> list[str]:
    """The columns of one type; duration has none where an order is needed."""
    kinds = "vlntesm" if types.is_comparable else "vlnte"
    return [f"{kind}{number}" for kind in kinds]


def column_parameters(all_types: Sequence[TypeValues]) -> list[Any]:
    """Every column but ``id``, for tests that are run for each."""
    names = [name for number, types in enumerate(all_types) for name in column_names(number, types)]
    return ["u", "d", *(pytest.param(name, marks=NEEDS_VECTORS if name[0] == "e" else ()) for name in names)]


def _names_here(number: int, types: TypeValues) -> list[str]:
    return [name for name in column_names(number, types) if name[0] != "e" or has_vectors()]


def _declared(name: str, types: TypeValues) -> str:
    declared = {
        "v": "{0}",
        "l": "list<{0}>",
        "s": "set<{0}>",
        "m": "map<{0}, int>",
        "n": "frozen<map<int, frozen<list<{0}>>>>",
        "t": "tuple<{0}, text, {0}>",
        "e": "vector<{0}, 2>",
    }
    return declared[name[0]].format(types.cql_type)


def _full_literals(number: int, types: TypeValues) -> dict[str, str]:
    joined = ", ".join(types.literals)
    first, last = types.literals[0], types.literals[-1]
    literals = {
        f"l{number}": f"[{joined}]",
        f"n{number}": f"{{1: [{joined}], 2: []}}",
        f"t{number}": f"({first}, null, {last})",
        f"e{number}": f"[{first}, {last}]",
    }
    if types.is_comparable:
        pairs = ", ".join(f"{literal}: {index}" for index, literal in enumerate(types.literals))
        literals |= {f"s{number}": f"{{{joined}}}", f"m{number}": f"{{{pairs}}}"}
    return literals


def _empty_literals(number: int, types: TypeValues) -> dict[str, str]:
    literals = {f"l{number}": "[]", f"n{number}": "{}", f"t{number}": "(null, null, null)"}
    return literals | ({f"s{number}": "{}", f"m{number}": "{}"} if types.is_comparable else {})


def _insert(session: Session, table: str, row_id: int, literals: dict[str, str]) -> None:
    names, values = ", ".join(literals), ", ".join(literals.values())
    session.execute(f"INSERT INTO {table} (id, {names}) VALUES ({row_id}, {values})")
