"""What one file offers a table: where each table column's values are, and what does not fit.

A `FileSchema` follows from a file's Arrow schema and its directories; each problem becomes a line of text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.cassandra.cql_text import describe_near_names
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.files.formats.parquet_columns import leaf_columns
from airflow_provider_cqlai.engine.files.manifests.footer_metadata import read_source
from airflow_provider_cqlai.engine.importing.sources.int96 import find_columns_of_96_bits
from airflow_provider_cqlai.engine.importing.sources.legacy_calendar import LegacyCalendar, read_legacy_calendar
from airflow_provider_cqlai.engine.importing.sources.published_sources import read_key_columns
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.values.conditions import read_conditions
from airflow_provider_cqlai.engine.types.column import COLUMN_METADATA_KEY, RENAMED_METADATA_KEY
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
    int96_columns: frozenset[str] = frozenset()
    """Name in the file of the columns with timestamps of 96 bits."""
    text_columns: frozenset[str] = frozenset()
    """Name in the file of the columns whose bytes are text by Parquet's own words."""
    calendar: LegacyCalendar | None = None
    """Of dates and timestamps long ago, where it is not today's."""
    folded_names: Mapping[str, str] = field(default_factory=dict)
    """The table's name by that of the file or its directories, where CQL's folding makes one of the other."""
    directory_texts: Mapping[str, str | None] = field(default_factory=dict)
    """What the directories say of columns that the file has itself, by table column."""


