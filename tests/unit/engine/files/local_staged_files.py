"""Staged files for tests of writing: real files below a folder, counted, with failures on demand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions


class LocalStagedFile:
    def __init__(self, folder: LocalFolder, hive_partition: str, path: Path) -> None:
        self._folder = folder
        self.hive_partition = hive_partition
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive: a file that is opened a second time is a file that would be overwritten.
        self.stream: BinaryIO = path.open("xb")
        folder.open_count += 1
        folder.most_open = max(folder.most_open, folder.open_count)

    def finish(self) -> int:
        self.stream.close()
        self._folder.open_count -= 1
        return os.path.getsize(self.path)

    def open_finished(self) -> BinaryIO:
        return self.path.open("rb")

    def discard(self) -> None:
        if not self.stream.closed:
            self.stream.close()
            self._folder.open_count -= 1
        self.path.unlink(missing_ok=True)


class LocalFolder:
    """`create_file` for a `DatasetWriter`: ``part-00000.parquet`` and on, in each hive partition."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.created: list[LocalStagedFile] = []
        self.open_count = 0
        self.most_open = 0
        self.wrap_stream: Callable[[BinaryIO], BinaryIO] = lambda stream: stream

    def create_file(self, hive_partition: str) -> LocalStagedFile:
        number = sum(staged.hive_partition == hive_partition for staged in self.created)
        path = self.root / hive_partition / f"part-{number:05d}.parquet"
        staged = LocalStagedFile(self, hive_partition, path)
        staged.stream = self.wrap_stream(staged.stream)
        self.created.append(staged)
        return staged

    def write(self, *record_batches: pa.RecordBatch, options: DatasetOptions) -> list[WrittenFile]:
        """All ``record_batches`` as one dataset."""
        with DatasetWriter(record_batches[0].schema, options, self.create_file) as writer:
            for record_batch in record_batches:
                writer.write(record_batch)
            return writer.finish()

    @property
    def paths(self) -> list[Path]:
        return sorted(self.root.rglob("*.parquet"))
