"""Moves numbers between numpy and Arrow by their buffers, without copying."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def to_array(numbers: np.ndarray, is_null: np.ndarray | None = None) -> pa.Array:
    """An int64 array of ``numbers``, null where ``is_null`` is true."""
    data = pa.py_buffer(np.ascontiguousarray(numbers, np.int64))
    validity = None if is_null is None else pa.py_buffer(np.packbits(~is_null, bitorder="little"))
    return pa.Array.from_buffers(pa.int64(), len(numbers), [validity, data])


def to_offsets(numbers: np.ndarray) -> pa.Array:
    """An int32 array of ``numbers``, as lists and maps have their offsets."""
    return pa.Array.from_buffers(
        pa.int32(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers, np.int32))]
    )


def to_numpy(array: pa.Array, dtype: Any) -> np.ndarray:
    """The values of an array of fixed width; what stands for a null is zero."""
    data = array.buffers()[1]
    if data is None or not len(array):
        return np.zeros(len(array), dtype)
    numbers = np.frombuffer(data, dtype)[array.offset : array.offset + len(array)]
    return np.where(null_mask(array), 0, numbers) if array.null_count else numbers


def null_mask(array: pa.Array) -> np.ndarray:
    """True where ``array`` is null."""
    if pa.types.is_null(array.type):
        return np.ones(len(array), np.bool_)
    validity = array.buffers()[0]
    if validity is None:
        return np.zeros(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
    return np.asarray(bits[array.offset : array.offset + len(array)] == 0)
