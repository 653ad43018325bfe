"""Writes one Parquet file, and reads the dataset's options into what pyarrow's writer takes.

Each table becomes one row group; bytes go to a `StagedFile`, and the counts are returned as a `WrittenFile`. Note: with
``dictionary=True`` the dataset's first rows decide which columns are dictionary-encoded, since encoding columns that do
not repeat is half of the cost of writing.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import OptionError, StorageError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.formats.bloom_filters import BloomFilters
from airflow_provider_cqlai.engine.files.formats.counting_sink import CountingSink, describe_staged
from airflow_provider_cqlai.engine.files.formats.open_file_memory import PAGE_BYTES, OpenFileMemory
from airflow_provider_cqlai.engine.files.formats.parquet_columns import choose_leaf_paths, leaf_paths, sampled_leaves
from airflow_provider_cqlai.engine.files.storage.staged_file import StagedFile, WrittenFile
from airflow_provider_cqlai.engine.options.dataset import DatasetOptions
from airflow_provider_cqlai.engine.pyarrow_versions import (
    WRITES_NULL_VECTORS,
    WRITES_UUIDS,
    has_null_vector,
    has_uuid,
    has_vector,
)

# Rows that decide on dictionaries: enough to see repetition, cheap to count.
_SAMPLE_ROWS = 10_000
# So many decide for the files to come as well: counting again in each is a tenth of the cost of a hive dataset.
_SETTLING_ROWS = 1_000
# Fewer say nothing, and cost nothing either way.
_MIN_SAMPLE_ROWS = 100
# A column is dictionary-encoded while at most this share of its sampled values is distinct. Above it the dictionary and
# its indexes are hardly smaller than the values.
_MAX_DISTINCT_SHARE = 0.5


class ParquetSettings:
    """How the files of one dataset are written; every option is checked here, before the first row.

    Args:
        file_schema: the Arrow schema of the files.
        options: see each field.
        footer_metadata: key-value pairs of the export itself for each footer.

    Raises:
        OptionError: an unknown column, a reserved metadata key, or a combination that Parquet refuses.
    """

    def __init__(self, file_schema: pa.Schema, options: DatasetOptions, footer_metadata: Mapping[str, str]) -> None:
        self.file_schema = file_schema.with_metadata(_join_metadata(options.metadata, footer_metadata))
        self.row_group_rows = int(options.row_group_size)
        self.vector_names = (
            [] if WRITES_NULL_VECTORS else [field.name for field in file_schema if has_vector(field.type)]
        )
        """Columns whose vectors must not be null, because of the installed pyarrow."""
        self.leaf_paths = [path for field in file_schema for path in leaf_paths(field)]
        self._dictionary: bool | list[str]
        self._settled_dictionary: list[str] | None = None
        if isinstance(options.dictionary, bool):
            self._dictionary = options.dictionary
        else:
            self._dictionary = list(choose_leaf_paths("dictionary", options.dictionary, file_schema))
        assert isinstance(options.bloom_filters, Mapping)
        bloom_paths = choose_leaf_paths("bloom_filters", options.bloom_filters, file_schema)
        self.bloom_probabilities = {path: options.bloom_filters[name] for path, name in bloom_paths.items()}
        self._arguments: dict[str, Any] = {
            "version": "2.6",
            "compression": options.compression,
            "compression_level": options.compression_level,
            "write_statistics": _choose_statistics(options, file_schema),
            "write_page_index": options.page_index,
            "write_page_checksum": True,
            "data_page_size": PAGE_BYTES,
            "store_schema": True,
        }
        self._check_with_pyarrow()

    def choose_dictionary(self, first_rows: pa.Table) -> bool | list[str]:
        """All leaves, none, or those to be dictionary-encoded in a file that begins with ``first_rows``."""
        if self._settled_dictionary is not None:
            return self._settled_dictionary
        sample = first_rows.slice(0, _SAMPLE_ROWS)
        if self._dictionary is not True or sample.num_rows < _MIN_SAMPLE_ROWS:
            return self._dictionary
        chosen = _repeating_leaf_paths(sample)
        if sample.num_rows >= _SETTLING_ROWS:
            self._settled_dictionary = chosen
        return chosen

    def open_writer(self, sink: Any, dictionary: bool | list[str], bloom_filters: BloomFilters) -> pq.ParquetWriter:
        """A pyarrow writer into ``sink``."""
        arguments = dict(self._arguments, use_dictionary=dictionary)
        if bloom_filters.options:
            arguments["bloom_filter_options"] = bloom_filters.options
        return pq.ParquetWriter(sink, self.file_schema, **arguments)

    def open_file(self, staged: StagedFile, first_rows: pa.Table) -> ParquetFile:
        """Begin a file."""
        return ParquetFile(staged, self, first_rows)

    def _check_with_pyarrow(self) -> None:
        """Write a file without rows into memory, so that what pyarrow refuses is refused now."""
        parameters = inspect.signature(pq.ParquetWriter.__init__).parameters
        if self.bloom_probabilities and "bloom_filter_options" not in parameters:
            raise OptionError(
                f"bloom_filters: pyarrow {pa.__version__} writes none, pyarrow 26 does", option="bloom_filters"
            )
        uuids = [field.name for field in self.file_schema if has_uuid(field.type)]
        if uuids and not WRITES_UUIDS:
            raise OptionError(
                f"types: {uuids[0]}: pyarrow {pa.__version__} writes no uuid to Parquet; install pyarrow>=21, or choose"
                " another type",
                option="types",
            )
        no_rows = pa.Table.from_batches([], self.file_schema)
        bloom_filters = BloomFilters(self.bloom_probabilities, no_rows, 0)
        try:
            with self.open_writer(io.BytesIO(), self._dictionary, bloom_filters) as writer:
                writer.write_table(no_rows)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise OptionError.from_cause("Parquet cannot be written with these columns and options", error) from error


class ParquetFile:
    """One file that is being written. `close` or `discard` ends it; neither leaves the other anything to do."""

    def __init__(self, staged: StagedFile, settings: ParquetSettings, first_rows: pa.Table) -> None:
        self.staged = staged
        self._sink = CountingSink(staged)
        self._rows = 0
        self._bloom_bytes = 0
        self._vector_names = settings.vector_names
        sample = first_rows.slice(0, _SAMPLE_ROWS)
        # Later row groups may be larger than the first, up to the size asked for.
        row_group_rows = min(first_rows.num_rows * 2, settings.row_group_rows)
        self._bloom_filters = BloomFilters(settings.bloom_probabilities, sample, row_group_rows)
        dictionary = settings.choose_dictionary(first_rows)
        self._memory = OpenFileMemory(
            len(settings.leaf_paths),
            self._bloom_filters.held_bytes_per_row_group,
            ends_with_dictionary=dictionary is True or settings.leaf_paths[-1] in (dictionary or []),
        )
        self._writer = settings.open_writer(self._sink, dictionary, self._bloom_filters)

    @property
    def position(self) -> int:
        """Bytes written so far, and those of the bloom filters, which come at the file's end."""
        return self._sink.byte_count + self._bloom_bytes

    @property
    def held_bytes(self) -> int:
        """Memory that the open file keeps."""
        return self._memory.held_bytes

    def write(self, table: pa.Table) -> None:
        """Append ``table`` as one row group; no rows make none.

        Raises:
            StorageError: the stream failed.
            ValueDoesNotFitError: a vector that is null, before pyarrow 26.
        """
        if not table.num_rows:
            return
        for name in self._vector_names:
            _check_vectors(table, name)
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._rows += table.num_rows
        self._bloom_bytes += self._bloom_filters.written_bytes(table.num_rows)
        self._memory.add_row_group(table)

    def close(self) -> WrittenFile:
        """Write the footer and finish the staged file.

        Raises:
            StorageError: the stream failed, or the footer or the size tell of other data than was handed over.
        """
        self._writer.close()
        return self._sink.finish(rows_given=self._rows, count_rows=self._count_rows)

    def discard(self) -> None:
        """Drop the file and what it holds."""
        # pyarrow writes the footer when its writer is closed or collected; it must not reach a discarded stream.
        self._sink.is_dropped = True
        self._writer.close()
        self.staged.discard()

    def _count_rows(self) -> int:
        """By the footer that the finished file has; in a store that shows no file before it is published, by the one
        that was handed over."""
        finished = self.staged.open_finished()
        if finished is None:
            return int(self._writer.writer.metadata.num_rows)
        with finished:
            try:
                return int(pq.read_metadata(finished).num_rows)
            except (pa.ArrowException, OSError) as error:
                message = f"{describe_staged(self.staged)}: the footer of the finished file cannot be read back"
                raise StorageError.from_cause(message, error) from error


