"""Requests to a store that does not answer are left: after their time, or as soon as somebody asks to stop."""

from __future__ import annotations

import io
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, StorageError
from airflow_provider_cqlai.engine.files.storage import storage_access
from airflow_provider_cqlai.engine.files.storage.object_upload import UploadStream
from airflow_provider_cqlai.engine.files.storage.storage_access import AwaitedFile, StorageAccess, weigh_bytes


@pytest.fixture
def silence() -> Iterator[Callable[[], Any]]:
    """A request that is answered when the test is over."""
    over = threading.Event()
    yield lambda: over.wait(60)
    over.set()


def _elapsed(action: Callable[[], Any], expected: type[Exception], match: str) -> float:
    started = time.monotonic()
    with pytest.raises(expected, match=match) as caught:
        action()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return time.monotonic() - started


def test_answers_and_errors_arrive_as_they_are() -> None:
    access = StorageAccess(timeout_seconds=10)
    assert access.run("read", "s3://bucket/key", lambda: b"bytes") == b"bytes"
    with pytest.raises(FileNotFoundError):
        access.run("read", "s3://bucket/key", Path("/no/such/file").read_bytes)
    with pytest.raises(StorageError, match=r"^s3://bucket/key: cannot read"):
        access.run("read", "s3://bucket/key", lambda: (_ for _ in ()).throw(OSError(5, "broken")))


def test_request_without_an_answer_is_left_after_its_time(silence: Callable[[], Any]) -> None:
    access = StorageAccess(timeout_seconds=0.3)
    expected = r"^s3://bucket/key: cannot read: the store did not answer within 0.3 s \(storage_timeout_seconds=0.3\)$"
    assert 0.3 <= _elapsed(lambda: access.run("read", "s3://bucket/key", silence), StorageError, expected) < 5


def test_longer_requests_have_more_time(silence: Callable[[], Any]) -> None:
    access = StorageAccess(timeout_seconds=0.2)
    assert (weigh_bytes(0), weigh_bytes(64 * 1024 * 1024), weigh_bytes(-1)) == (1.0, 8.0, storage_access.LONG)
    elapsed = _elapsed(
        lambda: access.run("list", "s3://bucket", silence, weight=4), StorageError, r"did not answer within 0.8 s"
    )
    assert elapsed >= 0.8


def test_after_a_silence_nothing_waits_again_until_a_while_has_passed(
    silence: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tidying up would wait for the time-out at each of hundreds of files."""
    access = StorageAccess(timeout_seconds=1)
    _elapsed(lambda: access.run("read", "key", silence), StorageError, "did not answer")
    for _ in range(20):
        assert _elapsed(lambda: access.run("delete", "key", lambda: None), StorageError, "did not answer") < 0.5
    monkeypatch.setattr(access, "_silent_until", time.monotonic())
    assert access.run("delete", "key", lambda: "deleted") == "deleted"


def test_stop_leaves_the_request_in_flight_and_then_what_tidies_up(silence: Callable[[], Any]) -> None:
    cancellation = Cancellation()
    access = StorageAccess(timeout_seconds=60, cancellation=cancellation)
    threading.Timer(0.2, cancellation.cancel).start()
    stopped = _elapsed(
        lambda: access.run("write", "s3://bucket/key", silence),
        CopyCancelledError,
        r"^stopped on request; s3://bucket/key: cannot write: the store had not answered, and may still do it$",
    )
    # A store that answers is tidied up.
    assert access.run("delete", "key", lambda: "deleted") == "deleted"
    tidied = _elapsed(lambda: access.run("abort", "key", silence), StorageError, "did not answer")
    refused = _elapsed(lambda: access.run("abort", "key", silence), StorageError, "did not answer")
    assert stopped - 0.2 + tidied + refused < 2


def test_request_that_answers_soon_after_a_stop_is_waited_for() -> None:
    cancellation = Cancellation()
    access = StorageAccess(cancellation=cancellation)

    def complete() -> str:
        cancellation.cancel()
        time.sleep(0.3)
        return "completed"

    assert access.run("complete the upload", "key", complete) == "completed"


class _Buffering:
    """As fsspec's files of object stores: sends what is buffered once it is a block."""

    blocksize = 10

    def __init__(self) -> None:
        self.buffer = io.BytesIO()
        self.threads: list[str] = []
        self.closed = False

    def write(self, content: bytes) -> None:
        self.threads.append(threading.current_thread().name)
        self.buffer.write(content)
        if self.buffer.tell() >= self.blocksize:
            self.buffer.seek(0)
            self.buffer.truncate()


def test_only_writes_that_send_something_have_a_thread() -> None:
    """Parquet is written in pieces of some bytes."""
    file = _Buffering()
    stream = UploadStream(file, "s3://bucket/key", StorageAccess())
    for content in (b"12345", b"6789", b"0", b"1"):
        stream.write(content)
    here, there = threading.current_thread().name, "cqlai-storage-request"
    assert file.threads == [here, here, there, here]
    assert stream.bytes_written == 11


def test_reading_a_file_can_be_left(silence: Callable[[], Any]) -> None:
    class Silent:
        closed = False

        def read(self, size: int) -> Any:
            return silence()

    file = AwaitedFile(Silent(), StorageAccess(timeout_seconds=0.2), "s3://bucket/key")
    assert _elapsed(lambda: file.read(8), StorageError, r"^s3://bucket/key: cannot read: the store did not") < 5
