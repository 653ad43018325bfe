"""`ParquetToCassandraOperator`: Parquet files, or those of the run's window, become rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.values.checks import build_options
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.hooks.import_journal import VariableJournalStore
from airflow_provider_cqlai.hooks.storage_connection import open_filesystem, resolve_path, split_connection
from airflow_provider_cqlai.lineage import ClusterName, describe_import_lineage, name_cluster, record_import_events
from airflow_provider_cqlai.operators._arguments import read_arguments
from airflow_provider_cqlai.operators._base import (
    CqlaiOperator,
    failing_without_retries,
    read_flag,
)
from airflow_provider_cqlai.operators.links import DatasetLink

if TYPE_CHECKING:
    import datetime

    from airflow.providers.openlineage.extractors import OperatorLineage
    from dateutil.relativedelta import relativedelta

    from airflow_provider_cqlai.airflow_compat import Context
    from airflow_provider_cqlai.engine.options.values.checks import AnyPath
    from airflow_provider_cqlai.engine.options.values.choices import (
        Anchor,
        CellTimes,
        ConsistencyLevelName,
        NullHandling,
        OnDirectoryDifference,
        OnExtraColumn,
        OnMissingColumn,
        OnUncoveredWindow,
        OnUnnamedFiles,
        VerifiedRows,
        WriteMode,
    )
    from airflow_provider_cqlai.engine.results import ImportResult


class ParquetToCassandraOperator(CqlaiOperator):
    """Import Parquet files into a Cassandra table. A green task has written every row of every file.

    Files and table are checked against each other before the first write; running the task again writes the same rows.
    Every argument is templated: a text that renders to a value of its type is taken, also for numbers, truth values
    and, as JSON, mappings and lists of conditions.

    :param table: ``str``, required. ``"keyspace.table"``, or ``"table"`` in the connection's keyspace. Mixed case in
        double quotes, as in CQL.
    :param path: ``str | Path | Sequence[str | Path]``, required. A file, a directory, a hive dataset or a directory
        inside one, a glob, or a list of those; local or any fsspec URI, also as a `pathlib.Path` or a path of
        universal_pathlib. A dataset that this package wrote is read by its manifests, also where the path leads into
        it, is above it or a glob; anything else by its files. Links are followed; a file with several names is read
        once. What is there by the very name goes before a glob. ``{keyspace}`` and ``{table}`` are filled in.
    :param use_run_window: ``bool``, default ``False``. Read the runs of a dataset that overlap the window of this run;
        also without it, ``start`` and ``end``, ``period`` or ``since`` choose a window. One that was not exported is an
        error, see ``on_uncovered_window``.
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
    :param windows: ``str | Sequence[Any] | None``, default ``None``. Several of those, in place of one: what any of
        them overlaps is read once. Each is a `TimeWindow`, a pair of moments, or a mapping with ``start`` and ``end``
        or, as the events of exports have them, ``window_start`` and ``window_end``; also as a JSON list in a text, as a
        template of the events that triggered a run gives it. An event of an export of the whole table is one of
        everything. A list without a window is an error; None is no choice.
    :param on_uncovered_window: ``"error" | "ignore"``, default ``"error"``. No export of the dataset covers all of the
        window: ``"error"``, or ``"ignore"`` imports what is there. An export of the whole table covers everything, and
        one without rows its window, except with ``on_empty="skip"``, which leaves no manifest. Without a window the
        same holds for an export of which some shards are there and others not.
    :param on_unnamed_files: ``"error" | "read" | "ignore"``, default ``"error"``. A given directory has files of
        Parquet, by their first bytes, whose names do not end with ``.parquet`` or ``.pq``, as Hive, Trino and Athena
        write them: ``"error"``, ``"read"``, or ``"ignore"`` leaves them out with a warning. Named outright or by a
        pattern they are read; what a pattern names and is no Parquet is an error, too, but for ``"ignore"``. Other
        files of a directory are left out with a warning.
    :param partition_base_path: ``str | Path | None``, default ``None``. The directory below which ``key=value``
        directories are columns. None is the given path, up to its first wildcard and without the ``key=value``
        directories at its end, and for a dataset that this package wrote its root; keys above it, as in
        ``run=5/events``, are no columns.
    :param on_directory_difference: ``"error" | "ignore"``, default ``"error"``. A file has a column that its
        directories name as well, and a value differs: ``"error"``, or ``"ignore"`` writes what the file says.
    :param partition_filter: ``str | Sequence[Any] | None``, default ``None``. Which hive directories are read:
        ``"year=2024,month=01"``, or ``[("year", ">=", 2023), ("month", "in", [1, 2])]`` with ``= != < <= > >= in`` and
        ``not in``, all of which must hold; also as a JSON list in a text. No other file is opened. A directory is read
        as what the value is: a text (of two whole numbers the numbers are compared: ``"1"`` is ``01``), number,
        ``Decimal``, truth value, UUID, date or datetime (UTC without an offset); a directory that is none, and a value
        of another type, are errors. None means no filter; a text or list without a condition, as of a template that
        came out empty, is an error.
    :param where: ``str | Sequence[Any] | None``, default ``None``. Which rows are written: conditions on columns of the
        files by the names that these have there, written as those of ``partition_filter``. Row groups whose statistics
        rule them out are not read. A null meets ``= None``, ``in`` a list with None and ``not in`` one without, no
        other. A value that a column cannot hold exactly is an error, as a time of day is for a date and a number for a
        timestamp. Both zeros are one number; ``in`` finds NaN.
    :param skip_rows: ``int``, default ``0``. Rows left out at the beginning, counted over all files in their order,
        after ``where``.
    :param max_rows: ``int | None``, default ``None``. Rows written at the most, counted over all files after ``where``
        and ``skip_rows``.
    :param columns: ``str | Sequence[str] | None``, default ``None``. Table columns to write; None is all that the files
        have.
    :param column_mapping: ``Mapping[str, str] | None``, default ``None``. Table column by file column, or by key of the
        directories, where the names differ: ``{"file column": "table column"}``. Two of them for one table column are
        an error.
    :param on_extra_column: ``"error" | "ignore"``, default ``"error"``. A file has a column that the table lacks:
        ``"error"`` or ``"ignore"``.
    :param on_missing_column: ``"error" | "ignore" | "null"``, default ``"error"``. A file lacks a column of the table:
        ``"error"``, ``"ignore"`` leaves its cells alone, ``"null"`` deletes them.
    :param binary_as_text: ``str | Sequence[str]``, default ``()``. Table columns whose bytes in the files are text in
        UTF-8 that the files do not say is text, as older writers of Impala, Hive and Spark leave it. Bytes that are no
        UTF-8 are errors.
    :param time_units: ``Mapping[str, str] | None``, default ``None``. What numbers count, by table column, where they
        stand for moments since 1970: ``{"at": "s"}``, also ``"ms"`` and ``"us"``. Whole numbers of files and
        directories become a timestamp, and moments of the files a bigint or int.
    :param allow_lossy: ``str | Sequence[str]``, default ``()``. Table columns whose values may lose precision on the
        way, such as microseconds in a ``timestamp``.
    :param mode: ``"upsert" | "insert_if_not_exists" | "counter_update"``, default ``"upsert"``. ``"upsert"`` writes as
        CQL does: a row that is there is overwritten. ``"insert_if_not_exists"`` leaves such rows alone, at the price of
        a Paxos round for each row; static columns that come with a new row are written even where its partition has
        them. ``"counter_update"`` adds the values to counters: what may have been counted is never sent again, and an
        import that failed midway is not safe to run again.
    :param ttl: ``int | str | None``, default ``None``. Seconds after which the written cells expire, or the file column
        that has them; None is the table's default.
    :param timestamp: ``int | str | None``, default ``None``. Write time of all cells in microseconds since 1970, or the
        file column that has it (whole numbers of microseconds, or timestamps); None is the time of the import. With
        equal write times Cassandra keeps the greater value, not the last one. Does not go together with
        ``insert_if_not_exists`` and ``counter_update``.
    :param allow_list_duplicates: ``bool``, default ``False``. Accept a ``timestamp`` on a table with lists that are not
        frozen: written twice at one write time, as by a retry, such a list has every element twice.
    :param cell_times: ``"restore" | "ignore"``, default ``"restore"``. What happens to write times and expiries that an
        export put into the files (``include_writetime``, ``include_ttl``): ``"restore"`` writes each cell with its own,
        and leaves expired cells out; ``"ignore"`` reads none of them.
    :param null_handling: ``"unset" | "null"``, default ``"unset"``. A null in a file: ``"unset"`` leaves the cell as it
        is, ``"null"`` deletes it (a tombstone).
    :param max_batch_bytes: ``int | str``, default ``64 * 1024``. Bytes of one unlogged batch of rows of one partition.
        Rows alone in their partition share batches of at most 10 partitions and 5 KiB.
    :param max_bytes_in_flight: ``int | str``, default ``1024 * 1024``. Bytes of rows that the cluster has not confirmed
        yet, over all connections.
    :param max_requests_in_flight: ``int``, default ``256``. Requests that the cluster has not confirmed yet, over all
        connections.
    :param max_write_attempts: ``int``, default ``8``. Tries of one statement, with growing pauses, before the task
        fails; 15 at the most.
    :param rate_limit_rows_per_second: ``float | None``, default ``None``. Upper bound for rows written per second, to
        spare a busy cluster.
    :param consistency_level: ``"LOCAL_QUORUM" | "LOCAL_ONE" | "ONE" | "TWO" | "THREE" | "QUORUM" | "ALL" |
        "EACH_QUORUM" | "SERIAL" | "LOCAL_SERIAL" | None``, default ``None``. How many replicas must confirm a write,
        and where they are; None takes the connection's. ``"SERIAL"`` and ``"LOCAL_SERIAL"`` are for reads.
    :param request_timeout_seconds: ``float | None``, default ``None``. Seconds until a statement counts as timed out
        and is tried again; None takes the connection's.
    :param max_errors: ``int | str``, default ``0``. Rows that may be rejected before the import fails: a number, or a
        share such as ``"0.1%"`` of the files' rows that ``skip_rows`` and ``max_rows`` leave; that no row is written is
        accepted by ``"all"`` only. A rejected row is one whose values do not convert or that the server refuses; needs
        ``rejected_path``.
    :param rejected_path: ``str | Path | None``, default ``None``. A Parquet file for rejected rows, each with its file,
        its place there and the reason. Every import replaces it, and removes it where no row is rejected; any other
        file there is an error. ``{keyspace}``, ``{table}``, ``{window_start}``, ``{window_end}`` and, in a task,
        ``{run_id}`` are filled in: of two imports that run at the same time with one path, the earlier fails. It may
        lie where ``path`` reads only if its name or directory begins with ``_`` or ``.``, which are not read. One
        connection opens both: beside an object store that needs one it is in the same store.
    :param verify: ``bool | "sample" | "all"``, default ``False``. Read back what was written: every primary key must be
        there, and its cells must be the file's. ``True`` or ``"sample"`` compares the cells of ``verify_sample_rows``
        rows, ``"all"`` those of every row. A difference fails the task and is listed by key. Of rows with one primary
        key the last one must be there, or where they tell write times the one with the greatest; where these are equal,
        a difference is counted as undecided and fails nothing.
    :param verify_sample_rows: ``int``, default ``10_000``. Rows whose cells are compared by ``verify=True``, spread
        over the whole input.
    :param dry_run: ``bool``, default ``False``. Read, check, convert and encode every row, and write none.
    :param progress_interval_seconds: ``float``, default ``30.0``. Seconds between two progress lines in the log.
    :param storage_timeout_seconds: ``float``, default ``60.0``. Seconds until a request to an object store, or each 8
        MiB of one, counts as failed, which ends the try; ten times as many for a listing, a move and the completion of
        an upload. The client library's own tries are within them.
    :param aws_profile: ``str | None``, default ``None``. A profile of the worker's AWS configuration, with whose
        credentials S3 paths are opened that name no Airflow connection; None is that of the environment
        (``AWS_PROFILE``).
    :param resume: ``bool``, default ``True``. A retry of the task leaves out the row groups that its earlier tries
        finished, as an Airflow Variable ``cqlai_import_...`` remembers them until the import succeeds. Cleared tasks,
        changed files or options and a table that was created anew or truncated start over. False starts over at every
        try; counters never go on.
    :param base_path: ``str | None``, default ``None``. The directory or URI that a relative path begins at; None is
        ``[cqlai] base_path`` of Airflow's configuration. Without either a relative path is an error: it would be in
        whatever directory the worker was started.
    :param cassandra_conn_id: ``str``, default ``"cqlai_default"``. The Airflow connection to Cassandra, of type
        ``cqlai`` or ``cassandra``. Its keyspace is that of tables that are written without one.
    :param storage_conn_id: ``str | None``, default ``None``. The Airflow connection to the store of a path that is a
        URI and does not name one itself, as ``s3://conn_id@bucket/key`` and an ``ObjectStoragePath`` do. Without
        either, credentials come from the environment.
    :return: rows, bytes and files (`ImportResult.to_dict`), small enough for XCom.
    """

    path: AnyPath | Sequence[AnyPath]
    rejected_path: AnyPath | None
    partition_base_path: AnyPath | None
    is_dry_run: bool

    use_run_window: bool
    """Read the runs of a dataset that overlap the window of this run; also without it, ``start`` and ``end``,
    ``period`` or ``since`` choose a window. One that was not exported is an error, see ``on_uncovered_window``."""

    resume: bool
    """A retry of the task leaves out the row groups that its earlier tries finished, as an Airflow Variable
    ``cqlai_import_...`` remembers them until the import succeeds. Cleared tasks, changed files or options and a table
    that was created anew or truncated start over. False starts over at every try; counters never go on."""

    options_type = CopyFromOptions
    # `BaseOperator.dry_run` is what ``airflow tasks test --dry-run`` calls.
    renamed_arguments: ClassVar[dict[str, str]] = {"dry_run": "is_dry_run"}
    template_fields_renderers: ClassVar[dict[str, str]] = {"column_mapping": "json", "time_units": "json"}
    operator_extra_links = (DatasetLink(),)
    ui_color = "#d4f7dc"

    def __init__(
        self,
        *,
        table: str,
        path: AnyPath | Sequence[AnyPath],
        use_run_window: bool | str = False,
        start: str | datetime.date | None = None,
        end: str | datetime.date | None = None,
        period: str | datetime.timedelta | relativedelta | None = None,
        anchor: Anchor | str = "end",
        align: bool | str = True,
        since: str | datetime.date | None = None,
        windows: str | Sequence[Any] | None = None,
        on_uncovered_window: OnUncoveredWindow | str = "error",
        on_unnamed_files: OnUnnamedFiles | str = "error",
        partition_base_path: AnyPath | None = None,
        on_directory_difference: OnDirectoryDifference | str = "error",
        partition_filter: str | Sequence[Any] | None = None,
        where: str | Sequence[Any] | None = None,
        skip_rows: int | str = 0,
        max_rows: int | str | None = None,
        columns: str | Sequence[str] | None = None,
        column_mapping: str | Mapping[str, str] | None = None,
        on_extra_column: OnExtraColumn | str = "error",
        on_missing_column: OnMissingColumn | str = "error",
        binary_as_text: str | Sequence[str] = (),
        time_units: str | Mapping[str, str] | None = None,
        allow_lossy: str | Sequence[str] = (),
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
        storage_timeout_seconds: float | str = CopyFromOptions.storage_timeout_seconds,
        aws_profile: str | None = None,
        resume: bool | str = True,
        base_path: str | None = None,
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store(locals())
        self._result: ImportResult | None = None
        self._cluster: ClusterName | None = None

    arguments = read_arguments(__init__)
    template_fields: Sequence[str] = tuple("is_dry_run" if name == "dry_run" else name for name in arguments)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check and write; see `engine.copy_from` for what holds when this returns, and when it does not."""
        from airflow_provider_cqlai.engine.verbs.copy_from import copy_from

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            paths, connection_id = self._split_paths()
            options = self._build_options(context, paths, connection_id)
            filesystem = open_filesystem(paths[0], connection_id)
            self._cluster = name_cluster(hook.settings)
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

    @property
    def dataset_path(self) -> str | None:
        """What this task instance imported, once it did: the first file; for the link to the dataset."""
        return self._result.files[0].path if self._result is not None and self._result.files else None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Lineage of the import; called by OpenLineage's provider after `execute`."""
        return describe_import_lineage(self._result, self._cluster) if self._result is not None else None

    def _split_paths(self) -> tuple[list[str], str | None]:
        given: Any = self.path
        paths = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
        split = [split_connection(resolve_path(path, self.base_path), self.storage_conn_id) for path in paths]
        connections = {connection for _, connection in split}
        if len(connections) != 1:
            raise OptionError("path: all paths of one task must use the same storage connection", option="path")
        return [path for path, _ in split], connections.pop()

    def _read_beside(self, option: str, connection_id: str | None) -> str | None:
        """A path that is opened with the connection of ``path``."""
        given = getattr(self, option)
        if given is None:
            return None
        path, own_connection_id = split_connection(resolve_path(given, self.base_path, option), None, option)
        if own_connection_id not in (None, connection_id):
            raise OptionError(
                f"{option} names the connection {own_connection_id!r}, and path is opened with {connection_id!r}: one"
                " task has one",
                option=option,
            )
        return path

    def _build_options(self, context: Context, paths: Sequence[str], connection_id: str | None) -> CopyFromOptions:
        values = self._read_options(CopyFromOptions)
        rejected_path = self._read_beside("rejected_path", connection_id)
        if rejected_path is not None:
            # A brace that is part of a name is written twice.
            run_id = str(context["run_id"]).replace("{", "{{").replace("}", "}}")
            values["rejected_path"] = rejected_path.replace("{run_id}", run_id)
        values["partition_base_path"] = self._read_beside("partition_base_path", connection_id)
        window = self._resolve_window(context, is_needed=self._is_window_asked_for())
        return build_options(CopyFromOptions, {**values, "path": paths, "window": window})

    def _open_journal(self, context: Context, options: CopyFromOptions) -> VariableJournalStore | None:
        is_counting = options.mode == "counter_update"
        # Without a journal a second try could not be told from the first, and would count again.
        if not read_flag("resume", self.resume) and not is_counting:
            return None
        return VariableJournalStore(context, is_counting=is_counting)

    def _check_literals(self, given: Mapping[str, Any]) -> None:
        paths = given["path"]
        is_other_collection = isinstance(paths, Mapping | Set)
        super()._check_literals({**given, "path": list(paths) if is_other_collection else paths})

    def _is_window_asked_for(self) -> bool:
        return self._asks_for_window(self.use_run_window)
