"""The bytes of a source file for pyarrow, with the engine's errors.

Errors of the storage become the engine's own here. Note: pyarrow reports damaged bytes as it does a failing disk or
store, by OSError; after this, an OSError is about the bytes, which no retry makes whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import SourceFileError
from airflow_provider_cqlai.engine.files.storage.storage import TranslatedErrors

DAMAGE_ERRORS = (pa.ArrowInvalid, OSError)
"""What pyarrow raises about the bytes that a `SourceStream` gave it."""


class SourceStream:
    """A seekable file object of which every error is the engine's."""

    def __init__(self, stream: Any, described_path: str) -> None:
        self._stream = stream
        self._described_path = described_path

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
            return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with translated_read_errors(self._described_path):
            return int(self._stream.seek(offset, whence))

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
