"""One file's part of the plan: for each value that a statement binds, where the file has it and how it is converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.importing.plan.directory_values import (
    check_directory_value,
    plan_directory_conversion,
)
from airflow_provider_cqlai.engine.importing.plan.file_schema import FileSchema
from airflow_provider_cqlai.engine.importing.plan.filter_values import FILTER_VALUE_ERRORS, read_filter_value
from airflow_provider_cqlai.engine.importing.plan.row_filter import RowFilter, plan_row_filter
from airflow_provider_cqlai.engine.importing.plan.statements import TIMESTAMP_MARKER, TTL_MARKER
from airflow_provider_cqlai.engine.importing.sources.legacy_calendar import LegacyCalendar, is_ancient, plan_rebase
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.values.choices import NullHandling
from airflow_provider_cqlai.engine.options.values.conditions import Condition, read_conditions
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.companions import ARROW_TYPES, Companion
from airflow_provider_cqlai.engine.types.foreign.bytes_as_text import read_as_text, text_field
from airflow_provider_cqlai.engine.types.foreign.conversion import (
    CONVERSION_ERRORS,
    Conversion,
    plan_conversion,
    plan_field_conversion,
)
from airflow_provider_cqlai.engine.types.order.collection_order import open_collection_order
from airflow_provider_cqlai.engine.types.type_map import CQL_TYPE_METADATA_KEY


@dataclass(frozen=True)
class PlannedColumn:
    """One marker of a statement and where a file has its values."""

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
    """One file and its columns."""

    file: SourceFile
    row_group_rows: tuple[int, ...]
    """Number of rows of each row group."""
    columns: tuple[PlannedColumn, ...]
    """One for each marker, the table's columns in the table's order first."""
    companions: tuple[tuple[Companion, str], ...] = ()
    """Write times and expiries that are to be restored, each with the column that tells them."""
    row_filter: RowFilter | None = None
    source_fields: Mapping[str, Any] = field(default_factory=dict)
    """Arrow fields of the file's columns, also of those that are not read."""
    exact_columns: tuple[str, ...] = ()
    """Columns of the file that are written and may not lose digits: ``allow_lossy`` does not name them."""
    calendar: LegacyCalendar | None = None
    """Of dates and timestamps long ago, where it is not today's."""
    int96_columns: frozenset[str] = frozenset()
    """Columns of the file with timestamps of 96 bits."""
    folded_names: Mapping[str, str] = field(default_factory=dict)
    """The table's name by that of the file or its directories, where CQL's folding makes one of the other."""
    exactly_compared: tuple[str, ...] = ()
    """Columns of the file that ``where`` compares such that digits below the file's unit would matter."""

    @property
    def rows(self) -> int:
        return sum(self.row_group_rows)

    @property
    def file_columns(self) -> list[str]:
        """Every column that is read, once."""
        names = [column.file_column for column in self.columns if column.file_column is not None]
        names += [name for _, name in self.companions]
        names += self.row_filter.columns if self.row_filter is not None else ()
        return list(dict.fromkeys(names))


def plan_file(
    schema: FileSchema,
    table: TableMetadata,
    columns: Sequence[str],
    markers: Sequence[str],
    companion_kinds: Sequence[str],
    cql_types: Mapping[str, CqlType],
    options: CopyFromOptions,
    problems: list[str],
) -> FilePlan:
    """Plan one file; conversions that there are not are appended to ``problems``.

    Args:
        schema: what the file has.
        table: what is written to.
        columns: of the table.
        markers: ``[ttl]`` and ``[timestamp]``, where the file has them by row.
        companion_kinds: of the write times and expiries to restore.
        cql_types: of the columns and markers.
        options: of the import.
        problems: lines of text.
    """
    planned = _plan_columns(schema, table, columns, markers, cql_types, options, problems)
    companions = tuple(
        (companion, file_column)
        for companion, file_column in schema.companions.items()
        if companion.kind in companion_kinds and companion.column in columns
    )
    for companion, file_column in companions:
        found = schema.arrow_schema.field(file_column).type
        if found != ARROW_TYPES[companion.kind]:
            problems.append(f"{schema.file}: {file_column} is {found}, not {ARROW_TYPES[companion.kind]}")
    conditions = read_conditions("where", options.where)
    row_filter = plan_row_filter(schema.arrow_schema, conditions, str(schema.file), problems, schema.uncompared_columns)
    _check_ancient(schema, conditions, problems)
    fields = {column.name: column for column in schema.arrow_schema}
    return FilePlan(
        schema.file,
        schema.row_group_rows,
        tuple(planned),
        companions,
        row_filter,
        fields,
        _exact_columns(planned, options),
        calendar=schema.calendar,
        int96_columns=schema.int96_columns,
        folded_names=schema.folded_names,
        exactly_compared=_exactly_compared(conditions),
    )


def find_conversion_problems(
    schema: FileSchema,
    table: TableMetadata,
    columns: Sequence[str],
    cql_types: Mapping[str, CqlType],
    options: CopyFromOptions,
) -> list[str]:
    """Lines of text about the ``columns`` that a file has, of which others are missing or too many."""
    problems: list[str] = []
    present = [name for name in columns if name in schema.sources]
    _plan_columns(schema, table, present, (), cql_types, options, problems)
    return problems


def _plan_columns(
    schema: FileSchema,
    table: TableMetadata,
    columns: Sequence[str],
    markers: Sequence[str],
    cql_types: Mapping[str, CqlType],
    options: CopyFromOptions,
    problems: list[str],
) -> list[PlannedColumn]:
    planned: list[PlannedColumn] = []
    for name in (*columns, *markers):
        try:
            if name in columns:
                planned.append(_plan_column(schema, table, name, cql_types[name], options))
            else:
                planned.append(_plan_marker(schema, name, cql_types[name], options))
        except UnsupportedTypeError as error:
            problems.append(f"{schema.file}: {error}")
            continue
        if options.rejected_path is None and planned[-1].hive_text is not None:
            problems += _check_hive_text(schema.file, planned[-1])
    return planned


