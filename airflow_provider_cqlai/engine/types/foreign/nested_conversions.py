"""Converts lists, maps and structs of foreign files to list, set, vector, map, tuple and user-defined types.

A nested array is taken apart and put together anew, so that only what belongs to its rows is converted, not the rest of
a sliced array: otherwise the search for a bad row would find the wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_numpy, to_offsets
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import Conversion, ConversionTarget

PlanField = Callable[[ConversionTarget, Any], Conversion]
"""A target and the Arrow field that a file has for it."""

_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_MISSING = pa.field("missing", pa.null())
# As far as offsets of 32 bits reach.
_MOST_ENTRIES = 2**31 - 1


def plan_nested(target: ConversionTarget, arrow_type: Any, plan_field: PlanField) -> Conversion:
    """Any of Arrow's lists, maps as such or as lists of key and value, structs by name or by position.

    Raises:
        UnsupportedTypeError: there is no way.
    """
    if target.name in ("list", "set", "vector") and _is_list(arrow_type):
        return _plan_list(target, arrow_type, plan_field(target.child(0), arrow_type.value_field))
    if target.name == "map" and pa.types.is_map(arrow_type):
        key = plan_field(target.child(0), arrow_type.key_field)
        return _plan_map(arrow_type, key, plan_field(target.child(1), arrow_type.item_field))
    if target.name == "map" and _is_list(arrow_type) and pa.types.is_struct(arrow_type.value_type):
        return _plan_map_of_structs(target, arrow_type, plan_field)
    if target.name in ("udt", "tuple") and pa.types.is_struct(arrow_type):
        return _plan_struct(target, arrow_type, plan_field)
    raise target.refuse(arrow_type)


def _is_list(arrow_type: Any) -> bool:
    return any(is_list(arrow_type) for is_list in _LISTS)


def _plan_list(target: ConversionTarget, arrow_type: Any, element: Conversion) -> Conversion:
    dimension = target.cql_type.dimension
    is_vector = target.name == "vector"
    if is_vector and pa.types.is_fixed_size_list(arrow_type) and arrow_type.list_size != dimension:
        raise target.refuse(arrow_type, f"{arrow_type.list_size} elements, not {dimension}")
    wanted = pa.list_(element.arrow_type, dimension) if is_vector else pa.list_(element.arrow_type)
    if element.convert is None and arrow_type == wanted:
        return Conversion(arrow_type)

    def convert(array: Any) -> Any:
        offsets, values = _entries(array)
        lists = pa.ListArray.from_arrays(offsets, element(values), mask=array.is_null())
        if not is_vector:
            return lists
        lengths = np.diff(to_numpy(offsets, np.int32))[~null_mask(array)]
        if np.any(lengths != dimension):
            raise ValueError(f"{lengths[lengths != dimension][0]} elements, where a vector has {dimension}")
        return lists.cast(wanted)

    return Conversion(wanted, convert)


def _entries(array: Any) -> tuple[Any, Any]:
    """Offsets that begin at zero, and the entries of the lists that are not null, one behind the other."""
    # A cast from a list view gives a broken array in pyarrow 26; lengths and `flatten` are right for each kind of list.
    found = pc.list_value_length(array)
    lengths = to_numpy(found, np.int64 if pa.types.is_int64(found.type) else np.int32).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if offsets[-1] > _MOST_ENTRIES:
        raise ValueError("more entries in one record batch than 32 bits count")
    return to_offsets(offsets), array.flatten()


def _plan_map(arrow_type: Any, key: Conversion, value: Conversion) -> Conversion:
    if key.convert is None and value.convert is None:
        return Conversion(arrow_type)
    wanted = pa.map_(key.arrow_type, value.arrow_type)

    def convert(array: Any) -> Any:
        ends = to_numpy(array.offsets, np.int32)
        first, count = int(ends[0]), int(ends[-1] - ends[0])
        keys, items = key(array.keys.slice(first, count)), value(array.items.slice(first, count))
        return _map_array(to_offsets(ends - ends[0]), keys, items, wanted, array)

    return Conversion(wanted, convert)


def _plan_map_of_structs(target: ConversionTarget, arrow_type: Any, plan_field: PlanField) -> Conversion:
    """What Polars and Avro have for a map."""
    pair = arrow_type.value_type
    if sorted(field.name for field in pair) != ["key", "value"]:
        raise target.refuse(arrow_type, "a map of structs has the fields key and value")
    places = [pair.get_field_index(name) for name in ("key", "value")]
    key, value = (plan_field(target.child(number), pair.field(place)) for number, place in enumerate(places))
    wanted = pa.map_(key.arrow_type, value.arrow_type)

    def convert(array: Any) -> Any:
        offsets, pairs = _entries(array)
        parts = pairs.flatten()
        return _map_array(offsets, key(parts[places[0]]), value(parts[places[1]]), wanted, array)

    return Conversion(wanted, convert)


def _map_array(offsets: Any, keys: Any, items: Any, wanted: Any, array: Any) -> Any:
    if keys.null_count:
        raise ValueError("a map with a key that is null")
    return pa.MapArray.from_arrays(offsets, keys, items, type=wanted, mask=array.is_null())


def _plan_struct(target: ConversionTarget, arrow_type: Any, plan_field: PlanField) -> Conversion:
    """Fields by name, one that the file lacks is null; those of a tuple by position where its names say nothing."""
    names = [name for name, _ in target.cql_type.children]
    places = _field_places(target, arrow_type, names)
    conversions = [
        plan_field(target.child(number), _MISSING if place is None else arrow_type.field(place))
        for number, place in enumerate(places)
    ]
    wanted = pa.struct(
        [pa.field(name, conversion.arrow_type) for name, conversion in zip(names, conversions, strict=True)]
    )
    is_same = [field.name for field in arrow_type] == names
    if is_same and all(conversion.convert is None for conversion in conversions):
        return Conversion(arrow_type)

    def convert(array: Any) -> Any:
        parts = array.flatten()
        children = [
            conversion(pa.nulls(len(array)) if place is None else parts[place])
            for place, conversion in zip(places, conversions, strict=True)
        ]
        return pa.StructArray.from_arrays(children, fields=list(wanted), mask=array.is_null())

    return Conversion(wanted, convert)


def _field_places(target: ConversionTarget, arrow_type: Any, names: Sequence[str]) -> list[int | None]:
    written = [field.name for field in arrow_type]
    # As CQL folds names, where none is spelled exactly so.
    found = [name.lower() if name not in names and name.lower() not in written else name for name in written]
    unknown = sorted(set(found) - set(names))
    if target.name == "tuple" and len(unknown) == len(names) == len(found):
        return list(range(len(names)))
    if unknown:
        raise target.refuse(arrow_type, f"{target.cql_type} has no field {', '.join(unknown)}")
    if len(set(found)) < len(found):
        raise target.refuse(arrow_type, "a field is there twice, as CQL reads names")
    return [found.index(name) if name in found else None for name in names]
