"""From the Arrow types that foreign files carry to one that the encoder takes, for a CQL type at any depth.

What flows in is a CQL type and a file's Arrow type; what flows out is a `Conversion`: an Arrow type that an export
could have given, and a function from array to array. A conversion checks every value and raises rather than rounds;
only columns that the user named in ``allow_lossy`` may be rounded. docs/types.md has the table.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.cql_type import CqlType
from airflow_provider_cqlai.engine.types.type_map import NESTED_ROWS, ChosenTypes, choose_arrow_type, open_encode

Convert = Callable[[Any], Any]
# What a conversion raises for a value that the target cannot hold.
CONVERSION_ERRORS = (pa.ArrowInvalid, ValueError, OverflowError)

_INTEGERS = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "counter": pa.int64(),
}
_TIMESTAMP = pa.timestamp("ms", tz="UTC")
_PLAIN_TYPES = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


@dataclass(frozen=True)
class Conversion:
    """To ``arrow_type``; ``convert`` is None where the file's type is taken as it is."""

    arrow_type: Any
    convert: Convert | None = None

    def __call__(self, array: Any) -> Any:
        """The array in ``arrow_type``; raises one of `CONVERSION_ERRORS` for a value that does not fit."""
        return array if self.convert is None else self.convert(array)

    def after(self, first: Convert) -> Conversion:
        return Conversion(self.arrow_type, lambda array: self(first(array)))


def plan_conversion(cql_type: CqlType, arrow_type: Any, path: str, *, is_lossy_allowed: bool = False) -> Conversion:
    """How a column of ``arrow_type`` becomes one that the encoder takes for ``cql_type``.

    Raises:
        UnsupportedTypeError: there is no way, or only one that can lose and was not allowed.
    """
    if pa.types.is_dictionary(arrow_type):
        return plan_conversion(cql_type, arrow_type.value_type, path, is_lossy_allowed=is_lossy_allowed).after(
            lambda array: array.cast(arrow_type.value_type)
        )
    plain = _PLAIN_TYPES.get(arrow_type)
    if plain is not None:
        return plan_conversion(cql_type, plain, path, is_lossy_allowed=is_lossy_allowed).after(
            lambda array: array.cast(plain)
        )
    if pa.types.is_null(arrow_type):
        chosen = choose_arrow_type(cql_type, path, {}, is_primary_key=False, chosen=ChosenTypes())
        return Conversion(chosen, lambda array: pa.nulls(len(array), chosen))
    if cql_type.name in NESTED_ROWS:
        return _plan_nested(cql_type, arrow_type, path, is_lossy_allowed)
    # The bytes of a value as the server has them are taken for what they are only where the type is bytes.
    is_raw = arrow_type == pa.binary() and cql_type.name not in ("blob", "custom")
    planned = _plan_leaf(cql_type.name, arrow_type, path, is_lossy_allowed)
    if planned is None and not is_raw:
        open_encode(cql_type, arrow_type, path)
        return Conversion(arrow_type)
    if planned is None:
        raise UnsupportedTypeError(f"{path}: binary cannot become {cql_type}")
    return planned


