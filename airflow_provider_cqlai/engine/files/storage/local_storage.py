"""A local or mounted file system. `create` writes a temporary file and hard-links it: a link never replaces anything.

Files and the directories that name them are synced before an operation counts as done, so a result also outlives the
machine's fall.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import OptionError, StorageError, SupersededError
from airflow_provider_cqlai.engine.files.storage.storage import (
    StagedUpload,
    Storage,
    TranslatedErrors,
    TranslatingStream,
    parent,
)

logger = logging.getLogger(__name__)

# Parquet writers hand over many small pieces; one system call per MiB is enough.
_BUFFER_BYTES = 1024 * 1024
# Another attempt may remove a directory as empty just before a file is put there. Each retry needs such a coincidence.
_MAX_COINCIDENCES = 100
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV})


class LocalUpload(StagedUpload):
    """A staging file, linked to its final name when it is placed."""

    has_staging_file = True

    def __init__(self, staging_path: str, final_path: str) -> None:
        super().__init__(final_path)
        self.staging_path = staging_path
        self._file: BinaryIO = open(staging_path, "xb", buffering=_BUFFER_BYTES)  # noqa: SIM115
        self._stream = TranslatingStream(self._file, staging_path)
        self._finished_bytes = 0

    @property
    def stream(self) -> TranslatingStream:
        return self._stream

    def finish(self) -> int:
        with TranslatedErrors("write", self.staging_path):
            if not self._file.closed:
                self._file.flush()
                os.fsync(self._file.fileno())
                # Of the open file: a newer attempt may have removed its name.
                self._finished_bytes = os.fstat(self._file.fileno()).st_size
                self._file.close()
        return self._check_size(self._finished_bytes)

    def open_finished(self) -> BinaryIO:
        try:
            with TranslatedErrors("read", self.staging_path):
                return open(self.staging_path, "rb")
        except FileNotFoundError as error:
            raise SupersededError(
                f"{self.staging_path}: the staged file was removed: a newer attempt at the same output has started"
            ) from error

    def check_staged(self) -> None:
        with TranslatedErrors("look up", self.staging_path):
            self._check_size(os.stat(self.staging_path).st_size)

    def detach(self) -> dict[str, Any]:
        return {"bytes": self._finished_bytes}

    def _check_size(self, size: int) -> int:
        if size != self._stream.bytes_written:
            raise StorageError(
                f"{self.staging_path}: {self._stream.bytes_written} bytes were written, but the file has {size} on disk"
            )
        return size

    def discard(self) -> None:
        with TranslatedErrors("remove", self.staging_path):
            try:
                self._file.close()
            except OSError as error:
                # What a full disk does not take is to be dropped anyway; the write has raised before.
                logger.debug("%s: closing it before removal: %s", self.staging_path, error)
            finally:
                _unlink([self.staging_path])


class DetachedLocalUpload(StagedUpload):
    """A staging file that another process has written and finished."""

    has_staging_file = True

    def __init__(self, staging_path: str, final_path: str, size: int) -> None:
        super().__init__(final_path)
        self.staging_path = staging_path
        self._bytes = size

    @property
    def stream(self) -> TranslatingStream:
        raise RuntimeError(f"{self.staging_path} was finished by another process")

    def finish(self) -> int:
        return self._bytes

    def check_staged(self) -> None:
        with TranslatedErrors("look up", self.staging_path):
            size = os.stat(self.staging_path).st_size
        if size != self._bytes:
            raise StorageError(
                f"{self.staging_path}: {self._bytes} bytes were written, but the file has {size} on disk"
            )

    def discard(self) -> None:
        with TranslatedErrors("remove", self.staging_path):
            _unlink([self.staging_path])

    def detach(self) -> dict[str, Any]:
        return {"bytes": self._bytes}


class LocalStorage(Storage):
    """Files by absolute path."""

    # Of the usual file systems on Linux and macOS.
    max_name_bytes = 255

    def describe(self, path: str) -> str:
        return path

    def read(self, path: str) -> bytes:
        with TranslatedErrors("read", path), open(path, "rb") as file:
            return file.read()

    def open_read(self, path: str) -> BinaryIO:
        with TranslatedErrors("read", path):
            return open(path, "rb")

    def identify(self, path: str) -> str:
        with TranslatedErrors("look up", path):
            return _identify(os.stat(path))

    def identify_opened(self, path: str, stream: Any) -> str:
        with TranslatedErrors("look up", path):
            return _identify(os.fstat(stream.fileno()))

    def create(self, path: str, content: bytes, *, through: str) -> None:
        with TranslatedErrors("create", path):
            self._write_through(through, content)
            try:
                _link(through, path)
            finally:
                _unlink([through])
            _sync_directory(parent(path))

    def replace(self, path: str, content: bytes, *, through: str) -> None:
        with TranslatedErrors("write", path):
            self._write_through(through, content)
            os.replace(through, path)
            _sync_directory(parent(path))

    def delete(self, paths: Sequence[str]) -> None:
        with TranslatedErrors("delete", paths[0] if paths else ""):
            _unlink(paths)
            for directory in sorted({parent(path) for path in paths}):
                if os.path.isdir(directory):
                    _sync_directory(directory)

    def list_files(self, directory: str) -> list[str]:
        # Who deletes what is listed must not reach behind a link.
        return _list_files(directory, follow_links=False)

    def list_source_files(self, directory: str) -> list[str]:
        return _list_files(directory, follow_links=True)

    def real_path(self, path: str) -> str:
        return os.path.realpath(path)

    def list_names(self, directory: str) -> list[str]:
        with TranslatedErrors("list", directory):
            try:
                return sorted(os.listdir(directory))
            except FileNotFoundError:
                return []

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def is_file(self, path: str) -> bool:
        return os.path.isfile(path)

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(path)

    def has_file(self, path: str) -> bool:
        return os.path.isfile(path)

    def make_directory(self, path: str) -> None:
        with TranslatedErrors("create", path):
            _make_directories(path)

    def remove_directory(self, path: str) -> None:
        # Under another name first: an attempt that still runs cannot create one more file in it.
        dead = path if path.endswith(".dead") else f"{path}.dead"
        with TranslatedErrors("remove", path):
            if dead != path:
                try:
                    os.rename(path, dead)
                except FileNotFoundError:
                    return
            try:
                shutil.rmtree(dead)
            except FileNotFoundError:
                # A second clean-up of the same leftovers is at work.
                return
            except OSError as error:
                # NFS keeps a file that a zombie on this machine has open, under another name; the next run removes it.
                if error.errno not in (errno.ENOTEMPTY, errno.EBUSY):
                    raise

    def remove_empty_directories(self, directories: Sequence[str], root: str) -> None:
        candidates: set[str] = set()
        for directory in directories:
            while directory.startswith(f"{root}/"):
                candidates.add(directory)
                directory = parent(directory)
        with TranslatedErrors("remove", root):
            for directory in sorted(candidates, key=len, reverse=True):
                try:
                    os.rmdir(directory)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise

    def stage(self, staging_path: str, final_path: str, *, is_detachable: bool = False) -> LocalUpload:
        with TranslatedErrors("create", staging_path):
            return LocalUpload(staging_path, final_path)

    def attach(self, staging_path: str, final_path: str, detached: Mapping[str, Any]) -> DetachedLocalUpload:
        return DetachedLocalUpload(staging_path, final_path, detached["bytes"])

    def place(self, uploads: Sequence[StagedUpload], root: str, cancellation: Cancellation | None = None) -> None:
        directories: set[str] = {root}
        for upload in uploads:
            upload.check_staged()
        for upload in uploads:
            assert isinstance(upload, LocalUpload | DetachedLocalUpload)
            if cancellation is not None:
                cancellation.raise_if_cancelled()
            with TranslatedErrors("create", upload.final_path):
                try:
                    _link(upload.staging_path, upload.final_path)
                except FileExistsError:
                    # A process that was killed while it placed the same files.
                    if not os.path.samefile(upload.staging_path, upload.final_path):
                        raise
                upload.is_placed = True
                directory = parent(upload.final_path)
                while directory.startswith(f"{root}/") and directory not in directories:
                    directories.add(directory)
                    directory = parent(directory)
        with TranslatedErrors("create", root):
            for directory in sorted(directories):
                _sync_directory(directory)

    def replace_with(self, upload: StagedUpload) -> None:
        assert isinstance(upload, LocalUpload | DetachedLocalUpload)
        with TranslatedErrors("write", upload.final_path):
            os.replace(upload.staging_path, upload.final_path)
            upload.is_placed = True
            _sync_directory(parent(upload.final_path))

    def abort_uploads(self, directory: str, is_stale: Callable[[str], bool]) -> None:
        """Nothing: a local file has no unfinished uploads."""

    def _write_through(self, through: str, content: bytes) -> None:
        for _ in range(_MAX_COINCIDENCES):
            try:
                _make_directories(parent(through))
                with open(through, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                return
            except FileNotFoundError:
                continue
        raise StorageError(f"{parent(through)}: the directory keeps being removed by someone else")


def _list_files(directory: str, *, follow_links: bool) -> list[str]:
    found: list[str] = []
    # The real paths of each directory that is still to come and of those that lead to it: one that comes again is a
    # loop of links.
    trails = {directory: frozenset({os.path.realpath(directory)})}
    with TranslatedErrors("list", directory):
        for folder, folders, names in os.walk(directory, onerror=_raise_unless_missing, followlinks=follow_links):
            relative = os.path.relpath(folder, directory)
            found.extend(name if relative == "." else f"{relative}/{name}" for name in names)
            if follow_links:
                trail = trails.pop(folder)
                real_paths = {name: os.path.realpath(os.path.join(folder, name)) for name in folders}
                folders[:] = [name for name in folders if real_paths[name] not in trail]
                trails |= {os.path.join(folder, name): trail | {real_paths[name]} for name in folders}
    return sorted(found)


def _link(source: str, target: str) -> None:
    for _ in range(_MAX_COINCIDENCES):
        try:
            _make_directories(parent(target))
            os.link(source, target)
            return
        except FileNotFoundError:
            if not os.path.exists(source):
                raise
        except PermissionError as error:
            # Linux reports a file system without hard links, and one that forbids them, the same way.
            if error.errno != errno.EPERM:
                raise
            raise _no_hard_links(target) from error
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            raise _no_hard_links(target) from error
    raise StorageError(f"{parent(target)}: the directory keeps being removed by someone else")


def _no_hard_links(target: str) -> OptionError:
    return OptionError(
        f"path: {target} is on a file system without hard links, on which a result cannot be published safely;"
        " choose another path, or the object store's own URI where it is a mounted one",
        option="path",
    )


def _make_directories(directory: str) -> None:
    """Make missing directories, and sync the one that names the first of them."""
    missing: list[str] = []
    existing = directory
    while existing and not os.path.isdir(existing):
        missing.append(existing)
        existing = parent(existing)
    for path in missing:
        if os.path.lexists(path) and not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    if missing:
        os.makedirs(directory, exist_ok=True)
        for made in missing:
            if os.path.isdir(parent(made) or "/"):
                _sync_directory(parent(made) or "/")


def _sync_directory(directory: str) -> None:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        # Removed as empty meanwhile: nothing of ours is in it.
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not sync directories; they are durable by themselves.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _unlink(paths: Iterable[str]) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            continue


def _raise_unless_missing(error: OSError) -> Any:
    if not isinstance(error, FileNotFoundError):
        raise error


def _identify(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
