"""What versions of pyarrow before the newest lack.

pyarrow 18 is enough for everything but the ``uuid`` override, which needs 21, and bloom filters and vectors that are
null, which need 26.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

PYARROW_VERSION = int(pa.__version__.split(".")[0])

# Before, Parquet's UUID is written as bytes without a meaning.
WRITES_UUIDS = PYARROW_VERSION >= 21
# Before, some are refused and others make a file that pyarrow itself cannot read.
WRITES_NULL_VECTORS = PYARROW_VERSION >= 26


def is_json(arrow_type: pa.DataType) -> bool:
    """Whether it is Arrow's JSON, which pyarrow 18 does not have."""
    return hasattr(pa, "JsonType") and isinstance(arrow_type, pa.JsonType)


def concat_batches(record_batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """`pyarrow.concat_batches`, which pyarrow 18 does not have; at least one."""
    if hasattr(pa, "concat_batches"):
        return pa.concat_batches(record_batches)
    joined = pa.Table.from_batches(record_batches).combine_chunks().to_batches()
    return joined[0] if joined else record_batches[0]


def has_uuid(arrow_type: pa.DataType) -> bool:
    """Whether there is a UUID in it, at any depth."""
    return has_type(arrow_type, lambda part: isinstance(part, pa.UuidType))


def has_vector(arrow_type: pa.DataType) -> bool:
    """Whether there is a list of fixed size in it, at any depth."""
    return has_type(arrow_type, pa.types.is_fixed_size_list)


def has_type(arrow_type: pa.DataType, is_wanted: Callable[[pa.DataType], bool]) -> bool:
    """Whether ``is_wanted`` holds for the type, or for one at any depth in it."""
    if is_wanted(arrow_type):
        return True
    return any(has_type(arrow_type.field(number).type, is_wanted) for number in range(arrow_type.num_fields))


def has_null_vector(array: pa.Array) -> bool:
    """Whether a list of fixed size is null in it, at any depth; that of a struct which is null is, too."""
    if not has_vector(array.type):
        return False
    if pa.types.is_struct(array.type):
        return any(has_null_vector(child) for child in array.flatten())
    if pa.types.is_fixed_size_list(array.type) and array.null_count:
        return True
    if pa.types.is_map(array.type):
        # Not flattened: the items of a slice are those of the whole array.
        first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return has_null_vector(array.items.slice(first, last - first))
    return has_null_vector(array.flatten())
