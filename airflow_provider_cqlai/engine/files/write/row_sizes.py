"""Bytes that each row of a record batch takes, by whole columns.

Needed because hive partitions of one record batch may hold rows of very different sizes: the buffer to write out first
is the largest in bytes, not in rows.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def row_sizes(record_batch: pa.RecordBatch) -> np.ndarray:
    """One int64 a row; validity bitmaps left out."""
    sizes = np.zeros(record_batch.num_rows, dtype=np.int64)
    for column in record_batch.columns:
        sizes += _value_sizes(column)
    return sizes


def _value_sizes(array: pa.Array) -> np.ndarray:
    data_type = array.type
    if isinstance(data_type, pa.BaseExtensionType):
        return _value_sizes(array.storage)
    if pa.types.is_string(data_type) or pa.types.is_binary(data_type):
        return np.diff(_offsets(array)) + 4
    if pa.types.is_list(data_type) or pa.types.is_map(data_type):
        offsets = _offsets(array)
        # The children as one array, whatever slice of it this one covers.
        children = array.values if pa.types.is_list(data_type) else _map_entries(array)
        return np.asarray(np.diff(_running_sum(_value_sizes(children))[offsets]) + 4)
    if pa.types.is_fixed_size_list(data_type):
        children = array.values.slice(array.offset * data_type.list_size, len(array) * data_type.list_size)
        return np.asarray(_value_sizes(children).reshape(len(array), data_type.list_size).sum(axis=1))
    if pa.types.is_struct(data_type):
        sizes = np.zeros(len(array), dtype=np.int64)
        for number in range(data_type.num_fields):
            sizes += _value_sizes(array.field(number))
        return sizes
    try:
        width = data_type.bit_width / 8
    except ValueError:
        # A layout without fixed width or 32-bit offsets (a view, a dictionary): shared out evenly.
        width = array.nbytes / max(1, len(array))
    return np.full(len(array), max(1, round(width)), dtype=np.int64)


def _offsets(array: pa.Array) -> np.ndarray:
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array) + 1, dtype=np.int64)
    offsets = np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]
    return offsets.astype(np.int64)


def _map_entries(array: pa.MapArray) -> pa.Array:
    return pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])


def _running_sum(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(sizes)))
