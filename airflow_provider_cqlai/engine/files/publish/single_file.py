"""Publishes one file, which replaces the one of the same source and window atomically.

There is no log: the file that is being written lies beside its final name as ``.<name>.<moment>-<random>.staging``
(on an object store, where uploads are invisible, an empty marker of that name). A newer attempt removes that of an
older one, which then cannot publish. What the file that is there holds is in its footer, or in its `FileAccounts`.
"""

from __future__ import annotations

import io
import re
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CqlaiError,
    OptionError,
    OutputExistsError,
    StorageError,
    SupersededError,
    WindowOverlapError,
)
from airflow_provider_cqlai.engine.files.manifests.file_account import DigestStream, FileAccounts
from airflow_provider_cqlai.engine.files.manifests.footer_metadata import (
    Footer,
    describe_owner,
    describe_publication,
    read_footer,
)
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.publish.publication import Due, PublishedResult
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage import (
    StagedUpload,
    Storage,
    TranslatedErrors,
    TranslatingStream,
    join,
    parent,
)
from airflow_provider_cqlai.engine.options.publish import PublishOptions
from airflow_provider_cqlai.engine.results import DataFile

if TYPE_CHECKING:
    from typing_extensions import Self

# What the staging name has more than the file's: two dots, 20 digits, a dash, 12 digits and ".staging".
STAGING_NAME_BYTES = 43


class SingleFile:
    """The `StagedFile` of a single file."""

    hive_partition = ""

    def __init__(self, upload: StagedUpload, stream: TranslatingStream | DigestStream) -> None:
        self._upload = upload
        self.stream = stream

    def finish(self) -> int:
        return self._upload.finish()

    def open_finished(self) -> BinaryIO | None:
        return self._upload.open_finished()

    def discard(self) -> None:
        self._upload.discard()


