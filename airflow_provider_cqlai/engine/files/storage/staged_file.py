"""The seam between writing a file and publishing it.

A writer asks for a `StagedFile`, hands all bytes to its stream and calls `finish`; whoever publishes makes the finished
files visible together. A finished file is durable, yet no reader sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol


class StagedFile(Protocol):
    """A file that is being written and that no reader sees before it is published."""

    @property
    def hive_partition(self) -> str:
        """Its directory below the dataset root, such as ``year=2024/month=01``; empty at the root."""

    @property
    def stream(self) -> Any:
        """The open binary file object that takes the bytes."""

    def finish(self) -> int:
        """All bytes were handed over: make them durable, still invisible. Returns the file's size in bytes."""

    def open_finished(self) -> BinaryIO | None:
        """The file after `finish`, to be read and closed; None where a store shows none before it is published."""

    def discard(self) -> None:
        """Drop the file. Also right after `finish`, or a second time."""


@dataclass(frozen=True)
class WrittenFile:
    """A finished file with its counts: ``rows`` by the footer of Parquet or the line ends of a text, ``bytes`` as
    `StagedFile.finish` said."""

    staged: StagedFile
    rows: int
    bytes: int
