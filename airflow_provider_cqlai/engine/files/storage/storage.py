"""The storage of a URI: the few operations that publishing needs, the same on a local disk and in an object store.

`storage_location` chooses between `LocalStorage` and `ObjectStorage`. Note: everything depends on `Storage.create`,
which makes a complete file appear only if there is none of that name; where a store cannot do that, two attempts at one
output could both believe they won, so such a store is refused.
"""

from __future__ import annotations

import errno
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, BinaryIO, ClassVar

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import AccessDeniedError, CqlaiError, PublishError, StorageError

# Errors of a local path that another attempt meets as well.
_TERMINAL_ERRNOS = frozenset({errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})
# Errors of object stores' client libraries, which are not an OSError.
_CLIENT_LIBRARIES = frozenset(
    {
        *("botocore", "aiobotocore", "s3fs", "aiohttp", "gcsfs", "google", "requests", "adlfs", "azure", "fsspec"),
        # What those let through.
        *("asyncio", "urllib3", "http", "httpx", "httpcore", "paramiko"),
    }
)
_CREDENTIAL_ERRORS = re.compile(r"Credential|Authenticat|ProfileNotFound|TokenError|RefreshError|SSO|Forbidden")


class StagedUpload(ABC):
    """One data file on its way: written, finished, then placed together with the others or discarded."""

    has_staging_file: ClassVar[bool]
    """Whether the staging path is a file from the beginning, which somebody can remove to stop the upload."""

    def __init__(self, final_path: str) -> None:
        self.final_path = final_path
        self.is_placed = False

    @property
    @abstractmethod
    def stream(self) -> TranslatingStream:
        """A binary file object that takes the bytes and closes with `finish`."""

    @abstractmethod
    def finish(self) -> int:
        """Make the bytes durable, invisible still; returns their number, on a local disk the size that the file has."""

    def open_finished(self) -> BinaryIO | None:
        """The file after `finish`, to be read; None where it cannot be before it is placed."""
        return None

    @abstractmethod
    def check_staged(self) -> None:
        """Look whether a local file still has all the bytes of `finish`; `Storage.place` does so for every file first.

        Raises:
            StorageError: it was cut, or grew, since.
            FileNotFoundError: it is gone.
        """

    @abstractmethod
    def discard(self) -> None:
        """Drop what was written and is not placed. Idempotent."""

    @abstractmethod
    def detach(self) -> dict[str, Any]:
        """After `finish`: what another process needs to place the file or to discard it, for `Storage.attach`. JSON."""


class Storage(ABC):
    """Files by path. Paths are the storage's own, without a protocol; `describe` gives the form that users read.

    Every error of the file system arrives as an error of `engine.errors`, except those that callers answer to:
    FileNotFoundError and FileExistsError, where a method says so.
    """

    max_name_bytes: ClassVar[int | None] = None
    """The longest name of a file or directory; None means no limit of its own."""

    @abstractmethod
    def describe(self, path: str) -> str:
        """The absolute path or URI."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The whole file. Raises FileNotFoundError."""

    @abstractmethod
    def open_read(self, path: str) -> Any:
        """A seekable binary file object. Raises FileNotFoundError."""

    @abstractmethod
    def identify(self, path: str) -> str:
        """A text that changes when the file does: its size and ETag or time of change. Raises FileNotFoundError."""

    @abstractmethod
    def identify_opened(self, path: str, stream: Any) -> str:
        """The same of the file that `open_read` has opened, where that can tell, without asking again."""

    @abstractmethod
    def create(self, path: str, content: bytes, *, through: str) -> None:
        """Make the complete file appear, only if there is none of this name; durable on return.

        ``through`` is a path of the caller's own where a local disk may put it together first. Raises FileExistsError,
        and FileNotFoundError when someone removed ``through`` meanwhile.
        """

    @abstractmethod
    def replace(self, path: str, content: bytes, *, through: str) -> None:
        """Make the complete file appear in place of the one that may be there. Raises FileNotFoundError as `create`."""

    @abstractmethod
    def delete(self, paths: Sequence[str]) -> None:
        """Remove files; a file that is not there is not an error."""

    @abstractmethod
    def list_files(self, directory: str) -> list[str]:
        """All files below ``directory``, relative to it; none when it is missing. Never from a cache."""

    def list_source_files(self, directory: str) -> list[str]:
        """The same for someone who only reads: directories that are links are followed, too."""
        return self.list_files(directory)

    def real_path(self, path: str) -> str:
        """The one path of a file or directory that may be reached by several."""
        return path

    @abstractmethod
    def list_names(self, directory: str) -> list[str]:
        """Names right below ``directory``, of files and directories."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether there is a file or directory."""

    @abstractmethod
    def is_file(self, path: str) -> bool:
        """Whether a file is in the way of a directory of this name. Never in an object store."""

    @abstractmethod
    def is_directory(self, path: str) -> bool:
        """Whether a directory is in the way of a file of this name. Never in an object store."""

    @abstractmethod
    def has_file(self, path: str) -> bool:
        """Whether there is a file of this name, and no directory."""

    @abstractmethod
    def make_directory(self, path: str) -> None:
        """Make the directory and its parents, where the storage has such a thing."""

    @abstractmethod
    def remove_directory(self, path: str) -> None:
        """Remove a staging directory with all its files, so that nobody creates another one in it."""

    @abstractmethod
    def remove_empty_directories(self, directories: Sequence[str], root: str) -> None:
        """Remove those of ``directories`` and of their parents below ``root`` that are empty."""

    @abstractmethod
    def stage(self, staging_path: str, final_path: str, *, is_detachable: bool = False) -> StagedUpload:
        """Begin a data file that will appear at ``final_path``. Raises FileNotFoundError when the staging is gone.

        ``is_detachable``: this process may end before the file is placed, by another one that has `attach`.
        """

    @abstractmethod
    def attach(self, staging_path: str, final_path: str, detached: Mapping[str, Any]) -> StagedUpload:
        """The finished file that `StagedUpload.detach` described, in whatever process. It may be placed already, by one
        that was killed: then placing it changes nothing."""

    @abstractmethod
    def place(self, uploads: Sequence[StagedUpload], root: str, cancellation: Cancellation | None = None) -> None:
        """Make finished files visible under their final names, durable on return; not all at once.

        Raises FileNotFoundError when what was staged is gone, FileExistsError when a final name is taken.
        """

    @abstractmethod
    def replace_with(self, upload: StagedUpload) -> None:
        """Make one finished file visible in place of the one that may be there. Raises FileNotFoundError as `place`.

        Whoever calls it has asked `StagedUpload.check_staged`.
        """

    @abstractmethod
    def abort_uploads(self, directory: str, is_stale: Callable[[str], bool]) -> None:
        """Drop unfinished uploads of files below ``directory`` whose relative path ``is_stale`` accepts."""


