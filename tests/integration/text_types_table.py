"""A table of every CQL type with the values that only a text holds: decimals and varints of any size, nanoseconds.

It is filled, with what the driver reads from it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from tests.cql_values import ALL_TYPES, TypeValues
from tests.driver_values import driver_plain
from tests.integration.all_types_table import create_all_types_table

_VALUES: dict[str, tuple[str, ...]] = {
    "decimal": ("-1E+40", "-0.001", "0", "0.00", "1.5", "1.50", "1E-30", "1E+19", "9" * 60 + "." + "9" * 40),
    "varint": (f"-{'9' * 60}", "-129", "0", "9223372036854775808", "9" * 60),
    "time": ("'00:00:00'", "'01:02:03.000000001'", "'23:59:59.999999999'"),
    # Others are past what the driver's datetime holds, or what it rounds in floating point.
    "timestamp": ("-62135596800000", "-1", "0", "1704369600123", "253402300799000"),
    "date": ("'0001-01-01'", "'1969-12-31'", "'1970-01-01'", "'9999-12-31'"),
    "text": ("''", "' '", "','", "'\"'", "'\r'", "'\r\n'", "'\t\n'", "'NULL'", "'\\n'", "'null'", "'ß'", "'😀'"),
}


def _chosen(types: TypeValues) -> TypeValues:
    if types.cql_type in _VALUES:
        return dataclasses.replace(types, values=tuple((literal, None) for literal in _VALUES[types.cql_type]))
    # In a set the driver takes -0.0 and 0.0 for one.
    return dataclasses.replace(types, values=tuple(pair for pair in types.values if pair[0] != "0.0"))


TEXT_TYPES = tuple(_chosen(types) for types in ALL_TYPES)


def create_text_types_table(session: Session, keyspace: str) -> str:
    """The filled table."""
    create_all_types_table(session, keyspace, "things", TEXT_TYPES)
    return f"{keyspace}.things"


def read_with_driver(session: Session, query: str) -> tuple[dict[str, CqlType], dict[int, dict[str, Any]]]:
    """The types of the columns, and the rows by their ``id``, in the form of `driver_plain`."""
    result = session.execute(query)
    types = {
        name: CqlType.from_driver_type(cql_type)
        for name, cql_type in zip(result.column_names, result.column_types, strict=True)
    }
    rows = {row.id: {name: driver_plain(getattr(row, name), types[name]) for name in types} for row in result}
    return types, rows
