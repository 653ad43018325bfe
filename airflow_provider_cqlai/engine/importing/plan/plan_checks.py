"""What of an import's plan table, options and server do not allow, found before the first row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.cql_text import describe_near_names
from airflow_provider_cqlai.engine.cassandra.metadata.server_release import explain_missing_unset
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError, TableMetadataError
from airflow_provider_cqlai.engine.importing.plan.file_schema import FileSchema
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.types.companions import WRITETIME

if TYPE_CHECKING:
    from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan


def check_table(table: TableMetadata, options: CopyFromOptions) -> None:
    if table.is_view or table.is_virtual:
        raise ImportPlanError(f"{table} is a view or a virtual table: rows are written to its base table", problems=[])
    if table.is_counter and options.mode != "counter_update":
        raise OptionError(
            f"mode={options.mode!r}: {table} holds counters, which can only be added to; mode='counter_update' does",
            option="mode",
        )
    if not table.is_counter and options.mode == "counter_update":
        raise OptionError(f"mode='counter_update': {table} has no counters", option="mode")


def check_mapping(
    table: TableMetadata, schemas: Sequence[FileSchema], options: CopyFromOptions, problems: list[str]
) -> None:
    """Both names of each pair must exist; that some files lack a column is for ``on_missing_column`` to judge."""
    known = [column.name for column in table.columns]
    found = {name for schema in schemas for name in schema.arrow_schema.names}
    found |= {key for schema in schemas for key, _ in schema.file.hive_values}
    for file_column, table_column in sorted(options.column_mapping.items()):
        if table_column not in known:
            near = describe_near_names(table_column, sorted(known))
            problems.append(f"column_mapping: {table} has no column {table_column}{near}")
        if schemas and file_column not in found:
            problems.append(f"column_mapping names {file_column}, which every file lacks")


def find_columns(option: str, table: TableMetadata, options: CopyFromOptions, problems: list[str]) -> tuple[str, ...]:
    """The columns that ``option`` names, by their exact names; which of them are written does not matter."""
    found = []
    for name in getattr(options, option):
        try:
            found.append(table.column(name, option=option).name)
        except TableMetadataError as error:
            problems.append(str(error))
    return tuple(found)


def check_lists(plan: ImportPlan, kinds: Sequence[str]) -> None:
    has_write_time = plan.options.timestamp is not None or WRITETIME in kinds
    if has_write_time and plan.multi_cell_lists and not plan.options.allow_list_duplicates:
        raise OptionError(
            "allow_list_duplicates=True accepts that a retry may write elements of lists twice, and"
            f" cell_times='ignore' or no timestamp avoids it; {plan.table}: {', '.join(plan.multi_cell_lists)}: a list"
            " that is not frozen, written twice at one write time, has every element twice",
            option="allow_list_duplicates",
        )


def check_unset(session: Session, plan: ImportPlan) -> None:
    """A null that is to leave its cell as it is must be able to."""
    reason = explain_missing_unset(session)
    bound = [column.bound for file in plan.files for column in file.columns] + list(plan.cell_markers)
    unset = sorted({column.name for column in bound if column.null_handling == "unset" and not column.is_primary_key})
    if reason is None or not unset:
        return
    is_only_nulls = plan.options.mode != "counter_update" and not plan.restores_cell_times
    choice = "null_handling='null' and on_missing_column='null', or " if is_only_nulls else ""
    raise OptionError(
        f"{choice}protocol_version 4 or 5 of the connection is needed to write {', '.join(unset)} of {plan.table}:"
        f" {reason}",
        option="null_handling",
    )
