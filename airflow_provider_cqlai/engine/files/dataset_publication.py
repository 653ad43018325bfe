"""Publishes a directory of files: one generation of a run key's rows takes the place of the one before.

Order: claim, clean up what others left, stage files; then record the intent, look for overlaps, give the files their
names, append the manifest (the commit point), and remove the old generation. See docs/publishing.md for what a kill
between any two of these leaves, and who removes it.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CqlaiError,
    OutputExistsError,
    PublishError,
    SourceMismatchError,
    StorageError,
)
from airflow_provider_cqlai.engine.file_formats import PARQUET, FileFormat
from airflow_provider_cqlai.engine.files.attempt import Attempt
from airflow_provider_cqlai.engine.files.footer_metadata import describe_publication
from airflow_provider_cqlai.engine.files.leftovers import remove_foreign_leftovers, remove_leftovers
from airflow_provider_cqlai.engine.files.manifest import Manifest, Source
from airflow_provider_cqlai.engine.files.overlap import block_overlapping_attempts, find_replaced
from airflow_provider_cqlai.engine.files.publication import PublishedResult
from airflow_provider_cqlai.engine.files.publication_log import DatasetLog
from airflow_provider_cqlai.engine.files.run_key import RunKey
from airflow_provider_cqlai.engine.files.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage import StagedUpload, Storage, join
from airflow_provider_cqlai.engine.publish_options import PublishOptions
from airflow_provider_cqlai.engine.results import DataFile

logger = logging.getLogger(__name__)

COMMON_METADATA = "_common_metadata"


class DatasetFile:
    """A `StagedFile` of a dataset."""

    def __init__(self, upload: StagedUpload, hive_partition: str, relative_path: str, part_number: int) -> None:
        self.upload = upload
        self.hive_partition = hive_partition
        self.relative_path = relative_path
        self.part_number = part_number

    @property
    def stream(self) -> Any:
        return self.upload.stream

    def finish(self) -> int:
        return self.upload.finish()

    def discard(self) -> None:
        self.upload.discard()


class DatasetPublication:
    """One attempt at one run key of a dataset."""

    def __init__(
        self,
        options: PublishOptions,
        *,
        storage: Storage,
        root: str,
        run_key: RunKey,
        source: Source,
        file_format: FileFormat,
        is_hive: bool,
        is_log: bool,
        arrow_schema: pa.Schema,
        consistency_level: str,
        cancellation: Cancellation,
    ) -> None:
        self.path = storage.describe(root)
        self.footer_metadata = describe_publication(source, run_key, consistency_level)
        self.already_published: PublishedResult | None = None
        self._options = options
        self._storage = storage
        self._root = root
        self._run_key = run_key
        self._source = source
        self._file_format = file_format
        self._is_hive = is_hive
        self._is_log = is_log
        self._arrow_schema = arrow_schema
        self._consistency_level = consistency_level
        self._cancellation = cancellation
        self._dataset_log = DatasetLog(storage, root)
        self._log = self._dataset_log.run_key_log(run_key)
        self._attempt: Attempt | None = None
        self._files: list[DatasetFile] = []
        self._next_number_by_hive_partition: dict[str, int] = {}
        self._is_new_root = False
        self._has_intent = False
        # Files are getting their final names.
        self._is_placing = False
        # From the moment the commit may have happened, files are left to whoever knows.
        self._is_decided_by_log = False

    def __enter__(self) -> Self:
        if self._storage.is_file(self._root):
            raise PublishError(
                f"{self.path} is a file, not a directory; the path of a single file ends with .parquet, .json or .csv"
            )
        self._is_new_root = not self._storage.exists(self._root)
        try:
            self._attempt = Attempt.start(self._log, self._source, self._check_allowed)
            self._roll_forward()
            remove_leftovers(self._dataset_log, self._log, self._attempt, self._source)
            self._find_already_published()
            self._storage.make_directory(self._attempt.staging_directory)
        except BaseException:
            try:
                self._leave()
            except CqlaiError as leave_error:
                self._log_left_behind(leave_error)
            raise
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        attempt = self._attempt
        try:
            is_superseded = isinstance(error, StorageError) and attempt is not None and attempt.is_superseded()
            self._leave()
        except CqlaiError as leave_error:
            if error is None:
                raise
            self._log_left_behind(leave_error)
            return
        if is_superseded and attempt is not None and not self._is_decided_by_log:
            # Uploads that a newer attempt aborted fail in words that differ between stores.
            raise attempt.superseded() from error

    def create_file(self, hive_partition: str, query_number: int | None = None) -> DatasetFile:
        """Begin a file in ``hive_partition``, under the next number that is free there."""
        attempt = self._active_attempt
        number = self._next_number_by_hive_partition.get(hive_partition, attempt.first_part_number)
        while True:
            attempt.reserve(number)
            name = self._run_key.file_name(number, self._file_format.extension, query_number)
            relative_path = join(hive_partition, name)
            final_path = join(self._root, relative_path)
            # Numbers are this attempt's alone, so a file there is somebody else's and stays.
            if not self._storage.exists(final_path):
                break
            number += 1
        self._next_number_by_hive_partition[hive_partition] = number + 1
        staging_path = join(attempt.staging_directory, f"{len(self._files):06d}.staging")
        try:
            upload = self._storage.stage(staging_path, final_path)
        except FileNotFoundError as error:
            raise attempt.superseded() from error
        file = DatasetFile(upload, hive_partition, relative_path, number)
        self._files.append(file)
        return file

    def commit(self, written: Sequence[WrittenFile]) -> PublishedResult:
        """Make exactly ``written`` the run key's rows."""
        attempt = self._active_attempt
        self._cancellation.raise_if_cancelled()
        attempt.check_not_superseded()
        self._check_source()
        files = self._take_written(written)
        attempt.write_intent([file.relative_path for file, _ in files])
        self._has_intent = True
        block_overlapping_attempts(self._dataset_log, self._run_key, attempt)
        replaced = self._find_replaced()
        self._place([file for file, _ in files])
        self._cancellation.raise_if_cancelled()
        manifest = self._build_manifest([counts for _, counts in files], replaced)
        self._append(manifest)
        self._remove_old_generation(manifest)
        return self._result(manifest)

    @property
    def _active_attempt(self) -> Attempt:
        if self._attempt is None or self._is_decided_by_log:
            raise RuntimeError("the publication is not open: it is a context manager, and commits once")
        return self._attempt

    def _check_allowed(self) -> None:
        """What must hold when the claim is made; most of it is looked at once more right before the commit."""
        self._check_source()
        self._find_replaced()
        publication = self._log.last_publication(self._source)
        if publication is None or publication.manifest is None:
            return
        is_own = self._options.owner is not None and publication.manifest.owner == self._options.owner
        if (self._is_log or self._options.if_exists == "error") and not is_own:
            reason = "an export by writetime is never replaced" if self._is_log else "if_exists='error'"
            raise OutputExistsError(
                f"{self.path}: {self._run_key} was published at {publication.manifest.created} by"
                f" {publication.manifest.owner or 'a caller without a name'}, and {reason}",
                option="if_exists",
            )

    def _check_source(self) -> None:
        dataset_source = self._dataset_log.source()
        if dataset_source is not None and not self._source.is_same_as(dataset_source):
            if self._attempt is None:
                remove_foreign_leftovers(self._dataset_log, self._run_key, dataset_source)
            self._source.check_same_as(dataset_source, self.path)

    def _find_replaced(self) -> tuple[RunKey, ...]:
        may_replace = self._options.on_overlap == "replace" and not self._is_log
        return find_replaced(self._dataset_log, self._run_key, self._source, may_replace=may_replace)

    def _roll_forward(self) -> None:
        """A killed attempt may have committed just before it could make the dataset its source's."""
        if self._dataset_log.source() is not None:
            return
        publication = self._log.last_publication(self._source)
        if publication is not None and publication.manifest is not None:
            self._confirm_source()

    def _find_already_published(self) -> None:
        publication = self._log.last_publication(self._source)
        if publication is None or publication.manifest is None:
            return
        if _has_common_metadata(publication.manifest):
            self._write_common_metadata(publication.manifest, only_if_missing=True)
        if self._is_log:
            self.already_published = self._result(publication.manifest)

    def _take_written(self, written: Sequence[WrittenFile]) -> list[tuple[DatasetFile, DataFile]]:
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
        self._files = [file for file, _ in taken]
        return sorted(taken, key=lambda pair: pair[1].path)

    def _place(self, files: Sequence[DatasetFile]) -> None:
        self._is_placing = True
        try:
            self._storage.place([file.upload for file in files], self._root, self._cancellation)
        except FileNotFoundError as error:
            self._is_placing = False
            raise self._active_attempt.superseded() from error
        except FileExistsError as error:
            self._is_placing = False
            raise StorageError(f"{self.path}: somebody else put a file there meanwhile: {error}") from error
        self._is_placing = False

    def _build_manifest(self, files: Sequence[DataFile], replaced: tuple[RunKey, ...]) -> Manifest:
        attempt = self._active_attempt
        return Manifest(
            run_key=self._run_key,
            number=attempt.commit_number,
            attempt=attempt.name,
            source=self._source,
            files=tuple(files),
            next_part_number=self._next_part_number(),
            arrow_schema=self._arrow_schema,
            is_hive=self._is_hive,
            is_log=self._is_log,
            owner=self._options.owner,
            consistency_level=self._consistency_level,
            replaces=replaced,
        )

    def _append(self, manifest: Manifest) -> None:
        """The commit point. For a dataset's first publication it is the creation of its source file, right after."""
        attempt = self._active_attempt
        self._is_decided_by_log = True
        try:
            attempt.commit(manifest)
        except CqlaiError as error:
            # Superseded or refused: certainly not published. Otherwise whether it was is for the log to say.
            self._is_decided_by_log = isinstance(error, StorageError)
            raise
        try:
            self._confirm_source()
        except SourceMismatchError:
            self._log.delete([manifest.number])
            self._is_decided_by_log = False
            raise
        newer = self._log.last_publication(self._source)
        if newer is None or newer.number != manifest.number:
            self._log.delete([manifest.number])
            self._is_decided_by_log = False
            raise attempt.superseded()

    def _confirm_source(self) -> None:
        assert self._attempt is not None
        if self._dataset_log.source() is None:
            try:
                self._dataset_log.create_source(self._source, through=self._attempt.temporary_path())
            except FileExistsError:
                pass
            except FileNotFoundError as error:
                raise self._attempt.superseded() from error
        dataset_source = self._dataset_log.source()
        if dataset_source is None:
            raise StorageError(f"{self.path}: the file that names the dataset's source was removed")
        self._source.check_same_as(dataset_source, self.path)

    def _remove_old_generation(self, manifest: Manifest) -> None:
        assert self._attempt is not None
        self._storage.delete([self._attempt.intent_path])
        self._storage.remove_directory(self._attempt.staging_directory)
        if _has_common_metadata(manifest):
            self._write_common_metadata(manifest, only_if_missing=False)
        remove_leftovers(self._dataset_log, self._log, self._attempt, self._source)

    def _write_common_metadata(self, manifest: Manifest, *, only_if_missing: bool) -> None:
        assert self._attempt is not None
        path = join(self._root, COMMON_METADATA)
        try:
            present: bytes | None = self._storage.read(path)
        except FileNotFoundError:
            present = None
        if present is not None and only_if_missing:
            return
        content = common_metadata(manifest)
        if content == present:
            return
        try:
            self._storage.replace(path, content, through=self._attempt.temporary_path())
        except FileNotFoundError as error:
            raise self._attempt.superseded() from error

    def _result(self, manifest: Manifest) -> PublishedResult:
        return PublishedResult(
            files=manifest.files, manifest=self._storage.describe(self._log.entry_path(manifest.number))
        )

    def _next_part_number(self) -> int:
        assert self._attempt is not None
        return max([self._attempt.first_part_number, *self._next_number_by_hive_partition.values()])

    def _leave(self) -> None:
        """Nothing was committed: remove what this attempt made. After a commit, or an unknown outcome, nothing."""
        attempt, self._attempt = self._attempt, None
        if self._is_decided_by_log:
            return
        if attempt is not None:
            self._remove_attempt(attempt)
        self._storage.remove_empty_directories([self._log.directory], self._root)
        if self._is_new_root:
            self._storage.remove_empty_directories([self._root], self._root.rpartition("/")[0])

    def _log_left_behind(self, leave_error: CqlaiError) -> None:
        # Not raised: the error that ended the attempt says more, and the next attempt cleans up.
        logger.warning("%s: what the failed attempt staged could not be removed: %s", self.path, leave_error)

    def _remove_attempt(self, attempt: Attempt) -> None:
        for file in self._files:
            file.discard()
        # Where placing failed midway, a file can have its name without this process knowing.
        visible = [file for file in self._files if file.upload.is_placed or self._is_placing]
        self._storage.delete([file.upload.final_path for file in visible])
        self._storage.remove_directory(attempt.staging_directory)
        if self._has_intent:
            self._storage.delete([attempt.intent_path])
        directories = {file.upload.final_path.rpartition("/")[0] for file in self._files}
        self._storage.remove_empty_directories(sorted(directories), self._root)
        attempt.end(next_part_number=max([attempt.first_part_number, *(file.part_number + 1 for file in visible)]))


def _has_common_metadata(manifest: Manifest) -> bool:
    return manifest.is_hive and manifest.source.format == PARQUET


def common_metadata(manifest: Manifest) -> bytes:
    """The file schema of a hive dataset, as readers look for it: without the columns that are directories."""
    hive_columns = manifest.source.partition_by or ()
    file_schema = pa.schema([field for field in manifest.arrow_schema if field.name not in hive_columns])
    sink = io.BytesIO()
    pq.write_metadata(file_schema, sink)
    return sink.getvalue()
