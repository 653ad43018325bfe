"""What an import will do, decided before the first write: files against table, and files against each other.

Every problem of every file goes into one error. What flows out is the prepared INSERT and, for each file, where each of
its values comes from: a column of the file, its directories, or nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from cassandra.cluster import Session
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cql.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cql.identifiers import describe_near_names, quote_name
from airflow_provider_cqlai.engine.cql.prepare import prepare_statement
from airflow_provider_cqlai.engine.cql.row_encoder import BoundColumn, NullHandling
from airflow_provider_cqlai.engine.cql.table_metadata import (
    PARTITION_KEY,
    STATIC,
    TableColumn,
    TableMetadata,
)
from airflow_provider_cqlai.engine.errors import ImportPlanError, TableMetadataError, UnsupportedTypeError
from airflow_provider_cqlai.engine.import_options import CopyFromOptions
from airflow_provider_cqlai.engine.import_sources import SourceFile
from airflow_provider_cqlai.engine.types.conversion import Conversion, plan_conversion, plan_field_conversion
from airflow_provider_cqlai.engine.types.cql_type import CqlType
from airflow_provider_cqlai.engine.types.type_map import CQL_TYPE_METADATA_KEY

logger = logging.getLogger(__name__)

# Types that directory names are cast to; all others read their text as a file's strings are read.
_CAST_FROM_TEXT: Mapping[str, Any] = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class PlannedColumn:
    """One marker of the INSERT and where a file has its values."""

    bound: BoundColumn
    conversion: Conversion
    file_column: str | None = None
    hive_text: str | None = None
    """The directory's value; None is null, also where the file has no such column."""

    def read(self, record_batch: Any) -> Any:
        """The values of the record batch's rows, converted; raises one of `CONVERSION_ERRORS`."""
        if self.file_column is not None:
            return self.conversion(record_batch.column(self.file_column))
        value = self.conversion(pa.array([self.hive_text], pa.string()))
        return pa.nulls(record_batch.num_rows, value.type) if self.hive_text is None else _repeat(value, record_batch)


@dataclass(frozen=True)
class FilePlan:
    """One file and its columns, in the order of the statement's markers."""

    file: SourceFile
    rows: int
    columns: tuple[PlannedColumn, ...]

    @property
    def file_columns(self) -> list[str]:
        return [column.file_column for column in self.columns if column.file_column is not None]


@dataclass(frozen=True)
class ImportPlan:
    """The whole import."""

    table: TableMetadata
    statement: PreparedStatement
    columns: tuple[str, ...]
    files: tuple[FilePlan, ...]
    static_statement: PreparedStatement | None = None
    """Writes partitions that have static columns and no row; None where the table has no such thing."""
    static_columns: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def has_multi_cell_lists(self) -> bool:
        """Whether a list that is not frozen is written: the one thing that doubles when it is written twice."""
        written = [column for column in self.table.columns if column.name in self.columns]
        return any(column.is_multi_cell and column.cql_text.startswith("list<") for column in written)


@dataclass(frozen=True)
class _FileSchema:
    file: SourceFile
    rows: int
    sources: Mapping[str, pa.Field | str | None]
    """File column or directory text by table column (its name in the file, mapped)."""
    file_names: Mapping[str, str]


def plan_import(
    session: Session, table: TableMetadata, files: Sequence[SourceFile], options: CopyFromOptions
) -> ImportPlan:
    """Read every file's schema, check it and prepare the statement; nothing is written.

    Raises:
        ImportPlanError: with all problems of all files.
        SourceFileError: a file is missing or no Parquet.
    """
    problems: list[str] = []
    if table.is_view or table.is_virtual:
        raise ImportPlanError(f"{table} is a view or a virtual table: rows are written to its base table", problems=[])
    if table.is_counter:
        raise ImportPlanError(f"{table} holds counters, which can only be added to, never set", problems=[])
    schemas = [_read_schema(file, table, options, problems) for file in files]
    columns = _choose_columns(table, schemas, options, problems)
    _raise_if(problems, table)
    statement = _prepare_insert(session, table, columns)
    cql_types = {column.name: CqlType.from_driver_type(column.type) for column in statement.column_metadata}
    plans = [_plan_file(schema, table, columns, cql_types, options, problems) for schema in schemas]
    _raise_if(problems, table)
    read_columns = [column for plan in plans for column in plan.columns if column.file_column is not None]
    for name, note in sorted({(column.bound.name, column.conversion.note or "") for column in read_columns}):
        if note:
            logger.info("%s.%s: %s", table, name, note)
    static_columns = [
        column.name for column in table.columns if column.name in columns and column.kind in (PARTITION_KEY, STATIC)
    ]
    has_static = len(static_columns) > len(table.partition_key)
    static_statement = _prepare_insert(session, table, static_columns) if has_static else None
    return ImportPlan(table, statement, tuple(columns), tuple(plans), static_statement, tuple(static_columns))


