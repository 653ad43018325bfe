"""Journals for tests that import without Airflow: in a file, and in memory."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow_provider_cqlai.engine.cancellation import Cancellation


class FileJournalStore:
    """An `engine.importing.outcome.journal.JournalStore` that also survives a kill -9."""

    def __init__(self, path: Path, owner: str = "first") -> None:
        self.path = path
        self.owner = owner

    def load(self) -> str | None:
        return self.path.read_text() if self.path.exists() else None

    def save(self, text: str) -> None:
        staging = self.path.with_suffix(".staging")
        staging.write_text(text)
        os.replace(staging, self.path)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)


class CancellingJournal:
    """A journal in memory, of one task instance, that ends the import once a row group has finished."""

    owner = "a task"

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self.text: str | None = None

    def load(self) -> str | None:
        return self.text

    def save(self, text: str) -> None:
        self.text = text
        if json.loads(text)["finished"]:
            self._cancellation.cancel()

    def clear(self) -> None:
        self.text = None
