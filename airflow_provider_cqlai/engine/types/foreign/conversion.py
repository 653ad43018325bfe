"""Converts the Arrow types that foreign files carry to one that the encoder takes, for a CQL type at any depth.

A `Conversion` is an Arrow type that an export could have given, and a function from array to array. It checks every
value and raises rather than rounds; only columns that the user named in ``allow_lossy`` may be rounded. docs/types.md
has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.pyarrow_versions import is_json
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.families.vectors import LEXICAL_UUID_CLASS
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import (
    CONVERSION_ERRORS,
    Conversion,
    ConversionTarget,
    cast,
)
from airflow_provider_cqlai.engine.types.foreign.nested_conversions import plan_nested
from airflow_provider_cqlai.engine.types.foreign.number_conversions import (
    FLOATS,
    INTEGERS,
    plan_decimal,
    plan_float,
    plan_integer,
)
from airflow_provider_cqlai.engine.types.foreign.text_conversions import plan_text
from airflow_provider_cqlai.engine.types.foreign.time_conversions import (
    plan_date,
    plan_duration,
    plan_numbers_of_time,
    plan_time,
    plan_timestamp,
)
from airflow_provider_cqlai.engine.types.foreign.uuid_conversions import plan_uuid
from airflow_provider_cqlai.engine.types.type_map import CQL_TYPE_METADATA_KEY, NESTED_ROWS, open_encode

__all__ = ["CONVERSION_ERRORS", "Conversion", "plan_conversion", "plan_field_conversion"]

_PLAIN_TYPES = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}
# Where a file names an extension type that Arrow does not know, Arrow shows what it is stored as.
_EXTENSION_NAME = b"ARROW:extension:name"
_PLANS: Mapping[str, Callable[[ConversionTarget, Any], Conversion | None]] = MappingProxyType(
    {
        **dict.fromkeys(INTEGERS, plan_integer),
        **dict.fromkeys(FLOATS, plan_float),
        **dict.fromkeys(("decimal", "varint"), plan_decimal),
        **dict.fromkeys(("uuid", "timeuuid"), plan_uuid),
        "timestamp": plan_timestamp,
        "date": plan_date,
        "time": plan_time,
        "duration": plan_duration,
    }
)


def plan_conversion(cql_type: CqlType, arrow_type: Any, path: str, *, is_lossy_allowed: bool = False) -> Conversion:
    """How a column of ``arrow_type`` becomes one that the encoder takes for ``cql_type``.

    Raises:
        UnsupportedTypeError: there is no way, or only one that can lose and was not allowed.
    """
    return plan_field_conversion(cql_type, pa.field(path, arrow_type), path, is_lossy_allowed=is_lossy_allowed)


def plan_field_conversion(
    cql_type: CqlType,
    field: Any,
    path: str,
    *,
    is_lossy_allowed: bool = False,
    time_unit: str | None = None,
    is_declared: bool = False,
) -> Conversion:
    """As `plan_conversion`; the metadata of a file's field tell an extension type that Arrow does not know."""
    conversion = _plan_field(ConversionTarget(cql_type, path, path, is_lossy_allowed, time_unit, is_declared), field)
    return replace(conversion, note=_describe(cql_type, field.type, conversion))


def _describe(cql_type: CqlType, arrow_type: Any, conversion: Conversion) -> str | None:
    if conversion.convert is None or conversion.arrow_type == arrow_type or pa.types.is_null(arrow_type):
        return None
    wanted = conversion.arrow_type
    are_numbers = all(pa.types.is_integer(one) or pa.types.is_floating(one) for one in (arrow_type, wanted))
    if are_numbers and pa.types.is_integer(arrow_type) == pa.types.is_integer(wanted):
        verb = "narrowed" if arrow_type.bit_width > wanted.bit_width else "widened"
        verb = "changed" if arrow_type.bit_width == wanted.bit_width else verb
        return f"{arrow_type} is {verb} to {cql_type}"
    is_local = pa.types.is_timestamp(arrow_type) and arrow_type.tz is None
    return f"{arrow_type} is read as {cql_type}" + (", its times as UTC" if is_local else "")


def _plan_field(target: ConversionTarget, field: Any) -> Conversion:
    extension = (field.metadata or {}).get(_EXTENSION_NAME, b"").decode()
    if extension and not isinstance(field.type, pa.BaseExtensionType) and target.name not in ("blob", "text", "ascii"):
        raise target.refuse(field.type, f"the file says that it stands for {extension}")
    if target.name == "time" and field.type == pa.int64():
        # Of another origin the numbers may be milliseconds as well. Inside of maps pyarrow 18 loses what a field says.
        if not target.is_declared and (field.metadata or {}).get(CQL_TYPE_METADATA_KEY) != b"time":
            raise target.refuse(field.type, "whole numbers of an unknown unit")
        return Conversion(pa.time64("ns"), lambda array: array.view(pa.time64("ns")))
    return _plan(target, field.type)


def _plan(target: ConversionTarget, arrow_type: Any) -> Conversion:
    if pa.types.is_dictionary(arrow_type):
        return _plan(target, arrow_type.value_type).after(lambda array: array.dictionary_decode())
    plain = _PLAIN_TYPES.get(arrow_type)
    if plain is not None:
        return _plan(target, plain).after(lambda array: array.cast(plain))
    if pa.types.is_null(arrow_type):
        # Any type can be bound from the server's own bytes, and so from nulls of them.
        return Conversion(pa.binary(), lambda array: pa.nulls(len(array), pa.binary()))
    if isinstance(arrow_type, pa.BaseExtensionType) and arrow_type != pa.uuid():
        return _plan_extension(target, arrow_type)
    if target.name in NESTED_ROWS:
        return plan_nested(target, arrow_type, _plan_field)
    return _plan_leaf(target, arrow_type)


def _plan_leaf(target: ConversionTarget, arrow_type: Any) -> Conversion:
    if target.time_unit is not None:
        return plan_numbers_of_time(target, arrow_type)
    if target.cql_type.custom_class == LEXICAL_UUID_CLASS:
        planned = plan_uuid(target, arrow_type)
    elif target.name == "blob" and pa.types.is_fixed_size_binary(arrow_type):
        planned = cast(pa.binary())
    elif pa.types.is_string(arrow_type) and target.name not in ("uuid", "timeuuid"):
        planned = plan_text(target)
    else:
        planned = _PLANS[target.name](target, arrow_type) if target.name in _PLANS else None
    if planned is not None:
        return planned
    # The bytes of a value as the server has them are taken for what they are only where the type is bytes.
    if arrow_type == pa.binary() and target.name not in ("blob", "custom"):
        raise target.refuse(arrow_type)
    try:
        open_encode(target.cql_type, arrow_type, target.path)
    except UnsupportedTypeError as error:
        raise target.refuse(arrow_type) from error
    return Conversion(arrow_type)


def _plan_extension(target: ConversionTarget, arrow_type: Any) -> Conversion:
    """What an extension type is stored as, where that is all there is to it."""
    if isinstance(arrow_type, pa.Bool8Type) and target.name == "boolean":
        return Conversion(pa.bool_(), lambda array: array.storage.cast(pa.bool_()))
    is_text = is_json(arrow_type) and target.name in ("text", "ascii")
    is_list = isinstance(arrow_type, pa.FixedShapeTensorType) and len(arrow_type.shape) == 1
    if is_text or (is_list and target.name in ("list", "vector")):
        return _plan(target, arrow_type.storage_type).after(lambda array: array.storage)
    raise target.refuse(arrow_type)
