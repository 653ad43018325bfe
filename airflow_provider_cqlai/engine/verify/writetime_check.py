"""Checks the differences of an import whose rows have write times: does the table have the latest that was written?

Once every record batch was compared, they are read again, and differences that are none are dropped. Only short digests
of what differs are kept, so that memory is bounded as the number of differences is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.order.canonical import canonical_cell, has_decimal_text
from airflow_provider_cqlai.engine.verify.differences import Difference, OpenDifferences
from airflow_provider_cqlai.engine.verify.expected_rows import ExpectedRows
from airflow_provider_cqlai.engine.verify.latest_writes import LatestWrite, LatestWrites, ReadWritetimes


class WritetimeCheck:
    """For ``columns`` that are told by ``key``: the primary key, or the partition key for static ones."""

    def __init__(
        self,
        table: TableMetadata,
        key: tuple[str, ...],
        columns: Sequence[str],
        cql_types: Mapping[str, CqlType],
        open_differences: OpenDifferences,
        read_writetimes: ReadWritetimes,
        text: Callable[[str, bytes | None], str],
    ) -> None:
        self._table = table
        self._columns = tuple(columns)
        self._cql_types = cql_types
        self._open = open_differences
        self._read_writetimes = read_writetimes
        self._text = text
        # A row is there whatever its cells are, a partition without rows if one of its static cells is.
        self._is_static = key != table.primary_key
        self._latest = LatestWrites()
        # By key and column: what the table has, for each `keeps_digits`.
        self._found: dict[tuple[tuple[bytes, ...], str], tuple[bytes, bytes]] = {}

    def note_found(self, key: tuple[bytes, ...], column: str, found: bytes | None) -> None:
        """What the table has instead of what a row says."""
        if column in self._open.get(key):
            digests = [self._digest(column, found, keeps_digits=keeps_digits) for keeps_digits in (False, True)]
            self._found[key, column] = (digests[0], digests[1])

    def _digest(self, name: str, cell: bytes | None, *, keeps_digits: bool) -> bytes:
        """Of the form that equal values share; nothing for null."""
        is_multi_cell = self._table.column(name).is_multi_cell
        cql_type = self._cql_types[name]
        form = canonical_cell(cell, cql_type, is_multi_cell=is_multi_cell, keeps_digits=keeps_digits)
        return b"" if form is None else hashlib.blake2b(form, digest_size=16).digest()

    def weigh(self, expected: ExpectedRows, record_batch: Any, bound: Mapping[str, BoundColumn]) -> None:
        """See what the rows of the next record batch write to cells that differ."""
        is_open = np.array([key in self._open for key in expected.iterate_keys()], bool)
        if not is_open.any():
            return
        keys = {int(key): expected.key_cells(int(key)) for key in np.flatnonzero(is_open)}
        rows = np.flatnonzero(is_open[expected.key_of_row])
        # In the order of the file, which decides where no row tells a time.
        rows = rows[np.argsort(expected.row_numbers[rows])]
        for name in self._columns:
            says = rows
            if bound[name].null_handling == "unset":
                is_told = record_batch.column(name).is_valid().to_numpy(zero_copy_only=False)
                says = rows[is_told[expected.row_numbers[rows]]]
            wanted = (name, None) if self._is_static else (name,)
            writetimes = self._read_writetimes(record_batch, name)[expected.row_numbers[says]].tolist()
            for row, writetime in zip(says.tolist(), writetimes, strict=True):
                key = keys[int(expected.key_of_row[row])]
                if not self._open.get(key).keys().isdisjoint(wanted):
                    self._weigh_cell(key, bound[name], expected.cells[name][row].as_py(), writetime)

    def _weigh_cell(self, key: tuple[bytes, ...], column: BoundColumn, cell: bytes | None, writetime: int) -> None:
        keeps_digits = has_decimal_text(column.cql_type, column.arrow_type)
        form = self._digest(column.name, cell, keeps_digits=keeps_digits)
        # Of a partition that is missing nothing was found.
        is_in_table = form == self._found.get((key, column.name), (b"", b""))[keeps_digits]
        table_column = self._table.column(column.name)
        latest = self._latest.add(
            key,
            column.name,
            LatestWrite(writetime, form, is_in_table),
            is_merged=table_column.is_multi_cell,
            is_list=table_column.is_multi_cell_list,
        )
        if latest is not None:
            latest.text = self._text(column.name, cell)

    def settle(self) -> None:
        """Drop the differences of which the table has the latest write, and count those that nobody can tell."""
        for key, difference in self._open.items():
            if difference.column is not None:
                self._settle(key, difference, (difference.column,))
            elif self._is_static:
                self._settle(key, difference, self._columns)

    def _settle(self, key: tuple[bytes, ...], difference: Difference, columns: tuple[str, ...]) -> None:
        latest = self._latest.find(key, columns)
        if not latest:
            # Of other columns than these.
            return
        missed = [write for write in latest if not write.is_undecided and not write.is_in_table]
        if not missed:
            self._open.drop(key, [difference.column])
            self._open.undecided += any(write.is_undecided for write in latest)
        elif difference.column is not None:
            self._open.add(key, replace(difference, expected=missed[0].text))
