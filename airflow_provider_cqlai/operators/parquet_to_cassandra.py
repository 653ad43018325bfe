"""`ParquetToCassandraOperator`: Parquet files, or those of the run's window, become rows of a table.

What flows in is a DAG author's arguments, rendered; what flows out is `engine.copy_from`'s result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.checks import build_options
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.lineage import ClusterName, describe_import_lineage, name_cluster, record_import_events
from airflow_provider_cqlai.operators._base import (
    WINDOW_ARGUMENTS,
    CqlaiOperator,
    failing_without_retries,
    read_flag,
    read_rendered,
)
from airflow_provider_cqlai.operators.import_journal import VariableJournalStore
from airflow_provider_cqlai.operators.storage_connection import open_filesystem, split_connection

if TYPE_CHECKING:
    import datetime

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage
    from dateutil.relativedelta import relativedelta

    from airflow_provider_cqlai.engine.options.checks import AnyPath
    from airflow_provider_cqlai.engine.options.choices import (
        Anchor,
        CellTimes,
        ConsistencyLevelName,
        NullHandling,
        OnExtraColumn,
        OnMissingColumn,
        OnUncoveredWindow,
        VerifiedRows,
        WriteMode,
    )
    from airflow_provider_cqlai.engine.results import ImportResult

# `window` is resolved from the run: it is no argument.
ENGINE_ARGUMENTS = tuple(field.name for field in dataclasses.fields(CopyFromOptions) if field.name != "window")
# `BaseOperator.dry_run` is what ``airflow tasks test --dry-run`` calls, so the argument is stored as `is_dry_run`.
_STORED_ARGUMENTS = tuple(name for name in ENGINE_ARGUMENTS if name != "dry_run")


class ParquetToCassandraOperator(CqlaiOperator):
    """Import Parquet files into a Cassandra table. A green task has written every row of every file.

    Files and table are checked against each other before the first write; running the task again writes the same rows.
    Every argument is templated: a text that renders to a value of its type is taken, also for numbers, truth values
    and, as JSON, mappings and lists of conditions.

    :param table: ``"keyspace.table"``.
    :param path: a file, a directory, a dataset, a glob or a list of those; ``s3://conn_id@bucket/key`` opens it with an
        Airflow connection, as an ``ObjectStoragePath`` does.
    :param use_run_window: read the runs of a dataset that overlap the window of this run; also without it, ``start``
        and ``end``, ``period`` or ``since`` choose a window. One that was not exported is an error, see
        ``on_uncovered_window``.
    :param cassandra_conn_id: the connection to Cassandra, of type ``cqlai`` or ``cassandra``.
    :param storage_conn_id: the connection to the store of ``path``, where the URI does not name it; without either,
        credentials come from the environment.
    :param resume: a retry of the task leaves out the row groups that its earlier tries finished, as an Airflow Variable
        ``cqlai_import_...`` remembers them until the import succeeds. Cleared tasks, changed files or options and a
        table that was created anew or truncated start over. False starts over at every try; counters never go on.
    :return: rows, bytes and files (`ImportResult.to_dict`), small enough for XCom.
    """

    path: AnyPath | Sequence[AnyPath]
    rejected_path: AnyPath | None
    is_dry_run: bool | str

    use_run_window: bool | str
    """Read the runs of a dataset that overlap the window of this run; also without it, ``start`` and ``end``,
    ``period`` or ``since`` choose a window. One that was not exported is an error, see ``on_uncovered_window``."""

    resume: bool | str
    """A retry of the task leaves out the row groups that its earlier tries finished, as an Airflow Variable
    ``cqlai_import_...`` remembers them until the import succeeds. Cleared tasks, changed files or options and a table
    that was created anew or truncated start over. False starts over at every try; counters never go on."""

    template_fields: Sequence[str] = (
        *_STORED_ARGUMENTS,
        "is_dry_run",
        *WINDOW_ARGUMENTS,
        "use_run_window",
        "resume",
        "cassandra_conn_id",
        "storage_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"column_mapping": "json"}
    ui_color = "#d4f7dc"

    def __init__(
        self,
        *,
        table: str,
        path: AnyPath | Sequence[AnyPath],
        partition_filter: str | Sequence[Any] | None = None,
        where: str | Sequence[Any] | None = None,
        skip_rows: int | str = 0,
        max_rows: int | str | None = None,
        columns: str | Sequence[str] | None = None,
        column_mapping: str | Mapping[str, str] | None = None,
        on_extra_column: OnExtraColumn | str = "error",
        on_missing_column: OnMissingColumn | str = "error",
        allow_lossy: str | Sequence[str] = (),
        use_run_window: bool | str = False,
        start: str | datetime.date | None = None,
        end: str | datetime.date | None = None,
        period: str | datetime.timedelta | relativedelta | None = None,
        anchor: Anchor | str = "end",
        since: str | datetime.date | None = None,
        on_uncovered_window: OnUncoveredWindow | str = "error",
        mode: WriteMode | str = "upsert",
        ttl: int | str | None = None,
        timestamp: int | str | None = None,
        allow_list_duplicates: bool | str = False,
        cell_times: CellTimes | str = "restore",
        null_handling: NullHandling | str = "unset",
        max_batch_bytes: int | str = CopyFromOptions.max_batch_bytes,
        max_bytes_in_flight: int | str = CopyFromOptions.max_bytes_in_flight,
        max_requests_in_flight: int | str = CopyFromOptions.max_requests_in_flight,
        max_write_attempts: int | str = CopyFromOptions.max_write_attempts,
        rate_limit_rows_per_second: float | str | None = None,
        consistency_level: ConsistencyLevelName | str | None = None,
        request_timeout_seconds: float | str | None = None,
        max_errors: int | str = 0,
        rejected_path: AnyPath | None = None,
        verify: bool | VerifiedRows | str = False,
        verify_sample_rows: int | str = CopyFromOptions.verify_sample_rows,
        dry_run: bool | str = False,
        progress_interval_seconds: float | str = CopyFromOptions.progress_interval_seconds,
        resume: bool | str = True,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store({**locals(), "is_dry_run": dry_run})
        self._result: ImportResult | None = None
        self._cluster: ClusterName | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Check and write; see `engine.copy_from` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.copy_from import copy_from

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            paths, connection_id = self._split_paths()
            options = self._build_options(context, paths, connection_id)
            filesystem = open_filesystem(paths[0], connection_id)
            self._cluster = name_cluster(hook)
            result = copy_from(
                hook.get_conn(),
                options,
                filesystem=filesystem,
                journal_store=self._open_journal(context, options),
                cancellation=cancellation,
            )
        self._result = result
        record_import_events(context, result, self._cluster)
        return result.to_dict()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of the import; called by OpenLineage's provider after `execute`."""
        return describe_import_lineage(self._result, self._cluster) if self._result is not None else None

    def _split_paths(self) -> tuple[list[str], str | None]:
        given: Any = self.path
        paths = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
        split = [split_connection(path, self.storage_conn_id) for path in paths]
        connections = {connection for _, connection in split}
        if len(connections) != 1:
            raise OptionError("path: all paths of one task must use the same storage connection", option="path")
        return [path for path, _ in split], connections.pop()

    def _read_rejected_path(self, connection_id: str | None) -> str | None:
        if self.rejected_path is None:
            return None
        rejected_path, own_connection_id = split_connection(self.rejected_path, None, "rejected_path")
        if own_connection_id not in (None, connection_id):
            raise OptionError(
                f"rejected_path names the connection {own_connection_id!r}, and path is opened with"
                f" {connection_id!r}: one task has one",
                option="rejected_path",
            )
        return rejected_path

    def _build_options(self, context: Context, paths: Sequence[str], connection_id: str | None) -> CopyFromOptions:
        values = self._read_options(CopyFromOptions, _STORED_ARGUMENTS)
        values["dry_run"] = read_rendered("dry_run", self.is_dry_run, CopyFromOptions)
        values["rejected_path"] = self._read_rejected_path(connection_id)
        window = self._resolve_window(context, is_needed=self._asks_for_window(self.use_run_window))
        return build_options(CopyFromOptions, {**values, "path": paths, "window": window})

    def _open_journal(self, context: Context, options: CopyFromOptions) -> VariableJournalStore | None:
        is_counting = options.mode == "counter_update"
        # Without a journal a second try could not be told from the first, and would count again.
        if not read_flag("resume", self.resume) and not is_counting:
            return None
        return VariableJournalStore(context, is_counting=is_counting)
