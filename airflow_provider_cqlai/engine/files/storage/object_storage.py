"""Any fsspec file system. Object stores have no rename: a file has its final name from the start and appears when its
upload is completed.

How an upload is held back until publication differs: S3 and Google keep it open for `commit`, Azure shows a blob when
the last block list is sent, and whatever else fsspec knows gets a staging name and a move.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    OptionError,
    PublishError,
    StorageError,
)
from airflow_provider_cqlai.engine.files.storage.object_upload import (
    DeferredCloseUpload,
    DetachedUpload,
    HeldUpload,
    MovedUpload,
    ObjectUpload,
)
from airflow_provider_cqlai.engine.files.storage.storage import StagedUpload, Storage, TranslatedErrors, join
from airflow_provider_cqlai.engine.files.storage.storage_access import LONG, AwaitedFile, StorageAccess, weigh_bytes

logger = logging.getLogger(__name__)

# Requests in flight when many objects are completed or deleted; each takes some 50 ms.
_CONCURRENT_REQUESTS = 16
# A conflicting conditional write answers "try again" (409) rather than who won.
_CREATE_ATTEMPTS = 5
# What file systems call an object's version, hash or time of change.
_IDENTITY_KEYS = (
    "ETag",
    "etag",
    "md5Hash",
    "generation",
    "content_md5",
    "LastModified",
    "last_modified",
    "mtime",
    "created",
)
# A newer attempt may remove the file that proves it, just between its two creations.
_PROOF_ATTEMPTS = 3
_HOLDS_PARTS = frozenset({"s3", "s3a"})
_HOLDS_COMMIT = _HOLDS_PARTS | {"gs", "gcs"}
_COMMITS_ON_CLOSE = frozenset({"abfs", "abfss", "az"})
_CREATES_ATOMICALLY = _HOLDS_COMMIT | _COMMITS_ON_CLOSE | {"memory", "sftp", "ssh"}
# fsspec's memory file system looks first and writes then; within its one process a lock makes that one step.
_memory_lock = threading.Lock()


class ObjectStorage(Storage):
    """Files of an fsspec file system by its own paths, such as ``bucket/key``."""

    def __init__(self, filesystem: AbstractFileSystem, access: StorageAccess) -> None:
        self._filesystem = filesystem
        protocol = filesystem.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._access = access.of_memory() if "memory" in self._protocols else access
        # What another worker has written must be seen at once; tasks of one process share the object and its listings.
        listings: Any = getattr(filesystem, "dircache", None)
        if hasattr(listings, "use_listings_cache"):
            listings.use_listings_cache = False
        self._is_create_proven = False

    def describe(self, path: str) -> str:
        return str(self._filesystem.unstrip_protocol(path))

    def read(self, path: str) -> bytes:
        content: bytes = self._ask("read", path, partial(self._filesystem.cat_file, path))
        return content

    def open_read(self, path: str) -> Any:
        opened = self._ask("read", path, partial(self._filesystem.open, path, "rb"))
        return AwaitedFile(opened, self._access, self.describe(path))

    def identify(self, path: str) -> str:
        return _identify(self._ask("look up", path, partial(self._filesystem.info, path)))

    def identify_opened(self, path: str, stream: Any) -> str:
        with TranslatedErrors("look up", self.describe(path)):
            details = getattr(stream, "details", None)
        return _identify(details) if isinstance(details, Mapping) else self.identify(path)

    def create(self, path: str, content: bytes, *, through: str) -> None:
        if not self._is_create_proven:
            self._prove_create(through)
        self._create(path, content)

    def replace(self, path: str, content: bytes, *, through: str) -> None:
        try:
            self._ask(
                "write", path, partial(self._filesystem.pipe_file, path, content), weight=weigh_bytes(len(content))
            )
        except FileNotFoundError as error:
            raise self._no_such_bucket(path, error) from error

    def delete(self, paths: Sequence[str]) -> None:
        # One request each: fsspec's bulk delete on S3 keeps refusals to itself.
        self._in_parallel(self._delete_one, paths)
        self._filesystem.invalidate_cache()

    def list_files(self, directory: str) -> list[str]:
        try:
            found = self._ask("list", directory, partial(self._filesystem.find, directory), weight=LONG)
        except FileNotFoundError:
            return []
        prefix = f"{directory}/"
        return sorted(path.removeprefix(prefix) for path in found if path.startswith(prefix))

    def list_names(self, directory: str) -> list[str]:
        try:
            found = self._ask("list", directory, partial(self._filesystem.ls, directory, detail=False), weight=LONG)
        except FileNotFoundError:
            return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found if path.rstrip("/") != directory)

    def exists(self, path: str) -> bool:
        return bool(self._ask("look up", path, partial(self._filesystem.exists, path)))

    # A key and a longer one that begins with it and a slash live side by side in an object store.
    def is_file(self, path: str) -> bool:
        return False

    def is_directory(self, path: str) -> bool:
        return False

    def has_file(self, path: str) -> bool:
        return bool(self._ask("look up", path, partial(self._filesystem.isfile, path))) and not self.list_names(path)

    def make_directory(self, path: str) -> None:
        """Nothing: names with slashes need no directories."""

    def remove_directory(self, path: str) -> None:
        self.delete([join(path, name) for name in self.list_files(path)])

    def remove_empty_directories(self, directories: Sequence[str], root: str) -> None:
        """Nothing: a directory without objects is not there."""

    def stage(self, staging_path: str, final_path: str, *, is_detachable: bool = False) -> StagedUpload:
        described = self.describe(final_path)
        if self._protocols & (_HOLDS_PARTS if is_detachable else _HOLDS_COMMIT):
            return HeldUpload(self._filesystem, self._access, final_path, described)
        if self._protocols & _COMMITS_ON_CLOSE and not is_detachable:
            return DeferredCloseUpload(self._filesystem, self._access, final_path, described)
        return MovedUpload(self._filesystem, self._access, staging_path, final_path, described)

    def attach(self, staging_path: str, final_path: str, detached: Mapping[str, Any]) -> StagedUpload:
        return DetachedUpload(
            self._filesystem, self._access, staging_path, final_path, self.describe(final_path), detached
        )

    def place(self, uploads: Sequence[StagedUpload], root: str, cancellation: Cancellation | None = None) -> None:
        def place_one(upload: StagedUpload) -> None:
            if cancellation is not None:
                cancellation.raise_if_cancelled()
            self.replace_with(upload)

        self._in_parallel(place_one, uploads)
        self._filesystem.invalidate_cache()

    def replace_with(self, upload: StagedUpload) -> None:
        assert isinstance(upload, ObjectUpload)
        described = self.describe(upload.final_path)
        upload.commit()
        upload.is_placed = True
        size = self._ask("look up", upload.final_path, partial(self._filesystem.info, upload.final_path))["size"]
        if size != upload.bytes_written:
            raise StorageError(
                f"{described}: {upload.bytes_written} bytes were uploaded, but the object store holds {size}"
            )

    def abort_uploads(self, directory: str, is_stale: Callable[[str], bool]) -> None:
        """S3 keeps, and bills, the parts of an upload that was never completed; other stores drop them in time."""
        if not self._protocols & {"s3", "s3a"}:
            return
        bucket, key, _ = self._filesystem.split_path(directory)
        prefix = f"{key}/" if key else ""
        try:
            uploads = self._ask(
                "list unfinished uploads", directory, partial(self._list_multipart_uploads, bucket, prefix), weight=LONG
            )
        except AccessDeniedError as error:
            logger.warning(
                "%s; what a killed task uploaded there in part stays until a lifecycle rule of the bucket removes it",
                error,
            )
            return
        except FileNotFoundError as error:
            raise self._no_such_bucket(directory, error) from error
        for upload_key, upload_id in uploads:
            if is_stale(upload_key.removeprefix(prefix)):
                upload = {"Bucket": bucket, "Key": upload_key, "UploadId": upload_id}
                abort = partial(self._filesystem.call_s3, "abort_multipart_upload", **upload)
                with suppress(FileNotFoundError):
                    self._ask("abort an unfinished upload", directory, abort)

    def _list_multipart_uploads(self, bucket: str, prefix: str) -> list[tuple[str, str]]:
        uploads: list[tuple[str, str]] = []
        position: dict[str, str] = {}
        while True:
            page = self._filesystem.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix, **position)
            uploads.extend((upload["Key"], upload["UploadId"]) for upload in page.get("Uploads") or ())
            if not page.get("IsTruncated"):
                return uploads
            position = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def _create(self, path: str, content: bytes) -> None:
        described = self.describe(path)
        for attempt in range(1, _CREATE_ATTEMPTS + 1):
            try:
                self._ask("create", path, partial(self._create_once, path, content))
                return
            except (FileExistsError, StorageError) as error:
                # The client library may have sent the request twice and been refused by its own first one; a refused
                # condition is not always told apart from other failures. What is there now decides.
                try:
                    present = self.read(path)
                except FileNotFoundError:
                    if attempt == _CREATE_ATTEMPTS:
                        raise StorageError.from_cause(f"{described}: cannot create", error) from error
                    continue
                if present == content:
                    return
                raise FileExistsError(described) from error
            except FileNotFoundError as error:
                raise self._no_such_bucket(path, error) from error

    def _create_once(self, path: str, content: bytes) -> None:
        try:
            if "memory" in self._protocols:
                with _memory_lock:
                    self._filesystem.pipe_file(path, content, mode="create")
            else:
                self._filesystem.pipe_file(path, content, mode="create")
        except (NotImplementedError, TypeError, ValueError) as error:
            raise self._cannot_create(path) from error
        except OSError as error:
            if error.errno == errno.ENOSYS:
                raise self._cannot_create(path) from error
            raise

    def _prove_create(self, path: str) -> None:
        """Create ``path`` twice, which must fail: a store that ignores the condition would let two attempts win."""
        for _ in range(_PROOF_ATTEMPTS):
            self._create(path, b"")
            is_refused = self._is_refused(path)
            self.delete([path])
            if is_refused:
                break
        else:
            raise self._cannot_create(path)
        self._is_create_proven = True
        if not self._protocols & _CREATES_ATOMICALLY:
            logger.warning(
                "%s: %s refuses to create a file twice, but whether it can do so to two tasks at the same moment is not"
                " known: do not run two tasks on one output there",
                self.describe(path),
                type(self._filesystem).__name__,
            )

    def _is_refused(self, path: str) -> bool:
        try:
            self._ask("create", path, partial(self._create_once, path, b""))
        except FileExistsError:
            return True
        except StorageError as error:
            if not _is_refused_condition(error):
                raise
            return True
        return False

    def _cannot_create(self, path: str) -> OptionError:
        return OptionError(
            f"path: {self.describe(path)}: {type(self._filesystem).__name__} cannot create a file only if it is absent,"
            " so a result cannot be published safely there. It works on local disks, S3 (If-None-Match; s3fs 2025.2 or"
            " newer), Google Cloud Storage and Azure Blob Storage",
            option="path",
        )

    def _no_such_bucket(self, path: str, error: BaseException) -> PublishError:
        return PublishError.from_cause(f"{self.describe(path)}: the bucket or container does not exist", error)

    def _delete_one(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._ask("delete", path, partial(self._filesystem.rm_file, path))

    def _ask(self, action: str, path: str, request: Callable[[], Any], *, weight: float = 1.0) -> Any:
        """What ``request`` gives; see `StorageAccess.run` and `TranslatedErrors`."""
        # Listings are cached in the file system object, which tasks of one process share.
        self._filesystem.invalidate_cache()
        return self._access.run(action, self.describe(path), request, weight=weight)

    def _in_parallel(self, action: Callable[[Any], None], items: Sequence[Any]) -> None:
        if not items:
            return
        with ThreadPoolExecutor(min(_CONCURRENT_REQUESTS, len(items)), thread_name_prefix="cqlai-storage") as pool:
            futures = [pool.submit(action, item) for item in items]
            try:
                for future in futures:
                    future.result()
            finally:
                for future in futures:
                    future.cancel()


def _is_refused_condition(error: StorageError) -> bool:
    """Whether a store said "precondition failed" in words that its client library has no exception for."""
    cause = error.__cause__
    return getattr(cause, "errno", None) == errno.EINVAL or getattr(cause, "code", None) in (412, "412")


def _identify(details: Mapping[str, Any]) -> str:
    told = (details.get(name) for name in ("size", *_IDENTITY_KEYS))
    return " ".join(str(value) for value in told if value is not None)