class SingleFilePublication:
    """One attempt at one file."""

    def __init__(
        self,
        options: PublishOptions,
        *,
        storage: Storage,
        path: str,
        run_key: RunKey,
        source: Source,
        has_footer: bool,
        is_log: bool,
        consistency_level: str,
        cancellation: Cancellation,
    ) -> None:
        self.path = storage.describe(path)
        self.footer_metadata = {
            **describe_publication(source, run_key, consistency_level),
            **describe_owner(options.owner),
        }
        self.already_published: PublishedResult | None = None
        self._options = options
        self._storage = storage
        self._final_path = path
        self._directory = parent(path)
        self._name = path.rpartition("/")[2]
        self._run_key = run_key
        self._source = source
        self._is_log = is_log
        self._cancellation = cancellation
        self._is_due = Due()
        # Attempts that start at the same moment are ordered by their names.
        self._attempt = f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}"
        self._staging_name = f".{self._name}.{self._attempt}.staging"
        self._accounts = None if has_footer else FileAccounts(storage, path)
        self._is_account_to_remove = False
        self._digesting: DigestStream | None = None
        self._upload: StagedUpload | None = None
        self._is_created = False

    def __enter__(self) -> Self:
        if self._storage.is_directory(self._final_path):
            raise OptionError(
                f"path: {self.path} is a directory; end the path with a slash to write a dataset there",
                option="path",
            )
        self._check_present()
        self._remove_staged(self._staged_names())
        self._storage.abort_uploads(self._directory, lambda relative_path: relative_path == self._name)
        if self.already_published is None:
            try:
                self._begin()
            except BaseException as error:
                # Nobody leaves a context that was not entered.
                self.__exit__(type(error), error, None)
                raise
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            try:
                if not upload.is_placed:
                    upload.discard()
                self._remove_staged([self._staging_name])
                if self._accounts is not None and self._is_account_to_remove:
                    self._accounts.remove(self._attempt)
            except CqlaiError:
                # The error that ended the attempt says more, and the next attempt cleans up.
                if error is None:
                    raise

    def create_file(self, hive_partition: str, query_number: int | None = None) -> SingleFile:
        """The one file."""
        if hive_partition:
            raise OptionError(f"partition_by: {self.path} is a single file", option="partition_by")
        if self._is_created:
            raise OptionError(
                f"max_file_size: {self.path} is a single file and cannot go on in a second one; leave max_file_size"
                " out, or name a directory",
                option="max_file_size",
            )
        self._is_created = True
        upload = self._open_upload
        if self._accounts is None:
            return SingleFile(upload, upload.stream)
        self._digesting = DigestStream(upload.stream)
        return SingleFile(upload, self._digesting)

    def commit(self, written: Sequence[WrittenFile]) -> PublishedResult:
        """Replace the file."""
        upload = self._open_upload
        if len(written) != 1:
            raise RuntimeError(f"a single file is published from one written file, not {len(written)}")
        self._check_present()
        self._check_not_superseded()
        self._cancellation.raise_if_cancelled()
        try:
            upload.check_staged()
            self._create_account(written[0])
            self._storage.replace_with(upload)
        except FileNotFoundError as error:
            self._is_account_to_remove = True
            raise self._superseded() from error
        self._remove_staged([self._staging_name])
        if self._accounts is not None:
            self._accounts.remove_older(self._attempt)
        counts = DataFile(path=self._name, rows=written[0].rows, bytes=written[0].bytes)
        return PublishedResult(files=(counts,))

    def _create_account(self, written: WrittenFile) -> None:
        """Before the file is in place: until then it fits no file, and a kill leaves nothing that it could spoil."""
        if self._accounts is None or self._digesting is None:
            return
        self._accounts.create(
            self._attempt,
            self.footer_metadata,
            rows=written.rows,
            bytes=written.bytes,
            digest=self._digesting.digest,
        )

    @property
    def _open_upload(self) -> StagedUpload:
        if self._upload is None:
            raise RuntimeError("the publication is not open: it is a context manager")
        return self._upload

    def _begin(self) -> None:
        """Stage, then look who else did meanwhile: of several at the same moment, the last by name goes on."""
        self._storage.make_directory(self._directory)
        staging_path = join(self._directory, self._staging_name)
        self._upload = self._storage.stage(staging_path, self._final_path)
        if not self._upload.has_staging_file:
            self._storage.replace(staging_path, b"", through=staging_path)
        self._remove_staged([name for name in self._staged_names() if name < self._staging_name])

    def check_if_due(self) -> None:
        if self._is_due():
            # A store that does not answer now is asked again at the commit.
            with suppress(StorageError):
                self._check_not_superseded()

    def _check_not_superseded(self) -> None:
        staged = self._staged_names()
        if self._staging_name not in staged or max(staged) != self._staging_name:
            raise self._superseded()

    def _check_present(self) -> None:
        """Whether the file that is there may be replaced."""
        try:
            footer, size = self._read_footer() if self._accounts is None else self._accounts.find()
        except FileNotFoundError:
            return
        self._source.check_same_as(footer.source, self.path)
        if footer.run_key != self._run_key:
            raise WindowOverlapError(
                f"{self.path} holds {footer.run_key} and is not replaced with {self._run_key}; name the window in the"
                " path: {window_start:%Y-%m-%d}",
                option="path",
            )
        is_own = self._options.owner is not None and footer.owner == self._options.owner
        if (self._is_log or self._options.if_exists == "error") and not is_own:
            raise OutputExistsError(
                f"{self.path} was published by {footer.owner or 'a caller without a name'} before, and "
                + ("an export by writetime is never replaced" if self._is_log else "if_exists='error'"),
                option="if_exists",
            )
        if self._is_log:
            counts = DataFile(path=self._name, rows=footer.rows, bytes=size)
            self.already_published = PublishedResult(files=(counts,))

    def _read_footer(self) -> tuple[Footer, int]:
        with TranslatedErrors("read", self.path), self._storage.open_read(self._final_path) as file:
            return read_footer(file, self.path), file.seek(0, io.SEEK_END)

    def _staged_names(self) -> list[str]:
        pattern = re.compile(rf"\.{re.escape(self._name)}\.\d{{20}}-[0-9a-f]{{12}}\.staging")
        return [name for name in self._storage.list_names(self._directory) if pattern.fullmatch(name)]

    def _remove_staged(self, names: Sequence[str]) -> None:
        self._storage.delete([join(self._directory, name) for name in names])

    def _superseded(self) -> SupersededError:
        return SupersededError(f"{self.path}: another attempt at this file started later and took over")
