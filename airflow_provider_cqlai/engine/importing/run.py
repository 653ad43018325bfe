"""One import while it runs: source rows are read and encoded in a thread of their own, written in this one.

A run ends with counts, the file of rejected rows and the journal. A row group is finished when every message with rows
of it was answered, and only then does the journal record it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import NoReturn

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableWatch
from airflow_provider_cqlai.engine.cassandra.write.row_writer import RowWriter
from airflow_provider_cqlai.engine.errors import (
    CopyCancelledError,
    CounterOutcomeError,
    CqlaiError,
    RowWriteError,
    TooManyRejectedRowsError,
)
from airflow_provider_cqlai.engine.importing.outcome.journal import ImportJournal
from airflow_provider_cqlai.engine.importing.outcome.rejected_rows import RejectedRows
from airflow_provider_cqlai.engine.importing.outcome.tracking import ImportTracking, RowReceipt
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.prepare.rows import RowPreparation
from airflow_provider_cqlai.engine.importing.read.reading import read_source_rows
from airflow_provider_cqlai.engine.importing.row_types import PreparedRows, RowCounts, RowGroup, RowGroupEnd, SourceRows
from airflow_provider_cqlai.engine.pipeline import ReadFinished, stream_reads
from airflow_provider_cqlai.engine.progress import Progress
from airflow_provider_cqlai.engine.results import ImportedFile


class ImportRun:
    """Writes the rows of a plan; without a writer it only reads, converts and encodes (a dry run)."""

    def __init__(
        self,
        plan: ImportPlan,
        *,
        preparation: RowPreparation,
        writer: RowWriter | None,
        watch: TableWatch,
        rejected: RejectedRows,
        journal: ImportJournal,
        progress: Progress,
        cancellation: Cancellation,
    ) -> None:
        self._plan = plan
        self._preparation = preparation
        self._writer = writer
        self._watch = watch
        self._rejected = rejected
        self._journal = journal
        self._progress = progress
        self._cancellation = cancellation
        self._tracking = ImportTracking(len(plan.files))

    @property
    def bytes_written(self) -> int:
        return self._tracking.bytes_written

    @property
    def rows_kept(self) -> int:
        """Rows of this try and of earlier ones that were not rejected."""
        return self._rows_seen - len(self._rejected)

    def write_all(self) -> None:
        """Read, convert, encode and write every row; returns when each was confirmed or put aside.

        Raises:
            TooManyRejectedRowsError: over the budget; the rows rejected so far are in their file.
            SupersededError: another attempt has begun to put its rejected rows where this one does.
            CqlaiError: anything else that ends the import; what finished is in the journal.
        """
        self._rejected.claim()
        finished = self._journal.begin(self._rejected.count_parts)
        if finished:
            self._rejected.resume(self._journal.rejected_attempt, _row_groups_by_file(self._plan, finished))
            self._journal.note_parts(self._rejected.attempt, self._rejected.part_count)
        self._rejected.forget_others()
        self._tracking.take_over(finished, [self._rejected.taken_over(str(file.file)) for file in self._plan.files])
        try:
            self._send_all(finished)
            if self._writer is not None:
                self._writer.drain()
            self._check_counts()
            self._rejected.check_share(self._rows_seen)
            self._watch.check()
        except CqlaiError as error:
            self._fail(error)
        finally:
            self._settle_groups(is_urgent=True)

    def _fail(self, error: CqlaiError) -> NoReturn:
        """Raise what ``error`` comes to, with what became of the rows so far."""
        # What a table that is gone refused is no row's fault.
        reason = error if isinstance(error, CopyCancelledError) else self._watch.explain(error)
        is_counting = self._plan.options.mode == "counter_update"
        if isinstance(reason, TooManyRejectedRowsError):
            if self._writer is not None:
                self._writer.await_answers()
            path = self._rejected.publish()
            raise TooManyRejectedRowsError(
                f"{error}; {self._rows_written} rows were written"
                + (f", the rejected ones are in {path}" if path else "")
            ) from error
        if is_counting and not (self._writer is not None and self._writer.may_have_written()):
            # Nothing was counted, so the next try may begin.
            self._journal.complete()
        elif is_counting and reason.is_retryable:
            raise CounterOutcomeError(
                f"counters were counted before the import ended, and running it again would count them twice:"
                f" {self._rows_written} updates for certain, and whether those that were sent and not answered were is"
                f" unknown: {reason}"
            ) from error
        if reason is error:
            raise error
        raise reason from error

    def complete(self) -> str | None:
        """Publish the rejected rows and forget what a retry would have needed; the path of the rejected rows."""
        path = self._rejected.publish() if self._writer is not None else None
        self._journal.complete()
        self._rejected.forget_parts()
        return path

    def describe_files(self) -> tuple[ImportedFile, ...]:
        """What became of each file's rows."""
        is_dry_run = self._writer is None
        return tuple(
            ImportedFile(
                path=str(file.file),
                rows_read=counts.read,
                rows=counts.read - counts.rejected - counts.expired if is_dry_run else counts.written,
                rows_rejected=counts.rejected,
                rows_skipped=counts.skipped,
                rows_not_applied=counts.not_applied,
                rows_unknown=counts.unknown,
                rows_expired=counts.expired,
                rows_resumed=counts.resumed,
            )
            for file, counts in zip(self._plan.files, self._tracking.files, strict=True)
        )

    @property
    def _rows_seen(self) -> int:
        """Read by this try or finished by an earlier one."""
        return sum(file.read + file.resumed for file in self._tracking.files)

    @property
    def _rows_written(self) -> int:
        return sum(file.written for file in self._tracking.files)

    def _send_all(self, finished: Mapping[RowGroup, RowCounts]) -> None:
        given = {group: rows.read for group, rows in finished.items()}

        def prepare(plan: ImportPlan, stop: Cancellation) -> Iterator[PreparedRows | RowGroupEnd]:
            for item in read_source_rows(plan, given):
                stop.raise_if_cancelled()
                if isinstance(item, RowGroupEnd):
                    yield item
                else:
                    yield from self._preparation.prepare(item)

        # One reader: the last of two rows with one primary key in file order is to win.
        with closing(stream_reads([self._plan], prepare, concurrency=1, cancellation=self._cancellation)) as items:
            for item in items:
                if isinstance(item, PreparedRows):
                    self._write(item)
                elif isinstance(item, RowGroupEnd):
                    self._tracking.end_group(item)
                    self._progress.leave_out((item.counts.skipped + item.counts.resumed) / max(1, self._plan.rows))
                elif isinstance(item, ReadFinished):
                    break
                self._settle_groups()
                self._progress.log_if_due()
                self._watch.check_if_due()

    def _write(self, prepared: PreparedRows) -> None:
        source = prepared.source
        if prepared.rejection is not None:
            self._reject(source, 0, prepared.rejection)
            return
        self._tracking.count(source.group, RowCounts(expired=prepared.expired_rows))
        for part in prepared.parts:
            if self._writer is not None:
                receipt = RowReceipt(self._tracking, source, part, self._reject)
                self._writer.write(part.rows, part.statement, receipt)
        self._progress.add_rows(len(source), source.record_batch.nbytes)
        self._progress.finish_read(len(source) / self._plan.rows)

    def _reject(self, source: SourceRows, place: int, error: CqlaiError) -> bool:
        is_new = self._rejected.add(source, place, error)
        if is_new:
            self._tracking.count(source.group, RowCounts(rejected=1))
        return is_new

    def _settle_groups(self, *, is_urgent: bool = False) -> None:
        """Tell the journal of row groups that finished; their rejected rows are durable before it knows."""
        for group, rows in self._tracking.take_finished().items():
            self._journal.finish(group, rows)
        if is_urgent or self._journal.is_due:
            self._rejected.flush()
            self._journal.save(self._rejected.attempt, self._rejected.part_count)

    def _check_counts(self) -> None:
        """Every row that was read must be accounted for: what the cluster confirmed is counted apart from it."""
        if self._writer is None:
            return
        for file, counts in zip(self._plan.files, self._tracking.files, strict=True):
            if counts.read != counts.settled:
                raise RowWriteError(
                    f"{self._plan.table}: {counts.read} rows of {file.file} were read but {counts.settled} are"
                    f" accounted for: {counts}"
                )


def _row_groups_by_file(plan: ImportPlan, finished: Iterable[RowGroup]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for group in finished:
        found.setdefault(str(plan.files[group.file_index].file), set()).add(group.row_group)
    return found
