"""How rows are laid out in files: `DatasetOptions`, a part of every export and capture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import (
    check_count,
    check_texts,
    check_truth,
    read_amount,
    read_names,
    set_choices,
)
from airflow_provider_cqlai.engine.options.values.choices import Compression, FormatName, VirtualColumnSeparator
from airflow_provider_cqlai.engine.options.values.file_formats import PARQUET, FileFormat, check_compression

# Level ranges that Parquet's codecs accept; the others have no level.
_COMPRESSION_LEVELS: Mapping[str, tuple[int, int]] = MappingProxyType({"gzip": (1, 9), "zstd": (1, 22), "lz4": (1, 12)})


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """How rows are laid out in files."""

    format: FormatName | None = None
    """``"parquet"``, or for a capture also ``"json"`` (one object a line) and ``"csv"``; None tells by the path's
    extension (``.parquet``, ``.json``, ``.jsonl``, ``.ndjson``, ``.csv``, the last four also with ``.gz`` or ``.zst``
    after it), and a directory is Parquet."""

    partition_by: str | Sequence[str] | None = None
    """Columns and virtual columns (``event_id.year``, ``.month``, ``.day``, ``.hour``, ``.date`` of a timeuuid,
    timestamp or date, in UTC) that become ``key=value`` directories; they are not stored in the files, see
    ``keep_partition_columns``. Readers that guess types take a text such as ``01234`` for a number:
    `engine.dataset_schema` has the types for them."""

    keep_partition_columns: bool = False
    """Whether columns that are directories are stored in the files as well, for readers that take files by themselves,
    such as Iceberg's ``add_files``. Virtual columns are not: the column that they are a part of is there."""

    virtual_column_separator: VirtualColumnSeparator = "."
    """Between column and part in the names of virtual columns' directories: ``"."`` makes ``event_id.date=2024-01-01``,
    ``"_"`` makes ``event_id_date=2024-01-01`` for readers whose names take no dots, such as Spark, BigQuery and
    Athena."""

    rename: Mapping[str, str] = field(default_factory=dict)
    """Names in Parquet files and directories, by column of the result, companion or virtual column:
    ``{"event_id.date": "day", "writetime(name)": "name_written"}``. Other options keep the result's names. An import
    finds the table's columns by itself where nobody has rewritten the files; its own options take the new names."""

    compression: Compression | None = None
    """Of Parquet's pages, or of a text file as a whole: JSON and CSV have ``"gzip"``, ``"zstd"`` and ``"none"`` only.
    None is ``"snappy"`` for Parquet, and for text what the path's extension says, or ``"none"``."""

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
        set_choices(self, "format")
        compression = check_compression(self.format or PARQUET, self.compression)
        object.__setattr__(self, "compression", compression)
        for name in ("chunk_size", "row_group_size", "write_buffer_bytes"):
            object.__setattr__(self, name, read_amount(name, getattr(self, name)))
        if self.max_file_size is not None:
            object.__setattr__(self, "max_file_size", read_amount("max_file_size", self.max_file_size))
        check_count("max_open_files", self.max_open_files, 1)
        check_truth("page_index", self.page_index)
        check_truth("keep_partition_columns", self.keep_partition_columns)
        set_choices(self, "virtual_column_separator")
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
        for name in ("metadata", "types", "rename"):
            check_texts(name, getattr(self, name))

    @property
    def file_format(self) -> FileFormat:
        """The format of the files, with its compression."""
        return FileFormat(self.format or PARQUET, str(self.compression))


def _check_level(compression: str, level: int) -> None:
    bounds = _COMPRESSION_LEVELS.get(compression)
    if bounds is None:
        raise OptionError(f"compression_level: {compression} has no levels", option="compression_level")
    if isinstance(level, bool) or not isinstance(level, int) or not bounds[0] <= level <= bounds[1]:
        raise OptionError(
            f"compression_level={level!r}: {compression} takes {bounds[0]} to {bounds[1]}", option="compression_level"
        )
