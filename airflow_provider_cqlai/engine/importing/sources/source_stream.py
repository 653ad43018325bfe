"""The bytes of a source file for pyarrow, with the engine's errors.

Errors of the storage become the engine's own here. Note: pyarrow reports damaged bytes as it does a failing disk or
store, by OSError; after this, an OSError is about the bytes, which no retry makes whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import SourceFileError
from airflow_provider_cqlai.engine.files.storage.storage import TranslatedErrors

# The length of a Parquet footer, and four letters.
_END_BYTES = 8

DAMAGE_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError)
"""What pyarrow raises about the bytes that a `SourceStream` gave it, also for types that it does not read."""


class SourceStream:
    """A seekable file object of which every error is the engine's."""

    def __init__(self, stream: Any, described_path: str) -> None:
        self._stream = self.raw = stream
        self._described_path = described_path
        self._size: int | None = None
        self._end = b""

    @property
    def closed(self) -> bool:
        return bool(self._stream.closed)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> Any:
        with translated_read_errors(self._described_path):
            content = self._stream.read(size)
            if len(content) >= _END_BYTES and self._stream.tell() == self._size:
                self._end = bytes(content[-_END_BYTES:])
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        with translated_read_errors(self._described_path):
            place = int(self._stream.seek(offset, whence))
        if (offset, whence) == (0, os.SEEK_END):
            self._size = place
        return place

    def read_end(self) -> bytes:
        """The last 8 bytes, which are read again only where nobody has read them."""
        if not self._end:
            place = self.tell()
            self.seek(0, os.SEEK_END)
            self.seek(-_END_BYTES, os.SEEK_END)
            self.read(_END_BYTES)
            self.seek(place)
        return self._end

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        with translated_read_errors(self._described_path):
            self._stream.close()


@contextmanager
def translated_read_errors(described_path: str) -> Iterator[None]:
    """Turn what a storage raises into the engine's errors; a missing file is a `SourceFileError`."""
    try:
        with TranslatedErrors("read", described_path):
            yield
    except FileNotFoundError as error:
        raise SourceFileError(f"{described_path}: there is no such file") from error
