"""The ways in which a file of an object store is written now and becomes visible later, perhaps by another process."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.errors import SupersededError
from airflow_provider_cqlai.engine.files.storage.storage import StagedUpload, TranslatingStream
from airflow_provider_cqlai.engine.files.storage.storage_access import LONG, StorageAccess, weigh_bytes

# The bytes of one upload part, and what each open file buffers. S3 takes 5 MiB to 5 GiB a part and 10,000 parts, so a
# file can have 78 GiB; the client libraries' own 50 MB would multiply with the open files.
_PART_BYTES = 8 * 1024 * 1024


class UploadStream(TranslatingStream):
    """Reports an upload that is gone as what it means: another attempt aborted it."""

    def __init__(self, file: Any, described_path: str, access: StorageAccess) -> None:
        super().__init__(file, described_path)
        self._access = access

    def write(self, content: Any) -> int:
        size = memoryview(content).nbytes
        buffered = self._bytes_sent_with(size)
        if not buffered:
            return super().write(content)
        try:
            self._access.run(
                "write", self._described_path, partial(self._stream.write, content), weight=weigh_bytes(buffered)
            )
        except FileNotFoundError as error:
            raise _aborted(self._described_path) from error
        self.bytes_written += size
        return size

    def _bytes_sent_with(self, size: int) -> int:
        """How many bytes go to the store with the next ``size`` ones; 0 where fsspec's file still keeps them."""
        buffer, block_size = getattr(self._stream, "buffer", None), getattr(self._stream, "blocksize", 0)
        buffered = size + (buffer.tell() if buffer is not None else 0)
        return buffered if buffered >= block_size else 0


class ObjectUpload(StagedUpload):
    """A data file of an object store."""

    has_staging_file = False

    def __init__(self, file: Any, access: StorageAccess, final_path: str, described_path: str) -> None:
        super().__init__(final_path)
        self._file = file
        self._access = access
        self._stream = UploadStream(file, described_path, access)
        self._described_path = described_path

    @property
    def stream(self) -> TranslatingStream:
        return self._stream

    @property
    def bytes_written(self) -> int:
        """The size that the object must have."""
        return self._stream.bytes_written

    def finish(self) -> int:
        if not self._file.closed:
            try:
                self._access.run("upload", self._described_path, self._file.close)
            except FileNotFoundError as error:
                raise _aborted(self._described_path) from error
        return self._stream.bytes_written

    def check_staged(self) -> None:
        """Nothing: what the store holds is looked at once the upload is completed."""

    def commit(self) -> None:
        """Make the file visible under its final name. Raises FileNotFoundError when the upload is gone."""
        self._access.run("complete the upload", self._described_path, self._complete, weight=LONG)

    def detach(self) -> dict[str, Any]:
        raise NotImplementedError(f"{self._described_path}: only this process can complete the upload")

    @abstractmethod
    def _complete(self) -> None: ...


class HeldUpload(ObjectUpload):
    """S3 and Google: all parts are in the store on `finish`; `commit` completes the upload."""

    def __init__(
        self, filesystem: AbstractFileSystem, access: StorageAccess, final_path: str, described_path: str
    ) -> None:
        opening = partial(filesystem.open, final_path, "wb", block_size=_PART_BYTES, autocommit=False)
        file = access.run("write", described_path, opening)
        # fsspec puts the file on a list that a transaction of anybody else on this shared object would commit.
        others = [held for held in filesystem.transaction.files if held is not file]
        filesystem.transaction.files.clear()
        filesystem.transaction.files.extend(others)
        super().__init__(file, access, final_path, described_path)

    def _complete(self) -> None:
        self._file.commit()

    def detach(self) -> dict[str, Any]:
        """Of S3: the parts are in the store, and whoever knows their tags can complete the upload."""
        return {"bytes": self.bytes_written, "upload_id": self._file.mpu["UploadId"], "parts": list(self._file.parts)}

    def discard(self) -> None:
        if self.is_placed:
            return
        # Without this, the garbage collector would close the file and upload what it still buffers.
        self._file.closed = True
        with suppress(FileNotFoundError):
            self._access.run("abort the upload", self._described_path, self._file.discard)


