"""A journal in a file, for tests that import without Airflow; also what such a test reads out of it."""

from __future__ import annotations

import os
from pathlib import Path


class FileJournalStore:
    """An `engine.importing.journal.JournalStore` that also survives a kill -9."""

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
