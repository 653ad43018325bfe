"""Puts sets and maps of foreign files in the server's order, where the server would keep them as they were sent.

The server sorts those that are a column's value, or in a list, set or map, and keeps one of equal elements or keys.
Note: in a tuple, user-defined type or vector, and in a primary key, it trusts the client, and a key sent in another
order is another row, which no literal finds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.types.cells.cells import CellError, without_nulls
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.order.server_order import OrderKey, order_key
from airflow_provider_cqlai.engine.types.type_map import child_arrow_types, open_encode

Order = Callable[[Any], Any]
_SORTED = ("set", "map")
_TRUSTED = ("tuple", "udt", "vector")
# Types whose values Arrow and Cassandra put in one order, as texts or bytes and as anything else; of floats, uuids and
# what is nested they have two.
_BYTES = ("text", "ascii", "blob")
_ORDERED_ALIKE = ("tinyint", "smallint", "int", "bigint", "varint", "decimal", "date", "time", "timestamp")
# Bytes that are not a value of their type; the server says so.
_MALFORMED = (struct.error, IndexError, ValueError)


def open_collection_order(cql_type: CqlType, arrow_type: Any, path: str, *, is_primary_key: bool) -> Order | None:
    """The function that puts the sets and maps of a column in order, None where there is nothing to do.

    A collection with a null, or with something that does not fit, comes back as it is: the encoder refuses it.
    """
    if not is_primary_key and not _is_trusted(cql_type) and not _chooses_digits(cql_type):
        return None
    return _open(cql_type, arrow_type, path)


def _is_trusted(cql_type: CqlType) -> bool:
    """Whether a set or map in it is stored as it is sent."""
    if cql_type.name in _TRUSTED:
        return cql_type.contains(_SORTED)
    return any(_is_trusted(argument) for argument in cql_type.arguments)


def _chooses_digits(cql_type: CqlType) -> bool:
    """Whether elements or keys of other digits are equal, of which the server keeps the first: who compares what is
    there with what was sent needs to know.
    """
    if cql_type.name in _SORTED and cql_type.arguments[0].contains(("decimal",)):
        return True
    return any(_chooses_digits(argument) for argument in cql_type.arguments)


def _open(cql_type: CqlType, arrow_type: Any, path: str) -> Order | None:
    # The server's own bytes are in its order.
    if arrow_type == pa.binary() or not cql_type.contains(_SORTED):
        return None
    inner = [
        _open(child, child_arrow_type, f"{path}.{name}") or _as_it_is
        for (name, child), child_arrow_type in zip(cql_type.children, child_arrow_types(arrow_type), strict=True)
    ]
    if cql_type.name == "map":
        order = _order_map(cql_type, arrow_type, path, inner)
    elif cql_type.name in ("list", "set"):
        order = _order_list(cql_type, arrow_type, path, inner)
    elif cql_type.name == "vector":
        order = _order_vector(arrow_type, inner)
    else:
        order = _order_struct(arrow_type, inner)
    return lambda array: _of_present(array, order)


def _as_it_is(array: Any) -> Any:
    return array


def _of_present(array: Any, order: Order) -> Any:
    """What is inside a null means nothing, and need not fit."""
    if not array.null_count:
        return order(array)
    ordered = order(without_nulls(array))
    is_valid = array.is_valid().to_pylist()
    places = iter(range(len(ordered)))
    return ordered.take(pa.array([next(places) if valid else None for valid in is_valid], pa.int64()))


def _order_list(cql_type: CqlType, arrow_type: Any, path: str, inner: Sequence[Order]) -> Order:
    (order_element,) = inner
    find_keys = _key_finder(cql_type, arrow_type.value_type, f"{path}.element")

    def order(array: Any) -> Any:
        spans, first = _spans(array)
        elements = order_element(array.values.slice(first, spans[-1]))
        if cql_type.name == "list" or _is_ascending(cql_type.arguments[0], elements, spans):
            return _rebuild(arrow_type, spans, elements)
        chosen, _, new_spans = _choose(find_keys(elements), spans)
        return _rebuild(arrow_type, new_spans, elements.take(pa.array(chosen, pa.int64())))

    return order


def _order_map(cql_type: CqlType, arrow_type: Any, path: str, inner: Sequence[Order]) -> Order:
    order_key_of, order_value = inner
    find_keys = _key_finder(cql_type, arrow_type.key_type, f"{path}.key")

    def order(array: Any) -> Any:
        spans, first = _spans(array)
        keys = order_key_of(array.keys.slice(first, spans[-1]))
        values = order_value(array.items.slice(first, spans[-1]))
        arrays, new_spans = [keys, values], spans
        if not _is_ascending(cql_type.arguments[0], keys, spans):
            chosen, last, new_spans = _choose(find_keys(keys), spans)
            arrays = [keys.take(pa.array(chosen, pa.int64())), values.take(pa.array(last, pa.int64()))]
        entries = pa.StructArray.from_arrays(arrays, fields=[arrow_type.key_field, arrow_type.item_field])
        return _rebuild(arrow_type, new_spans, entries)

    return order


def _order_vector(arrow_type: Any, inner: Sequence[Order]) -> Order:
    (order_element,) = inner
    return lambda array: pa.FixedSizeListArray.from_arrays(order_element(array.flatten()), type=arrow_type)


def _order_struct(arrow_type: Any, inner: Sequence[Order]) -> Order:
    def order(array: Any) -> Any:
        fields = [order_field(array.field(number)) for number, order_field in enumerate(inner)]
        return pa.StructArray.from_arrays(fields, fields=list(arrow_type))

    return order


def _key_finder(cql_type: CqlType, arrow_type: Any, path: str) -> Callable[[Any], list[OrderKey | None]]:
    """Of the elements of a set or the keys of a map what they are sorted by; None for what cannot be bound."""
    element = cql_type.arguments[0]
    encode = open_encode(element, arrow_type, path)

    def find(array: Any) -> list[OrderKey | None]:
        try:
            return [None if cell is None else order_key(cell, element) for cell in encode(array)]
        except (CellError, *_MALFORMED):
            return [None] * len(array)

    return find


def _spans(array: Any) -> tuple[list[int], int]:
    """Where each collection's entries begin and the last ones end, from 0 on, and where the first of all is."""
    offsets = array.offsets.to_pylist()
    return [offset - offsets[0] for offset in offsets], offsets[0]


