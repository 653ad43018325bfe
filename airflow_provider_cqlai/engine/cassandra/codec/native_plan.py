"""What the compiled codec does with a column: tuples of names and arguments, which ``rust/src/python.rs`` reads.

A plan follows the column's CQL type and Arrow type together, at every depth: the plan of the outermost type has those
of the types inside among its arguments.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import ResultColumn
from airflow_provider_cqlai.engine.types.families.fixed_width import TIME_DIGITS, TIMESTAMP_FACTORS
from airflow_provider_cqlai.engine.types.families.vectors import LEXICAL_UUID_CLASS, fixed_length
from airflow_provider_cqlai.engine.types.type_map import NESTED_ROWS, child_arrow_types

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "counter", "float", "double")


def native_plan(column: ResultColumn) -> tuple[Any, ...]:
    """The plan of a column; one that the codec in Python decodes is handed out as bytes."""
    if column.needs_reference_codec:
        return ("binary",)
    return type_plan(column.cql_type, column.arrow_field.type)


def type_plan(cql_type: CqlType, arrow_type: Any) -> tuple[Any, ...]:
    """The plan of a CQL type and the Arrow type it is decoded to, or encoded from."""
    name = cql_type.name
    if arrow_type == pa.binary():
        return ("binary",)
    if name in NESTED_ROWS:
        inner = [
            type_plan(child, child_arrow_type)
            for (_, child), child_arrow_type in zip(cql_type.children, child_arrow_types(arrow_type), strict=True)
        ]
        if name == "vector":
            return ("vector", cql_type.dimension, fixed_length(cql_type.arguments[0]), *inner)
        return ({"set": "list", "tuple": "struct", "udt": "struct"}.get(name, name), *inner)
    if name in _NUMBERS:
        return ("number", arrow_type.bit_width // 8)
    if name == "timestamp":
        factor = TIMESTAMP_FACTORS[arrow_type.unit]
        return ("number", 8) if factor == 1 else ("timestamp", factor)
    if name == "time":
        return ("time", TIME_DIGITS[str(arrow_type)], arrow_type.bit_width == 32)
    if name in ("uuid", "timeuuid") or cql_type.custom_class == LEXICAL_UUID_CLASS:
        return ("uuid_text",) if arrow_type == pa.string() else ("uuid",)
    if name in ("decimal", "varint"):
        return (name, *_number_target(arrow_type))
    # boolean, date, text, ascii, inet, duration: one plan each, of their own name.
    return (name,)


def _number_target(arrow_type: Any) -> tuple[Any, ...]:
    if arrow_type == pa.string():
        return ("text",)
    if arrow_type == pa.int64():
        return ("int64",)
    return (f"decimal{arrow_type.bit_width}", arrow_type.precision, arrow_type.scale)