def _plan_leaf(name: str, arrow_type: Any, path: str, is_lossy_allowed: bool) -> Conversion | None:
    """The conversion of one value, or None where the type goes as it is or not at all."""
    is_integer = pa.types.is_integer(arrow_type)
    is_float = pa.types.is_floating(arrow_type)
    target = _INTEGERS.get(name)
    if target is not None and arrow_type != target and (is_integer or is_float):
        # pandas turns integers with nulls into floats: taken where every value is whole.
        return _cast(target)
    if name == "varint" and is_integer:
        return _cast(pa.int64() if arrow_type != pa.uint64() else pa.decimal128(38, 0))
    if name == "decimal" and is_integer:
        return _cast(pa.decimal128(38, 0))
    if name in ("decimal", "varint") and pa.types.is_decimal(arrow_type) and arrow_type.bit_width < 128:
        return _cast(pa.decimal128(arrow_type.precision, arrow_type.scale))
    if name in ("float", "double"):
        return _plan_float(name, arrow_type, path, is_lossy_allowed)
    if name == "timestamp":
        return _plan_timestamp(arrow_type, is_lossy_allowed)
    if name == "date":
        return _plan_date(arrow_type, path, is_lossy_allowed)
    if name == "time":
        if pa.types.is_string(arrow_type):
            return _parse(pa.time64("us"), datetime.time.fromisoformat)
        return _cast(pa.time32("ms")) if arrow_type == pa.time32("s") else None
    if name in ("uuid", "timeuuid"):
        return _plan_uuid(arrow_type)
    if name == "blob" and pa.types.is_fixed_size_binary(arrow_type):
        return _cast(pa.binary())
    return None


def _plan_float(name: str, arrow_type: Any, path: str, is_lossy_allowed: bool) -> Conversion | None:
    target = pa.float32() if name == "float" else pa.float64()
    if pa.types.is_integer(arrow_type) or arrow_type == pa.float16() or (arrow_type, name) == (pa.float32(), "double"):
        return _cast(target)
    if name == "float" and arrow_type == pa.float64():
        if not is_lossy_allowed:
            raise UnsupportedTypeError(f"{path}: double to float can lose digits; allow_lossy={path!r} accepts that")
        return _cast(target, safe=False)
    return None


def _plan_timestamp(arrow_type: Any, is_lossy_allowed: bool) -> Conversion | None:
    if pa.types.is_string(arrow_type):
        return _parse(_TIMESTAMP, _read_timestamp)
    if pa.types.is_date(arrow_type):
        return Conversion(_TIMESTAMP, lambda array: array.cast(pa.timestamp("ms")).cast(_TIMESTAMP))
    if not pa.types.is_timestamp(arrow_type) or arrow_type == _TIMESTAMP:
        return None
    if is_lossy_allowed:
        return Conversion(
            _TIMESTAMP, lambda array: pc.floor_temporal(array, unit="millisecond").cast(_TIMESTAMP, safe=False)
        )
    # Without a timezone it is UTC, as Spark and pandas write it; a safe cast refuses what is finer than milliseconds.
    return _cast(_TIMESTAMP)


def _plan_date(arrow_type: Any, path: str, is_lossy_allowed: bool) -> Conversion | None:
    if pa.types.is_string(arrow_type) or arrow_type == pa.date64():
        return _cast(pa.date32())
    if pa.types.is_timestamp(arrow_type):
        if not is_lossy_allowed:
            raise UnsupportedTypeError(f"{path}: a date has no time of day; allow_lossy={path!r} leaves it out")
        return _cast(pa.date32(), safe=False)
    return None


def _plan_uuid(arrow_type: Any) -> Conversion | None:
    if arrow_type == pa.binary():
        return Conversion(pa.uuid(), lambda array: pa.ExtensionArray.from_storage(pa.uuid(), array.cast(pa.binary(16))))
    if arrow_type == pa.binary(16):
        return Conversion(pa.uuid(), lambda array: pa.ExtensionArray.from_storage(pa.uuid(), array))
    if pa.types.is_string(arrow_type):
        return Conversion(pa.string(), _canonical_uuids)
    return None


def _canonical_uuids(array: Any) -> Any:
    # The encoder takes the canonical form; files may have braces, capitals or no hyphens.
    odd = pc.any(pc.invert(pc.match_substring_regex(array, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))).as_py()
    if not odd:
        return array
    return pa.array([None if text is None else str(uuid.UUID(text)) for text in array.to_pylist()], pa.string())


