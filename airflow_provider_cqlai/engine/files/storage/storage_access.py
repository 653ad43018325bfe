"""How a verb reaches stores: with whose credentials, how long a request may take, and who may end the wait for it.

A client library waits for minutes for a store that has fallen silent, and repeats what it asked. Each request therefore
runs in a thread of its own, and who waits for it can leave it: on a time-out, or asked to stop. Note: what was left may
still reach the store. Publishing takes it for a request of an attempt that is dead, as it does after a kill.
"""

from __future__ import annotations

import contextvars
import copy
import functools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS, Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, OptionError, StorageError
from airflow_provider_cqlai.engine.files.storage.storage import TranslatedErrors
from airflow_provider_cqlai.engine.options.run import RunOptions

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from typing_extensions import Self

LONG = 10.0
"""The weight of a listing, which is a request for each thousand names, and of what a store copies or puts together."""

# Bytes that have as much time as a request without any: 8 MiB, one part of an upload.
_BYTES_OF_A_REQUEST = 8 * 1024 * 1024
# Asked to stop: for the request in flight, and for those that tidy up. Both together stay below two seconds.
_STOP_SECONDS = 0.8
# What comes next is refused at once: tidying up would wait for each of hundreds of files.
_SILENT_SECONDS = 10.0

ResultT = TypeVar("ResultT")


def weigh_bytes(size: int) -> float:
    """The weight of a request that moves ``size`` bytes; negative is an unknown number of them."""
    return LONG if size < 0 else max(1.0, size / _BYTES_OF_A_REQUEST)


class StorageAccess:
    """What a verb knows of stores, shared by all that it opens."""

    def __init__(
        self,
        filesystem: AbstractFileSystem | None = None,
        *,
        timeout_seconds: float = RunOptions.storage_timeout_seconds,
        cancellation: Cancellation | None = None,
        aws_profile: str | None = None,
    ) -> None:
        """
        Args:
            filesystem: opened by the caller; None resolves URIs with the environment's credentials.
            timeout_seconds: after which a request of weight 1 has failed.
            cancellation: raised from elsewhere, ends the wait for a request within a second.
            aws_profile: whose credentials S3 is opened with.

        Raises:
            OptionError: a profile beside a file system that is open already.
        """
        if filesystem is not None and aws_profile is not None:
            raise OptionError(
                f"aws_profile={aws_profile!r}: the path is opened with an Airflow connection, which has its own"
                " credentials: give one of the two",
                option="aws_profile",
            )
        self.filesystem = filesystem
        self.aws_profile = aws_profile
        self._timeout_seconds = timeout_seconds
        self._cancellation = cancellation or Cancellation()
        self._may_be_silent = True
        self._silent_until = float("-inf")

    @classmethod
    def of(
        cls, options: RunOptions, filesystem: AbstractFileSystem | None, cancellation: Cancellation
    ) -> StorageAccess:
        """What a verb with ``options`` has."""
        return cls(
            filesystem,
            timeout_seconds=options.storage_timeout_seconds,
            cancellation=cancellation,
            aws_profile=options.aws_profile,
        )

    def of_memory(self) -> StorageAccess:
        """To what this process holds in memory, which answers at once."""
        access = copy.copy(self)
        access._may_be_silent = False
        return access

    def run(self, action: str, described_path: str, request: Callable[[], ResultT], *, weight: float = 1.0) -> ResultT:
        """What ``request`` gives.

        Args:
            action: what it does to the path, such as ``"read"``.
            described_path: for messages.
            request: one or more requests to a store.
            weight: how many times ``timeout_seconds`` it may take.

        Raises:
            StorageError: the store did not answer in time, or has not done so a moment ago; see `TranslatedErrors` for
                others.
            CopyCancelledError: asked to stop, and the answer did not come at once.
        """
        with TranslatedErrors(action, described_path):
            return self._wait_for(request, f"{described_path}: cannot {action}", weight)

    def _wait_for(self, request: Callable[[], ResultT], failure: str, weight: float) -> ResultT:
        if not self._may_be_silent:
            return request()
        is_tidying_up = self._cancellation.is_cancelled
        limit = _STOP_SECONDS if is_tidying_up else self._timeout_seconds * weight
        started = time.monotonic()
        if started < self._silent_until:
            raise self._silence(failure, limit)
        end = started + limit
        stop: float | None = None
        answer = _Answer(request)
        while not answer.has_arrived.wait(POLL_SECONDS):
            now = time.monotonic()
            if stop is None and not is_tidying_up and self._cancellation.is_cancelled:
                stop = now + _STOP_SECONDS
            if stop is not None and now >= stop:
                raise CopyCancelledError(
                    f"stopped on request; {failure}: the store had not answered, and may still do it"
                )
            if now >= end:
                self._silent_until = now + _SILENT_SECONDS
                raise self._silence(failure, limit)
        return answer.take()

    def _silence(self, failure: str, limit: float) -> StorageError:
        return StorageError(
            f"{failure}: the store did not answer within {limit:g} s"
            f" (storage_timeout_seconds={self._timeout_seconds:g})"
        )


class _Answer(Generic[ResultT]):
    """Of a request in a thread that no end of the process waits for."""

    def __init__(self, request: Callable[[], ResultT]) -> None:
        self.has_arrived = threading.Event()
        self._request = request
        self._context = contextvars.copy_context()
        self._result: ResultT
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="cqlai-storage-request", daemon=True).start()

    def take(self) -> ResultT:
        """The result, or what was raised."""
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        # Not swallowed: who waits raises it.
        try:
            self._result = self._context.run(self._request)
        except BaseException as error:  # noqa: BLE001
            self._error = error
        self.has_arrived.set()


class AwaitedFile:
    """A file of a store that is read, whose requests can be left."""

    def __init__(self, file: Any, access: StorageAccess, described_path: str) -> None:
        self._file = file
        self._access = access
        self._described_path = described_path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        return bool(self._file.closed)

    @property
    def details(self) -> Any:
        """What the store told of the file as it was opened."""
        return getattr(self._file, "details", None)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        request = functools.partial(self._file.read, size)
        content: bytes = self._access.run("read", self._described_path, request, weight=weigh_bytes(size))
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