def _read_schema(file: SourceFile, table: TableMetadata, options: CopyFromOptions, problems: list[str]) -> _FileSchema:
    with file.open() as parquet_file:
        arrow_schema, rows = parquet_file.schema_arrow, parquet_file.metadata.num_rows
    known = {column.name for column in table.columns}
    sources: dict[str, pa.Field | str | None] = {}
    file_names: dict[str, str] = {}
    for key, text in file.hive_values:
        name = options.column_mapping.get(key, key)
        if name in known:
            sources[name] = text
        else:
            logger.info("%s: the directories' key %s is no column of %s", file, key, table)
    for field in arrow_schema:
        name = options.column_mapping.get(field.name, field.name)
        if name in file_names:
            problems.append(f"{file}: two columns are {name}")
        if name not in known and options.on_extra_column == "error":
            near = describe_near_names(name, sorted(known))
            problems.append(f"{file}: column {field.name} is not in the table{near} (on_extra_column, column_mapping)")
        if name in known:
            sources[name] = field
            file_names[name] = field.name
    unmapped = set(options.column_mapping) - set(arrow_schema.names) - {key for key, _ in file.hive_values}
    problems.extend(f"{file}: column_mapping names {name}, which the file lacks" for name in sorted(unmapped))
    return _FileSchema(file, rows, sources, file_names)


def _choose_columns(
    table: TableMetadata, schemas: Sequence[_FileSchema], options: CopyFromOptions, problems: list[str]
) -> list[str]:
    chosen = [column.name for column in table.columns]
    if options.columns is not None:
        try:
            wanted = {table.column(name).name for name in options.columns}
        except TableMetadataError as error:
            problems.append(str(error))
            return []
        # The primary key is written with whatever is written.
        chosen = [name for name in chosen if name in wanted or name in table.primary_key]
    for schema in schemas:
        missing = [name for name in chosen if name not in schema.sources]
        for name in missing:
            if name in table.primary_key:
                problems.append(f"{schema.file}: primary key column {name} is missing")
            elif options.on_missing_column == "error":
                problems.append(f"{schema.file}: column {name} is missing (on_missing_column, columns)")
    if options.on_missing_column == "null":
        return chosen
    present = {name for schema in schemas for name in schema.sources}
    return [name for name in chosen if name in present]


def _prepare_insert(session: Session, table: TableMetadata, columns: Sequence[str]) -> PreparedStatement:
    names = ", ".join(quote_name(name) for name in columns)
    markers = ", ".join("?" for _ in columns)
    query = f"INSERT INTO {table.cql_name} ({names}) VALUES ({markers})"
    try:
        return prepare_statement(session, query)
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, f"preparing {query}") from error


def _plan_file(
    schema: _FileSchema,
    table: TableMetadata,
    columns: Sequence[str],
    cql_types: Mapping[str, CqlType],
    options: CopyFromOptions,
    problems: list[str],
) -> FilePlan:
    planned = []
    for name in columns:
        try:
            planned.append(_plan_column(schema, table, name, cql_types[name], options))
        except UnsupportedTypeError as error:
            problems.append(f"{schema.file}: {error}")
    return FilePlan(schema.file, schema.rows, tuple(planned))


def _plan_column(
    schema: _FileSchema, table: TableMetadata, name: str, cql_type: CqlType, options: CopyFromOptions
) -> PlannedColumn:
    source = schema.sources.get(name)
    if isinstance(source, pa.Field):
        conversion = _plan_field(source, cql_type, table.column(name), options)
    elif cql_type.name in _CAST_FROM_TEXT:
        target = _CAST_FROM_TEXT[cql_type.name]
        conversion = Conversion(target, lambda array: array.cast(target))
    elif name in schema.sources:
        conversion = plan_conversion(cql_type, pa.string(), name)
    else:
        conversion = plan_conversion(cql_type, pa.null(), name)
    asked_for = options.null_handling if name in schema.sources else options.on_missing_column
    null_handling: NullHandling = "null" if asked_for == "null" else "unset"
    bound = BoundColumn(name, cql_type, conversion.arrow_type, null_handling, name in table.primary_key)
    text = source if isinstance(source, str) else None
    return PlannedColumn(bound, conversion, schema.file_names.get(name), text)


def _plan_field(field: pa.Field, cql_type: CqlType, column: TableColumn, options: CopyFromOptions) -> Conversion:
    declared = (field.metadata or {}).get(CQL_TYPE_METADATA_KEY, b"").decode()
    if field.type == pa.binary() and declared == column.cql_text:
        # An export wrote the server's own bytes.
        return Conversion(field.type)
    return plan_field_conversion(cql_type, field, column.name, is_lossy_allowed=column.name in options.allow_lossy)


def _repeat(value: Any, record_batch: Any) -> Any:
    return value.take(pa.array([0] * record_batch.num_rows, pa.int8()))


def _raise_if(problems: Sequence[str], table: TableMetadata) -> None:
    if problems:
        raise ImportPlanError(
            f"{table}: nothing was written, since files and table do not fit:\n" + "\n".join(problems),
            problems=list(problems),
        )
