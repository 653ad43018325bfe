"""Rows that wait to be written, by hive partition, within a number of bytes that is really held.

Tables are taken for one hive partition, with rows in the order they came. Rows are not kept per hive partition: each
record batch is sorted once into a *run*, in which a hive partition is a range, and a table is put together from ranges
when it is taken. So 10,000 hive partitions cost some bytes each rather than an Arrow array per column, and splitting
costs the same for 2 as for 10,000. Note: what was taken stays in its run until `compact` copies the rest.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.files.write.row_sizes import row_sizes
from airflow_provider_cqlai.engine.pyarrow_versions import concat_batches
from airflow_provider_cqlai.engine.types.cells.number_arrays import to_array

# Python objects of a hive partition with rows waiting, and of one array in a run; measured, rounded up.
_HIVE_PARTITION_BYTES = 320
_ARRAY_BYTES = 512
# Per range: its number, start, taken rows and bytes here, and the index by hive partition.
_INTEGERS_PER_RANGE = 7
# `compact` joins small runs up to this size, and needs memory for a few of them while it does.
_JOINED_RUN_BYTES = 1024 * 1024
# A table of more and shorter ranges than this is copied together, since Parquet's writer has a cost per chunk.
_MAX_CHUNKS = 32
# Stretches of rows of one hive partition, as rows of one partition key are, are copied whole where they are this long
# on average: a slice costs as much as 50 rows of 12 columns copied one by one, or 160 rows of 8 columns without texts.
_LONG_STRETCH_ROWS = 100
_LONG_STRETCH_ROWS_OF_FIXED_WIDTH = 200


class _Run:
    """A record batch sorted by hive partition: number ``numbers[i]`` has rows ``starts[i]`` to ``starts[i + 1]``."""

    def __init__(
        self, record_batch: pa.RecordBatch, numbers: np.ndarray, starts: np.ndarray, byte_counts: np.ndarray
    ) -> None:
        self.record_batch = record_batch
        self.numbers = numbers
        self.starts = starts
        self.taken = np.zeros(len(numbers), dtype=np.int64)
        self.live_rows = record_batch.num_rows
        self.byte_counts = byte_counts
        self.held_bytes: int = (
            record_batch.get_total_buffer_size()
            + record_batch.num_columns * _ARRAY_BYTES
            + numbers.nbytes * _INTEGERS_PER_RANGE
        )

    def live_part(self) -> tuple[pa.RecordBatch, np.ndarray]:
        """The rows not taken, copied, and the hive partition number of each."""
        row_numbers = np.repeat(self.numbers, np.diff(self.starts))
        if self.live_rows == self.record_batch.num_rows:
            return self.record_batch, row_numbers
        lengths = np.diff(self.starts)
        rank = np.arange(self.record_batch.num_rows) - np.repeat(self.starts[:-1], lengths)
        live = np.flatnonzero(rank >= np.repeat(self.taken, lengths))
        return self.record_batch.take(to_array(live)), row_numbers[live]


class RowBuffers:
    """Rows by hive partition. ``held_bytes`` is memory, taken rows that `compact` has not dropped yet included."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._rows: dict[int, int] = {}
        self._bytes: dict[int, int] = {}
        self._next_number = 0
        self._ranges: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @property
    def held_bytes(self) -> int:
        return sum(run.held_bytes for run in self._runs) + len(self._rows) * _HIVE_PARTITION_BYTES

    @property
    def live_bytes(self) -> int:
        """Bytes of the rows that wait."""
        return sum(self._bytes.values()) + len(self._rows) * _HIVE_PARTITION_BYTES

    @property
    def hive_partitions(self) -> list[str]:
        """Those with rows waiting, in the order they first came."""
        return [self._names[number] for number in self._rows]

    def row_count(self, hive_partition: str) -> int:
        number = self._numbers.get(hive_partition)
        return 0 if number is None else self._rows[number]

    def mean_row_bytes(self, hive_partition: str) -> float:
        """Size of a waiting row in bytes, on average; at least 1."""
        number = self._numbers[hive_partition]
        return max(1.0, self._bytes[number] / self._rows[number])

    def largest(self) -> list[tuple[int, str]]:
        """Bytes that every buffer would give back, negated, and its hive partition: a heap with the largest first."""
        heap = [
            (-byte_count - _HIVE_PARTITION_BYTES, self._names[number]) for number, byte_count in self._bytes.items()
        ]
        heapq.heapify(heap)
        return heap

    def add(
        self, record_batches: Sequence[pa.RecordBatch], hive_partitions: Sequence[str], indices: np.ndarray
    ) -> None:
        """Keep the rows; ``indices`` tells for each its place in ``hive_partitions``."""
        if not len(indices):
            return
        own = np.array([self._number_of(hive_partition) for hive_partition in hive_partitions], dtype=np.int64)
        if len(own) == 1:
            run = _whole_run(_join_batches(record_batches), own)
        else:
            run = _sorted_run(record_batches, own[indices])
        row_counts = np.diff(run.starts).tolist()
        for number, rows, byte_count in zip(run.numbers.tolist(), row_counts, run.byte_counts.tolist(), strict=True):
            self._rows[number] = self._rows.get(number, 0) + rows
            self._bytes[number] = self._bytes.get(number, 0) + byte_count
        self._runs.append(run)
        self._ranges = None

    def take(self, hive_partition: str, max_rows: int | None = None) -> pa.Table:
        """The oldest rows of ``hive_partition``, all of them or ``max_rows``; they no longer wait."""
        number = self._numbers[hive_partition]
        wanted = self._rows[number] if max_rows is None else min(max_rows, self._rows[number])
        parts = []
        missing = wanted
        for run, place in self._ranges_of(number):
            start = int(run.starts[place] + run.taken[place])
            rows = min(missing, int(run.starts[place + 1]) - start)
            if rows:
                parts.append(run.record_batch.slice(start, rows))
                run.taken[place] += rows
                run.live_rows -= rows
                missing -= rows
            if not missing:
                break
        self._forget(number, wanted)
        self._drop_empty_runs()
        table = pa.Table.from_batches(parts)
        return table.combine_chunks() if len(parts) > _MAX_CHUNKS else table

    def compact(self) -> None:
        """Give back the memory of rows that were taken, and join small runs."""
        runs, self._runs, self._ranges = self._runs[::-1], [], None
        waiting: list[tuple[pa.RecordBatch, np.ndarray]] = []
        waiting_bytes = 0
        while runs:
            # Popped, so that a run's memory goes as soon as its live rows are copied.
            run = runs.pop()
            part, numbers = run.live_part()
            if waiting and waiting_bytes + part.nbytes > _JOINED_RUN_BYTES:
                self._runs.append(_joined_run(waiting))
                waiting, waiting_bytes = [], 0
            if run.live_rows == run.record_batch.num_rows and part.nbytes > _JOINED_RUN_BYTES // 2 and not waiting:
                self._runs.append(run)
                continue
            waiting.append((part, numbers))
            waiting_bytes += part.nbytes
            del run, part, numbers
        if waiting:
            self._runs.append(_joined_run(waiting))

    def _number_of(self, hive_partition: str) -> int:
        number = self._numbers.get(hive_partition)
        if number is None:
            number = self._next_number
            self._next_number += 1
            self._numbers[hive_partition] = number
            self._names[number] = hive_partition
        return number

    def _ranges_of(self, number: int) -> list[tuple[_Run, int]]:
        """Runs with rows of ``number``, oldest first, and its place in each."""
        if self._ranges is None:
            numbers = np.concatenate([run.numbers for run in self._runs])
            run_places = np.repeat(np.arange(len(self._runs)), [len(run.numbers) for run in self._runs])
            places = np.concatenate([np.arange(len(run.numbers)) for run in self._runs])
            order = np.argsort(numbers, kind="stable")
            self._ranges = numbers[order], run_places[order], places[order]
        numbers, run_places, places = self._ranges
        first, last = np.searchsorted(numbers, [number, number + 1])
        pairs = zip(run_places[first:last].tolist(), places[first:last].tolist(), strict=True)
        return [(self._runs[run_place], place) for run_place, place in pairs]

    def _forget(self, number: int, rows: int) -> None:
        if rows == self._rows[number]:
            del self._rows[number], self._bytes[number], self._numbers[self._names.pop(number)]
            return
        self._bytes[number] -= self._bytes[number] * rows // self._rows[number]
        self._rows[number] -= rows

    def _drop_empty_runs(self) -> None:
        if all(run.live_rows for run in self._runs):
            return
        self._runs = [run for run in self._runs if run.live_rows]
        self._ranges = None


