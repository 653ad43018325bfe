"""What became of every row: counts by file, and which row groups are done for good.

Both follow from the writer's receipts for messages, which come from two threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.write.messages import Outcome
from airflow_provider_cqlai.engine.errors import CqlaiError
from airflow_provider_cqlai.engine.importing.row_types import (
    NO_ROWS,
    RowCounts,
    RowGroup,
    RowGroupEnd,
    SourceRows,
    StatementRows,
)

Reject = Callable[[SourceRows, int, CqlaiError], bool]


@dataclass
class _OpenGroup:
    """A row group that is not done yet. Answers are counted in place: a sum of `RowCounts` for each is too slow."""

    outstanding: int = 0
    has_ended: bool = False
    written: int = 0
    not_applied: int = 0
    unknown: int = 0
    others: RowCounts = NO_ROWS
    """Of the row group's end, and of rows that are not sent."""

    @property
    def counts(self) -> RowCounts:
        return self.others + RowCounts(written=self.written, not_applied=self.not_applied, unknown=self.unknown)


class ImportTracking:
    """Counts for all files of an import; thread-safe where the writer's callbacks reach it."""

    def __init__(self, file_count: int) -> None:
        # Of the row groups that are done.
        self._files = [NO_ROWS] * file_count
        self._groups: dict[RowGroup, _OpenGroup] = {}
        self._lock = threading.Lock()
        self.bytes_written = 0

    @property
    def files(self) -> list[RowCounts]:
        """By file, of every row so far."""
        with self._lock:
            files = list(self._files)
            for group, state in self._groups.items():
                files[group.file_index] += state.counts
        return files

    def take_over(self, finished: Mapping[RowGroup, RowCounts], rejected_rows: Sequence[int]) -> None:
        """What became of the rows of row groups that are not read again; ``rejected_rows`` by file.

        Those that were not written are counted as what they are, and as resumed no more.
        """
        earlier = [(group.file_index, counts) for group, counts in finished.items()]
        earlier += [(file_index, RowCounts(rejected=rows)) for file_index, rows in enumerate(rejected_rows)]
        for file_index, counts in earlier:
            rows = counts.not_written + counts.rejected
            self._files[file_index] += RowCounts(
                read=rows,
                not_applied=counts.not_applied,
                unknown=counts.unknown,
                rejected=counts.rejected,
                expired=counts.expired,
                resumed=-rows,
            )

    def end_group(self, end: RowGroupEnd) -> None:
        """Every row of a row group was handed to the writer."""
        with self._lock:
            state = self._groups.setdefault(end.group, _OpenGroup())
            state.has_ended = True
            state.others += end.counts

    def take_finished(self) -> dict[RowGroup, RowCounts]:
        """Row groups that were read to their end and of which no message is on its way; each is told once.

        Those that an earlier try has finished are not told.
        """
        with self._lock:
            done = {
                group: state.counts
                for group, state in self._groups.items()
                if state.has_ended and not state.outstanding
            }
            for group, counts in done.items():
                self._files[group.file_index] += counts
                del self._groups[group]
        return {group: counts for group, counts in done.items() if not counts.resumed}

    def count(self, group: RowGroup, rows: RowCounts) -> None:
        """Rows that are not sent."""
        with self._lock:
            self._groups.setdefault(group, _OpenGroup()).others += rows

    def add_messages(self, group: RowGroup, count: int) -> None:
        with self._lock:
            self._groups.setdefault(group, _OpenGroup()).outstanding += count

    def settle_message(self, group: RowGroup, rows: int, byte_count: int, outcome: Outcome) -> None:
        """A message has its answer; ``rows`` of it count, which is 0 for all but one statement of a row."""
        with self._lock:
            state = self._groups[group]
            state.outstanding -= 1
            self.bytes_written += byte_count
            if outcome is Outcome.WRITTEN:
                state.written += rows
            elif outcome is Outcome.NOT_APPLIED:
                state.not_applied += rows
            else:
                state.unknown += rows


@dataclass(frozen=True)
class RowReceipt:
    """A `messages.WriteReceipt` for the rows of one statement."""

    tracking: ImportTracking
    source: SourceRows
    part: StatementRows[EncodedRows]
    reject: Reject = field(repr=False)

    def sent(self, message_count: int) -> None:
        self.tracking.add_messages(self.source.group, message_count)

    def confirmed(self, row_count: int, byte_count: int, outcome: Outcome) -> None:
        self.tracking.settle_message(self.source.group, row_count * self.part.counts_rows, byte_count, outcome)

    def refused(self, row_number: int, error: CqlaiError) -> None:
        counts_rows, places = self.part.counts_rows, self.part.places
        is_new = self.reject(self.source, row_number if places is None else int(places[row_number]), error)
        # A row that several statements write is rejected once, by whichever is refused first; the one that counts it
        # comes or came back as well.
        rows = -1 if is_new and not counts_rows else 1 if counts_rows and not is_new else 0
        self.tracking.settle_message(self.source.group, rows, 0, Outcome.WRITTEN)
