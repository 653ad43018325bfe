"""`ParquetToCassandraOperator`: Parquet files, or those of the run's window, become rows of a table.

What flows in is a DAG author's arguments, rendered; what flows out is `engine.copy_from`'s result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.checks import build_options
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.lineage import ClusterName, describe_import_lineage, name_cluster, record_import_events
from airflow_provider_cqlai.operators.cancelled_by_kill import CancelledByKill
from airflow_provider_cqlai.operators.import_journal import VariableJournalStore
from airflow_provider_cqlai.operators.rendered_options import read_flag, read_rendered
from airflow_provider_cqlai.operators.storage_connection import open_filesystem, split_connection
from airflow_provider_cqlai.operators.task_errors import failing_without_retries
from airflow_provider_cqlai.run_window import WindowRequest, read_run_facts, resolve_window

if TYPE_CHECKING:
    import datetime

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_cqlai.engine.options.window import TimeWindow
    from airflow_provider_cqlai.engine.results import ImportResult
    from airflow_provider_cqlai.operators.storage_connection import AnyPath

# `window` is resolved from the run: it is no argument.
ENGINE_ARGUMENTS = tuple(field.name for field in dataclasses.fields(CopyFromOptions) if field.name != "window")
WINDOW_ARGUMENTS = tuple(field.name for field in dataclasses.fields(WindowRequest))


class ParquetToCassandraOperator(CancelledByKill, BaseOperator):
    """Import Parquet files into a Cassandra table. A green task has written every row of every file.

    Files and table are checked against each other before the first write; running the task again writes the same rows.
    Every argument is templated and, but for those below, explained at its field in
    `airflow_provider_cqlai.engine.options.copy_from.CopyFromOptions`; ``start``, ``end``, ``period``, ``anchor`` and
    ``since`` in `airflow_provider_cqlai.run_window.WindowRequest`.

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

    template_fields: Sequence[str] = (
        *(name for name in ENGINE_ARGUMENTS if name != "dry_run"),
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
        on_extra_column: str = "error",
        on_missing_column: str = "error",
        allow_lossy: str | Sequence[str] = (),
        use_run_window: bool | str = False,
        start: str | datetime.date | None = None,
        end: str | datetime.date | None = None,
        period: str | datetime.timedelta | Any = None,
        anchor: str = "end",
        since: str | datetime.date | None = None,
        on_uncovered_window: str = "error",
        mode: str = "upsert",
        ttl: int | str | None = None,
        timestamp: int | str | None = None,
        allow_list_duplicates: bool | str = False,
        cell_times: str = "restore",
        null_handling: str = "unset",
        max_batch_bytes: int | str = CopyFromOptions.max_batch_bytes,
        max_bytes_in_flight: int | str = CopyFromOptions.max_bytes_in_flight,
        max_requests_in_flight: int | str = CopyFromOptions.max_requests_in_flight,
        max_write_attempts: int | str = CopyFromOptions.max_write_attempts,
        rate_limit_rows_per_second: float | str | None = None,
        consistency_level: str | None = None,
        request_timeout_seconds: float | str | None = None,
        max_errors: int | str = 0,
        rejected_path: AnyPath | None = None,
        verify: bool | str = False,
        verify_sample_rows: int | str = CopyFromOptions.verify_sample_rows,
        dry_run: bool | str = False,
        progress_interval_seconds: float | str = CopyFromOptions.progress_interval_seconds,
        resume: bool | str = True,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.path = path
        self.partition_filter = partition_filter
        self.where = where
        self.skip_rows = skip_rows
        self.max_rows = max_rows
        self.columns = columns
        self.column_mapping = column_mapping
        self.on_extra_column = on_extra_column
        self.on_missing_column = on_missing_column
        self.allow_lossy = allow_lossy
        self.use_run_window = use_run_window
        self.start = start
        self.end = end
        self.period = period
        self.anchor = anchor
        self.since = since
        self.on_uncovered_window = on_uncovered_window
        self.mode = mode
        self.ttl = ttl
        self.timestamp = timestamp
        self.allow_list_duplicates = allow_list_duplicates
        self.cell_times = cell_times
        self.null_handling = null_handling
        self.max_batch_bytes = max_batch_bytes
        self.max_bytes_in_flight = max_bytes_in_flight
        self.max_requests_in_flight = max_requests_in_flight
        self.max_write_attempts = max_write_attempts
        self.rate_limit_rows_per_second = rate_limit_rows_per_second
        self.consistency_level = consistency_level
        self.request_timeout_seconds = request_timeout_seconds
        self.max_errors = max_errors
        self.rejected_path = rejected_path
        self.verify = verify
        self.verify_sample_rows = verify_sample_rows
        # `BaseOperator.dry_run` is what ``airflow tasks test --dry-run`` calls.
        self.is_dry_run = dry_run
        self.progress_interval_seconds = progress_interval_seconds
        self.resume = resume
        self.cassandra_conn_id = cassandra_conn_id
        self.storage_conn_id = storage_conn_id
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
        given = {name: getattr(self, "is_dry_run" if name == "dry_run" else name) for name in ENGINE_ARGUMENTS}
        values = {name: read_rendered(name, value, CopyFromOptions) for name, value in given.items()}
        values["column_mapping"] = values["column_mapping"] or {}
        values["rejected_path"] = self._read_rejected_path(connection_id)
        return build_options(CopyFromOptions, {**values, "path": paths, "window": self._resolve_window(context)})

    def _open_journal(self, context: Context, options: CopyFromOptions) -> VariableJournalStore | None:
        is_counting = options.mode == "counter_update"
        # Without a journal a second try could not be told from the first, and would count again.
        if not read_flag("resume", self.resume) and not is_counting:
            return None
        return VariableJournalStore(context, is_counting=is_counting)

    def _resolve_window(self, context: Context) -> TimeWindow | None:
        request = WindowRequest(**{name: getattr(self, name) for name in WINDOW_ARGUMENTS})
        is_asked_for = any(getattr(self, name) is not None for name in ("start", "end", "period", "since"))
        return resolve_window(
            read_run_facts(context), request, is_needed=read_flag("use_run_window", self.use_run_window) or is_asked_for
        )
