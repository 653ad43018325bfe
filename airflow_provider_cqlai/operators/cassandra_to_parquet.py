"""`CassandraToParquetOperator`: a table, or the window of a run, becomes a Parquet dataset.

What flows in is a DAG author's arguments, rendered; what flows out is `engine.copy_to`'s result. The operator itself
only stores, and in `execute` resolves the window, opens session and storage, and reports. ``{window_start}`` in a path
has single braces on purpose: Jinja is rendered before the window is known and leaves them alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_cqlai.engine.options.checks import build_options
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.lineage import ClusterName, describe_lineage, name_cluster, record_asset_events
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
        Compression,
        ConsistencyLevelName,
        FormatName,
        IfExists,
        OnEmpty,
        OnMixedCellTimes,
        OnOverlap,
        RowsWithoutWritetime,
        WindowBy,
    )
    from airflow_provider_cqlai.engine.results import CopyResult

# `window` is resolved from the run and `owner` is the task instance: neither is an argument.
ENGINE_ARGUMENTS = tuple(
    field.name for field in dataclasses.fields(CopyToOptions) if field.name not in ("window", "owner")
)


class CassandraToParquetOperator(CqlaiOperator):
    """Export a Cassandra table to a Parquet dataset, whole or by the time window of the run.

    A run of the same window replaces exactly what an earlier run of it published. Every argument is templated: a text
    that renders to a value of its type is taken, also for numbers, truth values and, as JSON, mappings. ``where`` may
    name a ``.cql`` file.

    :param table: ``"keyspace.table"``.
    :param path: a ``.parquet`` file or the root of a dataset, local or a URI; ``s3://conn_id@bucket/key`` opens it with
        an Airflow connection, as an ``ObjectStoragePath`` does, and ``{window_start:%Y-%m-%d}`` is filled in from the
        window.
    :param cassandra_conn_id: the connection to Cassandra, of type ``cqlai`` or ``cassandra``.
    :param storage_conn_id: the connection to the store of ``path``, where the URI does not name it; without either,
        credentials come from the environment.
    :return: rows, bytes, files, path and window (`CopyResult.to_dict`), small enough for XCom.
    """

    path: AnyPath
    time_column: str | None
    bucket_column: str | None
    window_by: WindowBy | str

    template_fields: Sequence[str] = (*ENGINE_ARGUMENTS, *WINDOW_ARGUMENTS, "cassandra_conn_id", "storage_conn_id")
    template_ext: Sequence[str] = (".cql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "where": "sql",
        "types": "json",
        "metadata": "json",
        "bloom_filters": "json",
    }
    operator_extra_links = (DatasetLink(),)
    ui_color = "#d4e9f7"

    def __init__(
        self,
        *,
        table: str,
        path: AnyPath,
        columns: str | Sequence[str] | None = None,
        where: str | None = None,
        allow_filtering: bool | str = True,
        include_writetime: bool | str = False,
        include_ttl: bool | str = False,
        on_mixed_cell_times: OnMixedCellTimes | str = "error",
        time_column: str | None = None,
        start: str | datetime.date | None = None,
        end: str | datetime.date | None = None,
        period: str | datetime.timedelta | relativedelta | None = None,
        anchor: Anchor | str = "end",
        since: str | datetime.date | None = None,
        bucket_column: str | None = None,
        bucket_format: str | None = None,
        window_by: WindowBy | str = "time_column",
        rows_without_writetime: RowsWithoutWritetime | str = "error",
        allow_future_end: bool | str = False,
        format: FormatName | str | None = None,
        partition_by: str | Sequence[str] | None = None,
        compression: Compression | str | None = None,
        compression_level: int | str | None = None,
        chunk_size: int | str = CopyToOptions.chunk_size,
        row_group_size: int | str = CopyToOptions.row_group_size,
        max_file_size: int | str | None = None,
        max_open_files: int | str = CopyToOptions.max_open_files,
        write_buffer_bytes: int | str = CopyToOptions.write_buffer_bytes,
        statistics: bool | str | Sequence[str] = True,
        page_index: bool | str = True,
        dictionary: bool | str | Sequence[str] = True,
        bloom_filters: str | Sequence[str] | Mapping[str, float] = (),
        metadata: str | Mapping[str, str] | None = None,
        types: str | Mapping[str, str] | None = None,
        if_exists: IfExists | str = "replace",
        on_empty: OnEmpty | str = "write",
        on_overlap: OnOverlap | str = "error",
        shard_index: int | str = 0,
        shard_count: int | str = 1,
        concurrency: int | str = CopyToOptions.concurrency,
        page_size: int | str | None = None,
        page_bytes: int | str = CopyToOptions.page_bytes,
        consistency_level: ConsistencyLevelName | str | None = None,
        request_timeout_seconds: float | str | None = None,
        max_page_attempts: int | str = CopyToOptions.max_page_attempts,
        rate_limit_rows_per_second: float | str | None = None,
        rate_limit_bytes_per_second: int | str | None = None,
        progress_interval_seconds: float | str = CopyToOptions.progress_interval_seconds,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())
        self._result: CopyResult | None = None
        self._cluster: ClusterName | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Export and publish; see `engine.copy_to` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.copy_to import copy_to

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            path, connection_id = split_connection(self.path, self.storage_conn_id)
            options = self._build_options(context, path)
            filesystem = open_filesystem(path, connection_id)
            self._cluster = name_cluster(hook)
            result = copy_to(hook.get_conn(), options, filesystem=filesystem, cancellation=cancellation)
        if not result.is_published:
            raise AirflowSkipException(f"{result.table}: no row matched, nothing was published (on_empty='skip')")
        self._result = result
        record_asset_events(context, result)
        return result.to_dict()

    @property
    def published_path(self) -> str | None:
        """Where this task instance published, once it did; for the link to the dataset."""
        return self._result.path if self._result is not None else None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of the export, where one was published; called by OpenLineage's provider after `execute`."""
        return describe_lineage(self._result, self._cluster) if self._result is not None else None

    def _build_options(self, context: Context, path: str) -> CopyToOptions:
        values = self._read_options(CopyToOptions, ENGINE_ARGUMENTS)
        tells_time = self.time_column or self.bucket_column or str(self.window_by).lower() == "writetime"
        window = self._resolve_window(context, is_needed=bool(tells_time))
        return build_options(CopyToOptions, {**values, "path": path, "window": window, "owner": name_owner(context)})
