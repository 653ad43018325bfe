"""The files of one attempt at a dataset: staged, then given their final names together, or removed.

A writer is given a `DatasetFile` at a time; those that it finished come back as `WrittenFile` and become visible in
one go. Where that failed midway, a file may have its name without this process knowing, and is removed all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import StorageError
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage import StagedUpload, Storage, join, parent
from airflow_provider_cqlai.engine.results import DataFile


class DatasetFile:
    """A `StagedFile` of a dataset."""

    def __init__(
        self, upload: StagedUpload, hive_partition: str, relative_path: str, part_number: int, staging_name: str
    ) -> None:
        self.upload = upload
        self.hive_partition = hive_partition
        self.relative_path = relative_path
        self.part_number = part_number
        self.staging_name = staging_name

    @property
    def stream(self) -> Any:
        return self.upload.stream

    def finish(self) -> int:
        return self.upload.finish()

    def open_finished(self) -> BinaryIO | None:
        return self.upload.open_finished()

    def discard(self) -> None:
        self.upload.discard()


class AttemptFiles:
    """What ``attempt`` has below ``root``; names end with ``extension``.

    A shard of a shared attempt has a staging directory of its own, ``shard_directory`` below the attempt's, and every
    ``shard_count``th part number; another process places its files.
    """

    def __init__(
        self,
        storage: Storage,
        root: str,
        attempt: Attempt,
        run_key: RunKey,
        extension: str,
        *,
        shard_index: int = 0,
        shard_directory: str = "",
    ) -> None:
        self._storage = storage
        self._root = root
        self._attempt = attempt
        self._run_key = run_key
        self._extension = extension
        self._shard_directory = shard_directory
        self._step = attempt.sharding.shard_count if attempt.sharding is not None else 1
        first = attempt.first_part_number
        self._first_part_number = first + (shard_index - first) % self._step
        self._files: list[DatasetFile] = []
        self._next_number_by_hive_partition: dict[str, int] = {}
        # Files are getting their final names.
        self._is_placing = False

    @property
    def next_part_number(self) -> int:
        """The first number that no file of this attempt has, in any hive partition."""
        return max([self._attempt.first_part_number, *self._next_number_by_hive_partition.values()])

    def create(self, hive_partition: str, query_number: int | None) -> DatasetFile:
        """Begin a file in ``hive_partition``, under the next number that is free there."""
        number = self._next_number_by_hive_partition.get(hive_partition, self._first_part_number)
        while True:
            self._attempt.reserve(number)
            relative_path = join(hive_partition, self._run_key.file_name(number, self._extension, query_number))
            final_path = join(self._root, relative_path)
            # Numbers are this attempt's alone, so a file there is somebody else's and stays.
            if not self._storage.exists(final_path):
                break
            number += self._step
        self._next_number_by_hive_partition[hive_partition] = number + self._step
        staging_name = join(self._shard_directory, f"{len(self._files):06d}.staging")
        staging_path = join(self._attempt.staging_directory, staging_name)
        try:
            upload = self._storage.stage(staging_path, final_path, is_detachable=self._attempt.sharding is not None)
        except FileNotFoundError as error:
            raise self._attempt.superseded() from error
        file = DatasetFile(upload, hive_partition, relative_path, number, staging_name)
        self._files.append(file)
        return file

    def take(self, written: Sequence[WrittenFile]) -> list[DataFile]:
        """Keep exactly ``written``; what is to be said of each, by path."""
        created = {id(file) for file in self._files}
        taken: list[tuple[DatasetFile, DataFile]] = []
        for file in written:
            staged = file.staged
            if not isinstance(staged, DatasetFile) or id(staged) not in created:
                raise RuntimeError(f"{staged!r} was not created by this publication")
            counts = DataFile(
                path=staged.relative_path, rows=file.rows, bytes=file.bytes, hive_partition=staged.hive_partition
            )
            taken.append((staged, counts))
        kept = {id(file) for file, _ in taken}
        for staged in self._files:
            if id(staged) not in kept:
                staged.discard()
        taken.sort(key=lambda pair: pair[1].path)
        self._files = [file for file, _ in taken]
        return [counts for _, counts in taken]

    def attach(self, detached: Mapping[str, Any]) -> DataFile:
        """Add a file that another process of the attempt has finished, as `detach` says."""
        final_path = join(self._root, detached["path"])
        staging_path = join(self._attempt.staging_directory, detached["staging_name"])
        upload = self._storage.attach(staging_path, final_path, detached["upload"])
        file = DatasetFile(
            upload, detached["hive_partition"], detached["path"], detached["part_number"], detached["staging_name"]
        )
        self._files.append(file)
        following = file.part_number + 1
        self._next_number_by_hive_partition[file.hive_partition] = max(
            following, self._next_number_by_hive_partition.get(file.hive_partition, 0)
        )
        return DataFile(
            path=file.relative_path, rows=detached["rows"], bytes=detached["bytes"], hive_partition=file.hive_partition
        )

    def detach(self, taken: Sequence[DataFile]) -> list[dict[str, Any]]:
        """What another process needs to place the files that `take` gave. JSON."""
        return [
            {
                "path": data_file.path,
                "rows": data_file.rows,
                "bytes": data_file.bytes,
                "hive_partition": data_file.hive_partition,
                "part_number": file.part_number,
                "staging_name": file.staging_name,
                "upload": file.upload.detach(),
            }
            for file, data_file in zip(self._files, taken, strict=True)
        ]

    def discard(self) -> None:
        """Drop what was staged, and leave the attempt to the processes that share it."""
        for file in self._files:
            file.discard()

    def place(self, cancellation: Cancellation) -> None:
        """Give the files their final names.

        Raises:
            SupersededError: a newer attempt removed what was staged.
            StorageError: a file of that name is there.
        """
        self._is_placing = True
        try:
            self._storage.place([file.upload for file in self._files], self._root, cancellation)
        except FileNotFoundError as error:
            self._is_placing = False
            raise self._attempt.superseded() from error
        except FileExistsError as error:
            self._is_placing = False
            described = self._storage.describe(self._root)
            raise StorageError(f"{described}: somebody else put a file there meanwhile: {error}") from error
        self._is_placing = False

    def remove(self, intent_path: str | None) -> None:
        """Nothing of the attempt stays, its claim included; ``intent_path`` where it said what it was about to do."""
        for file in self._files:
            file.discard()
        visible = [file for file in self._files if file.upload.is_placed or self._is_placing]
        self._storage.delete([file.upload.final_path for file in visible])
        self._storage.remove_directory(self._attempt.staging_directory)
        if intent_path is not None:
            self._storage.delete([intent_path])
        directories = {parent(file.upload.final_path) for file in self._files}
        self._storage.remove_empty_directories(sorted(directories), self._root)
        numbers = [self._attempt.first_part_number, *(file.part_number + 1 for file in visible)]
        self._attempt.end(next_part_number=max(numbers))
