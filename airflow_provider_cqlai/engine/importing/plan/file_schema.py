"""What one file offers a table: where each table column's values are, and what does not fit.

A `FileSchema` follows from a file's Arrow schema and its directories; each problem becomes a line of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from airflow_provider_cqlai.engine.cassandra.cql_text import describe_near_names
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.importing.sources.int96 import find_columns_of_96_bits
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.values.conditions import read_conditions
from airflow_provider_cqlai.engine.types.companions import Companion, read_companion
from airflow_provider_cqlai.engine.types.foreign.view_types import plain_schema


@dataclass(frozen=True)
class FileSchema:
    """One file's columns, by the table's names."""

    file: SourceFile
    row_group_rows: tuple[int, ...]
    arrow_schema: pa.Schema
    """Without views, which are read as plain texts and bytes."""
    sources: Mapping[str, pa.Field | str | None]
    """File column, or the directory's text, by table column."""
    file_names: Mapping[str, str]
    """Name in the file by table column."""
    companions: Mapping[Companion, str]
    """Name in the file of the columns that tell write time and expiry of another."""
    uncompared_columns: frozenset[str] = frozenset()
    """Name in the file of the columns that Arrow cannot hold against statistics: it reads them as other types there,
    views and nanoseconds."""


def read_file_schema(
    file: SourceFile, table: TableMetadata, options: CopyFromOptions, problems: list[str]
) -> FileSchema:
    """Read a file's footer; what does not fit the table is appended to ``problems``."""
    with file.open() as parquet_file:
        stored_schema, metadata = parquet_file.schema_arrow, parquet_file.metadata
        row_group_rows = tuple(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
        columns_of_96_bits = find_columns_of_96_bits(parquet_file, stored_schema.names)
    arrow_schema = plain_schema(stored_schema)
    views = {
        stored.name for stored, plain in zip(stored_schema, arrow_schema, strict=True) if stored.type != plain.type
    }
    known = {column.name for column in table.columns}
    sources: dict[str, pa.Field | str | None] = {}
    file_names: dict[str, str] = {}
    companions: dict[Companion, str] = {}
    # Columns that are used though the table lacks them.
    used: dict[str, list[str]] = {}
    for option, name in (("ttl", options.ttl), ("timestamp", options.timestamp)):
        if isinstance(name, str):
            used.setdefault(name, []).append(option)
    for name in {name for name, _, _ in read_conditions("where", options.where)}:
        used.setdefault(name, []).append("where")
    keys: dict[str, list[str]] = {}
    for key, text in file.hive_values:
        name = options.column_mapping.get(key, key)
        if name in known:
            keys.setdefault(name, []).append(key)
            sources[name] = text
    for field in arrow_schema:
        name = options.column_mapping.get(field.name, field.name)
        companion = read_companion(field) if name not in known else None
        if companion is not None:
            # It goes with its column under the table's name for that.
            of = options.column_mapping.get(companion.column, companion.column)
            companion = Companion(companion.kind, of)
        if name in file_names:
            problems.append(f"{file}: two columns are {name}")
        if companion is not None:
            companions[companion] = field.name
        elif name not in known and field.name not in used and options.on_extra_column == "error":
            near = describe_near_names(name, sorted(known))
            problems.append(f"{file}: column {field.name} is not in the table{near} (on_extra_column, column_mapping)")
        if name in known:
            sources[name] = field
            file_names[name] = field.name
    problems += _check_keys(file, keys, file_names, options)
    for name in sorted(used):
        count = arrow_schema.names.count(name)
        if not count:
            hint = "; partition_filter looks at directories" if name in dict(file.hive_values) else ""
            problems.append(f"{file}: the file lacks column {name} ({', '.join(used[name])}){hint}")
        elif count > 1:
            problems.append(f"{file}: {count} columns are named {name} ({', '.join(used[name])})")
    uncompared = frozenset(views.union(columns_of_96_bits))
    return FileSchema(file, row_group_rows, arrow_schema, sources, file_names, companions, uncompared)


def _check_keys(
    file: SourceFile, keys: Mapping[str, Sequence[str]], file_names: Mapping[str, str], options: CopyFromOptions
) -> list[str]:
    """A file that has the keys of its directories as well is an ordinary one, and its own column counts."""
    problems = []
    for name, found in keys.items():
        mapped = [key for key in found if key in options.column_mapping]
        if name in file_names and mapped:
            both = f"column {file_names[name]} and the directories' key {mapped[0]}"
            problems.append(f"{file}: {both} are both {name} (column_mapping)")
        elif name not in file_names and len(found) > 1:
            problems.append(f"{file}: two keys of the directories are {name}: {', '.join(found)} (column_mapping)")
    return problems
