"""Counts rows whose primary key another row of the import had before, by hashes kept on disk in bounded memory.

Hashes have 64 bits and take 8 bytes of temporary disk per row. Note: of a thousand million different keys two have the
same hash with a probability of about 3 percent.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

# Each is sorted in memory alone: 1,000 million keys make buckets of 125 MB.
_BUCKETS = 64
# Hashes that wait in memory before they are sorted into buckets.
_BUFFERED = 1_000_000


class DuplicateKeys:
    """Used by one thread; the temporary files are gone when it is closed."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: list[Path] = []
        self._buffer: list[np.ndarray] = []
        self._buffered = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, hashes: np.ndarray) -> None:
        """Hashes of rows that are written."""
        self._buffer.append(hashes)
        self._buffered += len(hashes)
        if self._buffered >= _BUFFERED:
            self._spill()

    def count(self) -> int:
        """How many of all rows had the key of another one before them."""
        if not self._files:
            return count_repeated_keys(self._take_buffer())
        self._spill()
        repeated = 0
        for file in self._files:
            repeated += count_repeated_keys(np.fromfile(file, np.uint64))
        return repeated

    def _spill(self) -> None:
        if not self._files:
            directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cqlai-keys-")))
            self._files = [directory / f"{number:02}" for number in range(_BUCKETS)]
        hashes = np.sort(self._take_buffer())
        # Sorted by value is sorted by bucket, which is told by the topmost 6 bits.
        edges = np.searchsorted(hashes, np.arange(_BUCKETS, dtype=np.uint64) << np.uint64(58))
        for number, file in enumerate(self._files):
            stop = edges[number + 1] if number + 1 < _BUCKETS else len(hashes)
            with file.open("ab") as stream:
                stream.write(hashes[edges[number] : stop].tobytes())

    def _take_buffer(self) -> np.ndarray:
        hashes = np.concatenate(self._buffer) if self._buffer else np.empty(0, np.uint64)
        self._buffer, self._buffered = [], 0
        return hashes


def count_repeated_keys(hashes: np.ndarray) -> int:
    """How many of some rows have the key of another one, by the hashes of their keys."""
    # Sorting beats `np.unique` by ten times here.
    ascending = np.sort(hashes)
    return int((ascending[1:] == ascending[:-1]).sum())
