"""Writes record batches into the files of a dataset: hive partitions, row groups, rolling, a memory budget.

Rows wait in `RowBuffers`; a hive partition's rows become a row group once there are ``row_group_size`` of them, and
earlier, the largest buffer first, when ``write_buffer_bytes`` are held. `open_files.OpenFiles` stages the files. Note:
most hive partitions get their file only in `finish`, since rows that fit into the budget are joined until then, so that
there are no more files than needed.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

import pyarrow as pa

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import StorageError
from airflow_provider_cqlai.engine.files.formats.file_settings import read_file_settings
from airflow_provider_cqlai.engine.files.storage.staged_file import StagedFile, WrittenFile
from airflow_provider_cqlai.engine.files.write.hive_split import HiveSplit, warn_of_guessed_keys
from airflow_provider_cqlai.engine.files.write.open_files import OpenFiles
from airflow_provider_cqlai.engine.files.write.renaming import (
    options_by_new_names,
    renamed_schema,
    warn_of_awkward_names,
)
from airflow_provider_cqlai.engine.files.write.row_buffers import RowBuffers
from airflow_provider_cqlai.engine.files.write.row_names import RowNames
from airflow_provider_cqlai.engine.options.dataset import DatasetOptions

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)

# Of the budget: what waits to be split at the most, and what open files may keep before one of them is closed.
_UNSPLIT_SHARE = 1 / 8
_OPEN_FILES_SHARE = 3 / 4
# Of what open files leave of it: what is left waiting after writing for lack of memory. The distance to the whole is
# what each round of writing and compacting gains.
_RELIEVED_SHARE = 3 / 4
# Buffers that are as large as this on average are all written: waiting would make their row groups little larger, and
# what waits is copied in each round.
_LARGE_BUFFER_BYTES = 1024 * 1024
# Of the budget, one row group at the most: while it is encoded it is in memory once more.
_ROW_GROUP_SHARE = 1 / 4
# Below this more row groups cost more, in footers, than they save.
_LEAST_ROW_GROUP_BYTES = 4 * 1024 * 1024
# Joined record batches stay far below the 2 GiB that a text column's offsets reach.
_MAX_UNSPLIT_BYTES = 256 * 1024 * 1024


class DatasetWriter:
    """Writes one dataset. A context manager: leaving it without `finish` discards every file.

    Args:
        arrow_schema: of the record batches, hive columns included.
        options: the layout; checked here, before the first row.
        create_file: makes the next staged file of a hive partition; called again when one goes on in a new file.
        footer_metadata: key-value pairs for each file's footer.
        row_names: how errors name a row; its hidden columns are in the record batches and in no file.
        cancellation: looked at before each row group.

    Raises:
        OptionError: an option names an unknown column, one of a type that it cannot have, or contradicts another.
    """

    def __init__(
        self,
        arrow_schema: pa.Schema,
        options: DatasetOptions,
        create_file: Callable[[str], StagedFile],
        *,
        footer_metadata: Mapping[str, str] | None = None,
        row_names: RowNames | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        assert not isinstance(options.partition_by, str)
        self._arrow_schema = arrow_schema
        self._split = HiveSplit(
            arrow_schema,
            options.partition_by or (),
            row_names,
            # Lines of text have their columns already.
            keeps_columns=options.keep_partition_columns and not options.file_format.is_text,
            separator=options.virtual_column_separator,
            rename=options.rename,
        )
        self._is_hive = bool(options.partition_by)
        self._is_renamed = bool(options.rename)
        warn_of_guessed_keys(arrow_schema, options.partition_by or ())
        self._file_schema = renamed_schema(
            pa.schema([arrow_schema.field(name) for name in self._split.file_columns]), options.rename
        )
        if not options.file_format.is_text:
            warn_of_awkward_names([*self._split.directory_names, *self._file_schema.names])
        settings = read_file_settings(
            self._file_schema, options_by_new_names(options) if options.rename else options, footer_metadata or {}
        )
        self._files = OpenFiles(
            settings,
            create_file,
            max_open_files=options.max_open_files,
            max_file_bytes=None if options.max_file_size is None else int(options.max_file_size),
        )
        self._chunk_rows = int(options.chunk_size)
        self._row_group_rows = int(options.row_group_size)
        self._budget_bytes = int(options.write_buffer_bytes)
        self._max_unsplit_bytes = min(_MAX_UNSPLIT_BYTES, int(self._budget_bytes * _UNSPLIT_SHARE))
        self._cancellation = cancellation or Cancellation()
        self._buffers = RowBuffers()
        self._unsplit: list[pa.RecordBatch] = []
        self._unsplit_rows = 0
        self._unsplit_bytes = 0
        self._rows = 0
        self._is_writing = True
        self._is_finished = False

    @property
    def file_schema(self) -> pa.Schema:
        """The Arrow schema of the files: without the columns that are directories."""
        return self._file_schema

    @property
    def held_bytes(self) -> int:
        """Memory of rows that wait and of open files; kept within ``write_buffer_bytes`` between calls."""
        return self._unsplit_bytes + self._buffers.held_bytes + self._files.held_bytes

    def write(self, record_batch: pa.RecordBatch) -> None:
        """Take the rows of ``record_batch``; what is full is written.

        Raises:
            ValueDoesNotFitError: a partition column's value that no directory name can carry.
            StorageError: a file could not be written.
            CopyCancelledError: the caller asked to stop.
        """
        self._check_is_writing()
        if not record_batch.schema.equals(self._arrow_schema):
            raise ValueError(f"record batch of {record_batch.schema}, expected {self._arrow_schema}")
        # Until it returns, a failure leaves rows in between: nothing more may be written or published.
        self._is_writing = False
        self._rows += record_batch.num_rows
        # Files of one directory need no splitting, so record batches need not be of one size.
        chunk_rows = self._chunk_rows if self._is_hive else max(1, record_batch.num_rows)
        for start in range(0, record_batch.num_rows, chunk_rows):
            self._take_in(record_batch.slice(start, chunk_rows))
        self._is_writing = True

    def finish(self, *, ensure_file: bool = False) -> list[WrittenFile]:
        """Write what waits and close all files; ``ensure_file`` makes one without rows where there would be none.

        Raises:
            StorageError: a file could not be written, or its footer does not tell of the rows it was given.
            CopyCancelledError: the caller asked to stop.
        """
        self._check_is_writing()
        self._is_writing = False
        self._split_waiting()
        # Hive partitions with an open file first: their rows go on in it.
        for hive_partition in self._files.hive_partitions:
            self._write_waiting(hive_partition)
            self._files.close(hive_partition)
        for hive_partition in self._buffers.hive_partitions:
            self._write_waiting(hive_partition)
            self._files.close(hive_partition)
        if ensure_file and not self._files.written:
            self._files.write("", pa.Table.from_batches([], self._file_schema))
            self._files.close("")
        rows = sum(file.rows for file in self._files.written)
        if rows != self._rows:
            raise StorageError(f"the written files hold {rows} rows of {self._rows}")
        self._is_finished = True
        return list(self._files.written)

    def abort(self) -> None:
        """Discard every file, the finished ones included."""
        self._is_writing = False
        self._unsplit = []
        self._buffers = RowBuffers()
        self._files.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_finished:
            return
        try:
            self.abort()
        except StorageError as abort_error:
            # The error that ended the writing says more, and the next attempt removes what is left.
            if error is None:
                raise
            logger.warning("what was written could not be discarded: %s", abort_error)

    def _check_is_writing(self) -> None:
        if not self._is_writing:
            raise RuntimeError("this writer has finished, failed or was aborted")

    def _take_in(self, record_batch: pa.RecordBatch) -> None:
        if self._unsplit_rows + record_batch.num_rows > self._chunk_rows:
            self._split_waiting()
        self._unsplit.append(record_batch)
        self._unsplit_rows += record_batch.num_rows
        self._unsplit_bytes += record_batch.get_total_buffer_size()
        is_enough = self._unsplit_rows >= self._chunk_rows or self._unsplit_bytes >= self._max_unsplit_bytes
        if is_enough or not self._is_hive or self.held_bytes > self._budget_bytes:
            self._split_waiting()

    def _split_waiting(self) -> None:
        if not self._unsplit:
            return
        record_batches, self._unsplit = self._unsplit, []
        self._unsplit_rows = self._unsplit_bytes = 0
        hive_partitions, indices = self._split.split(record_batches)
        self._buffers.add(list(map(self._for_files, record_batches)), hive_partitions, indices)
        del record_batches, indices
        for hive_partition in hive_partitions:
            while self._buffers.row_count(hive_partition) >= self._row_group_rows:
                self._write(hive_partition, self._row_group_rows)
        if self.held_bytes > self._budget_bytes:
            self._relieve_memory()

    def _for_files(self, record_batch: pa.RecordBatch) -> pa.RecordBatch:
        chosen = record_batch.select(self._split.file_columns)
        if not self._is_renamed:
            return chosen
        return pa.RecordBatch.from_arrays(chosen.columns, schema=self._file_schema)

    def _relieve_memory(self) -> None:
        """Write the largest buffers until what waits is well below the budget, then give the memory back."""
        # Only in hive datasets: any other may have to be a single file, whatever its footer grows to.
        while self._is_hive and self._files.held_bytes > self._budget_bytes * _OPEN_FILES_SHARE:
            self._close_file(self._files.fullest)
        largest = self._buffers.largest()
        live_bytes = self._buffers.live_bytes
        relieved_share = 0 if live_bytes >= len(largest) * _LARGE_BUFFER_BYTES else _RELIEVED_SHARE
        while largest and live_bytes > (self._budget_bytes - self._files.held_bytes) * relieved_share:
            byte_count, hive_partition = heapq.heappop(largest)
            live_bytes += byte_count
            # It may have been written when its file made room for another.
            if self._buffers.row_count(hive_partition):
                self._write_waiting(hive_partition)
        self._buffers.compact()

    def _write_waiting(self, hive_partition: str) -> None:
        while self._buffers.row_count(hive_partition):
            self._write(hive_partition, self._row_group_rows)

    def _write(self, hive_partition: str, max_rows: int) -> None:
        self._cancellation.raise_if_cancelled()
        if self._files.needs_room_for(hive_partition):
            self._close_file(self._files.least_recently_used)
        affordable_bytes = max(_LEAST_ROW_GROUP_BYTES, self._budget_bytes * _ROW_GROUP_SHARE)
        affordable = max(1, int(affordable_bytes / self._buffers.mean_row_bytes(hive_partition)))
        self._files.write(hive_partition, self._buffers.take(hive_partition, min(max_rows, affordable)))

    def _close_file(self, hive_partition: str) -> None:
        """Close its file with the rows that wait for it: if no more come, it needs no second file."""
        while (rows := self._buffers.row_count(hive_partition)) and self._files.is_open(hive_partition):
            self._files.write(hive_partition, self._buffers.take(hive_partition, min(rows, self._row_group_rows)))
        self._files.close(hive_partition)
