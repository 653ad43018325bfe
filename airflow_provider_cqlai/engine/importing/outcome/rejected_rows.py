"""Rows that an import left out: how many are accepted, and the Parquet file that holds them.

The file has each row's reason and the columns of the source files as far as they were read, so that it can be corrected
and imported again. Until it is written its rows wait in `rejected_parts`, from which a retried import goes on: those of
row groups that had finished stay rejected.
"""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError, TooManyRejectedRowsError
from airflow_provider_cqlai.engine.files.storage.storage import join, parent
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.outcome.rejected_parts import RejectedParts
from airflow_provider_cqlai.engine.importing.outcome.rejected_path import (
    REJECTED_FILE,
    REJECTED_REASON,
    REJECTED_ROW,
    REJECTED_ROW_GROUP,
    locate_rejected_file,
)
from airflow_provider_cqlai.engine.importing.plan.file_plan import FilePlan
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.row_types import SourceRows
from airflow_provider_cqlai.engine.importing.sources.legacy_calendar import LEGACY_METADATA, has_moments, plan_rebase
from airflow_provider_cqlai.engine.options.copy_from import accepts_no_row, read_max_errors
from airflow_provider_cqlai.engine.types.foreign.common_type import join_types, read_as
from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS

logger = logging.getLogger(__name__)

# Reasons that go to the log; the file has all of them.
_LOGGED_REASONS = 10
# Rows that wait in memory.
_PART_ROWS = 1_000


