"""What a verb publishes through: it creates files, and either commits all of them or leaves nothing.

`DatasetPublication` (a directory) and `SingleFilePublication` implement it; `publish.open_publication` chooses.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_cqlai.engine.files.storage.staged_file import StagedFile, WrittenFile
from airflow_provider_cqlai.engine.results import DataFile

CHECK_SECONDS = 60.0


class Due:
    """Tells whether a minute has passed since it last said so."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        is_due = now - self._last >= CHECK_SECONDS
        if is_due:
            self._last = now
        return is_due


@dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """What is visible now."""

    files: tuple[DataFile, ...]
    manifest: str | None = None
    """Path or URI of the manifest; None for a single file."""


class Publication(Protocol):
    """One attempt to publish a result. A context manager: leaving it without `commit` discards what was staged."""

    @property
    def path(self) -> str:
        """The path or URI of the file or dataset, placeholders filled in."""

    @property
    def footer_metadata(self) -> dict[str, str]:
        """Key-value pairs for every file's footer: source, window, package version."""

    @property
    def already_published(self) -> PublishedResult | None:
        """What an earlier attempt of the same owner published and must not be replaced; then nothing is left to do."""

    def create_file(self, hive_partition: str, query_number: int | None = None) -> StagedFile:
        """Begin a file in ``hive_partition`` (``"year=2024/month=01"``, empty for the root).

        ``query_number`` is that of the only query whose rows the file has, for its name.
        """

    def check_if_due(self) -> None:
        """Look, but not more than once a minute, whether another attempt took over: what this one reads is then for
        nothing.

        Raises:
            SupersededError: it did.
        """

    def commit(self, written: Sequence[WrittenFile]) -> PublishedResult:
        """Make exactly ``written`` visible, in place of what an earlier run of the same slice published.

        Raises:
            SupersededError: a newer attempt at the same output took over.
            PublishError: what is there does not allow it; see its subclasses.
            CopyCancelledError: asked to stop before the commit point.
        """
