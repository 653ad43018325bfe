"""Columns of an Arrow schema as Parquet sees them: leaves, each with its dotted path.

Parquet's options (statistics, dictionary, bloom filters) go by leaf: ``tags`` as a list of text has the one leaf
``tags.list.element``, a map two, a struct one per field. Users name columns; a column's name stands for all its leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import OptionError, SourceFileError

_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def leaf_paths(field: pa.Field) -> list[str]:
    """Dotted paths of the leaves of ``field``, in the file's order."""
    return list(_leaf_paths(field.name, field.type))


def leaf_columns(parquet_file: pq.ParquetFile) -> list[str]:
    """The column's name for each leaf of a file, in the file's order.

    A leaf's dotted path does not tell: a column's own name may have dots, and ``a.b`` may be one or a field of ``a``.

    Raises:
        SourceFileError: the file's two schemas have different leaves.
    """
    names = [field.name for field in parquet_file.schema_arrow for _ in leaf_paths(field)]
    if len(names) != len(parquet_file.schema):
        raise SourceFileError(
            f"the Arrow schema has {len(names)} leaves, where that of Parquet has {len(parquet_file.schema)}"
        )
    return names


def _leaf_paths(path: str, data_type: pa.DataType) -> Iterator[str]:
    if isinstance(data_type, pa.BaseExtensionType):
        yield from _leaf_paths(path, data_type.storage_type)
    elif pa.types.is_map(data_type):
        yield from _leaf_paths(f"{path}.key_value.key", data_type.key_type)
        yield from _leaf_paths(f"{path}.key_value.value", data_type.item_type)
    elif _is_list(data_type):
        yield from _leaf_paths(f"{path}.list.element", data_type.value_type)
    elif pa.types.is_struct(data_type):
        for child in data_type:
            yield from _leaf_paths(f"{path}.{child.name}", child.type)
    else:
        yield path


def leaf_arrays(path: str, array: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """The same paths with the values at each leaf, those of null lists and maps left out."""
    data_type = array.type
    if isinstance(data_type, pa.BaseExtensionType):
        yield from leaf_arrays(path, array.storage)
    elif pa.types.is_map(data_type):
        # As a list of structs, since a map's own keys and items ignore that it may be a slice.
        entry_type = pa.struct([("key", data_type.key_type), ("value", data_type.item_type)])
        entries = array.cast(pa.list_(entry_type)).flatten()
        yield from leaf_arrays(f"{path}.key_value.key", entries.field(0))
        yield from leaf_arrays(f"{path}.key_value.value", entries.field(1))
    elif _is_list(data_type):
        yield from leaf_arrays(f"{path}.list.element", array.flatten())
    elif pa.types.is_struct(data_type):
        for child, values in zip(data_type, array.flatten(), strict=True):
            yield from leaf_arrays(f"{path}.{child.name}", values)
    else:
        yield path, array


def sampled_leaves(sample: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    """`leaf_arrays` of all columns; a leaf comes once per chunk."""
    for field, column in zip(sample.schema, sample.columns, strict=True):
        for chunk in column.chunks:
            yield from leaf_arrays(field.name, chunk)


def choose_leaf_paths(option: str, names: Iterable[str], file_schema: pa.Schema) -> dict[str, str]:
    """Leaf path -> the name that chose it. A name is a column's, or one leaf's.

    Raises:
        OptionError: a name is neither.
    """
    paths_by_name = {field.name: leaf_paths(field) for field in file_schema}
    leaves = {path for paths in paths_by_name.values() for path in paths}
    chosen: dict[str, str] = {}
    for name in names:
        if name not in paths_by_name and name not in leaves:
            raise OptionError(
                f"{option}: the files have no column {name!r}; known columns: {', '.join(file_schema.names)}",
                option=option,
            )
        chosen.update(dict.fromkeys(paths_by_name.get(name, [name]), name))
    return chosen


def _is_list(data_type: pa.DataType) -> bool:
    return any(is_list(data_type) for is_list in _LISTS)
