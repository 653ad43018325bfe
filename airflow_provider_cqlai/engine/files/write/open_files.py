"""The files that are open, at most one per hive partition: rolling at a size, least recently used first.

Each table of a hive partition becomes at least one row group of Parquet. Note: a file's size is known only after rows
were compressed, so the next rows are chosen by how small earlier ones became, and a file ends within a few per cent of
``max_file_bytes`` rather than on it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack

import pyarrow as pa

from airflow_provider_cqlai.engine.files.formats.file_settings import FileSettings, FormatFile
from airflow_provider_cqlai.engine.files.storage.staged_file import StagedFile, WrittenFile

# A file this full is closed: what still fits would be a needlessly small row group.
_FULL_SHARE = 0.95


class OpenFiles:
    """Creates, fills and closes the files of a dataset."""

    def __init__(
        self,
        settings: FileSettings,
        create_file: Callable[[str], StagedFile],
        *,
        max_open_files: int,
        max_file_bytes: int | None,
    ) -> None:
        self._settings = settings
        self._create_file = create_file
        self._max_open_files = max_open_files
        self._max_file_bytes = max_file_bytes
        self._open: OrderedDict[str, FormatFile] = OrderedDict()
        self._row_bytes_in_memory = 0
        self._row_bytes_in_files = 0
        self.written: list[WrittenFile] = []

    @property
    def hive_partitions(self) -> list[str]:
        """Those with an open file, least recently used first."""
        return list(self._open)

    @property
    def held_bytes(self) -> int:
        """Memory that open files keep."""
        return sum(file.held_bytes for file in self._open.values())

    @property
    def least_recently_used(self) -> str:
        return next(iter(self._open))

    @property
    def fullest(self) -> str:
        """The hive partition whose open file keeps most memory."""
        return max(self._open, key=lambda hive_partition: self._open[hive_partition].held_bytes)

    def is_open(self, hive_partition: str) -> bool:
        return hive_partition in self._open

    def needs_room_for(self, hive_partition: str) -> bool:
        """Whether a file must be closed before one of ``hive_partition`` can be opened."""
        return hive_partition not in self._open and len(self._open) >= self._max_open_files

    def write(self, hive_partition: str, table: pa.Table) -> None:
        """Append ``table`` as one row group, or as several over several files where ``max_file_bytes`` asks for it."""
        row_bytes = table.nbytes / max(1, table.num_rows)
        start = 0
        while True:
            rows = table.slice(start)
            file = self._file_for(hive_partition, rows)
            rows = rows.slice(0, self._rows_that_fit(file, row_bytes))
            position = file.position
            file.write(rows)
            self._row_bytes_in_memory += int(rows.num_rows * row_bytes)
            self._row_bytes_in_files += file.position - position
            start += rows.num_rows
            if self._max_file_bytes is not None and file.position >= self._max_file_bytes * _FULL_SHARE:
                self.close(hive_partition)
            if start >= table.num_rows:
                return

    def close(self, hive_partition: str) -> None:
        """Finish the open file of ``hive_partition``, if it has one."""
        file = self._open.get(hive_partition)
        if file is not None:
            # Closed first: a file that fails to close is still open, and so discarded with the others.
            self.written.append(file.close())
            del self._open[hive_partition]

    def discard(self) -> None:
        """Drop every file, open or written, also where dropping one of them fails."""
        with ExitStack() as stack:
            for written in self.written:
                stack.callback(written.staged.discard)
            for file in self._open.values():
                stack.callback(file.discard)
            self.written = []
            self._open = OrderedDict()

    def _file_for(self, hive_partition: str, first_rows: pa.Table) -> FormatFile:
        file = self._open.get(hive_partition)
        if file is None:
            staged = self._create_file(hive_partition)
            with ExitStack() as stack:
                stack.callback(staged.discard)
                file = self._open[hive_partition] = self._settings.open_file(staged, first_rows)
                stack.pop_all()
        self._open.move_to_end(hive_partition)
        return file

    def _rows_that_fit(self, file: FormatFile, row_bytes: float) -> int | None:
        """Rows whose bytes in the file come to what is left of it, by the experience so far; None without a limit."""
        if self._max_file_bytes is None:
            return None
        in_file = self._row_bytes_in_files / self._row_bytes_in_memory if self._row_bytes_in_memory else 1.0
        room = self._max_file_bytes - file.position
        return max(1, int(room / max(1.0, row_bytes * in_file)))
