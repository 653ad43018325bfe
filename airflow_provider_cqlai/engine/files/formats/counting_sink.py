"""Between a format's writer and the staged file: counts bytes, and says which file failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_cqlai.engine.errors import StorageError
from airflow_provider_cqlai.engine.files.storage.staged_file import StagedFile, WrittenFile


class CountingSink:
    """What a writer writes into."""

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged
        self._stream = staged.stream
        self.byte_count = 0
        self.is_dropped = False
        self.closed = False

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self.is_dropped:
            return size
        try:
            taken = self._stream.write(data)
        except OSError as error:
            raise StorageError.from_cause(f"writing {describe_staged(self._staged)} failed", error) from error
        if isinstance(taken, int) and taken != size:
            raise StorageError(f"{describe_staged(self._staged)}: the stream took {taken} of {size} bytes")
        self.byte_count += size
        return size

    def finish(self, *, rows_given: int, count_rows: Callable[[], int]) -> WrittenFile:
        """Finish the staged file, and then let ``count_rows`` tell the rows that it has.

        Raises:
            StorageError: the stream failed, or rows or bytes in the file are others than those handed over.
        """
        try:
            byte_count = self._staged.finish()
        except OSError as error:
            raise StorageError.from_cause(f"finishing {describe_staged(self._staged)} failed", error) from error
        if byte_count != self.byte_count:
            raise StorageError(
                f"{describe_staged(self._staged)}: {self.byte_count} bytes were written, but the file has {byte_count}"
            )
        rows_in_file = count_rows()
        if rows_in_file != rows_given:
            raise StorageError(
                f"{describe_staged(self._staged)}: {rows_given} rows were written, but the file has {rows_in_file} rows"
            )
        return WrittenFile(staged=self._staged, rows=rows_in_file, bytes=byte_count)

    def tell(self) -> int:
        return self.byte_count

    def flush(self) -> None:
        """Nothing waits here; `StagedFile.finish` makes all bytes durable."""

    def close(self) -> None:
        """The stream is the staged file's own to close."""


def describe_staged(staged: StagedFile) -> str:
    """The path of a staged file as far as its stream tells it, for messages."""
    for attribute in ("full_name", "path", "name"):
        path = getattr(staged.stream, attribute, None)
        if isinstance(path, str):
            return path
    return f"a file in {staged.hive_partition!r}"
