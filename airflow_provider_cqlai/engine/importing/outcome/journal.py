"""What an import has finished, so that a retry of the same task goes on from there, also after a kill.

Finished row groups are kept in a store that outlives the process, as a short JSON text without any row. It holds for
one task instance as it was scheduled (a cleared one has another owner), one set of unchanged files, one table that was
neither created anew nor truncated, and the same options; anything else starts over.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import time
from typing import Any

from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableIdentity
from airflow_provider_cqlai.engine.errors import CounterOutcomeError, StorageError
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.row_types import NO_ROWS, RowCounts, RowGroup
from airflow_provider_cqlai.engine.options.journal_store import JournalStore

logger = logging.getLogger(__name__)

# A finished row group is worth a write of some milliseconds, but not many of them a second.
_SAVE_SECONDS = 1.0
# Options that change how fast rows are written, not which or what.
_IRRELEVANT = frozenset(
    {
        *("max_batch_bytes", "max_bytes_in_flight", "max_requests_in_flight", "max_write_attempts"),
        *("rate_limit_rows_per_second", "request_timeout_seconds", "progress_interval_seconds", "max_errors"),
        *("verify", "verify_sample_rows", "dry_run", "on_uncovered_window"),
    }
)


class ImportJournal:
    """The finished row groups of one import. Without a store it only remembers."""

    def __init__(self, store: JournalStore | None, plan: ImportPlan, table: TableIdentity) -> None:
        options = plan.options
        self._store = store
        self._is_counting = options.mode == "counter_update"
        self._fingerprint = _fingerprint(plan) if store is not None else ""
        self._table = table
        self._columns = plan.columns
        # In the order in which they are read.
        self._groups = [
            RowGroup(file_index, row_group)
            for file_index, file in enumerate(plan.files)
            for row_group in range(len(file.row_group_rows))
        ]
        # Rows that a filter selects are not counted apart where it is not known how many of them were skipped.
        self._can_resume = not (options.where and (options.skip_rows or options.max_rows is not None))
        self._finished: dict[RowGroup, RowCounts] = {}
        self._is_changed = False
        self._saved_at = 0.0

    def begin(self, rejected_parts: int = 0) -> dict[RowGroup, RowCounts]:
        """The row groups that need not be read again, with what became of the rows of each.

        Args:
            rejected_parts: files with rejected rows that an earlier try has left; fewer than it wrote start over.

        Raises:
            CounterOutcomeError: counters that an earlier try began to count.
        """
        if self._store is None:
            return {}
        earlier = json.loads(self._store.load() or "{}")
        is_own = earlier.get("owner") == self._store.owner
        if self._is_counting:
            if is_own:
                raise CounterOutcomeError(
                    "an earlier try of this task began to count, so running it again could count twice; look at the"
                    " counters and clear the task to run it again on purpose"
                )
        elif (
            is_own
            and earlier.get("fingerprint") == self._fingerprint
            and self._is_same_table(earlier)
            and self._can_resume
            and rejected_parts >= earlier.get("rejected_parts", 0)
            # An older version did not tell what it had written from what it had not.
            and "not_written" in earlier
        ):
            self._finished = self._select_leading(earlier["finished"], earlier["not_written"])
        elif is_own:
            logger.info(
                "an earlier try cannot be continued: files, table, options, what it rejected or this package's"
                " version have changed; starting over"
            )
        # Counters must be known to have begun before the first of them counts.
        self._save(rejected_parts)
        return dict(self._finished)

    def _is_same_table(self, earlier: dict[str, Any]) -> bool:
        # An older version told of the table in its fingerprint.
        text = earlier.get("table")
        return text is not None and TableIdentity.from_json(text).describe_change(self._table, self._columns) is None

    def _select_leading(
        self, finished: dict[str, list[tuple[int, int]]], not_written: dict[str, list[tuple[int, int, int, int]]]
    ) -> dict[RowGroup, RowCounts]:
        """The finished row groups before the first that is not: what is read again is written with a later write time,
        and must not win over a row after it that has the same primary key.
        """
        apart = {
            RowGroup(int(file_index), row_group): RowCounts(not_applied=not_applied, unknown=unknown, expired=expired)
            for file_index, groups in not_written.items()
            for row_group, not_applied, unknown, expired in groups
        }
        rows = {
            group: RowCounts(read=given) + apart.get(group, NO_ROWS)
            for file_index, groups in finished.items()
            for group, given in ((RowGroup(int(file_index), row_group), given) for row_group, given in groups)
        }
        return {group: rows[group] for group in itertools.takewhile(rows.__contains__, self._groups)}

    def finish(self, group: RowGroup, rows: RowCounts) -> None:
        """A row group is done: written, or set aside durably."""
        self._finished[group] = rows
        self._is_changed = True

    @property
    def is_due(self) -> bool:
        """Whether it is time to `save`."""
        return self._store is not None and self._is_changed and time.monotonic() - self._saved_at >= _SAVE_SECONDS

    def save(self, rejected_parts: int = 0) -> None:
        """Make what finished durable, with the number of files that its rejected rows are in.

        Where that fails, a retry reads more again, which is not a reason to fail now.
        """
        if self._store is not None and self._is_changed:
            try:
                self._save(rejected_parts)
            except StorageError as error:
                self._saved_at = time.monotonic()
                logger.warning("%s; a retry reads more again", error)

    def note_parts(self, rejected_parts: int) -> None:
        """The rejected rows of what is not read again are now in so many files."""
        self._is_changed = True
        self.save(rejected_parts)

    def complete(self) -> None:
        """The whole import is done: nothing is left to go on from, and nobody who would."""
        # Nothing that is settled later may bring the text back.
        store, self._store = self._store, None
        if store is not None:
            try:
                store.clear()
            except StorageError as error:
                logger.warning("%s; it may be deleted", error)

    def _save(self, rejected_parts: int) -> None:
        assert self._store is not None
        finished: dict[int, list[tuple[int, int]]] = {}
        not_written: dict[int, list[tuple[int, int, int, int]]] = {}
        for group, rows in sorted(self._finished.items(), key=lambda item: (item[0].file_index, item[0].row_group)):
            finished.setdefault(group.file_index, []).append((group.row_group, rows.read))
            if rows.not_written:
                counts = group.row_group, rows.not_applied, rows.unknown, rows.expired
                not_written.setdefault(group.file_index, []).append(counts)
        content = {
            "owner": self._store.owner,
            "fingerprint": self._fingerprint,
            "table": self._table.to_json(),
            "finished": finished,
            "not_written": not_written,
            "rejected_parts": rejected_parts,
        }
        self._store.save(json.dumps(content))
        self._is_changed = False
        self._saved_at = time.monotonic()


def _fingerprint(plan: ImportPlan) -> str:
    relevant: dict[str, Any] = {
        name: repr(value) for name, value in sorted(vars(plan.options).items()) if name not in _IRRELEVANT
    }
    files = [(str(file.file), file.file.identify(), file.row_group_rows) for file in plan.files]
    # A column that was added since is written now, and was left out of what finished before.
    columns = [(name, plan.table.column(name).cql_text) for name in plan.columns]
    text = json.dumps([relevant, columns, files])
    return hashlib.sha256(text.encode()).hexdigest()
