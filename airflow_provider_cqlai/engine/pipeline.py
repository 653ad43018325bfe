"""Several reads at once into one writer: a queue bounded in bytes, cancellation, first error wins.

What flows in are reads, each a sequence of record batches made in a thread of its own; what flows out, in the caller's
thread, are those record batches. A read's record batches keep their order, those of different reads mix.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS, Cancellation

ReadT = TypeVar("ReadT")


class Sized(Protocol):
    """What a read gives out: a record batch, or something else that knows its size in memory."""

    @property
    def nbytes(self) -> int: ...


ItemT = TypeVar("ItemT", bound=Sized)

# Record batches waiting for the writer, all reads together: a few pages each, so that neither end waits for the other.
QUEUE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class ReadFinished(Generic[ReadT]):
    """Comes out of `stream_reads` after the last record batch of ``read``."""

    read: ReadT


class _BoundedQueue:
    """Items with a size; `put` waits while the sizes together exceed the bound, an item alone always fits."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: deque[tuple[object, int]] = deque()
        self._changed = threading.Condition()

    def put(self, item: object, byte_count: int, cancellation: Cancellation) -> None:
        with self._changed:
            while self._items and self._bytes + byte_count > self._max_bytes:
                cancellation.raise_if_cancelled()
                self._changed.wait(POLL_SECONDS)
            self._items.append((item, byte_count))
            self._bytes += byte_count
            self._changed.notify_all()

    def get(self) -> object | None:
        """The oldest item, or None when none came within the poll interval."""
        with self._changed:
            if not self._items:
                self._changed.wait(POLL_SECONDS)
            if not self._items:
                return None
            item, byte_count = self._items.popleft()
            self._bytes -= byte_count
            self._changed.notify_all()
            return item


class _Readers(Generic[ReadT]):
    """Threads that take reads from a shared list until it is empty, one of them fails, or they are told to stop."""

    def __init__(
        self,
        reads: Sequence[ReadT],
        read_record_batches: Callable[[ReadT, Cancellation], Iterable[Any]],
        concurrency: int,
    ) -> None:
        self._waiting = deque(reads)
        self._read_record_batches = read_record_batches
        self._stop = Cancellation()
        self.queue = _BoundedQueue(QUEUE_BYTES)
        self.first_error: BaseException | None = None
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"cqlai-read-{number}", daemon=True)
            for number in range(min(concurrency, len(reads)))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.cancel()
        for thread in self._threads:
            thread.join()

    @property
    def are_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        try:
            while not self._stop.is_cancelled:
                try:
                    read = self._waiting.popleft()
                except IndexError:
                    return
                for record_batch in self._read_record_batches(read, self._stop):
                    self.queue.put(record_batch, record_batch.nbytes, self._stop)
                self.queue.put(ReadFinished(read), 0, self._stop)
        # Not swallowed: the caller's thread raises it. BaseException, so that no thread can end silently.
        except BaseException as error:  # noqa: BLE001
            with self._lock:
                if self.first_error is None:
                    self.first_error = error
            self._stop.cancel()


def stream_reads(
    reads: Sequence[ReadT],
    read_record_batches: Callable[[ReadT, Cancellation], Iterable[ItemT]],
    *,
    concurrency: int,
    cancellation: Cancellation,
) -> Generator[ItemT | ReadFinished[ReadT] | None, None, None]:
    """The record batches of all ``reads`` and a `ReadFinished` after each; None at times when nothing came.

    Ends only when every read has finished. The first error of any thread is raised here and stops the others.

    Raises:
        CopyCancelledError: ``cancellation`` was raised.
    """
    readers = _Readers(reads, read_record_batches, concurrency)
    readers.start()
    finished = 0
    try:
        while finished < len(reads):
            cancellation.raise_if_cancelled()
            # Asked before the queue: a thread that has ended has put all it will ever put.
            were_running = readers.are_running
            item = readers.queue.get()
            if readers.first_error is not None:
                raise readers.first_error
            if isinstance(item, ReadFinished):
                finished += 1
            elif item is None and not were_running:
                raise AssertionError(f"readers ended with {finished} of {len(reads)} reads finished")
            yield item  # type: ignore[misc]
    finally:
        readers.stop()
