"""Finds one Arrow type for a column that has different types in different files.

It holds all of their values exactly. Note: integers and floats share none, since a float has no room for every integer;
what shares none becomes text, which not every CQL type is read from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import types

_INTEGERS = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_TEXT = pa.string()


def join_types(found: Sequence[Any]) -> Any:
    """The type that holds the values of all ``found`` exactly; text where there is none."""
    joined = _join(found)
    return _TEXT if joined is None else joined


def read_as(cell: Any, arrow_type: Any) -> Any:
    """An array of one value as ``arrow_type``, which `join_types` chose for its type among others."""
    if cell.type == arrow_type:
        return cell
    if cell.null_count:
        return pa.nulls(1, arrow_type)
    if arrow_type != _TEXT:
        return cell.cast(arrow_type)
    try:
        return cell.cast(_TEXT)
    except pa.ArrowException:
        # A nested value, which no cast makes a text of.
        return pa.array([cell.to_string()], _TEXT)


def _join(found: Sequence[Any]) -> Any | None:
    # A column without a value tells no type.
    told = [arrow_type for arrow_type in found if not types.is_null(arrow_type)]
    if all(arrow_type == told[0] for arrow_type in told):
        return told[0] if told else pa.null()
    told = [arrow_type.value_type if types.is_dictionary(arrow_type) else arrow_type for arrow_type in told]
    for is_of_family, join in _FAMILIES:
        if all(is_of_family(arrow_type) for arrow_type in told):
            return join(told)
    return None


def _join_integers(found: Sequence[Any]) -> Any | None:
    if all(types.is_unsigned_integer(arrow_type) for arrow_type in found):
        return _widest(found)
    # A signed type holds an unsigned one of half its width.
    return _INTEGERS.get(
        max(arrow_type.bit_width * (2 if types.is_unsigned_integer(arrow_type) else 1) for arrow_type in found)
    )


def _widest(found: Sequence[Any]) -> Any:
    return max(found, key=lambda arrow_type: arrow_type.bit_width)


def _join_texts(found: Sequence[Any]) -> Any:
    return pa.large_string() if any(map(types.is_large_string, found)) else _TEXT


def _join_bytes(found: Sequence[Any]) -> Any:
    return pa.large_binary() if any(map(types.is_large_binary, found)) else pa.binary()


def _join_lists(found: Sequence[Any]) -> Any | None:
    item = _join([arrow_type.value_type for arrow_type in found])
    if item is None:
        return None
    sizes = {arrow_type.list_size if types.is_fixed_size_list(arrow_type) else None for arrow_type in found}
    size = sizes.pop()
    if size is not None and not sizes:
        return pa.list_(item, size)
    return pa.large_list(item) if any(map(types.is_large_list, found)) else pa.list_(item)


def _join_maps(found: Sequence[Any]) -> Any | None:
    key = _join([arrow_type.key_type for arrow_type in found])
    item = _join([arrow_type.item_type for arrow_type in found])
    return None if key is None or item is None else pa.map_(key, item)


def _join_structs(found: Sequence[Any]) -> Any | None:
    names = [[field.name for field in arrow_type] for arrow_type in found]
    if any(other != names[0] for other in names):
        return None
    joined = [_join([field.type for field in fields]) for fields in zip(*found, strict=True)]
    if any(arrow_type is None for arrow_type in joined):
        return None
    return pa.struct(list(zip(names[0], joined, strict=True)))


def _is_bytes(arrow_type: Any) -> bool:
    return bool(
        types.is_binary(arrow_type) or types.is_large_binary(arrow_type) or types.is_fixed_size_binary(arrow_type)
    )


def _is_text(arrow_type: Any) -> bool:
    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type))


def _is_list(arrow_type: Any) -> bool:
    return bool(types.is_list(arrow_type) or types.is_large_list(arrow_type) or types.is_fixed_size_list(arrow_type))


_FAMILIES: tuple[tuple[Callable[[Any], bool], Callable[[Sequence[Any]], Any | None]], ...] = (
    (types.is_integer, _join_integers),
    (types.is_floating, _widest),
    (_is_text, _join_texts),
    (_is_bytes, _join_bytes),
    (_is_list, _join_lists),
    (types.is_map, _join_maps),
    (types.is_struct, _join_structs),
)