def read_file_schema(
    file: SourceFile, table: TableMetadata, options: CopyFromOptions, problems: list[str]
) -> FileSchema:
    """Read a file's footer; what does not fit the table is appended to ``problems``."""
    with file.open_first() as (parquet_file, file):
        stored_schema, metadata = parquet_file.schema_arrow, parquet_file.metadata
        row_group_rows = tuple(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
        columns_of_96_bits = find_columns_of_96_bits(parquet_file, stored_schema.names)
        text_columns = _find_text_columns(parquet_file)
        calendar = read_legacy_calendar(metadata.metadata)
    arrow_schema = plain_schema(stored_schema)
    views = {
        stored.name for stored, plain in zip(stored_schema, arrow_schema, strict=True) if stored.type != plain.type
    }
    known = {known_column.name for known_column in table.columns}
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
    all_keys = [key for key, _ in file.hive_values]
    if not file.key_columns:
        # A copy of a dataset may be without its manifests.
        source = read_source(metadata.metadata or {})
        file = file if source is None else replace(file, key_columns=tuple(read_key_columns(source)))
    own_names = {key: column for key, column in file.key_columns if column is not None}
    own_names |= _read_own_names(arrow_schema)
    for key, text in file.hive_values:
        name = _find_column(key, known, all_keys, options, own_names)
        if name in known and key not in file.virtual_keys:
            keys.setdefault(name, []).append(key)
            sources[name] = text
    directory_texts = {name: text for name, text in sources.items() if not isinstance(text, pa.Field)}
    for column in arrow_schema:
        name = _find_column(column.name, known, arrow_schema.names, options, own_names)
        companion = read_companion(column)
        if companion is not None and name in known:
            if column.name not in own_names or column.name in options.column_mapping:
                companion = None
            elif options.columns is None or name in options.columns:
                problems.append(
                    f"{file}: column {column.name} is the {companion.kind} of {companion.column}, and the table has a"
                    f" column {name}: column_mapping={{{column.name!r}: {name!r}}} writes it there, and columns without"
                    f" {name} restores the {companion.kind}"
                )
        if companion is not None:
            # It goes with its column under the table's name for that.
            of = options.column_mapping.get(companion.column, companion.column)
            companion = Companion(companion.kind, of)
        if name in file_names and companion is None:
            problems.append(f"{file}: two columns are {name}")
        if companion is not None:
            companions[companion] = column.name
        elif name not in known and column.name not in used and options.on_extra_column == "error":
            near = describe_near_names(name, sorted(known))
            problems.append(f"{file}: column {column.name} is not in the table{near} (on_extra_column, column_mapping)")
        if name in known and companion is None:
            sources[name] = column
            file_names[name] = column.name
    problems += _check_keys(file, keys, all_keys, file_names, {*options.column_mapping, *own_names})
    for name in sorted(used):
        count = arrow_schema.names.count(name)
        if not count:
            hint = "; partition_filter looks at directories" if name in dict(file.hive_values) else ""
            problems.append(f"{file}: the file lacks column {name} ({', '.join(used[name])}){hint}")
        elif count > 1:
            problems.append(f"{file}: {count} columns are named {name} ({', '.join(used[name])})")
    return FileSchema(
        file,
        row_group_rows,
        arrow_schema,
        sources,
        file_names,
        companions,
        uncompared_columns=frozenset(views.union(columns_of_96_bits)),
        int96_columns=frozenset(columns_of_96_bits),
        text_columns=text_columns,
        calendar=calendar,
        folded_names={
            name: found
            for names in (all_keys, arrow_schema.names)
            for name in names
            if name not in options.column_mapping
            and (found := _find_column(name, known, names, options, own_names)) != name
        },
        directory_texts={name: text for name, text in directory_texts.items() if name in file_names},
    )


def _find_column(
    name: str,
    known: Collection[str],
    present: Collection[str],
    options: CopyFromOptions,
    own_names: Mapping[str, str],
) -> str:
    """The table's name for a column of a file or a key of its directories: what an export that renamed it says, or as
    CQL folds it where it is not spelled so (Snowflake and Oracle write capitals), and nothing else of the file is."""
    if name in options.column_mapping:
        return options.column_mapping[name]
    if own_names.get(name) in known:
        return own_names[name]
    folded = name.lower()
    is_folded = name not in known and folded in known and folded not in present
    return folded if is_folded else name


def _read_own_names(arrow_schema: Any) -> dict[str, str]:
    """The columns that an export renamed, by the names that it gave them."""
    found = {}
    for column in arrow_schema:
        metadata = column.metadata or {}
        if metadata.get(RENAMED_METADATA_KEY) == column.name.encode() and COLUMN_METADATA_KEY in metadata:
            found[column.name] = metadata[COLUMN_METADATA_KEY].decode()
    return found


def _find_text_columns(parquet_file: pq.ParquetFile) -> frozenset[str]:
    """Columns that Arrow reads as bytes and of which every leaf with bytes is text, as ENUM and JSON are."""
    schema = parquet_file.schema
    found: dict[str, list[bool]] = {}
    for number, name in enumerate(leaf_columns(parquet_file)):
        leaf = schema.column(number)
        if leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type not in ("STRING", "DECIMAL"):
            found.setdefault(name, []).append(leaf.logical_type.type in ("ENUM", "JSON"))
    return frozenset(name for name, are_text in found.items() if all(are_text))


def _check_keys(
    file: SourceFile,
    keys: Mapping[str, Sequence[str]],
    all_keys: Sequence[str],
    file_names: Mapping[str, str],
    told_names: Collection[str],
) -> list[str]:
    """A file that has the keys of its directories as well is an ordinary one."""
    problems = []
    for name, found in keys.items():
        others = [key for key in all_keys if key.lower() == name and key not in (*found, *told_names)]
        if others:
            problems.append(f"{file}: two keys of the directories are {name}: {found[0]} and {others[0]}")
        mapped = [key for key in found if key in told_names]
        if name in file_names and mapped and mapped != [file_names[name]]:
            both = f"column {file_names[name]} and the directories' key {mapped[0]}"
            problems.append(f"{file}: {both} are both {name} (column_mapping)")
        elif name not in file_names and len(found) > 1:
            problems.append(f"{file}: two keys of the directories are {name}: {', '.join(found)} (column_mapping)")
    return problems
