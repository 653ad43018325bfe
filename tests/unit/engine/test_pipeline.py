"""Reads in threads, one consumer: completeness, order, memory, first error, cancellation."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine import pipeline
from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, PageReadError
from airflow_provider_cqlai.engine.pipeline import ReadFinished, stream_reads


def record_batch(*values: int) -> pa.RecordBatch:
    return pa.record_batch({"value": pa.array(values, pa.int64())})


def three_record_batches(read: int, _stop: Cancellation) -> Iterator[pa.RecordBatch]:
    for number in range(3):
        yield record_batch(read, number)


def test_every_record_batch_of_every_read_comes_out_once_and_in_its_reads_order() -> None:
    seen: dict[int, list[int]] = {}
    finished = []
    with closing(stream_reads(range(20), three_record_batches, concurrency=4, cancellation=Cancellation())) as items:
        for item in items:
            if isinstance(item, ReadFinished):
                finished.append(item.read)
                assert seen[item.read] == [0, 1, 2]
            elif item is not None:
                read, number = item["value"].to_pylist()
                seen.setdefault(read, []).append(number)
    assert sorted(finished) == list(range(20))
    assert seen == {read: [0, 1, 2] for read in range(20)}


def test_no_reads_end_at_once() -> None:
    assert list(stream_reads([], three_record_batches, concurrency=4, cancellation=Cancellation())) == []


def test_the_first_error_of_a_reader_is_raised_and_stops_the_others() -> None:
    other_was_stopped = threading.Event()

    def read(number: int, stop: Cancellation) -> Iterator[pa.RecordBatch]:
        if number == 0:
            raise PageReadError("gave up")
        try:
            stop.wait(30)
        except CopyCancelledError:
            other_was_stopped.set()
            raise
        yield record_batch(number)

    with pytest.raises(PageReadError, match="gave up"):
        list(stream_reads([1, 0], read, concurrency=2, cancellation=Cancellation()))
    assert other_was_stopped.is_set()


def test_a_failed_read_is_never_counted_as_finished() -> None:
    def read(_number: int, _stop: Cancellation) -> Iterator[pa.RecordBatch]:
        yield record_batch(1)
        raise PageReadError("midway")

    seen: list[object] = []
    with pytest.raises(PageReadError):
        seen.extend(stream_reads([0], read, concurrency=1, cancellation=Cancellation()))
    assert not any(isinstance(item, ReadFinished) for item in seen)


def test_cancelling_ends_within_two_seconds_though_a_reader_waits() -> None:
    cancellation = Cancellation()

    def read(_number: int, stop: Cancellation) -> Iterator[pa.RecordBatch]:
        cancellation.cancel()
        stop.wait(60)
        yield record_batch(1)

    started = time.monotonic()
    with pytest.raises(CopyCancelledError):
        list(stream_reads([0], read, concurrency=1, cancellation=cancellation))
    assert time.monotonic() - started < 2


def test_readers_wait_when_the_consumer_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    one_batch = record_batch(*range(1000))
    monkeypatch.setattr(pipeline, "QUEUE_BYTES", 3 * one_batch.nbytes)
    made = []

    def read(_number: int, _stop: Cancellation) -> Iterator[pa.RecordBatch]:
        for number in range(50):
            made.append(number)
            yield one_batch

    taken = 0
    with closing(stream_reads([0], read, concurrency=1, cancellation=Cancellation())) as items:
        for item in items:
            if isinstance(item, pa.RecordBatch):
                taken += 1
                # Three wait in the queue, one is in the reader's hand.
                assert len(made) <= taken + 4
    assert taken == 50


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    with closing(stream_reads(range(50), three_record_batches, concurrency=4, cancellation=Cancellation())) as items:
        next(items)
    assert threading.active_count() == before
