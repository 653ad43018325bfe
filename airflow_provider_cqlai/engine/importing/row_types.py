"""The rows of an import on their way, and how they are counted.

`SourceRows` are what a file has, `StatementRows` what is written of them by one statement, first converted and then
encoded, and `PreparedRows` both together. The writer cuts encoded rows into messages, and `RowCounts` tell at every
step what became of rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.cassandra.write.messages import WriteStatement
from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.importing.plan.file_plan import FilePlan, PlannedColumn
from airflow_provider_cqlai.engine.types.cells.value_text import describe_value
from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS
from airflow_provider_cqlai.engine.types.foreign.conversion_steps import DefiniteError


@dataclass(frozen=True)
class RowGroup:
    """A place in the input: the file by its place in the plan, the row group in it."""

    file_index: int
    row_group: int


@dataclass(frozen=True)
class RowCounts:
    """Numbers of rows by what became of them; of a row group, a file or anything else."""

    read: int = 0
    """Given out, to be written."""
    written: int = 0
    not_applied: int = 0
    unknown: int = 0
    rejected: int = 0
    expired: int = 0
    skipped: int = 0
    """Left out by ``where``, ``skip_rows`` or ``max_rows``."""
    resumed: int = 0
    """Not read again: an earlier try has finished them."""

    def __add__(self, other: RowCounts) -> RowCounts:
        return RowCounts(**{name: number + getattr(other, name) for name, number in vars(self).items()})

    @property
    def settled(self) -> int:
        """Rows of which it is known what became of them: in the end all that were read."""
        return self.written + self.rejected + self.not_written

    @property
    def not_written(self) -> int:
        """Rows that are settled, and neither written nor rejected."""
        return self.not_applied + self.unknown + self.expired


NO_ROWS = RowCounts()


@dataclass(frozen=True)
class RowGroupEnd:
    """Comes after the last rows of a row group, read or not."""

    group: RowGroup
    counts: RowCounts
    """``read``, ``skipped`` and ``resumed``, whose sum is the row group's rows."""
    nbytes: int = 0


@dataclass(frozen=True)
class SourceRows:
    """Some rows of one row group."""

    group: RowGroup
    file: FilePlan
    record_batch: Any
    """The columns that were read, as the file has them."""
    row_numbers: np.ndarray
    """Each row's place in the file, from 0; int64."""

    def __len__(self) -> int:
        return int(self.record_batch.num_rows)

    def slice(self, start: int, count: int) -> SourceRows:
        """``count`` rows from ``start`` on; nothing is copied."""
        numbers = self.row_numbers[start : start + count]
        return SourceRows(self.group, self.file, self.record_batch.slice(start, count), numbers)

    def convert(self, table: TableMetadata) -> Any:
        """A record batch with the columns and types that the encoder takes, companions last.

        Raises:
            ValueDoesNotFitError: a value that the column cannot hold; names the row where there is only one.
        """
        arrays = []
        for column in self.file.columns:
            try:
                arrays.append(column.read(self.record_batch))
            except CONVERSION_ERRORS as error:
                raise self._describe_failure(table, column, error) from error
        names = [column.bound.name for column in self.file.columns]
        for companion, file_column in self.file.companions:
            names.append(companion.name)
            arrays.append(self.record_batch.column(file_column))
        return pa.record_batch(arrays, names=names)

    def describe_row(self, place: int) -> str:
        """The row at ``place``, for messages."""
        return f"row {int(self.row_numbers[place]):,} of {self.file.file}, primary key {self.primary_key(place)}"

    def primary_key(self, place: int) -> Mapping[str, str]:
        """Text of each key column of the row at ``place``, as the file has it."""
        return {
            key.bound.name: (
                str(key.hive_text)
                if key.file_column is None
                else describe_value(self.record_batch.column(key.file_column).slice(place, 1))
            )
            for key in self.file.columns
            if key.bound.is_primary_key
        }

    def _describe_failure(self, table: TableMetadata, column: PlannedColumn, error: Exception) -> ValueDoesNotFitError:
        # Nor does it help where the value is out of range, or with a column's name for a TTL or write time.
        is_definite = isinstance(error, DefiniteError) or _NO_LOSS.search(str(error)) or column.bound.name[0] == "["
        advice = "" if is_definite else " (allow_lossy accepts a loss of precision)"
        return ValueDoesNotFitError(
            f"{table}.{column.bound.name}: {error}{advice}",
            table=table.qualified_name,
            column=column.bound.name,
            primary_key=self.primary_key(0),
        )


# Of Arrow's words: bytes that are no text, and numbers beyond a type's.
_NO_LOSS = re.compile("UTF8|out of bounds|not in range|out of range")

RowsT = TypeVar("RowsT")


@dataclass(frozen=True)
class StatementRows(Generic[RowsT]):
    """Rows for one statement."""

    statement: WriteStatement
    rows: RowsT
    """First a converted record batch, with every column that the statement binds and perhaps others; then
    `EncodedRows`, which may share a timestamp."""
    places: np.ndarray | None = None
    """Of each row in the source rows; None where they are the same."""
    counts_rows: bool = True
    """Whether this statement makes its rows count as written: one statement of each row does."""


@dataclass(frozen=True)
class PreparedRows:
    """What is to be written of some source rows, statement by statement."""

    source: SourceRows
    parts: tuple[StatementRows[EncodedRows], ...] = ()
    rejection: ValueDoesNotFitError | None = None
    """Why ``source``, one row, does not convert; there are no parts then."""
    expired_rows: int = 0
    """Rows of which every cell has expired, and which are not written."""

    @property
    def nbytes(self) -> int:
        return sum(part.rows.body.nbytes for part in self.parts)