class RejectedRows:
    """Collects rejected rows until they exceed what ``max_errors`` accepts of the rows that are wanted."""

    def __init__(self, plan: ImportPlan, access: StorageAccess) -> None:
        options = plan.options
        self._max_errors = options.max_errors
        self._limit = read_max_errors(options.max_errors, plan.wanted_rows)
        self._is_fatal = options.rejected_path is None
        # A dry run counts; the file and the parts of another import are not its own.
        self._is_kept = options.rejected_path is not None and not options.dry_run
        self._schema = _join_schemas(plan.files)
        self._rows: list[Any] = []
        self._count = 0
        # A row that several statements write is rejected once.
        self._seen: dict[str, set[int]] = {}
        self._taken_over: Counter[str] = Counter()
        if options.rejected_path is not None:
            self._storage, self._path = locate_rejected_file(
                str(options.rejected_path), options.paths, [file.file for file in plan.files], access
            )
            self._parts = RejectedParts(self._storage, self._path)

    def __len__(self) -> int:
        return self._count

    def add(self, source: SourceRows, place: int, error: CqlaiError) -> bool:
        """Put the row at ``place`` aside; whether it was not there before.

        Raises:
            CqlaiError: ``error`` itself, where no row may fail and none is to be kept.
            TooManyRejectedRowsError: this one is over the budget; it is kept nevertheless.
        """
        if self._is_fatal:
            raise type(error)(f"{error}; {source.describe_row(place)}", **error.details) from error
        file, row_number = str(source.file.file), int(source.row_numbers[place])
        if not self._note(file, row_number):
            return False
        if self._is_kept:
            self._rows.append(self._make_row(source, place, file, row_number, error))
        if self._count <= _LOGGED_REASONS:
            logger.warning("rejected row %d of %s: %s", row_number, file, error)
        if len(self._rows) >= _PART_ROWS:
            self.flush()
        if self._count > self._limit:
            raise TooManyRejectedRowsError(
                f"{self._count} rows were rejected, max_errors accepts {self._limit}; the last one is"
                f" {source.describe_row(place)}: {error}"
            ) from error
        return True

    def find(self, source: SourceRows) -> np.ndarray:
        """Which rows of ``source`` are rejected."""
        numbers = self._seen.get(str(source.file.file), ())
        if not numbers:
            # Most files have none, and `np.isin` imports masked arrays, a tenth of a second.
            return np.zeros(len(source.row_numbers), np.bool_)
        return np.isin(source.row_numbers, np.fromiter(numbers, np.int64))

    def taken_over(self, file: str) -> int:
        """Rows of ``file`` that an earlier try rejected and this one did not read again."""
        return self._taken_over[file]

    def check_share(self, row_count: int) -> None:
        """Hold the rejected rows against the number of rows that there were, once it is known.

        Raises:
            TooManyRejectedRowsError: more than ``max_errors`` accepts of so many rows, or all of them.
        """
        if self._count and self._count >= row_count and not accepts_no_row(self._max_errors):
            raise TooManyRejectedRowsError(
                f"max_errors='all' accepts that no row was written; every one of {row_count} was rejected"
            )
        limit = read_max_errors(self._max_errors, row_count)
        if self._count > limit:
            raise TooManyRejectedRowsError(
                f"{self._count} of {row_count} rows were rejected, max_errors={self._max_errors!r} accepts {limit}"
            )

    @property
    def attempt(self) -> str:
        """Whose part files the rows so far are in; empty where none are kept."""
        return self._parts.attempt if self._is_kept else ""

    def claim(self) -> None:
        """Begin: whoever put rejected rows to this place before does so no more."""
        if self._is_kept:
            self._parts.claim()

    def flush(self) -> None:
        """Make the rows so far durable, in a part file beside the final one.

        Raises:
            SupersededError: another attempt has begun.
        """
        if not self._is_kept:
            return
        self._parts.check_claim()
        if self._rows:
            self._parts.write(pa.Table.from_batches(self._rows, self._schema))
            self._rows = []

    def resume(self, attempt: str, finished: Mapping[str, Collection[int]]) -> None:
        """Take over what ``attempt`` put aside of its ``finished`` row groups, by file."""
        if not self._is_kept:
            return
        for table in self._parts.read(attempt):
            for record_batch in _select_finished(table, finished).cast(self._schema).to_batches():
                for row in range(record_batch.num_rows):
                    self._take_over(record_batch.slice(row, 1))
        self.flush()

    def forget_others(self) -> None:
        """Remove the part files of earlier attempts: what counts of them was taken over."""
        if self._is_kept:
            self._parts.remove_others()

    def _take_over(self, row: Any) -> None:
        file = row.column(REJECTED_FILE)[0].as_py()
        if self._note(file, row.column(REJECTED_ROW)[0].as_py()):
            self._taken_over[file] += 1
            self._rows.append(row)

    def _note(self, file: str, row_number: int) -> bool:
        """Count a row, by its place; False where it has been counted."""
        numbers = self._seen.setdefault(file, set())
        if row_number in numbers:
            return False
        numbers.add(row_number)
        self._count += 1
        return True

    def publish(self) -> str | None:
        """Write the file, in place of one from before; its path, or None where no row was rejected.

        Without rejected rows, the file of an earlier import is removed: it would tell of rows that are in the table.

        Raises:
            SupersededError: another attempt has begun.
        """
        if not self._is_kept:
            return None
        self.flush()
        if not len(self._parts):
            self._storage.delete([self._path])
            return None
        content = io.BytesIO()
        with pq.ParquetWriter(content, self._schema, write_page_checksum=True) as writer:
            for table in self._parts.read(self._parts.attempt):
                writer.write_table(table)
        name = self._path.rpartition("/")[2]
        through = join(parent(self._path), f".{name}.{self._parts.attempt}")
        self._parts.check_claim()
        self._storage.replace(self._path, content.getvalue(), through=through)
        described: str = self._storage.describe(self._path)
        logger.warning("%d rejected rows are in %s", self._count, described)
        return described

    def forget_parts(self) -> None:
        """Remove the part files: nothing will go on from them."""
        if self._is_kept:
            self._parts.remove()

    def count_parts(self, attempt: str) -> int:
        """How many files hold rejected rows of ``attempt``."""
        return self._parts.count(attempt) if self._is_kept else 0

    @property
    def part_count(self) -> int:
        """How many files hold those of this one."""
        return len(self._parts) if self._is_kept else 0

    def _make_row(self, source: SourceRows, place: int, file: str, row_number: int, error: CqlaiError) -> Any:
        """One row as a record batch; taken, not sliced, so that its neighbours' memory is free."""
        row = source.record_batch.take(pa.array([place]))
        folded = source.file.folded_names
        hive_values = {folded.get(key, key): text for key, text in source.file.file.hive_values}
        told = {
            REJECTED_FILE: file,
            REJECTED_ROW_GROUP: source.group.row_group,
            REJECTED_ROW: row_number,
            REJECTED_REASON: f"{type(error).__name__}: {error}",
        }
        in_file = {source.file.folded_names.get(name, name): name for name in row.schema.names}
        arrays = []
        for field in self._schema:
            if field.name in told:
                arrays.append(pa.array([told[field.name]], field.type))
            elif field.name in in_file:
                arrays.append(read_as(row.column(in_file[field.name]), field.type))
            else:
                text = hive_values.get(field.name)
                hive_value = (
                    pa.nulls(1, field.type) if text is None else _read_hive_value(source.file, field.name, text)
                )
                arrays.append(read_as(hive_value, field.type))
        return pa.record_batch(arrays, schema=self._schema)


