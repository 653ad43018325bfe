"""`CqlaiHook`: opens a connected Cassandra session from the id of an Airflow Connection.

Nothing is looked up or opened before it is needed, so a hook costs nothing at DAG-parse time; the driver is imported
with the first session.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.airflow_compat import AirflowNotFoundException
from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.values.checks import AnyPath, build_options
from airflow_provider_cqlai.hooks.connection_fields import CONNECTION_TYPE
from airflow_provider_cqlai.hooks.verbs import HookVerbs

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from typing_extensions import Self

    from airflow_provider_cqlai.engine.cassandra.connect.session import Session
    from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
    from airflow_provider_cqlai.engine.options.values.choices import (
        BlobEncoding,
        Compression,
        ConsistencyLevelName,
        FormatName,
        IfExists,
        NonFinite,
        OnEmpty,
        OnOverlap,
    )
    from airflow_provider_cqlai.engine.options.window import TimeWindow
    from airflow_provider_cqlai.engine.verbs.capture.run import Capture


class CqlaiHook(HookVerbs):
    """A session to Cassandra, opened by the first `get_conn` and closed by `close`, or at the end of ``with``::

        with CqlaiHook("my_cassandra") as hook:
            rows = hook.get_records("SELECT * FROM shop.orders WHERE day = :day", {"day": "2024-03-01"})

    :param cassandra_conn_id: a Connection of type ``cqlai``, or one made for the official provider's ``cassandra``.

    Errors are the engine's own: `ConnectionSettingsError`, `AccessDeniedError`, `ClusterUnavailableError`.
    """

    conn_name_attr = "cassandra_conn_id"
    default_conn_name = "cqlai_default"
    conn_type = CONNECTION_TYPE
    hook_name = "Cassandra (cqlai)"

    def __init__(self, cassandra_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cassandra_conn_id = cassandra_conn_id
        self._session: Session | None = None
        self._lock = threading.Lock()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's extras on Airflow 2.11; later ones read them from the provider's metadata."""
        from airflow_provider_cqlai.hooks.connection_form import form_widgets_2

        return form_widgets_2()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's standard fields on Airflow 2.11."""
        from airflow_provider_cqlai.hooks.connection_form import ui_field_behaviour_2

        return ui_field_behaviour_2()

    def get_conn(self) -> Session:
        """The hook's session; the same one until `close`, then a new one."""
        from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session

        with self._lock:
            if self._session is not None and self._session.is_shutdown:
                # Shut down behind the hook's back, which may have left its cluster's threads running.
                close_session(self._session)
                self._session = None
            if self._session is None:
                self._session = open_session(self.settings)
            return self._session

    def close(self) -> None:
        """Close the session, where one is open. The hook can be used again."""
        from airflow_provider_cqlai.engine.cassandra.connect.session import close_session

        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            close_session(session)

    def capture(
        self,
        path: AnyPath,
        *,
        window: TimeWindow | None = None,
        format: FormatName | None = None,
        partition_by: str | Sequence[str] | None = None,
        compression: Compression | None = None,
        compression_level: int | None = None,
        chunk_size: int | str = CaptureOptions.chunk_size,
        row_group_size: int | str = CaptureOptions.row_group_size,
        max_file_size: int | str | None = None,
        max_open_files: int = CaptureOptions.max_open_files,
        write_buffer_bytes: int | str = CaptureOptions.write_buffer_bytes,
        statistics: bool | Sequence[str] = True,
        page_index: bool = True,
        dictionary: bool | Sequence[str] = True,
        bloom_filters: Sequence[str] | Mapping[str, float] = (),
        metadata: Mapping[str, str] | None = None,
        types: Mapping[str, str] | None = None,
        blob_encoding: BlobEncoding = CaptureOptions.blob_encoding,
        non_finite: NonFinite | None = None,
        csv_null: str = CaptureOptions.csv_null,
        query_field: str | None = CaptureOptions.query_field,
        if_exists: IfExists = "replace",
        on_empty: OnEmpty = "write",
        on_overlap: OnOverlap = "error",
        owner: str | None = None,
        page_size: int | str | None = CaptureOptions.page_size,
        page_bytes: int | str = CaptureOptions.page_bytes,
        consistency_level: ConsistencyLevelName | None = None,
        request_timeout_seconds: float | None = None,
        max_page_attempts: int = CaptureOptions.max_page_attempts,
        rate_limit_rows_per_second: float | None = None,
        rate_limit_bytes_per_second: int | str | None = None,
        allow_masked: bool = False,
        progress_interval_seconds: float = CaptureOptions.progress_interval_seconds,
        filesystem: AbstractFileSystem | None = None,
        **others: Any,
    ) -> Capture:
        r"""A capture that takes its queries one by one, and publishes at the end of ``with``::

            with hook.capture("/tmp/users.parquet") as capture:
                capture.execute("SELECT * FROM users WHERE country = 'US'")
                capture.execute("SELECT * FROM users WHERE country = :country", {"country": "UK"})

        :param path: ``str | Path``, required. A file (``.../events.parquet``) or the root of a dataset (any other name,
            or a trailing ``/``), local or any fsspec URI; also a `pathlib.Path` or a path of universal_pathlib, of
            which Airflow's ``ObjectStoragePath`` is one. ``{window_start}``, ``{window_end}`` and, for an export,
            ``{keyspace}`` and ``{table}`` are filled in: ``/data/{table}-{window_start:%Y-%m-%d}.parquet``.
        :param window: ``TimeWindow | None``, default ``None``. The slice ``[start, end)`` that the output belongs to,
            which a re-run replaces exactly; None means no window.
        :param format: ``"parquet" | "json" | "csv" | None``, default ``None``. ``"parquet"``, or for a capture also
            ``"json"`` (one object a line) and ``"csv"``; None tells by the path's extension (``.parquet``, ``.json``,
            ``.jsonl``, ``.ndjson``, ``.csv``, the last four also with ``.gz`` or ``.zst`` after it), and a directory is
            Parquet.
        :param partition_by: ``str | Sequence[str] | None``, default ``None``. Columns and virtual columns
            (``event_id.year``, ``.month``, ``.day``, ``.hour``, ``.date`` of a timeuuid, timestamp or date, in UTC)
            that become ``key=value`` directories; they are not stored in the files, see ``keep_partition_columns``.
            Readers that guess types take a text such as ``01234`` for a number: `engine.dataset_schema` has the types
            for them.
        :param compression: ``"snappy" | "gzip" | "zstd" | "lz4" | "none" | None``, default ``None``. Of Parquet's
            pages, or of a text file as a whole: JSON and CSV have ``"gzip"``, ``"zstd"`` and ``"none"`` only. None is
            ``"snappy"`` for Parquet, and for text what the path's extension says, or ``"none"``.
        :param compression_level: ``int | None``, default ``None``. gzip 1-9, zstd 1-22 (Parquet only), lz4 1-12; None
            is the codec's own default.
        :param chunk_size: ``int | str``, default ``100_000``. Rows that the writer tells hive partitions for at once,
            fewer where they take more than an eighth of ``write_buffer_bytes``: a number, ``"50K"`` or ``"1M"``.
        :param row_group_size: ``int | str``, default ``100_000``. Rows per Parquet row group at the most; fewer where
            they would take more than a quarter of ``write_buffer_bytes`` in memory, so raise both for large row groups
            of large rows.
        :param max_file_size: ``int | str | None``, default ``None``. Bytes after which a file is closed and the next
            part begins: a number or ``"500MB"``; None never rolls.
        :param max_open_files: ``int``, default ``64``. Files open at once. A hive partition closed for another's sake
            goes on in a new part. In an object store each buffers up to 8 MiB of its upload, beside
            ``write_buffer_bytes``.
        :param write_buffer_bytes: ``int | str``, default ``32 * 1024 * 1024``. Bytes of rows buffered before they are
            written, over all hive partitions; the largest buffer goes first.
        :param statistics: ``bool | Sequence[str]``, default ``True``. Min, max and null count by column chunk: for all
            columns, none, or those named.
        :param page_index: ``bool``, default ``True``. Write the column and offset indexes, which let readers skip
            pages.
        :param dictionary: ``bool | Sequence[str]``, default ``True``. Dictionary encoding: for the columns whose values
            repeat in a file's first rows, for none, or for those named.
        :param bloom_filters: ``Sequence[str] | Mapping[str, float]``, default ``()``. Columns with a bloom filter; a
            mapping gives each one's false positive probability (default 0.01).
        :param metadata: ``Mapping[str, str] | None``, default ``None``. Key-value pairs for each file's footer, beside
            those the export writes itself.
        :param types: ``Mapping[str, str] | None``, default ``None``. Arrow types by column, where the default of
            docs/types.md is not wanted: ``{"amount": "decimal128(12,2)", "id": "uuid", "prices.element": "string"}``;
            dots lead into nested values.
        :param blob_encoding: ``"base64" | "hex"``, default ``"base64"``. Blobs in text: ``"base64"`` (RFC 4648, with
            padding) or ``"hex"`` (lower-case digits, without ``0x``).
        :param non_finite: ``"error" | "null" | "string" | None``, default ``None``. NaN and infinities: ``"error"``,
            ``"null"``, or ``"string"``, which writes ``NaN``, ``Infinity``, ``-Infinity``. None is ``"string"`` in a
            column of CSV, whose cells are texts anyway, and ``"error"`` in JSON and in JSON within CSV: JSON has no
            such numbers, and a text or a null in their place is for the user to choose.
        :param csv_null: ``str``, default ``r"\N"``. The unquoted text that stands for null in CSV. An empty string is
            always ``""``. The default is one that every reader can be told of; a value that equals it is an error. With
            ``csv_null=""`` a null is nothing between two commas, which only readers that look at quotes tell from an
            empty string (PostgreSQL, DuckDB with ``allow_quoted_nulls = false``), not pandas, nor Python's csv.
        :param query_field: ``str | None``, default ``"_query"``. The key of each JSON line that tells its query: the
            query's number, from 1 in the order of ``queries``. It comes first; None or an empty text leaves it out.
        :param if_exists: ``"replace" | "error"``, default ``"replace"``. ``"replace"`` replaces exactly what an earlier
            run of the same window published; ``"error"`` refuses, unless an earlier try of the same task instance
            published it.
        :param on_empty: ``"write" | "skip" | "fail"``, default ``"write"``. No rows: ``"write"`` publishes an empty
            result, ``"skip"`` publishes nothing, ``"fail"`` is an error.
        :param on_overlap: ``"error" | "replace"``, default ``"error"``. The dataset already holds windows inside this
            one: ``"error"``, or ``"replace"`` takes their place.
        :param owner: ``str | None``, default ``None``. Who publishes, for ``if_exists="error"``: the operator gives its
            task instance, tries left out.
        :param page_size: ``int | str | None``, default ``5_000``. Rows per page at the most (specification, "Paging
            Behavior"); None takes the connection's. 0 switches paging off, which the server needs for ``ORDER BY`` with
            a list of partition keys: a whole result is one page, in memory.
        :param page_bytes: ``int | str``, default ``2 * 1024 * 1024``. Bytes a page should not exceed: rows per page
            shrink as rows are seen to be larger.
        :param consistency_level: ``"LOCAL_QUORUM" | "LOCAL_ONE" | "ONE" | "TWO" | "THREE" | "QUORUM" | "ALL" |
            "EACH_QUORUM" | "SERIAL" | "LOCAL_SERIAL" | None``, default ``None``. How many replicas must answer a read,
            and where they are; None takes the connection's.
        :param request_timeout_seconds: ``float | None``, default ``None``. Seconds until a page counts as timed out and
            is tried again; None takes the connection's.
        :param max_page_attempts: ``int``, default ``8``. Tries of one page, from its paging state, with growing pauses
            and then smaller pages, before the task fails.
        :param rate_limit_rows_per_second: ``float | None``, default ``None``. Upper bound for rows read per second over
            all token ranges, to spare a busy cluster.
        :param rate_limit_bytes_per_second: ``int | str | None``, default ``None``. Upper bound for bytes of pages read
            per second over all token ranges: a number or ``"20MB"``.
        :param allow_masked: ``bool``, default ``False``. Read columns outside of the primary key that the role sees
            masked (dynamic data masking, Cassandra 5.0), as the masks; False is an error that names them.
        :param progress_interval_seconds: ``float``, default ``30.0``. Seconds between two progress lines in the log.
        :param filesystem: ``AbstractFileSystem | None``, default ``None``. Where ``path`` lies; None opens its URI with
            the environment's credentials.
        """
        options = {name: value for name, value in locals().items() if name not in ("self", "filesystem", "others")}
        from airflow_provider_cqlai.engine.verbs.capture.run import Capture

        for name in ("queries", "parameters"):
            if name in others:
                raise OptionError(f"{name} are given to the capture's execute, one query at a time", option=name)
        for name in ("metadata", "types"):
            options[name] = options[name] or {}
        # An unknown name is refused there, with those that are known.
        built = build_options(CaptureOptions, {**options, **others})
        return Capture(self.get_conn(), built, filesystem=filesystem)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def test_connection(self) -> tuple[bool, str]:
        """What Airflow's test button shows: whether a query was answered, and by what, or what failed and why."""
        try:
            return True, describe_connection(self.settings)
        except (CqlaiError, AirflowNotFoundException) as error:
            return False, f"{type(error).__name__}: {error}"


def describe_connection(settings: ConnectionSettings) -> str:
    """One sentence about the cluster that answers, for Airflow's test button; raises what `open_session` raises."""
    from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name, missing_codec_advice
    from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
    from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session

    session = open_session(settings)
    try:
        # A query, not only the driver's metadata: the session's own connections must work too.
        local = session.execute("SELECT cluster_name, release_version FROM system.local").one()
        data_centres = sorted({host.datacenter for host in session.cluster.metadata.all_hosts() if host.datacenter})
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, "reading system.local") from error
    finally:
        close_session(session)
    advice = missing_codec_advice()
    return (
        f"Connected to cluster {local.cluster_name!r}: Cassandra {local.release_version},"
        f" data centres {', '.join(data_centres)}, {codec_name()} codec"
        f"{f'. Note: {advice}' if advice else ''}"
    )