def _read_timestamp(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    if moment.microsecond % 1000:
        raise ValueError(f"{text!r} is finer than a millisecond")
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _cast(target: Any, *, safe: bool = True) -> Conversion:
    return Conversion(target, lambda array: array.cast(target, safe=safe))


def _parse(target: Any, read: Callable[[str], Any]) -> Conversion:
    def parse(array: Any) -> Any:
        return pa.array([None if text is None else read(text) for text in array.to_pylist()], target)

    return Conversion(target, parse)


def _plan_nested(cql_type: CqlType, arrow_type: Any, path: str, is_lossy_allowed: bool) -> Conversion:
    def child(number: int, child_type: Any) -> Conversion:
        name, child_cql_type = cql_type.children[number]
        return plan_conversion(child_cql_type, child_type, f"{path}.{name}", is_lossy_allowed=is_lossy_allowed)

    if cql_type.name in ("list", "set", "vector") and any(is_list(arrow_type) for is_list in _LISTS):
        return _plan_list(cql_type, arrow_type, child(0, arrow_type.value_type))
    if cql_type.name == "map" and pa.types.is_map(arrow_type):
        return _plan_map(arrow_type, child(0, arrow_type.key_type), child(1, arrow_type.item_type))
    if cql_type.name in ("udt", "tuple") and pa.types.is_struct(arrow_type):
        return _plan_struct(cql_type, arrow_type, path, child)
    raise UnsupportedTypeError(f"{path}: {arrow_type} cannot become {cql_type}")


def _plan_list(cql_type: CqlType, arrow_type: Any, element: Conversion) -> Conversion:
    size = cql_type.dimension if cql_type.name == "vector" else None
    target = pa.list_(element.arrow_type, size) if size is not None else pa.list_(element.arrow_type)
    if element.convert is None:
        return Conversion(arrow_type) if arrow_type == target else _cast(target)

    def convert(array: Any) -> Any:
        plain = _without_offset(array.cast(pa.list_(arrow_type.value_type)))
        lists = pa.ListArray.from_arrays(plain.offsets, element(plain.values), mask=plain.is_null())
        return lists.cast(target)

    return Conversion(target, convert)


def _plan_map(arrow_type: Any, key: Conversion, value: Conversion) -> Conversion:
    if key.convert is None and value.convert is None:
        return Conversion(arrow_type)
    target = pa.map_(key.arrow_type, value.arrow_type)

    def convert(array: Any) -> Any:
        plain = _without_offset(array)
        return pa.MapArray.from_arrays(
            plain.offsets, key(plain.keys), value(plain.items), type=target, mask=plain.is_null()
        )

    return Conversion(target, convert)


def _plan_struct(cql_type: CqlType, arrow_type: Any, path: str, child: Callable[[int, Any], Conversion]) -> Conversion:
    """Fields of a UDT by name, those of a tuple by position; a field that the file lacks is null."""
    names = [name for name, _ in cql_type.children]
    unknown = sorted(field.name for field in arrow_type if field.name not in names)
    if unknown:
        raise UnsupportedTypeError(f"{path}: {cql_type} has no field {', '.join(unknown)}")
    places = [arrow_type.get_field_index(name) for name in names]
    conversions = [
        child(number, pa.null() if place < 0 else arrow_type.field(place).type) for number, place in enumerate(places)
    ]
    target = pa.struct(
        [pa.field(name, conversion.arrow_type) for name, conversion in zip(names, conversions, strict=True)]
    )
    if places == list(range(len(names))) and all(conversion.convert is None for conversion in conversions):
        return Conversion(arrow_type)

    def convert(array: Any) -> Any:
        plain = _without_offset(array)
        children = [
            conversion(pa.nulls(len(plain)) if place < 0 else plain.field(place))
            for place, conversion in zip(places, conversions, strict=True)
        ]
        return pa.StructArray.from_arrays(children, fields=list(target), mask=plain.is_null())

    return Conversion(target, convert)


def _without_offset(array: Any) -> Any:
    # pyarrow builds nested arrays with a mask from arrays without an offset only.
    return array.take(pa.array(range(len(array)), pa.int64())) if array.offset else array
