"""What became of every row: counts by file, and which row groups are done for good.

The writer's receipts tell of messages, from two threads; what flows out is the counts of a result, and row groups as
they finish.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from airflow_provider_cqlai.engine.cassandra.write.messages import Outcome
from airflow_provider_cqlai.engine.errors import CqlaiError
from airflow_provider_cqlai.engine.importing.outcome.group_counts import NO_ROWS, GroupCounts
from airflow_provider_cqlai.engine.importing.read.reading import RowGroupEnd
from airflow_provider_cqlai.engine.importing.read.source_rows import RowGroup, SourceRows

Reject = Callable[[SourceRows, int, CqlaiError], bool]


@dataclass
class FileCounts:
    """Rows of one file by what became of them."""

    read: int = 0
    written: int = 0
    not_applied: int = 0
    unknown: int = 0
    rejected: int = 0
    expired: int = 0
    skipped: int = 0
    resumed: int = 0
    bytes: int = 0
    earlier: GroupCounts = NO_ROWS
    """Of the row groups that an earlier try has finished."""

    @property
    def settled(self) -> int:
        """Rows of which it is known what became of them."""
        return self.written + self.not_applied + self.unknown + self.rejected + self.expired


@dataclass
class _GroupState:
    outstanding: int = 0
    end: RowGroupEnd | None = None
    counts: GroupCounts = NO_ROWS


class ImportTracking:
    """Counts for all files of an import; thread-safe where the writer's callbacks reach it."""

    def __init__(self, file_count: int) -> None:
        self.files = [FileCounts() for _ in range(file_count)]
        self._groups: dict[RowGroup, _GroupState] = {}
        self._lock = threading.Lock()

    @property
    def rows_written(self) -> int:
        return sum(file.written for file in self.files)

    def take_over(self, finished: Mapping[RowGroup, GroupCounts]) -> None:
        """What became of the rows of row groups that are not read again."""
        for group, rows in finished.items():
            counts = self.files[group.file_index]
            counts.earlier = GroupCounts(
                given=counts.earlier.given + rows.given,
                not_applied=counts.earlier.not_applied + rows.not_applied,
                unknown=counts.earlier.unknown + rows.unknown,
                expired=counts.earlier.expired + rows.expired,
            )

    def end_group(self, end: RowGroupEnd) -> None:
        """Every row of a row group was handed to the writer."""
        counts = self.files[end.group.file_index]
        with self._lock:
            counts.read += end.rows_read
            counts.skipped += end.rows_skipped
            counts.resumed += end.rows_resumed
            state = self._groups.setdefault(end.group, _GroupState())
            state.end = end
            state.counts = replace(state.counts, given=end.rows_read)

    def take_finished(self) -> dict[RowGroup, GroupCounts]:
        """Row groups that were read to their end and of which no message is on its way; each is told once.

        Those that an earlier try has finished are not told.
        """
        with self._lock:
            done = {group: state for group, state in self._groups.items() if not state.outstanding and state.end}
            for group in done:
                del self._groups[group]
        return {
            group: state.counts for group, state in done.items() if state.end is not None and not state.end.rows_resumed
        }

    def count_rejected(self, group: RowGroup) -> None:
        with self._lock:
            self.files[group.file_index].rejected += 1

    def count_expired(self, group: RowGroup, rows: int) -> None:
        with self._lock:
            self.files[group.file_index].expired += rows
            state = self._groups.setdefault(group, _GroupState())
            state.counts = replace(state.counts, expired=state.counts.expired + rows)

    def add_messages(self, group: RowGroup, count: int) -> None:
        with self._lock:
            self._groups.setdefault(group, _GroupState()).outstanding += count

    def settle_message(self, group: RowGroup, rows: int, byte_count: int, outcome: Outcome) -> None:
        """A message has its answer; ``rows`` of it count, which is 0 for all but one statement of a row."""
        counts = self.files[group.file_index]
        with self._lock:
            state = self._groups[group]
            state.outstanding -= 1
            counts.bytes += byte_count
            if outcome is Outcome.WRITTEN:
                counts.written += rows
            elif outcome is Outcome.NOT_APPLIED:
                counts.not_applied += rows
                state.counts = replace(state.counts, not_applied=state.counts.not_applied + rows)
            else:
                counts.unknown += rows
                state.counts = replace(state.counts, unknown=state.counts.unknown + rows)


@dataclass(frozen=True)
class RowReceipt:
    """A `messages.WriteReceipt` for encoded rows of one piece of a row group."""

    tracking: ImportTracking
    source: SourceRows
    places: np.ndarray | None
    """Of each encoded row in ``source``; None where they are the same."""
    counts_rows: bool
    """Whether these messages are what makes a row count as written: one statement of each row is."""
    reject: Reject = field(repr=False)

    def sent(self, message_count: int) -> None:
        self.tracking.add_messages(self.source.group, message_count)

    def confirmed(self, row_count: int, byte_count: int, outcome: Outcome) -> None:
        self.tracking.settle_message(self.source.group, row_count * self.counts_rows, byte_count, outcome)

    def refused(self, row_number: int, error: CqlaiError) -> None:
        place = row_number if self.places is None else int(self.places[row_number])
        is_new = self.reject(self.source, place, error)
        # A row that several statements write is rejected once, by whichever is refused first; the one that counts it
        # comes or came back as well.
        rows = -1 if is_new and not self.counts_rows else 1 if self.counts_rows and not is_new else 0
        self.tracking.settle_message(self.source.group, rows, 0, Outcome.WRITTEN)
