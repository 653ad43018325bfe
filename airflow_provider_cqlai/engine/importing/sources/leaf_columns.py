"""Which column of a Parquet file each of its leaves belongs to.

A leaf's dotted path does not tell: a column's own name may have dots, and ``a.b`` may be one or a field of ``a``.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import SourceFileError


def leaf_columns(parquet_file: pq.ParquetFile) -> list[str]:
    """The column's name for each leaf, in the file's order.

    Raises:
        SourceFileError: the file's two schemas have different leaves.
    """
    names = [field.name for field in parquet_file.schema_arrow for _ in range(_count_leaves(field.type))]
    if len(names) != len(parquet_file.schema):
        raise SourceFileError(
            f"the Arrow schema has {len(names)} leaves, where that of Parquet has {len(parquet_file.schema)}"
        )
    return names


def _count_leaves(data_type: pa.DataType) -> int:
    if isinstance(data_type, pa.BaseExtensionType):
        return _count_leaves(data_type.storage_type)
    if not pa.types.is_nested(data_type):
        return 1
    return sum(_count_leaves(data_type.field(place).type) for place in range(data_type.num_fields))