def _sorted_run(record_batches: Sequence[pa.RecordBatch], row_numbers: np.ndarray) -> _Run:
    if int(row_numbers.max()) <= np.iinfo(np.uint16).max:
        # Small integers are sorted, compared and copied in a third of the time.
        row_numbers = row_numbers.astype(np.uint16)
    record_batch, row_numbers = _sort(record_batches, row_numbers)
    starts = _stretch_starts(row_numbers)
    numbers = row_numbers[starts[:-1]].astype(np.int64)
    if len(numbers) == 1:
        return _whole_run(record_batch, numbers)
    if _is_fixed_width(record_batch.schema):
        # Rounded up: a row of booleans alone takes less than a byte.
        byte_counts = -(-np.diff(starts) * record_batch.nbytes // record_batch.num_rows)
    elif _are_long(starts, record_batch.schema):
        ranges = zip(starts[:-1].tolist(), np.diff(starts).tolist(), strict=True)
        byte_counts = np.array([record_batch.slice(start, rows).nbytes for start, rows in ranges])
    else:
        byte_counts = np.add.reduceat(row_sizes(record_batch), starts[:-1])
    return _Run(_own_memory(record_batch), numbers, starts, byte_counts)


def _sort(record_batches: Sequence[pa.RecordBatch], row_numbers: np.ndarray) -> tuple[pa.RecordBatch, np.ndarray]:
    """The rows by their number, those of one number in the order they came, as one record batch."""
    if not (row_numbers[1:] < row_numbers[:-1]).any():
        return _join_batches(record_batches), row_numbers
    ends = np.cumsum([record_batch.num_rows for record_batch in record_batches])
    # A stretch lies in one record batch, so that it is copied once, from there to its place.
    # `np.unique` and its like import masked arrays, which takes longer than splitting a million rows.
    starts = np.sort(np.concatenate((_stretch_starts(row_numbers), ends)))
    starts = starts[np.concatenate(([True], starts[1:] != starts[:-1]))]
    if not _are_long(starts, record_batches[0].schema):
        order = np.argsort(row_numbers, kind="stable")
        return _join_batches(record_batches).take(to_array(order)), row_numbers[order]
    order = np.argsort(row_numbers[starts[:-1]], kind="stable")
    firsts, lengths = starts[:-1][order], np.diff(starts)[order]
    batches = np.searchsorted(ends, firsts, side="right")
    offsets = firsts - np.concatenate(([0], ends))[batches]
    stretches = zip(batches.tolist(), offsets.tolist(), lengths.tolist(), strict=True)
    slices = [record_batches[batch].slice(offset, rows) for batch, offset, rows in stretches]
    return concat_batches(slices), np.repeat(row_numbers[firsts], lengths)


def _join_batches(record_batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return record_batches[0] if len(record_batches) == 1 else concat_batches(record_batches)


def _stretch_starts(row_numbers: np.ndarray) -> np.ndarray:
    """Where stretches of rows with one number begin, and the end of the last one."""
    return np.concatenate(([0], np.flatnonzero(np.diff(row_numbers)) + 1, [len(row_numbers)]))


def _are_long(starts: np.ndarray, arrow_schema: pa.Schema) -> bool:
    least = _LONG_STRETCH_ROWS_OF_FIXED_WIDTH if _is_fixed_width(arrow_schema) else _LONG_STRETCH_ROWS
    return bool(starts[-1] >= (len(starts) - 1) * least)


def _is_fixed_width(arrow_schema: pa.Schema) -> bool:
    return all(pa.types.is_primitive(field.type) for field in arrow_schema)


def _whole_run(record_batch: pa.RecordBatch, number: np.ndarray) -> _Run:
    """A run of one hive partition."""
    byte_counts = np.array([record_batch.nbytes])
    return _Run(_own_memory(record_batch), number, np.array([0, record_batch.num_rows]), byte_counts)


def _joined_run(parts: list[tuple[pa.RecordBatch, np.ndarray]]) -> _Run:
    record_batches, numbers = zip(*parts, strict=True)
    return _sorted_run(record_batches, np.concatenate(numbers))


def _own_memory(record_batch: pa.RecordBatch) -> pa.RecordBatch:
    """``record_batch``, copied where it is a slice that holds a larger one in memory."""
    if record_batch.get_total_buffer_size() <= record_batch.nbytes * 1.25 + 4096:
        return record_batch
    return record_batch.take(to_array(np.arange(record_batch.num_rows)))
