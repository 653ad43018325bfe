"""Plans what an import will do, before the first write: files against table, and files against each other.

Every problem of every file goes into one error. The plan has the prepared statements and, for each file, where each of
its values comes from: a column of the file, its directories, or nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn
from airflow_provider_cqlai.engine.cassandra.cql_text import find_name
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import PARTITION_KEY, STATIC, TableMetadata
from airflow_provider_cqlai.engine.cassandra.write.messages import WriteStatement
from airflow_provider_cqlai.engine.errors import AccessDeniedError, ImportPlanError, OptionError, TableMetadataError
from airflow_provider_cqlai.engine.importing.plan.file_plan import FilePlan, find_conversion_problems, plan_file
from airflow_provider_cqlai.engine.importing.plan.file_schema import FileSchema, read_file_schema
from airflow_provider_cqlai.engine.importing.plan.plan_checks import (
    check_lists,
    check_mapping,
    check_table,
    check_unset,
    find_columns,
)
from airflow_provider_cqlai.engine.importing.plan.statements import (
    TIMESTAMP_MARKER,
    TTL_MARKER,
    Using,
    prepare_counter_update,
    prepare_insert,
    prepare_update,
    read_column_types,
)
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.companions import EXPIRY, WRITETIME, companion_name, read_companion

logger = logging.getLogger(__name__)

_MARKER_TYPES = {TTL_MARKER: pa.int32(), TIMESTAMP_MARKER: pa.int64()}


@dataclass(frozen=True)
class ImportPlan:
    """The whole import. Each row is written by ``row_statement`` but for the cases of the others."""

    table: TableMetadata
    options: CopyFromOptions
    """As they were given: names of columns are as the caller wrote them."""
    columns: tuple[str, ...]
    """Of the table, in its order, that are written."""
    files: tuple[FilePlan, ...]
    row_statement: WriteStatement
    partition_statement: WriteStatement | None = None
    """Writes partitions that have static columns and no row; None where the table has no such thing."""
    cell_statement: WriteStatement | None = None
    """Where write times or expiries are restored: writes some cells of a row and no row marker."""
    static_cell_statement: WriteStatement | None = None
    """The same for static columns."""
    restores_cell_times: bool = False
    """Whether each cell gets the write time or expiry that the files tell of it."""
    cell_markers: tuple[BoundColumn, ...] = ()
    """What those are bound to."""

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def wanted_rows(self) -> int:
        """Rows to write, as far as that is known before they are read: ``where`` may leave fewer."""
        rows = max(0, self.rows - self.options.skip_rows)
        return rows if self.options.max_rows is None else min(rows, self.options.max_rows)

    @property
    def multi_cell_lists(self) -> tuple[str, ...]:
        """Names of the lists that are written and not frozen."""
        written = [column for column in self.table.columns if column.name in self.columns]
        return tuple(column.name for column in written if column.is_multi_cell_list)


def plan_import(
    session: Session, table: TableMetadata, files: Sequence[SourceFile], options: CopyFromOptions
) -> ImportPlan:
    """Read every file's schema, check it and prepare the statements; nothing is written.

    Raises:
        ImportPlanError: with all problems of all files.
        OptionError: an option that this table or these files cannot have.
        SourceFileError: a file is missing or no Parquet.
    """
    check_table(table, options)
    known = [column.name for column in table.columns]
    mapping = {name: find_name(target, known) or target for name, target in options.column_mapping.items()}
    problems: list[str] = []
    # With the table's own names.
    resolved = replace(
        options,
        column_mapping=mapping,
        allow_lossy=find_columns("allow_lossy", table, options, problems),
        binary_as_text=find_columns("binary_as_text", table, options, problems),
        time_units={find_name(name, known) or name: unit for name, unit in options.time_units.items()},
    )
    find_columns("time_units", table, options, problems)
    schemas = [read_file_schema(file, table, resolved, problems) for file in files]
    check_mapping(table, schemas, resolved, problems)
    columns = _choose_columns(table, schemas, options, problems)
    if problems and columns:
        problems += _find_conversion_problems(session, table, schemas, columns, resolved)
    _raise_if(problems, table)
    _warn_of_lost_companions(table, schemas, columns)
    kinds = _companion_kinds(schemas, columns, options)
    prepared = _prepare(session, table, columns, options, kinds)
    check_lists(prepared, kinds)
    cql_types = {
        name: CqlType.from_driver_type(marker.type)
        for statement in _statements_of(prepared)
        for name, marker in zip(statement.columns, statement.prepared.column_metadata, strict=True)
    }
    markers = [name for name in cql_types if name not in columns]
    cell_markers = tuple(BoundColumn(name, cql_types[name], _MARKER_TYPES[name]) for name in markers) if kinds else ()
    by_row = [] if kinds else markers
    plans = [plan_file(schema, table, columns, by_row, kinds, cql_types, resolved, problems) for schema in schemas]
    _raise_if(problems, table)
    planned = replace(prepared, files=tuple(plans), cell_markers=cell_markers)
    check_unset(session, planned)
    _log_conversions(table, plans, resolved)
    return planned


def _choose_columns(
    table: TableMetadata, schemas: Sequence[FileSchema], options: CopyFromOptions, problems: list[str]
) -> list[str]:
    chosen = [column.name for column in table.columns]
    if options.columns is not None:
        wanted = set()
        for name in options.columns:
            try:
                wanted.add(table.column(name).name)
            except TableMetadataError as error:
                problems.append(str(error))
        # The primary key is written with whatever is written.
        chosen = [name for name in chosen if name in wanted or name in table.primary_key]
    for schema in schemas:
        missing = [name for name in chosen if name not in schema.sources]
        for name in missing:
            hint = _hint_at_directories(name, schema)
            if name in table.primary_key:
                problems.append(f"{schema.file}: primary key column {name} is missing{hint}")
            elif options.on_missing_column == "error":
                problems.append(f"{schema.file}: column {name} is missing (on_missing_column, columns){hint}")
    if not schemas:
        # An empty run of a dataset has no file: there is nothing to write, and a statement is prepared all the same.
        return [name for name in chosen if table.column(name).kind != STATIC]
    if options.on_missing_column == "null":
        return chosen
    present = {name for schema in schemas for name in schema.sources}
    return [name for name in chosen if name in present]


def _warn_of_lost_companions(table: TableMetadata, schemas: Sequence[FileSchema], columns: Sequence[str]) -> None:
    """Other programs that write files anew leave out what tells a companion from a column."""
    names = {companion_name(kind, column): column for column in columns for kind in (WRITETIME, EXPIRY)}
    lost = {
        column.name: names[column.name]
        for schema in schemas
        for column in schema.arrow_schema
        if column.name in names and read_companion(column) is None and names[column.name] != column.name
    }
    for name, column in lost.items():
        if name not in columns:
            logger.warning(
                "%s: the file's column %s is not restored: it has lost the metadata that says what it is, as files do"
                " that another program wrote anew; %s gets the import's own write time and expiry",
                table, name, column,
            )  # fmt: skip


def _hint_at_directories(name: str, schema: FileSchema) -> str:
    above = {key.lower(): text for key, text in schema.file.values_above}
    if name not in above:
        return ""
    return f"; {name}={above[name]} stands above the given path (partition_base_path)"


def _find_conversion_problems(
    session: Session, table: TableMetadata, schemas: Sequence[FileSchema], columns: Sequence[str],
    options: CopyFromOptions,
) -> list[str]:  # fmt: skip
    """So that one error tells everything: what the columns that are there hold, beside those that are not."""
    try:
        cql_types = read_column_types(session, table, columns)
    except AccessDeniedError:
        # A role that may write and not read is told of the other problems first.
        return []
    return [
        problem
        for schema in schemas
        for problem in find_conversion_problems(schema, table, columns, cql_types, options)
    ]


def _companion_kinds(
    schemas: Sequence[FileSchema], columns: Sequence[str], options: CopyFromOptions
) -> tuple[str, ...]:
    """Which of write times and expiries the files carry for columns that are written, where they are to be restored."""
    found = {companion.kind for schema in schemas for companion in schema.companions if companion.column in columns}
    kinds = tuple(kind for kind in (WRITETIME, EXPIRY) if kind in found)
    if not kinds or options.cell_times == "ignore":
        return ()
    given = [name for name in ("ttl", "timestamp") if getattr(options, name) is not None]
    given += [name for name in ("null_handling", "on_missing_column") if getattr(options, name) == "null"]
    if options.mode != "upsert":
        given.append("mode")
    if given:
        what = f"{given[0]}={getattr(options, given[0])!r}"
        raise OptionError(
            f"cell_times='ignore' leaves out the {' and '.join(kinds)} of each cell that the files carry: they cannot"
            f" be restored together with {what}",
            option="cell_times",
        )
    return kinds


def _prepare(
    session: Session, table: TableMetadata, columns: list[str], options: CopyFromOptions, kinds: Sequence[str]
) -> ImportPlan:
    """The plan without its files."""
    static = [column.name for column in table.columns if column.name in columns and column.kind == STATIC]
    with_partition = [
        column.name for column in table.columns if column.name in columns and column.kind in (PARTITION_KEY, STATIC)
    ]
    if options.mode == "counter_update":
        if static:
            raise OptionError(
                f"mode='counter_update': the static counters {', '.join(static)} of {table} would be counted once for"
                " each row of their partition; leave them out by columns",
                option="columns",
            )
        counters = [name for name in columns if name not in table.primary_key]
        if not counters:
            raise OptionError(f"mode='counter_update': no counter of {table} is in the files", option="mode")
        return ImportPlan(table, options, tuple(columns), (), prepare_counter_update(session, table, counters))
    if kinds:
        using = Using(has_ttl_marker=EXPIRY in kinds, has_timestamp_marker=WRITETIME in kinds)
        regular = [name for name in columns if name not in table.primary_key and name not in static]
        return ImportPlan(
            table,
            options,
            tuple(columns),
            (),
            prepare_insert(session, table, [name for name in columns if name not in static], using),
            cell_statement=prepare_update(session, table, regular, table.primary_key, using) if regular else None,
            static_cell_statement=(
                prepare_update(session, table, static, table.partition_key, using) if static else None
            ),
            restores_cell_times=True,
        )
    using = Using(
        ttl=options.ttl if isinstance(options.ttl, int) else None,
        timestamp=options.timestamp if isinstance(options.timestamp, int) else None,
        has_ttl_marker=isinstance(options.ttl, str),
        has_timestamp_marker=isinstance(options.timestamp, str),
    )
    if_not_exists = options.mode == "insert_if_not_exists"
    return ImportPlan(
        table,
        options,
        tuple(columns),
        (),
        prepare_insert(session, table, columns, using, if_not_exists=if_not_exists),
        prepare_insert(session, table, with_partition, using, if_not_exists=if_not_exists) if static else None,
    )


def _log_conversions(table: TableMetadata, plans: Sequence[FilePlan], options: CopyFromOptions) -> None:
    """One line for each conversion of a column, and for each key of directories that is not written."""
    columns = [column for plan in plans for column in plan.columns if column.file_column is not None]
    for name, note in sorted({(column.bound.name, column.conversion.note or "") for column in columns}):
        if note:
            logger.info("%s.%s: %s", table, name, note)
    keys = {options.column_mapping.get(key, key) for plan in plans for key, _ in plan.file.hive_values}
    used = {column.bound.name for plan in plans for column in plan.columns if column.file_column is None}
    for key in sorted(keys - used):
        logger.info("%s: the directories' key %s is not written: no column, or the files have it too", table, key)


def _statements_of(plan: ImportPlan) -> list[WriteStatement]:
    statements = (plan.row_statement, plan.partition_statement, plan.cell_statement, plan.static_cell_statement)
    return [statement for statement in statements if statement is not None]


def _raise_if(problems: Sequence[str], table: TableMetadata) -> None:
    if problems:
        raise ImportPlanError(
            f"{table}: nothing was written, since files and table do not fit:\n" + "\n".join(problems),
            problems=list(problems),
        )