def _join_schemas(files: Collection[FilePlan]) -> Any:
    """Every column that some file or its directories have; text where files have types of it that no other holds."""
    found: dict[str, list[Any]] = {}
    for file in files:
        folded = file.folded_names
        for name in file.file_columns:
            found.setdefault(folded.get(name, name), []).append(file.source_fields[name])
        for written, text in file.file.hive_values:
            key = folded.get(written, written)
            if written in file.file.virtual_keys:
                continue
            found.setdefault(key, []).append(pa.field(key, _read_hive_value(file, key, text).type))
    fields = [_join_fields(name, same) for name, same in found.items()]
    told = {
        REJECTED_FILE: pa.string(),
        REJECTED_ROW_GROUP: pa.int32(),
        REJECTED_ROW: pa.int64(),
        REJECTED_REASON: pa.string(),
    }
    schema = pa.schema([*fields, *(pa.field(name, arrow_type) for name, arrow_type in told.items())])
    return schema.with_metadata(LEGACY_METADATA) if _is_legacy(files, schema) else schema


def _is_legacy(files: Collection[FilePlan], schema: Any) -> bool:
    """Whether the rejected rows are in Spark's old calendar, as their files are: read again, they are moved again.

    Raises:
        OptionError: some of the dates and timestamps are and others are not, or they would become texts.
    """
    found = set()
    for file in files:
        for name in file.file_columns:
            arrow_type = file.source_fields[name].type
            if not has_moments(arrow_type):
                continue
            is_legacy = plan_rebase(file.calendar, arrow_type, is_int96=name in file.int96_columns) is not None
            found.add(is_legacy)
            if is_legacy and not has_moments(schema.field(file.folded_names.get(name, name)).type):
                found.add(False)
    if len(found) > 1:
        raise OptionError(
            "rejected_path: one file cannot hold dates and timestamps of Spark's old calendar and others; import the"
            " files of Spark apart",
            option="rejected_path",
        )
    return True in found


def _read_hive_value(file: FilePlan, key: str, text: str | None) -> Any:
    """What a directory says, as its table column has it; as text where there is no such column or it is not a value."""
    array = pa.array([text], pa.string())
    for column in file.columns:
        if column.file_column is None and column.bound.name == key:
            try:
                return column.conversion(array)
            except CONVERSION_ERRORS:
                return array
    return array


def _join_fields(name: str, found: list[Any]) -> Any:
    """With what an export told of the column, such as whose write times it has, where all files tell the same."""
    # A column without a value tells nothing.
    telling = [field for field in found if not pa.types.is_null(field.type)] or found
    is_told = all(field.equals(telling[0], check_metadata=True) for field in telling)
    metadata = telling[0].metadata if is_told else None
    return pa.field(name, join_types([field.type for field in found]), metadata=metadata)


def _select_finished(table: Any, finished: Mapping[str, Collection[int]]) -> Any:
    is_kept = [
        row_group in finished.get(file, ())
        for file, row_group in zip(table[REJECTED_FILE].to_pylist(), table[REJECTED_ROW_GROUP].to_pylist(), strict=True)
    ]
    return table.filter(pa.array(is_kept, pa.bool_()))
