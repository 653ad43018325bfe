"""`CassandraToParquetOperator`: a table, or the window of a run, becomes a Parquet dataset.

The operator itself only stores its arguments, and in `execute` resolves the window, opens session and storage, and
reports the result of `engine.copy_to`. Note: ``{window_start}`` in a path has single braces on purpose: Jinja is
rendered before the window is known and leaves them alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_cqlai.airflow_compat import AirflowSkipException
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.values.checks import build_options
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.hooks.storage_connection import open_filesystem, resolve_path, split_connection
from airflow_provider_cqlai.lineage import ClusterName, describe_lineage, name_cluster, record_asset_events
from airflow_provider_cqlai.operators._arguments import read_arguments
from airflow_provider_cqlai.operators._base import CqlaiOperator, failing_without_retries
from airflow_provider_cqlai.operators.links import DatasetLink
from airflow_provider_cqlai.run_window import name_owner

if TYPE_CHECKING:
    import datetime

    from airflow.providers.openlineage.extractors import OperatorLineage
    from dateutil.relativedelta import relativedelta
    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.airflow_compat import Context
    from airflow_provider_cqlai.engine.options.values.checks import AnyPath
    from airflow_provider_cqlai.engine.options.values.choices import (
        Anchor,
        Compression,
        ConsistencyLevelName,
        FormatName,
        IfExists,
        OnEmpty,
        OnMixedCellTimes,
        OnOverlap,
        RowsWithoutWritetime,
        TimeUnit,
        VirtualColumnSeparator,
        WindowBy,
    )
    from airflow_provider_cqlai.engine.results import CopyResult


class CassandraToParquetOperator(CqlaiOperator):
    """Export a Cassandra table to a Parquet dataset, whole or by the time window of the run.

    A run of the same window replaces exactly what an earlier run of it published. Every argument is templated: a text
    that renders to a value of its type is taken, also for numbers, truth values and, as JSON, mappings. ``where`` may
    name a ``.cql`` file.

    :param table: ``str``, required. ``"keyspace.table"``, or ``"table"`` in the connection's keyspace. Mixed case in
        double quotes, as in CQL.
    :param path: ``str | Path``, required. A file (``.../events.parquet``) or the root of a dataset (any other name, or
        a trailing ``/``), local or any fsspec URI; also a `pathlib.Path` or a path of universal_pathlib, of which
        Airflow's ``ObjectStoragePath`` is one. ``{window_start}``, ``{window_end}`` and, for an export, ``{keyspace}``
        and ``{table}`` are filled in: ``/data/{table}-{window_start:%Y-%m-%d}.parquet``.
    :param time_column: ``str | None``, default ``None``. The timeuuid, timestamp or date column that the window is
        about, or a bigint or int with ``time_unit``.
    :param time_unit: ``"s" | "ms" | "us" | None``, default ``None``. What ``time_column`` counts since 1970 where it is
        a bigint or int: ``"s"``, ``"ms"`` or ``"us"``. Its parts (``.date``) can be directories then, too.
    :param start: ``str | datetime.date | None``, default ``None``. First moment of the window, together with ``end``:
        an ISO 8601 text, a date or a datetime. Without a timezone it is in the DAG's.
    :param end: ``str | datetime.date | None``, default ``None``. First moment after the window, written as ``start``
        is.
    :param period: ``str | datetime.timedelta | relativedelta | None``, default ``None``. Length of the window for runs
        whose data interval has no length or that have a ``partition_date``: ``"1 day"``, ``"month"``, ``"P1D"``, a
        timedelta or relativedelta. Counted by the calendar of the DAG's timezone.
    :param anchor: ``"end" | "start"``, default ``"end"``. With ``period`` and an interval of no length at moment t:
        ``"end"`` is ``[t - period, t)``, ``"start"`` is ``[t, t + period)``. A ``partition_date`` is always the
        window's start.
    :param align: ``bool``, default ``True``. A window that ``period`` makes ends at the last moment at which the DAG's
        schedule was due, whatever the moment of the run: one that is triggered by hand has the window of the last
        scheduled run, and replaces what that published. Without a schedule days begin at midnight in the DAG's
        timezone, weeks on Monday, months on the first, hours on the hour. With ``False`` it ends at the moment of the
        run.
    :param since: ``str | datetime.date | None``, default ``None``. Alone: the window ``[since, start of the run)``,
        finer digits than milliseconds cut off at both ends.
    :param window_by: ``"time_column" | "writetime"``, default ``"time_column"``. ``"time_column"``, or ``"writetime"``:
        rows whose newest readable cell was written in the window, an incremental log that never replaces what an
        earlier run exported.
    :param bucket_column: ``str | None``, default ``None``. A key column holding a bucket of the time column (for
        example the day as text), which routes the window.
    :param bucket_format: ``str | None``, default ``None``. ``strftime`` format of ``bucket_column`` in UTC, such as
        ``"%Y-%m-%d"`` or ``"%Y%m%d%H"``.
    :param rows_without_writetime: ``"error" | "include" | "skip"``, default ``"error"``. With
        ``window_by="writetime"``, rows with nothing but a primary key: ``"error"``, ``"include"`` or ``"skip"``.
    :param allow_future_end: ``bool``, default ``False``. Accept a window that ends in the future: rows that arrive
        later will be missing from it.
    :param columns: ``str | Sequence[str] | None``, default ``None``. Columns in the order wanted; None is all of them,
        also those a later ALTER TABLE adds.
    :param where: ``str | None``, default ``None``. Restrictions in CQL, such as
        ``"status = 'active' AND year = 2023"``: no LIMIT, ORDER BY or ALLOW FILTERING.
    :param allow_filtering: ``bool``, default ``True``. Let the server filter rows that no key or index leads to (logged
        with a warning). False refuses such a query.
    :param include_writetime: ``bool``, default ``False``. Add a column ``writetime(x)`` for each exported column ``x``
        outside of the primary key: when its cells were written, in microseconds (docs/types.md, "Write times and
        expiry").
    :param include_ttl: ``bool``, default ``False``. Add a column ``expiry(x)`` for each exported column ``x`` outside
        of the primary key: the moment at which its cells expire by their TTL, in whole seconds.
    :param on_mixed_cell_times: ``"error" | "max"``, default ``"error"``. With ``include_writetime`` or ``include_ttl``,
        a collection or user-defined type whose elements were not all written, or do not all expire, at one time:
        ``"error"``, or ``"max"`` takes the latest, and never expires where an element never does.
    :param format: ``"parquet" | "json" | "csv" | None``, default ``None``. ``"parquet"``, or for a capture also
        ``"json"`` (one object a line) and ``"csv"``; None tells by the path's extension (``.parquet``, ``.json``,
        ``.jsonl``, ``.ndjson``, ``.csv``, the last four also with ``.gz`` or ``.zst`` after it), and a directory is
        Parquet.
    :param partition_by: ``str | Sequence[str] | None``, default ``None``. Columns and virtual columns
        (``event_id.year``, ``.month``, ``.day``, ``.hour``, ``.date`` of a timeuuid, timestamp or date, in UTC) that
        become ``key=value`` directories; they are not stored in the files, see ``keep_partition_columns``. Readers that
        guess types take a text such as ``01234`` for a number: `engine.dataset_schema` has the types for them.
    :param keep_partition_columns: ``bool``, default ``False``. Whether columns that are directories are stored in the
        files as well, for readers that take files by themselves, such as Iceberg's ``add_files``. Virtual columns are
        not: the column that they are a part of is there.
    :param virtual_column_separator: ``"." | "_"``, default ``"."``. Between column and part in the names of virtual
        columns' directories: ``"."`` makes ``event_id.date=2024-01-01``, ``"_"`` makes ``event_id_date=2024-01-01`` for
        readers whose names take no dots, such as Spark, BigQuery and Athena.
    :param rename: ``Mapping[str, str] | None``, default ``None``. Names in Parquet files and directories, by column of
        the result, companion or virtual column: ``{"event_id.date": "day", "writetime(name)": "name_written"}``. Other
        options keep the result's names. An import finds the table's columns by itself where nobody has rewritten the
        files; its own options take the new names.
    :param compression: ``"snappy" | "gzip" | "zstd" | "lz4" | "none" | None``, default ``None``. Of Parquet's pages, or
        of a text file as a whole: JSON and CSV have ``"gzip"``, ``"zstd"`` and ``"none"`` only. None is ``"snappy"``
        for Parquet, and for text what the path's extension says, or ``"none"``.
    :param compression_level: ``int | None``, default ``None``. gzip 1-9, zstd 1-22 (Parquet only), lz4 1-12; None is
        the codec's own default.
    :param chunk_size: ``int | str``, default ``100_000``. Rows that the writer tells hive partitions for at once, fewer
        where they take more than an eighth of ``write_buffer_bytes``: a number, ``"50K"`` or ``"1M"``.
    :param row_group_size: ``int | str``, default ``100_000``. Rows per Parquet row group at the most; fewer where they
        would take more than a quarter of ``write_buffer_bytes`` in memory, so raise both for large row groups of large
        rows.
    :param max_file_size: ``int | str | None``, default ``None``. Bytes after which a file is closed and the next part
        begins: a number or ``"500MB"``; None never rolls.
    :param max_open_files: ``int``, default ``64``. Files open at once. A hive partition closed for another's sake goes
        on in a new part. In an object store each buffers up to 8 MiB of its upload, beside ``write_buffer_bytes``.
    :param write_buffer_bytes: ``int | str``, default ``32 * 1024 * 1024``. Bytes of rows buffered before they are
        written, over all hive partitions; the largest buffer goes first.
    :param statistics: ``bool | Sequence[str]``, default ``True``. Min, max and null count by column chunk: for all
        columns, none, or those named.
    :param page_index: ``bool``, default ``True``. Write the column and offset indexes, which let readers skip pages.
    :param dictionary: ``bool | Sequence[str]``, default ``True``. Dictionary encoding: for the columns whose values
        repeat in a file's first rows, for none, or for those named.
    :param bloom_filters: ``Sequence[str] | Mapping[str, float]``, default ``()``. Columns with a bloom filter; a
        mapping gives each one's false positive probability (default 0.01).
    :param metadata: ``Mapping[str, str] | None``, default ``None``. Key-value pairs for each file's footer, beside
        those the export writes itself.
    :param types: ``Mapping[str, str] | None``, default ``None``. Arrow types by column, where the default of
        docs/types.md is not wanted: ``{"amount": "decimal128(12,2)", "id": "uuid", "prices.element": "string"}``; dots
        lead into nested values.
    :param if_exists: ``"replace" | "error"``, default ``"replace"``. ``"replace"`` replaces exactly what an earlier run
        of the same window published; ``"error"`` refuses, unless an earlier try of the same task instance published it.
    :param on_empty: ``"write" | "skip" | "fail"``, default ``"write"``. No rows: ``"write"`` publishes an empty result,
        ``"skip"`` publishes nothing, ``"fail"`` is an error.
    :param on_overlap: ``"error" | "replace"``, default ``"error"``. The dataset already holds windows inside this one:
        ``"error"``, or ``"replace"`` takes their place.
    :param shard_index: ``int``, default ``0``. Which shard of the token ring this call exports, from 0; see
        ``shard_count``.
    :param shard_count: ``int``, default ``1``. How many calls share one window, each with its own ``shard_index``.
    :param concurrency: ``int``, default ``4``. Token ranges in flight at once. More is faster until the cluster is
        busy; memory grows with it.
    :param page_size: ``int | str | None``, default ``None``. Rows per page at the most; None takes the connection's,
        which is 10,000 unless it says otherwise. Fewer are asked for where rows are large, see ``page_bytes``.
    :param page_bytes: ``int | str``, default ``2 * 1024 * 1024``. Bytes a page should not exceed: rows per page shrink
        as rows are seen to be larger.
    :param consistency_level: ``"LOCAL_QUORUM" | "LOCAL_ONE" | "ONE" | "TWO" | "THREE" | "QUORUM" | "ALL" |
        "EACH_QUORUM" | "SERIAL" | "LOCAL_SERIAL" | None``, default ``None``. How many replicas must answer a read, and
        where they are; None takes the connection's.
    :param request_timeout_seconds: ``float | None``, default ``None``. Seconds until a page counts as timed out and is
        tried again; None takes the connection's.
    :param max_page_attempts: ``int``, default ``8``. Tries of one page, from its paging state, with growing pauses and
        then smaller pages, before the task fails.
    :param rate_limit_rows_per_second: ``float | None``, default ``None``. Upper bound for rows read per second over all
        token ranges, to spare a busy cluster.
    :param rate_limit_bytes_per_second: ``int | str | None``, default ``None``. Upper bound for bytes of pages read per
        second over all token ranges: a number or ``"20MB"``.
    :param allow_masked: ``bool``, default ``False``. Read columns outside of the primary key that the role sees masked
        (dynamic data masking, Cassandra 5.0), as the masks; False is an error that names them.
    :param progress_interval_seconds: ``float``, default ``30.0``. Seconds between two progress lines in the log.
    :param storage_timeout_seconds: ``float``, default ``60.0``. Seconds until a request to an object store, or each 8
        MiB of one, counts as failed, which ends the try; ten times as many for a listing, a move and the completion of
        an upload. The client library's own tries are within them.
    :param aws_profile: ``str | None``, default ``None``. A profile of the worker's AWS configuration, with whose
        credentials S3 paths are opened that name no Airflow connection; None is that of the environment
        (``AWS_PROFILE``).
    :param dry_run: ``bool``, default ``False``. Plan and check, and publish nothing: the result tells the route of the
        window, the number of queries, and about how many rows and bytes the whole table has.
    :param base_path: ``str | None``, default ``None``. The directory or URI that a relative path begins at; None is
        ``[cqlai] base_path`` of Airflow's configuration. Without either a relative path is an error: it would be in
        whatever directory the worker was started.
    :param cassandra_conn_id: ``str``, default ``"cqlai_default"``. The Airflow connection to Cassandra, of type
        ``cqlai`` or ``cassandra``. Its keyspace is that of tables that are written without one.
    :param storage_conn_id: ``str | None``, default ``None``. The Airflow connection to the store of a path that is a
        URI and does not name one itself, as ``s3://conn_id@bucket/key`` and an ``ObjectStoragePath`` do. Without
        either, credentials come from the environment.
    :return: rows, bytes, files, path and window (`CopyResult.to_dict`), small enough for XCom.
    """

    path: AnyPath
    time_column: str | None
    bucket_column: str | None
    window_by: WindowBy | str
    is_dry_run: bool

    options_type = CopyToOptions
    # `BaseOperator.dry_run` is what ``airflow tasks test --dry-run`` calls.
    renamed_arguments: ClassVar[dict[str, str]] = {"dry_run": "is_dry_run"}
    template_ext: Sequence[str] = (".cql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "where": "sql",
        "types": "json",
        "metadata": "json",
        "rename": "json",
        "bloom_filters": "json",
    }
    operator_extra_links = (DatasetLink(),)
    ui_color = "#d4e9f7"

    def __init__(
        self,
        *,
        table: str,
        path: AnyPath,
        time_column: str | None = None,
        time_unit: TimeUnit | str | None = None,
        start: str | datetime.date | None = None,
        end: str | datetime.date | None = None,
        period: str | datetime.timedelta | relativedelta | None = None,
        anchor: Anchor | str = "end",
        align: bool | str = True,
        since: str | datetime.date | None = None,
        window_by: WindowBy | str = "time_column",
        bucket_column: str | None = None,
        bucket_format: str | None = None,
        rows_without_writetime: RowsWithoutWritetime | str = "error",
        allow_future_end: bool | str = False,
        columns: str | Sequence[str] | None = None,
        where: str | None = None,
        allow_filtering: bool | str = True,
        include_writetime: bool | str = False,
        include_ttl: bool | str = False,
        on_mixed_cell_times: OnMixedCellTimes | str = "error",
        format: FormatName | str | None = None,
        partition_by: str | Sequence[str] | None = None,
        keep_partition_columns: bool | str = False,
        virtual_column_separator: VirtualColumnSeparator | str = ".",
        rename: str | Mapping[str, str] | None = None,
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
        allow_masked: bool | str = False,
        progress_interval_seconds: float | str = CopyToOptions.progress_interval_seconds,
        storage_timeout_seconds: float | str = CopyToOptions.storage_timeout_seconds,
        aws_profile: str | None = None,
        dry_run: bool | str = False,
        base_path: str | None = None,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())
        self._result: CopyResult | None = None
        self._cluster: ClusterName | None = None

    arguments = read_arguments(__init__)
    template_fields: Sequence[str] = tuple("is_dry_run" if name == "dry_run" else name for name in arguments)

    def execute(self, context: Context) -> dict[str, Any]:
        """Export and publish; see `engine.copy_to` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.copy_to import copy_to

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            options, filesystem = self._open(context)
            self._cluster = name_cluster(hook.settings)
            result = copy_to(hook.get_conn(), options, filesystem=filesystem, cancellation=cancellation)
        if result.is_dry_run:
            return result.to_dict()
        return self._report(context, result)

    def _report(self, context: Context, result: CopyResult) -> dict[str, Any]:
        """Tell of what was published; a task that published nothing is skipped."""
        if not result.is_published:
            raise AirflowSkipException(f"{result.table}: no row matched, nothing was published (on_empty='skip')")
        self._result = result
        record_asset_events(context, result)
        return result.to_dict()

    @property
    def dataset_path(self) -> str | None:
        """Where this task instance published, once it did; for the link to the dataset."""
        return self._result.path if self._result is not None else None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of the export, where one was published; called by OpenLineage's provider after `execute`."""
        return describe_lineage(self._result, self._cluster) if self._result is not None else None

    def _open(self, context: Context) -> tuple[CopyToOptions, AbstractFileSystem | None]:
        """The options of this run, and the file system of its path where a connection opens it."""
        path, connection_id = split_connection(resolve_path(self.path, self.base_path), self.storage_conn_id)
        return self._build_options(context, path), open_filesystem(path, connection_id)

    def _build_options(self, context: Context, path: str) -> CopyToOptions:
        values = self._read_options(CopyToOptions)
        window = self._resolve_window(context, is_needed=self._is_window_asked_for())
        return build_options(
            CopyToOptions, {**values, "path": path, "window": window, "owner": self._name_owner(context)}
        )

    def _name_owner(self, context: Context) -> str:
        return name_owner(context)

    def _is_window_asked_for(self) -> bool:
        return bool(self.time_column or self.bucket_column or str(self.window_by).lower() == "writetime")
