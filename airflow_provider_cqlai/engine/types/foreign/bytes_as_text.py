"""Bytes of foreign files that are text: by Parquet's own words (ENUM, JSON), or because the user says so."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_TEXT_TYPES = {
    pa.binary(): pa.string(),
    pa.large_binary(): pa.large_string(),
    pa.binary_view(): pa.string_view(),
}


def text_field(field: Any) -> Any:
    """The field with text where it has bytes, at any depth."""
    return field.with_type(_text_type(field.type))


def read_as_text(array: Any, text_type: Any) -> Any:
    """The values with the type of a `text_field`; bytes that are no UTF-8 raise ``ArrowInvalid``."""
    if pa.types.is_nested(array.type):
        # Only what belongs to its rows: a cast looks at all that a slice is part of.
        array = array.take(pa.array(range(len(array)), pa.int64()))
    return array.cast(text_type)


def _text_type(data_type: Any) -> Any:
    if pa.types.is_dictionary(data_type):
        return pa.dictionary(data_type.index_type, _text_type(data_type.value_type), data_type.ordered)
    if pa.types.is_struct(data_type):
        return pa.struct([text_field(field) for field in data_type])
    if pa.types.is_map(data_type):
        return pa.map_(text_field(data_type.key_field), text_field(data_type.item_field))
    if pa.types.is_list(data_type):
        return pa.list_(text_field(data_type.value_field))
    if pa.types.is_large_list(data_type):
        return pa.large_list(text_field(data_type.value_field))
    return _TEXT_TYPES.get(data_type, data_type)
