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
from collections.abc import Callable
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
        self.rejected_attempt = ""
        """Whose part files hold the rejected rows of what finished."""
        self._rejected_parts = 0

    def begin(self, count_parts: Callable[[str], int] = lambda attempt: 0) -> dict[RowGroup, RowCounts]:
        """The row groups that need not be read again, with what became of the rows of each.

        Args:
            count_parts: how many files with rejected rows an attempt has left; fewer than it wrote start over.

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
            and self._has_rejected_rows(earlier, count_parts)
            # An older version did not tell what it had written from what it had not.
            and "not_written" in earlier
        ):
            self._finished = self._select_leading(earlier["finished"], earlier["not_written"])
            self.rejected_attempt = earlier.get("rejected_attempt", "")
            self._rejected_parts = earlier["rejected_parts"]
        elif is_own:
            logger.info(
                "an earlier try cannot be continued: files, table, options, what it rejected or this package's"
                " version have changed; starting over"
            )
        # Counters must be known to have begun before the first of them counts.
        self._save()
        return dict(self._finished)

    def _has_rejected_rows(self, earlier: dict[str, Any], count_parts: Callable[[str], int]) -> bool:
        """Whether the rejected rows of an earlier try are all there. An older version did not tell whose they are."""
        parts = earlier.get("rejected_parts", 0)
        attempt = earlier.get("rejected_attempt")
        return not parts or (attempt is not None and count_parts(attempt) >= parts)

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

    def save(self, attempt: str = "", rejected_parts: int = 0) -> None:
        """Make what finished durable, with the number of files that ``attempt`` has put its rejected rows into.

        Where that fails, a retry reads more again, which is not a reason to fail now.
        """
        if self._store is not None and self._is_changed:
            self.rejected_attempt, self._rejected_parts = attempt, rejected_parts
            try:
                self._save()
            except StorageError as error:
                self._saved_at = time.monotonic()
                logger.warning("%s; a retry reads more again", error)

    def note_parts(self, attempt: str, rejected_parts: int) -> None:
        """The rejected rows of what is not read again are now in so many files of ``attempt``."""
        self._is_changed = True
        self.save(attempt, rejected_parts)

    def complete(self) -> None:
        """The whole import is done: nothing is left to go on from, and nobody who would."""
        # Nothing that is settled later may bring the text back.
        store, self._store = self._store, None
        if store is not None:
            try:
                store.clear()
            except StorageError as error:
                logger.warning("%s; it may be deleted", error)

    def _save(self) -> None:
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
            "rejected_parts": self._rejected_parts,
        }
        if self._rejected_parts:
            content["rejected_attempt"] = self.rejected_attempt
        self._store.save(json.dumps(content))
        self._is_changed = False
        self._saved_at = time.monotonic()


def _fingerprint(plan: ImportPlan) -> str:
    relevant: dict[str, Any] = {
        name: repr(value) for name, value in sorted(vars(plan.options).items()) if name not in _IRRELEVANT
    }
    files = [(str(file.file), file.file.identity, file.row_group_rows) for file in plan.files]
    # A column that was added since is written now, and was left out of what finished before.
    columns = [(name, plan.table.column(name).cql_text) for name in plan.columns]
    text = json.dumps([relevant, columns, files])
    return hashlib.sha256(text.encode()).hexdigest()
