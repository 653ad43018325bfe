"""`CaptureQueriesOperator`: the results of queries become one file or dataset for the run's window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_cqlai.airflow_compat import AirflowSkipException
from airflow_provider_cqlai.engine.options.capture import CaptureOptions, names_window
from airflow_provider_cqlai.engine.options.values.checks import build_options
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.hooks.storage_connection import open_filesystem, resolve_path, split_connection
from airflow_provider_cqlai.lineage import (
    ClusterName,
    describe_capture_lineage,
    name_cluster,
    record_capture_events,
)
from airflow_provider_cqlai.operators._arguments import read_arguments
from airflow_provider_cqlai.operators._base import CqlaiOperator, failing_without_retries
from airflow_provider_cqlai.operators.links import DatasetLink
from airflow_provider_cqlai.run_window import name_owner

if TYPE_CHECKING:
    import datetime

    from airflow.providers.openlineage.extractors import OperatorLineage
    from dateutil.relativedelta import relativedelta

    from airflow_provider_cqlai.airflow_compat import Context
    from airflow_provider_cqlai.engine.options.values.checks import AnyPath
    from airflow_provider_cqlai.engine.options.values.choices import (
        Anchor,
        BlobEncoding,
        Compression,
        ConsistencyLevelName,
        FormatName,
        IfExists,
        NonFinite,
        OnEmpty,
        OnOverlap,
        VirtualColumnSeparator,
    )
    from airflow_provider_cqlai.engine.results import CaptureResult


class CaptureQueriesOperator(CqlaiOperator):
    r"""Capture the results of SELECT statements. A green task has written every row of every query.

    All queries are prepared and compared before the first runs; nothing is visible before all have been read. Every
    argument is templated: a text that renders to a value of its type is taken, also for numbers, truth values and, as
    JSON, mappings. ``queries`` may name a ``.cql`` file.

    :param queries: ``str | Sequence[str]``, required. SELECT statements: a list, or one text with semicolons between
        them. All of them must return the same columns for Parquet and for one file of CSV; not for JSON, nor for a
        directory of CSV, which has files for each query. ``:window_start`` and ``:window_end`` stand for the window, as
        what the column beside them is.
    :param path: ``str | Path``, required. A file (``.../events.parquet``) or the root of a dataset (any other name, or
        a trailing ``/``), local or any fsspec URI; also a `pathlib.Path` or a path of universal_pathlib, of which
        Airflow's ``ObjectStoragePath`` is one. ``{window_start}``, ``{window_end}`` and, for an export, ``{keyspace}``
        and ``{table}`` are filled in: ``/data/{table}-{window_start:%Y-%m-%d}.parquet``.
    :param use_run_window: ``bool``, default ``False``. The output belongs to the window of this run, also where no
        query names it; so it does where ``start`` and ``end``, ``period`` or ``since`` are given, or a query has
        ``:window_start`` or ``:window_end``.
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
    :param parameters: ``Mapping[str, Any] | Sequence[Mapping[str, Any]] | None``, default ``None``. Values of the
        queries' other named markers, ``:name``: one mapping for all queries, or one for each. A text is read by the
        marker's type: a number, a uuid, a moment in ISO 8601 with an offset, a day, true or false, an address, bytes as
        ``0x00ff``. A value that does not fit exactly is an error, as is a float for a decimal.
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
    :param blob_encoding: ``"base64" | "hex"``, default ``"base64"``. Blobs in text: ``"base64"`` (RFC 4648, with
        padding) or ``"hex"`` (lower-case digits, without ``0x``).
    :param non_finite: ``"error" | "null" | "string" | None``, default ``None``. NaN and infinities: ``"error"``,
        ``"null"``, or ``"string"``, which writes ``NaN``, ``Infinity``, ``-Infinity``. None is ``"string"`` in a column
        of CSV, whose cells are texts anyway, and ``"error"`` in JSON and in JSON within CSV: JSON has no such numbers,
        and a text or a null in their place is for the user to choose.
    :param csv_null: ``str``, default ``r"\N"``. The unquoted text that stands for null in CSV. An empty string is
        always ``""``. The default is one that every reader can be told of; a value that equals it is an error. With
        ``csv_null=""`` a null is nothing between two commas, which only readers that look at quotes tell from an empty
        string (PostgreSQL, DuckDB with ``allow_quoted_nulls = false``), not pandas, nor Python's csv.
    :param query_field: ``str | None``, default ``"_query"``. The key of each JSON line that tells its query: the
        query's number, from 1 in the order of ``queries``. It comes first; None or an empty text leaves it out.
    :param if_exists: ``"replace" | "error"``, default ``"replace"``. ``"replace"`` replaces exactly what an earlier run
        of the same window published; ``"error"`` refuses, unless an earlier try of the same task instance published it.
    :param on_empty: ``"write" | "skip" | "fail"``, default ``"write"``. No rows: ``"write"`` publishes an empty result,
        ``"skip"`` publishes nothing, ``"fail"`` is an error.
    :param on_overlap: ``"error" | "replace"``, default ``"error"``. The dataset already holds windows inside this one:
        ``"error"``, or ``"replace"`` takes their place.
    :param page_size: ``int | str | None``, default ``5_000``. Rows per page at the most (specification, "Paging
        Behavior"); None takes the connection's. 0 switches paging off, which the server needs for ``ORDER BY`` with a
        list of partition keys: a whole result is one page, in memory.
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
    :param base_path: ``str | None``, default ``None``. The directory or URI that a relative path begins at; None is
        ``[cqlai] base_path`` of Airflow's configuration. Without either a relative path is an error: it would be in
        whatever directory the worker was started.
    :param cassandra_conn_id: ``str``, default ``"cqlai_default"``. The Airflow connection to Cassandra, of type
        ``cqlai`` or ``cassandra``. Its keyspace is that of tables that are written without one.
    :param storage_conn_id: ``str | None``, default ``None``. The Airflow connection to the store of a path that is a
        URI and does not name one itself, as ``s3://conn_id@bucket/key`` and an ``ObjectStoragePath`` do. Without
        either, credentials come from the environment.
    :return: files, rows, bytes, window and queries (`CaptureResult.to_dict`), small enough for XCom.
    """

    queries: str | Sequence[str]
    path: AnyPath

    use_run_window: bool
    """The output belongs to the window of this run, also where no query names it; so it does where ``start`` and
    ``end``, ``period`` or ``since`` are given, or a query has ``:window_start`` or ``:window_end``."""

    options_type = CaptureOptions
    template_ext: Sequence[str] = (".cql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "queries": "sql",
        "parameters": "json",
        "types": "json",
        "metadata": "json",
        "rename": "json",
        "bloom_filters": "json",
    }
    operator_extra_links = (DatasetLink(),)
    ui_color = "#f7ecd4"

    def __init__(
        self,
        *,
        queries: str | Sequence[str],
        path: AnyPath,
        use_run_window: bool | str = False,
        start: str | datetime.date | None = None,
        end: str | datetime.date | None = None,
        period: str | datetime.timedelta | relativedelta | None = None,
        anchor: Anchor | str = "end",
        align: bool | str = True,
        since: str | datetime.date | None = None,
        parameters: str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        format: FormatName | str | None = None,
        partition_by: str | Sequence[str] | None = None,
        keep_partition_columns: bool | str = False,
        virtual_column_separator: VirtualColumnSeparator | str = ".",
        rename: str | Mapping[str, str] | None = None,
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
        allow_masked: bool | str = False,
        progress_interval_seconds: float | str = CaptureOptions.progress_interval_seconds,
        storage_timeout_seconds: float | str = CaptureOptions.storage_timeout_seconds,
        aws_profile: str | None = None,
        base_path: str | None = None,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())
        self._result: CaptureResult | None = None
        self._cluster: ClusterName | None = None

    arguments = read_arguments(__init__)
    template_fields: Sequence[str] = tuple(arguments)

    def execute(self, context: Context) -> dict[str, Any]:
        """Run and publish; see `engine.capture` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.capture.run import capture

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            path, connection_id = split_connection(resolve_path(self.path, self.base_path), self.storage_conn_id)
            options = self._build_options(context, path)
            filesystem = open_filesystem(path, connection_id)
            self._cluster = name_cluster(hook.settings)
            result = capture(hook.get_conn(), options, filesystem=filesystem, cancellation=cancellation)
        if not result.is_published:
            raise AirflowSkipException("no query returned a row, nothing was published (on_empty='skip')")
        self._result = result
        record_capture_events(context, result)
        return result.to_dict()

    @property
    def dataset_path(self) -> str | None:
        """Where this task instance published, once it did; for the link to the dataset."""
        return self._result.path if self._result is not None else None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of the capture, where one was published; called by OpenLineage's provider after `execute`."""
        return describe_capture_lineage(self._result, self._cluster) if self._result is not None else None

    def _build_options(self, context: Context, path: str) -> CaptureOptions:
        values = self._read_options(CaptureOptions)
        window = self._resolve_window(context, is_needed=self._is_window_asked_for())
        return build_options(CaptureOptions, {**values, "path": path, "window": window, "owner": name_owner(context)})

    def _is_window_asked_for(self) -> bool:
        # The text of a list too; what it holds is checked later.
        return self._asks_for_window(self.use_run_window) or names_window(str(self.queries))
