"""The type map: one row per CQL type, with the Arrow type it becomes, the overrides it takes and how it is decoded.

The Arrow type and the one function that decodes a column of it are found by walking the type from the outside in, so
any depth of nesting is the same code. docs/types.md says the same in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.arrow_type_text import read_arrow_type
from airflow_provider_cqlai.engine.types.cells.cells import Decode, Encode
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.families.decimals import (
    decode_decimal,
    decode_varint,
    encode_decimal,
    encode_varint,
)
from airflow_provider_cqlai.engine.types.families.durations import ARROW_TYPE as DURATION_TYPE
from airflow_provider_cqlai.engine.types.families.durations import decode_duration, encode_duration
from airflow_provider_cqlai.engine.types.families.fixed_width import (
    NumberDecode,
    decode_boolean,
    decode_date,
    decode_time,
    decode_timestamp,
    encode_boolean,
    encode_date,
    encode_number,
    encode_time,
    encode_timestamp,
)
from airflow_provider_cqlai.engine.types.families.lists_and_maps import decode_list, decode_map, encode_list, encode_map
from airflow_provider_cqlai.engine.types.families.structs import decode_struct, encode_struct
from airflow_provider_cqlai.engine.types.families.texts import (
    decode_binary,
    decode_inet,
    decode_text,
    encode_binary,
    encode_inet,
    encode_text,
)
from airflow_provider_cqlai.engine.types.families.uuids import decode_uuid, encode_uuid
from airflow_provider_cqlai.engine.types.families.vectors import LEXICAL_UUID_CLASS, decode_vector, encode_vector
from airflow_provider_cqlai.engine.types.handlers import TypeHandler, decode_with_handler, find_type_handler

CQL_TYPE_METADATA_KEY = b"cql_type"

LeafDecode: TypeAlias = Callable[[str, Any, str], Decode]
"""CQL name, Arrow type and path to the function that decodes a column."""
LeafEncode: TypeAlias = Callable[[str, Any, str], Encode]
"""The same to the function that encodes one."""


@dataclass(frozen=True)
class LeafRow:
    """A type without types inside. The first of ``arrow_types`` is the default; ``binary`` always is an override."""

    arrow_types: tuple[str, ...]
    decode: LeafDecode
    encode: LeafEncode
    primary_key_arrow_type: str | None = None
    takes_decimals: bool = False
    """Any decimal128(p, s) and decimal256(p, s) is an override too."""
    written_arrow_types: tuple[str, ...] = ()
    """Overrides of exports that only the reference codec decodes, and that imports convert before they are encoded."""


@dataclass(frozen=True)
class NestedRow:
    """A type of other types: how its Arrow type is made from the fields inside, and how its cells are split."""

    arrow_type: Callable[[CqlType, Sequence[Any]], Any]
    decode: Callable[[CqlType, Any, str, Sequence[Decode]], Decode]
    encode: Callable[[CqlType, Any, str, Sequence[Encode]], Encode]


_TIMESTAMPS = ("timestamp[ms, UTC]", "timestamp[us, UTC]", "timestamp[ns, UTC]")
_UUIDS = ("string", "uuid")

LEAF_ROWS: Mapping[str, LeafRow] = MappingProxyType(
    {
        "ascii": LeafRow(("string",), decode_text, encode_text),
        "text": LeafRow(("string",), decode_text, encode_text),
        "tinyint": LeafRow(("int8",), NumberDecode, encode_number),
        "smallint": LeafRow(("int16",), NumberDecode, encode_number),
        "int": LeafRow(("int32",), NumberDecode, encode_number),
        "bigint": LeafRow(("int64",), NumberDecode, encode_number),
        "counter": LeafRow(("int64",), NumberDecode, encode_number),
        "float": LeafRow(("float",), NumberDecode, encode_number),
        "double": LeafRow(("double",), NumberDecode, encode_number),
        "boolean": LeafRow(("bool",), decode_boolean, encode_boolean),
        "timestamp": LeafRow(_TIMESTAMPS, decode_timestamp, encode_timestamp, written_arrow_types=("string",)),
        "date": LeafRow(("date32",), decode_date, encode_date, written_arrow_types=("string",)),
        "time": LeafRow(
            ("time32[ms]", "time64[us]", "time64[ns]"),
            decode_time,
            encode_time,
            written_arrow_types=("string", "int64"),
        ),
        "uuid": LeafRow(_UUIDS, decode_uuid, encode_uuid),
        "timeuuid": LeafRow(_UUIDS, decode_uuid, encode_uuid),
        "blob": LeafRow(("binary",), decode_binary, encode_binary),
        # In a primary key 1.5 and 1.50 are two rows: only a text tells them apart.
        "decimal": LeafRow(
            ("decimal128(38, 18)", "string"), decode_decimal, encode_decimal, "string", takes_decimals=True
        ),
        "varint": LeafRow(("decimal128(38, 0)", "int64", "string"), decode_varint, encode_varint, takes_decimals=True),
        "duration": LeafRow(("duration",), decode_duration, encode_duration, written_arrow_types=("string",)),
        "inet": LeafRow(("string",), decode_inet, encode_inet),
    }
)

NESTED_ROWS: Mapping[str, NestedRow] = MappingProxyType(
    {
        "list": NestedRow(
            lambda _, fields: pa.list_(fields[0]),
            lambda cql_type, arrow_type, path, children: decode_list(cql_type.name, arrow_type, path, children),
            lambda cql_type, arrow_type, path, children: encode_list(cql_type.name, arrow_type, path, children),
        ),
        "set": NestedRow(
            lambda _, fields: pa.list_(fields[0]),
            lambda cql_type, arrow_type, path, children: decode_list(cql_type.name, arrow_type, path, children),
            lambda cql_type, arrow_type, path, children: encode_list(cql_type.name, arrow_type, path, children),
        ),
        "map": NestedRow(
            lambda _, fields: pa.map_(fields[0].with_nullable(False), fields[1]),
            lambda cql_type, arrow_type, path, children: decode_map(cql_type.name, arrow_type, path, children),
            lambda cql_type, arrow_type, path, children: encode_map(cql_type.name, arrow_type, path, children),
        ),
        "tuple": NestedRow(
            lambda _, fields: pa.struct(fields),
            lambda cql_type, arrow_type, path, children: decode_struct(cql_type.name, arrow_type, path, children),
            lambda cql_type, arrow_type, path, children: encode_struct(cql_type.name, arrow_type, path, children),
        ),
        "udt": NestedRow(
            lambda _, fields: pa.struct(fields),
            lambda cql_type, arrow_type, path, children: decode_struct(str(cql_type), arrow_type, path, children),
            lambda cql_type, arrow_type, path, children: encode_struct(str(cql_type), arrow_type, path, children),
        ),
        "vector": NestedRow(
            lambda cql_type, fields: pa.list_(fields[0], cql_type.dimension), decode_vector, encode_vector
        ),
    }
)

# Custom types, by Java class. A class that is not here is the bytes that the server sent.
CUSTOM_ROWS: Mapping[str, LeafRow] = MappingProxyType({LEXICAL_UUID_CLASS: LeafRow(_UUIDS, decode_uuid, encode_uuid)})
_OTHER_CUSTOM = LeafRow(("binary",), decode_binary, encode_binary)


class ChosenTypes:
    """What was decided inside one column: every path that an override could name, and the handlers in use."""

    def __init__(self, *, takes_handlers: bool = True) -> None:
        self.takes_handlers = takes_handlers
        self.paths: list[str] = []
        self.handlers: dict[str, TypeHandler] = {}
        self.needs_reference_codec = False


def choose_arrow_type(
    cql_type: CqlType, path: str, overrides: Mapping[str, str], *, is_primary_key: bool, chosen: ChosenTypes
) -> Any:
    """The Arrow type of a column or of what is inside it.

    Raises:
        UnsupportedTypeError: an override that the CQL type cannot have.
    """
    chosen.paths.append(path)
    if path in overrides:
        arrow_type = _read_override(cql_type, path, overrides[path])
        if cql_type.name not in NESTED_ROWS:
            written = [read_arrow_type(text) for text in leaf_row(cql_type).written_arrow_types]
            chosen.needs_reference_codec |= arrow_type in written
        return arrow_type
    handler = find_type_handler(cql_type) if chosen.takes_handlers else None
    if handler is not None:
        chosen.handlers[path] = handler
        return handler.arrow_type
    nested = NESTED_ROWS.get(cql_type.name)
    if nested is not None:
        fields = [
            pa.field(
                name,
                choose_arrow_type(child, f"{path}.{name}", overrides, is_primary_key=is_primary_key, chosen=chosen),
                metadata={CQL_TYPE_METADATA_KEY: str(child).encode()},
            )
            for name, child in cql_type.children
        ]
        return nested.arrow_type(cql_type, fields)
    row = leaf_row(cql_type)
    if is_primary_key and row.primary_key_arrow_type is not None:
        return read_arrow_type(row.primary_key_arrow_type)
    return DURATION_TYPE if cql_type.name == "duration" else read_arrow_type(row.arrow_types[0])


def open_decode(cql_type: CqlType, arrow_type: Any, path: str, handlers: Mapping[str, TypeHandler]) -> Decode:
    """The function that decodes a column of ``cql_type`` to ``arrow_type``, as `choose_arrow_type` chose it."""
    handler = handlers.get(path)
    if handler is not None:
        return decode_with_handler(handler, path)
    if arrow_type == pa.binary():
        return decode_binary(cql_type.name, arrow_type, path)
    nested = NESTED_ROWS.get(cql_type.name)
    if nested is None:
        return leaf_row(cql_type).decode(cql_type.name, arrow_type, path)
    children = [
        open_decode(child, child_arrow_type, f"{path}.{name}", handlers)
        for (name, child), child_arrow_type in zip(cql_type.children, child_arrow_types(arrow_type), strict=True)
    ]
    return nested.decode(cql_type, arrow_type, path, children)


def open_encode(cql_type: CqlType, arrow_type: Any, path: str) -> Encode:
    """The function that encodes a column of ``arrow_type``, one of those that `choose_arrow_type` can choose.

    Raises:
        UnsupportedTypeError: any other Arrow type.
    """
    if arrow_type == pa.binary():
        return encode_binary(cql_type.name, arrow_type, path)
    nested = NESTED_ROWS.get(cql_type.name)
    if nested is None:
        _check_leaf(cql_type, arrow_type, path)
        return leaf_row(cql_type).encode(cql_type.name, arrow_type, path)
    _check_nested(cql_type, arrow_type, path)
    children = [
        open_encode(child, child_arrow_type, f"{path}.{name}")
        for (name, child), child_arrow_type in zip(cql_type.children, child_arrow_types(arrow_type), strict=True)
    ]
    return nested.encode(cql_type, arrow_type, path, children)


def _check_leaf(cql_type: CqlType, arrow_type: Any, path: str) -> None:
    row = leaf_row(cql_type)
    allowed = [DURATION_TYPE] if cql_type.name == "duration" else [read_arrow_type(text) for text in row.arrow_types]
    is_decimal = row.takes_decimals and pa.types.is_decimal(arrow_type) and arrow_type.bit_width in (128, 256)
    if arrow_type not in allowed and not (is_decimal and 0 <= arrow_type.scale <= arrow_type.precision):
        raise _unsupported(cql_type, arrow_type, path)


def _check_nested(cql_type: CqlType, arrow_type: Any, path: str) -> None:
    name = cql_type.name
    if name in ("list", "set"):
        is_right = pa.types.is_list(arrow_type)
    elif name == "map":
        is_right = pa.types.is_map(arrow_type)
    elif name == "vector":
        is_right = pa.types.is_fixed_size_list(arrow_type) and arrow_type.list_size == cql_type.dimension
    else:
        names = [child for child, _ in cql_type.children]
        is_right = pa.types.is_struct(arrow_type) and [field.name for field in arrow_type] == names
    if not is_right:
        raise _unsupported(cql_type, arrow_type, path)


def _unsupported(cql_type: CqlType, arrow_type: Any, path: str) -> UnsupportedTypeError:
    return UnsupportedTypeError(
        f"{path!r} is {cql_type} in Cassandra and cannot be encoded from {arrow_type}", column=path
    )


def leaf_row(cql_type: CqlType) -> LeafRow:
    """The row of a type without types inside."""
    if cql_type.name == "custom":
        return CUSTOM_ROWS.get(cql_type.custom_class, _OTHER_CUSTOM)
    return LEAF_ROWS[cql_type.name]


def child_arrow_types(arrow_type: Any) -> list[Any]:
    if pa.types.is_map(arrow_type):
        return [arrow_type.key_type, arrow_type.item_type]
    if pa.types.is_struct(arrow_type):
        return [field.type for field in arrow_type]
    return [arrow_type.value_type]


def _read_override(cql_type: CqlType, path: str, override: str) -> Any:
    row = None if cql_type.name in NESTED_ROWS else leaf_row(cql_type)
    allowed = [] if row is None or cql_type.name == "duration" else list(row.arrow_types)
    allowed += [] if row is None else row.written_arrow_types
    if "binary" not in allowed:
        allowed.append("binary")
    arrow_type = read_arrow_type(override)
    if arrow_type is not None:
        if arrow_type in [read_arrow_type(text) for text in allowed]:
            return arrow_type
        if row is not None and row.takes_decimals and pa.types.is_decimal(arrow_type):
            return arrow_type
    if row is not None and row.takes_decimals:
        allowed += ["decimal128(p, s) with 0 <= s <= p <= 38", "decimal256(p, s) with 0 <= s <= p <= 76"]
    inside = [f"{path}.{name}" for name, _ in cql_type.children] if row is None else []
    raise UnsupportedTypeError(
        f"types: {path!r} is {cql_type} in Cassandra and cannot be {override!r}; it can be: {', '.join(allowed)}"
        + (f"; what is inside it: {', '.join(inside)}" if inside else ""),
        column=path,
        override=override,
        allowed=tuple(allowed),
    )