def join(*parts: str) -> str:
    """Parts of a storage path as one; empty ones are left out, and a leading slash stays."""
    kept = [part for part in parts if part]
    return "/".join([*(part.rstrip("/") for part in kept[:-1]), kept[-1]])


def parent(path: str) -> str:
    return path.rpartition("/")[0]


class TranslatedErrors:
    """Turns a file system's errors into the engine's; FileNotFoundError and FileExistsError pass to callers.

    A class, since each write goes through it: a context manager made of a generator takes longer than a small write.
    """

    def __init__(self, action: str, described_path: str) -> None:
        self._action = action
        self._described_path = described_path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        translated = None if error is None else self._translate(error)
        if translated is not None:
            raise translated from error

    def _translate(self, error: BaseException) -> CqlaiError | None:
        """None where ``error`` itself passes."""
        if not isinstance(error, Exception) or isinstance(error, CqlaiError | FileNotFoundError | FileExistsError):
            return None
        # What is refused first: the path may be one of the log, which says little to who reads it.
        refused = f"no permission to {self._action} {self._described_path}"
        failed = f"{self._described_path}: cannot {self._action}"
        if isinstance(error, PermissionError):
            return AccessDeniedError.from_cause(refused, error)
        if isinstance(error, OSError):
            is_terminal = error.errno in _TERMINAL_ERRNOS
            return (PublishError if is_terminal else StorageError).from_cause(failed, error)
        library = type(error).__module__.partition(".")[0]
        if library not in _CLIENT_LIBRARIES:
            return None
        if _CREDENTIAL_ERRORS.search(type(error).__name__) or getattr(error, "code", None) in (401, 403):
            return AccessDeniedError.from_cause(refused, error)
        return StorageError.from_cause(failed, error)


class TranslatingStream:
    """A file object for pyarrow whose errors are the engine's. Counts the bytes that went through."""

    def __init__(self, stream: Any, described_path: str) -> None:
        self._stream = stream
        self._described_path = described_path
        self._translated_errors = TranslatedErrors("write", described_path)
        self.bytes_written = 0

    @property
    def path(self) -> str:
        """For messages."""
        return self._described_path

    @property
    def closed(self) -> bool:
        return bool(self._stream.closed)

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def write(self, content: Any) -> int:
        size = memoryview(content).nbytes
        with self._translated_errors:
            self._stream.write(content)
        self.bytes_written += size
        return size

    def tell(self) -> int:
        return self.bytes_written

    def flush(self) -> None:
        with self._translated_errors:
            self._stream.flush()

    def close(self) -> None:
        """Left to `StagedUpload.finish`: pyarrow closes what it wrote to, and closing may publish."""
