"""What a caller can ask of the engine, each option explained once, at its field.

`CopyToOptions` is put together from what every export shares: where rows come from (`ReadOptions`), which slice of time
(`WindowOptions`), how they are laid out in files (`DatasetOptions`) and how the result becomes visible
(`PublishOptions`). Field names are the operators' argument names.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.file_formats import (
    FORMATS,
    PARQUET,
    FileFormat,
    check_compression,
    choose_format,
    extension_of,
)
from airflow_provider_cqlai.engine.option_values import (
    check_at_least,
    check_choice,
    check_count,
    check_text,
    check_texts,
    check_truth,
    read_amount,
    read_names,
)

# Level ranges that Parquet's codecs accept; the others have no level.
COMPRESSION_LEVELS: Mapping[str, tuple[int, int]] = MappingProxyType({"gzip": (1, 9), "zstd": (1, 22), "lz4": (1, 12)})
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/@]*:[^/@]*@")


@dataclass(frozen=True, kw_only=True)
class TimeWindow:
    """A slice of time ``[start, end)``. Both are timezone-aware; whole milliseconds, Cassandra's own precision."""

    start: datetime.datetime
    end: datetime.datetime

    def __post_init__(self) -> None:
        for name, moment in (("start", self.start), ("end", self.end)):
            if not isinstance(moment, datetime.datetime) or moment.tzinfo is None:
                raise OptionError(f"{name}={moment!r} must be a datetime with a timezone", option=name)
            if moment.microsecond % 1000:
                raise OptionError(f"{name}={moment.isoformat()} is finer than a millisecond", option=name)
            # Aware datetimes of one zone compare by wall clock; in UTC they compare by moment, across DST changes too.
            utc = moment.astimezone(datetime.UTC)
            # A plain datetime: arithmetic with subclasses, such as Airflow's pendulum, gives other types.
            object.__setattr__(self, name, datetime.datetime.combine(utc.date(), utc.time(), datetime.UTC))
        if self.start >= self.end:
            raise OptionError(
                f"the window is empty: start={self.start.isoformat()} is not before end={self.end.isoformat()}",
                option="start",
            )


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How rows are read from the cluster."""

    concurrency: int = 4
    """Token ranges in flight at once. More is faster until the cluster is busy; memory grows with it."""

    page_size: int | str | None = None
    """Rows per page at the most; None takes the connection's, which is 10,000 unless it says otherwise. Fewer are asked
    for where rows are large, see ``page_bytes``."""

    page_bytes: int | str = 2 * 1024 * 1024
    """Bytes a page should not exceed: rows per page shrink as rows are seen to be larger."""

    consistency_level: str | None = None
    """``"ONE"``, ``"LOCAL_QUORUM"`` and so on; None takes the connection's."""

    request_timeout_seconds: float | None = None
    """Seconds until a page counts as timed out and is tried again; None takes the connection's."""

    max_page_attempts: int = 8
    """Tries of one page, from its paging state, with growing pauses and then smaller pages, before the task fails."""

    rate_limit_rows_per_second: float | None = None
    """Upper bound for rows read per second over all token ranges, to spare a busy cluster."""

    rate_limit_bytes_per_second: int | str | None = None
    """Upper bound for bytes of pages read per second over all token ranges: a number or ``"20MB"``."""

    def __post_init__(self) -> None:
        check_count("concurrency", self.concurrency, 1)
        check_count("max_page_attempts", self.max_page_attempts, 1)
        if self.page_size is not None:
            object.__setattr__(self, "page_size", read_amount("page_size", self.page_size))
        object.__setattr__(self, "page_bytes", read_amount("page_bytes", self.page_bytes))
        if self.request_timeout_seconds is not None:
            check_at_least("request_timeout_seconds", self.request_timeout_seconds, 0.001)
        if self.rate_limit_rows_per_second is not None:
            check_at_least("rate_limit_rows_per_second", self.rate_limit_rows_per_second, 0.001)
        if self.rate_limit_bytes_per_second is not None:
            amount = read_amount("rate_limit_bytes_per_second", self.rate_limit_bytes_per_second)
            object.__setattr__(self, "rate_limit_bytes_per_second", amount)
        if self.consistency_level is not None:
            object.__setattr__(self, "consistency_level", check_consistency(self.consistency_level))


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """Which slice of time is exported, and how the table tells time."""

    window: TimeWindow | None = None
    """The slice ``[start, end)``; None exports the whole table."""

    time_column: str | None = None
    """The timeuuid, timestamp or date column that the window is about."""

    bucket_column: str | None = None
    """A key column holding a bucket of the time column (for example the day as text), which routes the window."""

    bucket_format: str | None = None
    """``strftime`` format of ``bucket_column`` in UTC, such as ``"%Y-%m-%d"`` or ``"%Y%m%d%H"``."""

    window_by: str = "time_column"
    """``"time_column"``, or ``"writetime"``: rows whose newest readable cell was written in the window, an incremental
    log that never replaces what an earlier run exported."""

    rows_without_writetime: str = "error"
    """With ``window_by="writetime"``, rows with nothing but a primary key: ``"error"``, ``"include"`` or ``"skip"``."""

    allow_future_end: bool = False
    """Accept a window that ends in the future: rows that arrive later will be missing from it."""

    def __post_init__(self) -> None:
        if self.window is not None and not isinstance(self.window, TimeWindow):
            raise OptionError(f"window={self.window!r} must be a TimeWindow", option="window")
        check_truth("allow_future_end", self.allow_future_end)
        window_by = check_choice("window_by", self.window_by, ("time_column", "writetime"))
        object.__setattr__(self, "window_by", window_by)
        unkeyed = check_choice("rows_without_writetime", self.rows_without_writetime, ("error", "include", "skip"))
        object.__setattr__(self, "rows_without_writetime", unkeyed)
        if (self.bucket_column is None) != (self.bucket_format is None):
            raise OptionError("bucket_column and bucket_format go together", option="bucket_column")
        if window_by == "writetime":
            if self.time_column is not None or self.bucket_column is not None:
                raise OptionError("window_by='writetime' takes no time_column and no bucket_column", option="window_by")
            if self.window is None:
                raise OptionError("window_by='writetime' needs a window: start and end, or since", option="window_by")
        elif self.window is not None and self.time_column is None and self.bucket_column is None:
            raise OptionError("a window needs time_column: which column tells a row's time?", option="time_column")
        elif self.window is None and (self.time_column is not None or self.bucket_column is not None):
            raise OptionError("time_column without a window: give start and end, or a period", option="time_column")
        if (
            self.window is not None
            and not self.allow_future_end
            and self.window.end > datetime.datetime.now(datetime.UTC)
        ):
            raise OptionError(
                f"the window ends in the future ({self.window.end.isoformat()}): rows that arrive later would be"
                " missing; allow_future_end=True accepts that",
                option="allow_future_end",
            )


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """How rows are laid out in files."""

    format: str | None = None
    """``"parquet"``, or for a capture also ``"json"`` (one object a line) and ``"csv"``; None tells by the path's
    extension (``.parquet``, ``.json``, ``.jsonl``, ``.ndjson``, ``.csv``, the last four also with ``.gz`` or ``.zst``
    after it), and a directory is Parquet."""

    partition_by: str | Sequence[str] | None = None
    """Columns and virtual columns (``event_id.year``, ``.month``, ``.day``, ``.hour``, ``.date`` of a timeuuid,
    timestamp or date, in UTC) that become ``key=value`` directories; they are not stored in the files."""

    compression: str | None = None
    """``"snappy"``, ``"gzip"``, ``"zstd"``, ``"lz4"`` or ``"none"``; JSON and CSV have ``"gzip"``, ``"zstd"`` or
    ``"none"``. None is ``"snappy"`` for Parquet, and for text what the path's extension says, or ``"none"``."""

    compression_level: int | None = None
    """gzip 1-9, zstd 1-22 (Parquet only), lz4 1-12; None is the codec's own default."""

    chunk_size: int | str = 100_000
    """Rows that the writer tells hive partitions for at once, fewer where they take more than an eighth of
    ``write_buffer_bytes``: a number, ``"50K"`` or ``"1M"``."""

    row_group_size: int | str = 100_000
    """Rows per Parquet row group at the most; fewer where they would take more than a quarter of
    ``write_buffer_bytes`` in memory, so raise both for large row groups of large rows."""

    max_file_size: int | str | None = None
    """Bytes after which a file is closed and the next part begins: a number or ``"500MB"``; None never rolls."""

    max_open_files: int = 64
    """Files open at once. A hive partition closed for another's sake goes on in a new part.
    In an object store each buffers up to 8 MiB of its upload, beside ``write_buffer_bytes``."""

    write_buffer_bytes: int | str = 32 * 1024 * 1024
    """Bytes of rows buffered before they are written, over all hive partitions; the largest buffer goes first."""

    statistics: bool | Sequence[str] = True
    """Min, max and null count by column chunk: for all columns, none, or those named."""

    page_index: bool = True
    """Write the column and offset indexes, which let readers skip pages."""

    dictionary: bool | Sequence[str] = True
    """Dictionary encoding: for the columns whose values repeat in a file's first rows, for none, or for those named."""

    bloom_filters: Sequence[str] | Mapping[str, float] = ()
    """Columns with a bloom filter; a mapping gives each one's false positive probability (default 0.01)."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    """Key-value pairs for each file's footer, beside those the export writes itself."""

    types: Mapping[str, str] = field(default_factory=dict)
    """Arrow types by column, where the default of docs/types.md is not wanted: ``{"amount": "decimal128(12,2)",
    "id": "uuid", "prices.element": "string"}``; dots lead into nested values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "partition_by", read_names("partition_by", self.partition_by))
        if self.format is not None:
            object.__setattr__(self, "format", check_choice("format", self.format, FORMATS))
        compression = check_compression(self.format or PARQUET, self.compression)
        object.__setattr__(self, "compression", compression)
        for name in ("chunk_size", "row_group_size", "write_buffer_bytes"):
            object.__setattr__(self, name, read_amount(name, getattr(self, name)))
        if self.max_file_size is not None:
            object.__setattr__(self, "max_file_size", read_amount("max_file_size", self.max_file_size))
        check_count("max_open_files", self.max_open_files, 1)
        check_truth("page_index", self.page_index)
        if self.compression_level is not None:
            _check_level(compression, self.compression_level)
            if self.file_format.is_text and compression == "zstd":
                raise OptionError(
                    f"compression_level={self.compression_level!r}: pyarrow writes zstd text files of one level only;"
                    " gzip takes 1 to 9",
                    option="compression_level",
                )
        for name in ("statistics", "dictionary"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                object.__setattr__(self, name, read_names(name, value))
        bloom_filters = self.bloom_filters
        if not isinstance(bloom_filters, Mapping):
            bloom_filters = dict.fromkeys(read_names("bloom_filters", bloom_filters), 0.01)
            object.__setattr__(self, "bloom_filters", bloom_filters)
        for column, probability in bloom_filters.items():
            if not isinstance(probability, float) or not 0 < probability < 1:
                raise OptionError(
                    f"bloom_filters: {column!r} has the false positive probability {probability!r},"
                    " expected between 0 and 1",
                    option="bloom_filters",
                )
        for name in ("metadata", "types"):
            check_texts(name, getattr(self, name))

    @property
    def file_format(self) -> FileFormat:
        """The format of the files, with its compression."""
        return FileFormat(self.format or PARQUET, str(self.compression))


@dataclass(frozen=True, kw_only=True)
class PublishOptions:
    """Where the result goes and how it becomes visible."""

    path: str
    """A file (``.../events.parquet``) or the root of a dataset (any other name, or a trailing ``/``), local or any
    fsspec URI.
    ``{window_start}`` and ``{window_end}`` are filled in: ``/data/events-{window_start:%Y-%m-%d}.parquet``."""

    if_exists: str = "replace"
    """``"replace"`` replaces exactly what an earlier run of the same window published; ``"error"`` refuses, unless the
    same ``owner`` published it."""

    on_empty: str = "write"
    """No rows: ``"write"`` publishes an empty result, ``"skip"`` publishes nothing, ``"fail"`` is an error."""

    on_overlap: str = "error"
    """The dataset already holds windows inside this one: ``"error"``, or ``"replace"`` takes their place."""

    shard_index: int = 0
    """Which shard of the token ring this call exports, from 0; see ``shard_count``."""

    shard_count: int = 1
    """How many calls share one window, each with its own ``shard_index``."""

    owner: str | None = None
    """Who publishes, for ``if_exists="error"``: the operator gives its task instance, tries left out."""

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path.strip():
            raise OptionError(f"path={self.path!r} is empty", option="path")
        if self.path != self.path.strip():
            raise OptionError(
                f"path={self.path!r} begins or ends with a space or line break: it would be part of the name",
                option="path",
            )
        if not self.path.strip("/"):
            raise OptionError(f"path={self.path!r} is the root: name a directory or a file below it", option="path")
        if "\0" in self.path:
            raise OptionError(f"path={self.path!r} has a zero byte, which no file name takes", option="path")
        if _PASSWORD.match(self.path):
            # Not quoted: paths are logged, and kept in manifests and results.
            raise OptionError(
                "path holds a user and a password; leave them to the connection of the file system", option="path"
            )
        # Raises for an extension that no format has.
        extension_of(self.path)
        object.__setattr__(self, "if_exists", check_choice("if_exists", self.if_exists, ("replace", "error")))
        object.__setattr__(self, "on_empty", check_choice("on_empty", self.on_empty, ("write", "skip", "fail")))
        object.__setattr__(self, "on_overlap", check_choice("on_overlap", self.on_overlap, ("error", "replace")))
        check_count("shard_count", self.shard_count, 1)
        check_count("shard_index", self.shard_index, 0)
        if self.shard_index >= self.shard_count:
            raise OptionError(
                f"shard_index={self.shard_index} must be below shard_count={self.shard_count}", option="shard_index"
            )
        if self.is_single_file and self.shard_count > 1:
            raise OptionError(
                f"path={self.path!r} is one file, which shards would replace in turn: give a directory", option="path"
            )

    @property
    def is_single_file(self) -> bool:
        """Whether ``path`` names one file rather than the root of a dataset."""
        return bool(extension_of(self.path))


@dataclass(frozen=True, kw_only=True)
class CopyToOptions(ReadOptions, WindowOptions, DatasetOptions, PublishOptions):
    """Everything `engine.copy_to` can be asked for (specification, COPY TO)."""

    table: str
    """``"keyspace.table"``, or ``"table"`` in the connection's keyspace. Mixed case in double quotes, as in CQL."""

    columns: str | Sequence[str] | None = None
    """Columns in the order wanted; None is all of them, also those a later ALTER TABLE adds."""

    where: str | None = None
    """Restrictions in CQL, such as ``"status = 'active' AND year = 2023"``: no LIMIT, ORDER BY or ALLOW FILTERING."""

    allow_filtering: bool = True
    """Let the server filter rows that no key or index leads to (logged with a warning). False refuses such a query."""

    include_writetime: bool = False
    """Add a column ``writetime(x)`` for each exported column ``x`` outside of the primary key: when its cells were
    written, in microseconds (docs/types.md, "Write times and expiry")."""

    include_ttl: bool = False
    """Add a column ``expiry(x)`` for each exported column ``x`` outside of the primary key: the moment at which its
    cells expire by their TTL, in whole seconds."""

    on_mixed_cell_times: str = "error"
    """With the two above, a collection or user-defined type whose elements were not all written, or do not all expire,
    at one time: ``"error"``, or ``"max"`` takes the latest, and never expires where an element never does."""

    progress_interval_seconds: float = 30.0
    """Seconds between two progress lines in the log."""

    def __post_init__(self) -> None:
        for part in (ReadOptions, WindowOptions, DatasetOptions, PublishOptions):
            part.__post_init__(self)
        if choose_format(self.path, self.format, None).is_text:
            raise OptionError(
                f"path={self.path!r} and format={self.format!r}: an export of a table writes Parquet (.parquet or a"
                " directory); JSON and CSV are written by a capture, of SELECT statements",
                option="format",
            )
        check_text("table", self.table)
        if self.where is not None:
            check_text("where", self.where)
        for name in ("allow_filtering", "include_writetime", "include_ttl"):
            check_truth(name, getattr(self, name))
        mixed = check_choice("on_mixed_cell_times", self.on_mixed_cell_times, ("error", "max"))
        object.__setattr__(self, "on_mixed_cell_times", mixed)
        if self.columns is not None:
            names = read_names("columns", self.columns)
            if not names:
                raise OptionError("columns is empty: leave it out for all columns", option="columns")
            object.__setattr__(self, "columns", names)
        if self.is_single_file:
            for name in ("partition_by", "max_file_size"):
                if getattr(self, name):
                    raise OptionError(
                        f"{name} makes several files, and path={self.path!r} is one: give a directory", option=name
                    )
        check_at_least("progress_interval_seconds", self.progress_interval_seconds, 0.01)


def check_consistency(level: str) -> str:
    """The level's name as the driver has it, `OptionError` for one that there is not."""
    from cassandra import ConsistencyLevel

    # ANY is for writes only.
    known = [name.lower() for name in ConsistencyLevel.name_to_value if name != "ANY"]
    return check_choice("consistency_level", level, known).upper()


def _check_level(compression: str, level: int) -> None:
    bounds = COMPRESSION_LEVELS.get(compression)
    if bounds is None:
        raise OptionError(f"compression {compression!r} has no level", option="compression_level")
    if isinstance(level, bool) or not isinstance(level, int) or not bounds[0] <= level <= bounds[1]:
        raise OptionError(
            f"compression_level={level!r}: {compression} takes {bounds[0]} to {bounds[1]}", option="compression_level"
        )
