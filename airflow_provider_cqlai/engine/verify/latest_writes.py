"""Which row of an import has the last word about a cell, where write times decide that and not the order of the rows.

Compares the cells that differ with what each row of the import writes to them: does the table have the latest? Note: of
cells that were written at one time Cassandra keeps the greater value, those of collections together, and a row without
a time has that of the import; such cells are undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_cqlai.engine.types.companions import NO_WRITETIME

ReadWritetimes = Callable[[Any, str], np.ndarray]
"""Write times of a column's cells, by row of a record batch; microseconds, int64, or `NO_WRITETIME`."""


@dataclass
class LatestWrite:
    """The latest of the writes to one cell that were seen."""

    writetime: int
    form: bytes
    """Equal for equal values."""
    is_in_table: bool
    text: str = ""
    is_tied: bool = False
    """Others of its time write something else."""
    is_mixed: bool = False
    """Some writes have a time of their own, and some that of the import."""

    @property
    def is_undecided(self) -> bool:
        return self.is_tied or self.is_mixed


class LatestWrites:
    """By key and column, from the rows of an import in their order."""

    def __init__(self) -> None:
        self._by_cell: dict[tuple[tuple[bytes, ...], str], LatestWrite] = {}

    def add(
        self, key: tuple[bytes, ...], column: str, write: LatestWrite, *, is_merged: bool, is_list: bool
    ) -> LatestWrite | None:
        """See another write; ``write`` where it is the latest now, and its text is still to be told.

        Args:
            key: of the cell.
            column: of the cell.
            write: as a row of the import has it.
            is_merged: writes of one time are merged, element by element.
            is_list: even equal ones are, to a list that has every element twice.
        """
        latest = self._by_cell.get((key, column))
        if latest is not None:
            has_time = write.writetime != NO_WRITETIME
            write.is_mixed = latest.is_mixed or has_time != (latest.writetime != NO_WRITETIME)
            latest.is_mixed = write.is_mixed
            if write.writetime < latest.writetime:
                return None
            if write.writetime == latest.writetime and has_time:
                differs = write.form != latest.form if is_merged else write.is_in_table != latest.is_in_table
                latest.is_tied |= is_list or differs
                return None
        self._by_cell[key, column] = write
        return write

    def find(self, key: tuple[bytes, ...], columns: tuple[str, ...]) -> list[LatestWrite]:
        """Of those of the columns that some row writes."""
        found = (self._by_cell.get((key, column)) for column in columns)
        return [write for write in found if write is not None]