def _is_ascending(cql_type: CqlType, elements: Any, spans: Sequence[int]) -> bool:
    """Whether every collection is in order already, as exports have them; False where Arrow's order is another one."""
    is_plain = pa.types.is_string(elements.type) or pa.types.is_binary(elements.type)
    if cql_type.name not in (_BYTES if is_plain else _ORDERED_ALIKE):
        return False
    is_less = pc.less(elements.slice(0, max(0, len(elements) - 1)), elements.slice(1)).fill_null(False)
    is_right = is_less.to_numpy(zero_copy_only=False)
    # Between the last element of one collection and the first of the next there is no order.
    starts = np.array([start for start in spans if 0 < start < len(elements)], np.int64)
    is_right[starts - 1] = True
    return bool(is_right.all())


def _choose(keys: Sequence[OrderKey | None], spans: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Places of the entries to keep, first and last ones of equal keys, and the spans that they have then."""
    first_places: list[int] = []
    last_places: list[int] = []
    new_spans = [0]
    for start, stop in pairwise(spans):
        first: dict[Any, int] = {}
        last: dict[Any, int] = {}
        for place in range(start, stop):
            first.setdefault(keys[place], place)
            last[keys[place]] = place
        if None in first:
            first_places += range(start, stop)
            last_places += range(start, stop)
        else:
            ordered = sorted(first)
            first_places += [first[key] for key in ordered]
            last_places += [last[key] for key in ordered]
        new_spans.append(len(first_places))
    return first_places, last_places, new_spans


def _rebuild(arrow_type: Any, spans: Sequence[int], entries: Any) -> Any:
    offsets = pa.array(spans, pa.int32()).buffers()[1]
    return pa.Array.from_buffers(arrow_type, len(spans) - 1, [None, offsets], children=[entries])
