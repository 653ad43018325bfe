"""`CaptureQueriesOperator`: the results of queries become one file or dataset for the run's window.

What flows in is a DAG author's arguments, rendered; what flows out is `engine.capture`'s result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_cqlai.engine.options.capture import CaptureOptions, names_window
from airflow_provider_cqlai.engine.options.checks import build_options
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.lineage import (
    ClusterName,
    describe_capture_lineage,
    name_cluster,
    record_capture_events,
)
from airflow_provider_cqlai.operators._base import WINDOW_ARGUMENTS, CqlaiOperator, failing_without_retries
from airflow_provider_cqlai.operators.links import DatasetLink
from airflow_provider_cqlai.operators.storage_connection import open_filesystem, split_connection
from airflow_provider_cqlai.run_window import name_owner

if TYPE_CHECKING:
    import datetime

    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage
    from dateutil.relativedelta import relativedelta

    from airflow_provider_cqlai.engine.options.checks import AnyPath
    from airflow_provider_cqlai.engine.options.choices import (
        Anchor,
        BlobEncoding,
        Compression,
        ConsistencyLevelName,
        FormatName,
        IfExists,
        NonFinite,
        OnEmpty,
        OnOverlap,
    )
    from airflow_provider_cqlai.engine.results import CaptureResult

# `window` is resolved from the run, `owner` is the task instance, and queries are not split.
_NO_ARGUMENTS = ("window", "owner", "shard_index", "shard_count", "concurrency")
ENGINE_ARGUMENTS = tuple(field.name for field in dataclasses.fields(CaptureOptions) if field.name not in _NO_ARGUMENTS)


class CaptureQueriesOperator(CqlaiOperator):
    """Capture the results of SELECT statements. A green task has written every row of every query.

    All queries are prepared and compared before the first runs; nothing is visible before all have been read. Every
    argument is templated: a text that renders to a value of its type is taken, also for numbers, truth values and, as
    JSON, mappings. ``queries`` may name a ``.cql`` file.

    :param queries: SELECT statements, as a list, a text with semicolons, or the name of a ``.cql`` file.
        ``:window_start`` and ``:window_end`` stand for the window of this run.
    :param path: a file (Parquet, JSON lines or CSV by its extension), or the root of a dataset;
        ``s3://conn_id@bucket/key`` opens it with an Airflow connection, as an ``ObjectStoragePath`` does.
    :param use_run_window: the output belongs to the window of this run, also where no query names it; so it does where
        ``start`` and ``end``, ``period`` or ``since`` are given, or a query has ``:window_start``.
    :param cassandra_conn_id: the connection to Cassandra, of type ``cqlai`` or ``cassandra``.
    :param storage_conn_id: the connection to the store of ``path``, where the URI does not name it.
    :return: files, rows, bytes, window and queries (`CaptureResult.to_dict`), small enough for XCom.
    """

    queries: str | Sequence[str]
    path: AnyPath

    use_run_window: bool | str
    """The output belongs to the window of this run, also where no query names it; so it does where ``start`` and
    ``end``, ``period`` or ``since`` are given, or a query has ``:window_start`` or ``:window_end``."""

    template_fields: Sequence[str] = (
        *ENGINE_ARGUMENTS,
        *WINDOW_ARGUMENTS,
        "use_run_window",
        "cassandra_conn_id",
        "storage_conn_id",
    )
    template_ext: Sequence[str] = (".cql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "queries": "sql",
        "parameters": "json",
        "types": "json",
        "metadata": "json",
        "bloom_filters": "json",
    }
    operator_extra_links = (DatasetLink(),)
    ui_color = "#f7ecd4"

    def __init__(
        self,
        *,
        queries: str | Sequence[str],
        path: AnyPath,
        parameters: str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        use_run_window: bool | str = False,
        start: str | datetime.date | None = None,
        end: str | datetime.date | None = None,
        period: str | datetime.timedelta | relativedelta | None = None,
        anchor: Anchor | str = "end",
        since: str | datetime.date | None = None,
        format: FormatName | str | None = None,
        partition_by: str | Sequence[str] | None = None,
        compression: Compression | str | None = None,
        compression_level: int | str | None = None,
        chunk_size: int | str = CaptureOptions.chunk_size,
        row_group_size: int | str = CaptureOptions.row_group_size,
        max_file_size: int | str | None = None,
        max_open_files: int | str = CaptureOptions.max_open_files,
        write_buffer_bytes: int | str = CaptureOptions.write_buffer_bytes,
        statistics: bool | str | Sequence[str] = True,
        page_index: bool | str = True,
        dictionary: bool | str | Sequence[str] = True,
        bloom_filters: str | Sequence[str] | Mapping[str, float] = (),
        metadata: str | Mapping[str, str] | None = None,
        types: str | Mapping[str, str] | None = None,
        blob_encoding: BlobEncoding | str = CaptureOptions.blob_encoding,
        non_finite: NonFinite | str | None = None,
        csv_null: str = CaptureOptions.csv_null,
        query_field: str | None = CaptureOptions.query_field,
        if_exists: IfExists | str = "replace",
        on_empty: OnEmpty | str = "write",
        on_overlap: OnOverlap | str = "error",
        page_size: int | str | None = CaptureOptions.page_size,
        page_bytes: int | str = CaptureOptions.page_bytes,
        consistency_level: ConsistencyLevelName | str | None = None,
        request_timeout_seconds: float | str | None = None,
        max_page_attempts: int | str = CaptureOptions.max_page_attempts,
        rate_limit_rows_per_second: float | str | None = None,
        rate_limit_bytes_per_second: int | str | None = None,
        progress_interval_seconds: float | str = CaptureOptions.progress_interval_seconds,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())
        self._result: CaptureResult | None = None
        self._cluster: ClusterName | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run and publish; see `engine.capture` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.capture.run import capture

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            path, connection_id = split_connection(self.path, self.storage_conn_id)
            options = self._build_options(context, path)
            filesystem = open_filesystem(path, connection_id)
            self._cluster = name_cluster(hook)
            result = capture(hook.get_conn(), options, filesystem=filesystem, cancellation=cancellation)
        if not result.is_published:
            raise AirflowSkipException("no query returned a row, nothing was published (on_empty='skip')")
        self._result = result
        record_capture_events(context, result)
        return result.to_dict()

    @property
    def published_path(self) -> str | None:
        """Where this task instance published, once it did; for the link to the dataset."""
        return self._result.path if self._result is not None else None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of the capture, where one was published; called by OpenLineage's provider after `execute`."""
        return describe_capture_lineage(self._result, self._cluster) if self._result is not None else None

    def _build_options(self, context: Context, path: str) -> CaptureOptions:
        values = self._read_options(CaptureOptions, ENGINE_ARGUMENTS)
        # The text of a list too; what it holds is checked later.
        is_needed = self._asks_for_window(self.use_run_window) or names_window(str(self.queries))
        window = self._resolve_window(context, is_needed=is_needed)
        return build_options(CaptureOptions, {**values, "path": path, "window": window, "owner": name_owner(context)})
