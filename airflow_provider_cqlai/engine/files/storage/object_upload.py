"""The three ways in which a file of an object store is written now and becomes visible later."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.errors import SupersededError
from airflow_provider_cqlai.engine.files.storage.storage import StagedUpload, TranslatedErrors, TranslatingStream

# The bytes of one upload part, and what each open file buffers. S3 takes 5 MiB to 5 GiB a part and 10,000 parts, so a
# file can have 78 GiB; the client libraries' own 50 MB would multiply with the open files.
_PART_BYTES = 8 * 1024 * 1024


class UploadStream(TranslatingStream):
    """Reports an upload that is gone as what it means: another attempt aborted it."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except FileNotFoundError as error:
            raise _aborted(self._described_path) from error


class ObjectUpload(StagedUpload):
    """A data file of an object store."""

    has_staging_file = False

    def __init__(self, file: Any, final_path: str, described_path: str) -> None:
        super().__init__(final_path)
        self._file = file
        self._stream = UploadStream(file, described_path)
        self._described_path = described_path

    @property
    def stream(self) -> TranslatingStream:
        return self._stream

    def finish(self) -> int:
        with TranslatedErrors("upload", self._described_path):
            try:
                if not self._file.closed:
                    self._file.close()
            except FileNotFoundError as error:
                raise _aborted(self._described_path) from error
        return self._stream.bytes_written

    def check_staged(self) -> None:
        """Nothing: what the store holds is looked at once the upload is completed."""

    @abstractmethod
    def commit(self) -> None:
        """Make the file visible under its final name. Raises FileNotFoundError when the upload is gone."""


class HeldUpload(ObjectUpload):
    """S3 and Google: all parts are in the store on `finish`; `commit` completes the upload."""

    def __init__(self, filesystem: AbstractFileSystem, final_path: str, described_path: str) -> None:
        file = filesystem.open(final_path, "wb", block_size=_PART_BYTES, autocommit=False)
        # fsspec puts the file on a list that a transaction of anybody else on this shared object would commit.
        others = [held for held in filesystem.transaction.files if held is not file]
        filesystem.transaction.files.clear()
        filesystem.transaction.files.extend(others)
        super().__init__(file, final_path, described_path)

    def commit(self) -> None:
        self._file.commit()

    def discard(self) -> None:
        if self.is_placed:
            return
        # Without this, the garbage collector would close the file and upload what it still buffers.
        self._file.closed = True
        with TranslatedErrors("abort the upload", self._described_path):
            try:
                self._file.discard()
            except FileNotFoundError:
                return


class DeferredCloseUpload(ObjectUpload):
    """Azure: blocks go up as they fill, closing sends the list that makes the blob appear, so `commit` closes."""

    def __init__(self, filesystem: AbstractFileSystem, final_path: str, described_path: str) -> None:
        file = filesystem.open(final_path, "wb", block_size=_PART_BYTES)
        super().__init__(file, final_path, described_path)

    def finish(self) -> int:
        return self._stream.bytes_written

    def commit(self) -> None:
        self._file.close()

    def discard(self) -> None:
        # Blocks without a list are dropped by the store after a week.
        self._file.closed = True


class MovedUpload(ObjectUpload):
    """Everything else: a staging name, and a move."""

    has_staging_file = True

    def __init__(self, filesystem: AbstractFileSystem, staging_path: str, final_path: str, described_path: str) -> None:
        self._filesystem = filesystem
        self._staging_path = staging_path
        super().__init__(filesystem.open(staging_path, "wb"), final_path, described_path)

    def commit(self) -> None:
        self._filesystem.mv(self._staging_path, self.final_path)

    def discard(self) -> None:
        self._file.close()
        with TranslatedErrors("remove", self._described_path):
            try:
                self._filesystem.rm_file(self._staging_path)
            except FileNotFoundError:
                return


def _aborted(described_path: str) -> SupersededError:
    return SupersededError(f"{described_path}: the upload was aborted: a newer attempt at the same output has started")
