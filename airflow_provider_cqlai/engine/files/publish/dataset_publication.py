"""Publishes a directory of files: one generation of a run key's rows takes the place of the one before.

Order: claim, clean up what others left, stage files; then record the intent, look for overlaps, give the files their
names, append the manifest (the commit point), and remove the old generation. See docs/publishing.md for what a kill
between any two of these leaves, and who removes it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

import pyarrow as pa

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CqlaiError,
    OutputExistsError,
    PublishError,
    SourceMismatchError,
    StorageError,
)
from airflow_provider_cqlai.engine.files.manifests.footer_metadata import describe_publication
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source
from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.manifests.sharding import Sharding
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.publish.attempt_files import AttemptFiles, DatasetFile
from airflow_provider_cqlai.engine.files.publish.common_metadata import write_common_metadata
from airflow_provider_cqlai.engine.files.publish.leftovers import (
    remove_foreign_leftovers,
    remove_leftovers,
    remove_replaced_generation,
)
from airflow_provider_cqlai.engine.files.publish.overlap import block_overlapping_attempts, find_replaced
from airflow_provider_cqlai.engine.files.publish.publication import Due, PublishedResult
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage import Storage
from airflow_provider_cqlai.engine.options.publish import PublishOptions
from airflow_provider_cqlai.engine.options.values.file_formats import FileFormat
from airflow_provider_cqlai.engine.results import DataFile

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)


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
        sharding: Sharding | None = None,
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
        self._sharding = sharding
        self._shard_tries: dict[int, str] = {}
        self._is_due = Due()
        self._dataset_log = DatasetLog(storage, root)
        self._log = self._dataset_log.run_key_log(run_key)
        self._attempt: Attempt | None = None
        self._files: AttemptFiles | None = None
        self._is_new_root = False
        self._has_intent = False
        # From the moment the commit may have happened, files are left to whoever knows.
        self._is_decided_by_log = False

    def __enter__(self) -> Self:
        if self._storage.is_file(self._root):
            raise PublishError(
                f"{self.path} is a file, not a directory; the path of a single file ends with .parquet, .json or .csv"
            )
        self._is_new_root = not self._storage.exists(self._root)
        try:
            attempt = Attempt.start(self._log, self._source, self._check_allowed, sharding=self._sharding)
            self._attempt = attempt
            self._files = AttemptFiles(self._storage, self._root, attempt, self._run_key, self._file_format.extension)
            self._roll_forward()
            remove_leftovers(self._dataset_log, self._log, attempt, self._source)
            self._find_already_published()
            self._storage.make_directory(attempt.staging_directory)
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

    def share(self) -> None:
        """Leave the attempt, which has a `Sharding`, to the processes that are to export its shards."""
        assert self._sharding is not None
        self._attempt = None

    def create_file(self, hive_partition: str, query_number: int | None = None) -> DatasetFile:
        """Begin a file in ``hive_partition``, under the next number that is free there."""
        return self._active_files.create(hive_partition, query_number)

    def check_if_due(self) -> None:
        if self._is_due():
            # A store that does not answer now is asked again at the commit.
            with suppress(StorageError):
                self._active_attempt.check_not_superseded()

    def commit(self, written: Sequence[WrittenFile]) -> PublishedResult:
        """Make exactly ``written`` the run key's rows."""
        attempt = self._active_attempt
        self._cancellation.raise_if_cancelled()
        attempt.check_not_superseded()
        self._check_source()
        files = self._active_files
        data_files = self._take(written)
        attempt.write_intent([file.path for file in data_files])
        self._has_intent = True
        block_overlapping_attempts(self._dataset_log, self._run_key, attempt)
        replaced = self._find_replaced()
        files.place(self._cancellation)
        self._cancellation.raise_if_cancelled()
        manifest = self._build_manifest(data_files, files.next_part_number, replaced)
        self._append(manifest)
        self._remove_old_generation(manifest)
        return self._result(manifest)

    @property
    def _active_attempt(self) -> Attempt:
        if self._attempt is None or self._is_decided_by_log:
            raise RuntimeError("the publication is not open: it is a context manager, and commits once")
        return self._attempt

    @property
    def _active_files(self) -> AttemptFiles:
        assert self._active_attempt is not None
        assert self._files is not None
        return self._files

    def _take(self, written: Sequence[WrittenFile]) -> list[DataFile]:
        """What the run key's rows will be."""
        return self._active_files.take(written)

    def _check_allowed(self) -> None:
        """What must hold when the claim is made; most of it is looked at once more right before the commit."""
        self._check_source()
        self._find_replaced()
        publication = self._log.last_publication(self._source)
        if publication is None or publication.manifest is None:
            return
        is_own = self._options.owner is not None and publication.manifest.owner == self._options.owner
        if (self._is_log or self._options.if_exists == "error") and not is_own:
            reason = (
                "an export by writetime is never replaced"
                if self._is_log
                else "if_exists='error' replaces nothing, if_exists='replace' does"
            )
            raise OutputExistsError(
                f"{reason}; {self.path}: {self._run_key} was published at {publication.manifest.created} by"
                f" {publication.manifest.owner or 'a caller without a name'}",
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
        assert self._attempt is not None
        write_common_metadata(self._storage, self._root, self._attempt, publication.manifest, only_if_missing=True)
        if self._is_log:
            self.already_published = self._result(publication.manifest)

    def _build_manifest(
        self, files: Sequence[DataFile], next_part_number: int, replaced: tuple[RunKey, ...]
    ) -> Manifest:
        attempt = self._active_attempt
        return Manifest(
            run_key=self._run_key,
            number=attempt.commit_number,
            attempt=attempt.name,
            source=self._source,
            files=tuple(files),
            next_part_number=next_part_number,
            arrow_schema=self._arrow_schema,
            is_hive=self._is_hive,
            is_log=self._is_log,
            owner=self._options.owner,
            consistency_level=self._consistency_level,
            replaces=replaced,
            sharding=self._sharding,
            shards=self._shard_tries,
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
        remove_replaced_generation(self._dataset_log, self._log)
        self._storage.delete([self._attempt.intent_path])
        self._storage.remove_directory(self._attempt.staging_directory)
        write_common_metadata(self._storage, self._root, self._attempt, manifest)
        remove_leftovers(self._dataset_log, self._log, self._attempt, self._source)

    def _result(self, manifest: Manifest) -> PublishedResult:
        return PublishedResult(
            files=manifest.files, manifest=self._storage.describe(self._log.entry_path(manifest.number))
        )

    def _leave(self) -> None:
        """Nothing was committed: remove what this attempt made. After a commit, or an unknown outcome, nothing."""
        attempt, self._attempt = self._attempt, None
        if self._is_decided_by_log:
            return
        if attempt is not None and self._files is not None:
            self._files.remove(attempt.intent_path if self._has_intent else None)
        self._storage.remove_empty_directories([self._log.directory], self._root)
        if self._is_new_root:
            self._storage.remove_empty_directories([self._root], self._root.rpartition("/")[0])

    def _log_left_behind(self, leave_error: CqlaiError) -> None:
        # Not raised: the error that ended the attempt says more, and the next attempt cleans up.
        logger.warning("%s: what the failed attempt staged could not be removed: %s", self.path, leave_error)
