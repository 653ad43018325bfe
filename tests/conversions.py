"""Conversions as an import uses them: planned for a CQL type, then run and encoded."""

from __future__ import annotations

from typing import Any

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.foreign.conversion import Conversion, plan_conversion
from airflow_provider_cqlai.engine.types.type_map import open_encode


def cql(name: str, *arguments: str | CqlType, dimension: int = 0, **fields: str | CqlType) -> CqlType:
    """``cql("map", "text", cql("list", "int"))``, ``cql("udt", street="text")``."""
    inner = [one if isinstance(one, CqlType) else CqlType(one) for one in (*arguments, *fields.values())]
    return CqlType(
        name, tuple(inner), field_names=tuple(fields), dimension=dimension, udt_name="u" if name == "udt" else ""
    )


def plan(cql_type: str | CqlType, arrow_type: Any, *, is_lossy_allowed: bool = False) -> Conversion:
    wanted = cql_type if isinstance(cql_type, CqlType) else CqlType(cql_type)
    return plan_conversion(wanted, arrow_type, "c", is_lossy_allowed=is_lossy_allowed)


def convert(cql_type: str | CqlType, array: Any, *, is_lossy_allowed: bool = False) -> Any:
    """The converted array, which is sound and encodes; a slice of it gives the slice of the result."""
    conversion = plan(cql_type, array.type, is_lossy_allowed=is_lossy_allowed)
    converted = conversion(array)
    converted.validate(full=True)
    assert converted.type == conversion.arrow_type
    wanted = cql_type if isinstance(cql_type, CqlType) else CqlType(cql_type)
    cells = open_encode(wanted, converted.type, "c")(converted)
    for start in range(len(array)):
        part = conversion(array.slice(start, 1))
        part.validate(full=True)
        assert open_encode(wanted, part.type, "c")(part) == cells[start : start + 1]
    return converted


def encode(cql_type: str | CqlType, array: Any, *, is_lossy_allowed: bool = False) -> list[bytes | None]:
    """The cells that reach the server."""
    converted = convert(cql_type, array, is_lossy_allowed=is_lossy_allowed)
    wanted = cql_type if isinstance(cql_type, CqlType) else CqlType(cql_type)
    return open_encode(wanted, converted.type, "c")(converted)