def _exact_columns(planned: Sequence[PlannedColumn], options: CopyFromOptions) -> tuple[str, ...]:
    exact = (column.file_column for column in planned if column.bound.name not in options.allow_lossy)
    return tuple(dict.fromkeys(name for name in exact if name is not None))


def _exactly_compared(conditions: Sequence[Condition]) -> tuple[str, ...]:
    # A value is before a whole unit exactly when what is left of it without its finer digits is.
    exact = (name for name, sign, value in conditions if sign not in ("<", ">=") and value is not None)
    return tuple(dict.fromkeys(exact))


def _check_hive_text(file: SourceFile, column: PlannedColumn) -> list[str]:
    """A directory holds for every row of a file: where it is not a value, no row can be written."""
    try:
        column.conversion(pa.array([column.hive_text], pa.string()))
    except CONVERSION_ERRORS as error:
        return [f"{file}: {column.bound.name}={column.hive_text} in the directories: {error}"]
    return []


def _plan_column(
    schema: FileSchema, table: TableMetadata, name: str, cql_type: CqlType, options: CopyFromOptions
) -> PlannedColumn:
    source = schema.sources.get(name)
    time_unit = options.time_units.get(name)
    if isinstance(source, pa.Field):
        conversion = _plan_field(schema, source, cql_type, table.column(name), options)
        if name in schema.directory_texts and options.on_directory_difference == "error":
            text = schema.directory_texts[name]
            check = check_directory_value(cql_type, conversion.arrow_type, name, text, time_unit)
            conversion = conversion.then(check)
    elif name in schema.sources:
        conversion = plan_directory_conversion(cql_type, name, time_unit)
    else:
        conversion = plan_conversion(cql_type, pa.null(), name)
    asked_for = options.null_handling if name in schema.sources else options.on_missing_column
    null_handling: NullHandling = "null" if asked_for == "null" and cql_type.name != "counter" else "unset"
    bound = BoundColumn(name, cql_type, conversion.arrow_type, null_handling, name in table.primary_key)
    text = source if isinstance(source, str) else None
    return PlannedColumn(bound, conversion, schema.file_names.get(name), text)


def _plan_marker(schema: FileSchema, name: str, cql_type: CqlType, options: CopyFromOptions) -> PlannedColumn:
    option, file_column = {
        TTL_MARKER: ("ttl", options.ttl),
        TIMESTAMP_MARKER: ("timestamp", options.timestamp),
    }[name]
    assert isinstance(file_column, str)
    file_type = schema.arrow_schema.field(file_column).type
    if name == TIMESTAMP_MARKER and pa.types.is_timestamp(file_type):
        conversion = Conversion(pa.int64(), lambda array: array.cast(pa.timestamp("us", "UTC")).cast(pa.int64()))
    else:
        conversion = plan_conversion(cql_type, file_type, f"{option}={file_column}")
    # An unset marker stands for the default: the table's TTL, the time of the import.
    return PlannedColumn(BoundColumn(name, cql_type, conversion.arrow_type, "unset"), conversion, file_column)


def _plan_field(
    schema: FileSchema, arrow_field: pa.Field, cql_type: CqlType, column: TableColumn, options: CopyFromOptions
) -> Conversion:
    declared = (arrow_field.metadata or {}).get(CQL_TYPE_METADATA_KEY, b"").decode()
    if arrow_field.type == pa.binary() and declared == column.cql_text:
        # An export wrote the server's own bytes.
        return Conversion(arrow_field.type)
    is_text = arrow_field.name in schema.text_columns or column.name in options.binary_as_text
    read_field = text_field(arrow_field) if is_text and cql_type.name != "blob" else arrow_field
    conversion = plan_field_conversion(
        cql_type,
        read_field,
        column.name,
        is_lossy_allowed=column.name in options.allow_lossy,
        time_unit=options.time_units.get(column.name),
        is_declared=declared == column.cql_text,
    )
    if read_field.type != arrow_field.type:
        conversion = conversion.after(lambda array: read_as_text(array, read_field.type))
    is_int96 = arrow_field.name in schema.int96_columns
    rebase = plan_rebase(schema.calendar, arrow_field.type, is_int96=is_int96)
    if rebase is not None:
        conversion = conversion.after(rebase)
    order = open_collection_order(cql_type, conversion.arrow_type, column.name, is_primary_key=column.is_primary_key)
    return conversion if order is None else conversion.then(order)


def _check_ancient(schema: FileSchema, conditions: Sequence[Condition], problems: list[str]) -> None:
    """A filter sees the days of the file's calendar, which long ago are others than those of a condition."""
    for name, _, value in conditions:
        place = schema.arrow_schema.get_field_index(name)
        if schema.calendar is None or place < 0:
            continue
        arrow_type = schema.arrow_schema.field(place).type
        if plan_rebase(schema.calendar, arrow_type, is_int96=name in schema.int96_columns) is None:
            continue
        for member in value if isinstance(value, list | tuple) else [value]:
            with suppress(*FILTER_VALUE_ERRORS):
                if member is not None and is_ancient(read_filter_value(member, arrow_type)):
                    problems.append(f"{schema.file}: where: {name}: {member} is of Spark's old calendar there")


def _repeat(value: Any, record_batch: Any) -> Any:
    return value.take(pa.array([0] * record_batch.num_rows, pa.int8()))