def _join_metadata(metadata: Mapping[str, str], footer_metadata: Mapping[str, str]) -> dict[str, str]:
    taken = {"ARROW:schema", "pandas", *footer_metadata}
    # All of the export's names: one that this export leaves out, such as the window's start, would be a lie.
    reserved = sorted(key for key in metadata if key in taken or key.startswith("cqlai."))
    if reserved:
        raise OptionError(
            f"metadata: {', '.join(map(repr, reserved))} is written by the export itself", option="metadata"
        )
    return {**metadata, **footer_metadata}


def _choose_statistics(options: DatasetOptions, file_schema: pa.Schema) -> bool | list[str]:
    if isinstance(options.statistics, bool):
        return options.statistics
    return list(choose_leaf_paths("statistics", options.statistics, file_schema))


def _repeating_leaf_paths(sample: pa.Table) -> list[str]:
    """Leaves whose values repeat in ``sample``."""
    chunks: dict[str, list[pa.Array]] = {}
    for path, array in sampled_leaves(sample):
        chunks.setdefault(path, []).append(array)
    repeating = []
    for path, arrays in chunks.items():
        values = pa.chunked_array(arrays)
        # Parquet has no dictionaries of booleans.
        if pa.types.is_boolean(values.type) or pa.types.is_null(values.type) or not len(values):
            continue
        if pc.count_distinct(values).as_py() <= len(values) * _MAX_DISTINCT_SHARE:
            repeating.append(path)
    return repeating


def _check_vectors(table: pa.Table, name: str) -> None:
    if any(has_null_vector(chunk) for chunk in table[name].chunks):
        raise ValueDoesNotFitError(
            f"{name}: a vector that is null, which pyarrow {pa.__version__} cannot write to Parquet; install"
            " pyarrow>=26, or leave the column out with columns",
            column=name,
        )
