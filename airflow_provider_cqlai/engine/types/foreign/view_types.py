"""Converts views of texts and bytes, at any depth, to Arrow's plain types: few of its functions take views.

The schema and the record batches of a file are converted alike. Offsets have 64 bits, since a view may lead to more
than 32 bits reach.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.pyarrow_versions import is_json

_PLAIN_TYPES = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}


def plain_schema(schema: Any) -> Any:
    """The schema of what `plain_record_batch` makes."""
    return pa.schema([field.with_type(_plain_type(field.type)) for field in schema], metadata=schema.metadata)


def plain_record_batch(record_batch: Any) -> Any:
    """The same values without views."""
    schema = plain_schema(record_batch.schema)
    arrays = [_cast(array, field.type) for array, field in zip(record_batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(array: Any, plain: Any) -> Any:
    if array.type == plain:
        return array
    return (array.storage if isinstance(array, pa.ExtensionArray) else array).cast(plain)


def _plain_type(data_type: Any) -> Any:
    if is_json(data_type):
        # Its text is all there is to it.
        return _PLAIN_TYPES.get(data_type.storage_type, data_type)
    if not pa.types.is_nested(data_type):
        return _PLAIN_TYPES.get(data_type, data_type)
    fields = [data_type.field(place) for place in range(data_type.num_fields)]
    plain = [field.with_type(_plain_type(field.type)) for field in fields]
    return data_type if plain == fields else _nested_type(data_type, plain)


def _nested_type(data_type: Any, fields: list[Any]) -> Any:
    if pa.types.is_struct(data_type):
        return pa.struct(fields)
    if pa.types.is_map(data_type):
        key, item = fields[0].type
        return pa.map_(key, item, data_type.keys_sorted)
    if pa.types.is_fixed_size_list(data_type):
        return pa.list_(fields[0], data_type.list_size)
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return (pa.list_ if pa.types.is_list(data_type) else pa.large_list)(fields[0])
    # Lists that are views themselves can be taken and filtered, whatever is in them, and have no sound cast.
    return data_type