class DeferredCloseUpload(ObjectUpload):
    """Azure: blocks go up as they fill, closing sends the list that makes the blob appear, so `commit` closes."""

    def __init__(
        self, filesystem: AbstractFileSystem, access: StorageAccess, final_path: str, described_path: str
    ) -> None:
        opening = partial(filesystem.open, final_path, "wb", block_size=_PART_BYTES)
        super().__init__(access.run("write", described_path, opening), access, final_path, described_path)

    def finish(self) -> int:
        return self._stream.bytes_written

    def _complete(self) -> None:
        self._file.close()

    def discard(self) -> None:
        # Blocks without a list are dropped by the store after a week.
        self._file.closed = True


class MovedUpload(ObjectUpload):
    """Everything else: a staging name, and a move."""

    has_staging_file = True

    def __init__(
        self,
        filesystem: AbstractFileSystem,
        access: StorageAccess,
        staging_path: str,
        final_path: str,
        described_path: str,
    ) -> None:
        self._filesystem = filesystem
        self._staging_path = staging_path
        opening = partial(filesystem.open, staging_path, "wb")
        super().__init__(access.run("write", described_path, opening), access, final_path, described_path)

    def _complete(self) -> None:
        self._filesystem.mv(self._staging_path, self.final_path)

    def detach(self) -> dict[str, Any]:
        return {"bytes": self.bytes_written}

    def discard(self) -> None:
        with suppress(FileNotFoundError):
            self._access.run("remove", self._described_path, self._remove)

    def _remove(self) -> None:
        self._file.close()
        self._filesystem.rm_file(self._staging_path)


class DetachedUpload(ObjectUpload):
    """What another process has uploaded and finished: of S3 the parts of an upload, else an object of a staging name.

    A process may have been killed while it placed it; the final name is this upload's alone.
    """

    has_staging_file = False

    def __init__(
        self,
        filesystem: AbstractFileSystem,
        access: StorageAccess,
        staging_path: str,
        final_path: str,
        described_path: str,
        detached: Mapping[str, Any],
    ) -> None:
        StagedUpload.__init__(self, final_path)
        self._filesystem = filesystem
        self._access = access
        self._staging_path = staging_path
        self._described_path = described_path
        self._detached = detached

    @property
    def stream(self) -> TranslatingStream:
        raise RuntimeError(f"{self._described_path} was uploaded by another process")

    @property
    def bytes_written(self) -> int:
        return int(self._detached["bytes"])

    def finish(self) -> int:
        return self.bytes_written

    def detach(self) -> dict[str, Any]:
        return dict(self._detached)

    def _complete(self) -> None:
        try:
            self._put()
        except FileNotFoundError:
            # `replace_with` looks at the size.
            if not self._filesystem.exists(self.final_path):
                raise

    def _put(self) -> None:
        if "upload_id" not in self._detached:
            self._filesystem.mv(self._staging_path, self.final_path)
            return
        self._filesystem.call_s3(
            "complete_multipart_upload", **self._upload, MultipartUpload={"Parts": self._detached["parts"]}
        )
        self._filesystem.invalidate_cache(self.final_path)

    def discard(self) -> None:
        if self.is_placed:
            return
        with suppress(FileNotFoundError):
            self._access.run("abort the upload", self._described_path, self._drop)

    def _drop(self) -> None:
        if "upload_id" in self._detached:
            self._filesystem.call_s3("abort_multipart_upload", **self._upload)
        else:
            self._filesystem.rm_file(self._staging_path)

    @property
    def _upload(self) -> dict[str, str]:
        bucket, key, _ = self._filesystem.split_path(self.final_path)
        return {"Bucket": bucket, "Key": key, "UploadId": self._detached["upload_id"]}


def _aborted(described_path: str) -> SupersededError:
    return SupersededError(f"{described_path}: the upload was aborted: a newer attempt at the same output has started")
