"""Reads an import back: is every primary key there, and do the cells hold what was written?

Once everything was written, the import's record batches are read once more, in their order. Bytes are compared, and
only where those differ the values that they stand for. A later record batch can have overwritten what an earlier one
wrote, so a difference is only one when the last record batch has passed. Note: where the rows have write times, an
earlier one can have the last word as well; the record batches are then read a second time, if there are differences.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn
from airflow_provider_cqlai.engine.cassandra.codec.key_text import cell_text
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import EngineSession
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import REGULAR, STATIC, TableMetadata
from airflow_provider_cqlai.engine.types.column import result_column
from airflow_provider_cqlai.engine.types.order.canonical import canonical_cell, has_decimal_text, has_several_forms
from airflow_provider_cqlai.engine.verify.differences import (
    MAX_LISTED_DIFFERENCES,
    Difference,
    OpenDifferences,
    Verification,
)
from airflow_provider_cqlai.engine.verify.expected_rows import ExpectationReader, ExpectedRows
from airflow_provider_cqlai.engine.verify.key_lookup import KeyLookup
from airflow_provider_cqlai.engine.verify.latest_writes import ReadWritetimes
from airflow_provider_cqlai.engine.verify.writetime_check import WritetimeCheck


class RowVerifier:
    """Checks the record batches of one import against the table; used by one thread."""

    def __init__(
        self,
        engine_session: EngineSession,
        table: TableMetadata,
        *,
        columns: Sequence[str],
        total_rows: int,
        sample_rows: int | None,
        cancellation: Cancellation,
        read_writetimes: ReadWritetimes | None = None,
    ) -> None:
        """Prepare the SELECTs.

        Args:
            engine_session: to read with, at its consistency level.
            table: that was written.
            columns: that were written, the primary key among them.
            total_rows: that `check` will be given.
            sample_rows: about how many rows, evenly spread, have their cells compared; None is all. Every key is
                looked for.
            cancellation: raised from elsewhere, ends the check.
            read_writetimes: of the record batches' cells, where they have others than the import; None lets the order
                of the rows decide.
        """
        self._table = table
        self._total_rows = max(1, total_rows)
        self._sample_rows = self._total_rows if sample_rows is None else min(sample_rows, self._total_rows)
        self._rows_seen = 0
        self._open = OpenDifferences()
        self._cancellation = cancellation
        self._has_writetimes = read_writetimes is not None

        def open_check(key: tuple[str, ...], kinds: tuple[str, ...]) -> _KeyCheck:
            names = [name for name in columns if table.column(name).kind in kinds]
            return _KeyCheck(engine_session, table, key, names, self._open, cancellation, read_writetimes)

        self._row_check = open_check(table.primary_key, (REGULAR,))
        # Static cells are those of a partition, whichever of its rows the file has them in.
        has_static = any(table.column(name).kind == STATIC for name in columns)
        self._static_check = open_check(table.partition_key, (STATIC,)) if has_static else None

    def check(self, record_batch: Any, bound: Sequence[BoundColumn]) -> None:
        """Read back the rows of ``record_batch``, which were written as ``bound`` says; record batches in their order.

        Raises:
            PageReadError: a SELECT failed on every try.
            CqlaiError: what the server refuses for good.
            CopyCancelledError: the caller asked to stop.
        """
        columns = {column.name: column for column in bound}
        numbers = np.arange(self._rows_seen, self._rows_seen + record_batch.num_rows)
        is_sampled = (numbers + 1) * self._sample_rows // self._total_rows > numbers * self._sample_rows // (
            self._total_rows
        )
        self._rows_seen += record_batch.num_rows
        if self._static_check is not None:
            is_partition = self._find_partitions(record_batch)
            self._static_check.check(record_batch, columns, is_sampled, is_partition)
            record_batch, is_sampled = record_batch.filter(pa.array(~is_partition)), is_sampled[~is_partition]
        if record_batch.num_rows:
            self._row_check.check(record_batch, columns, is_sampled, np.ones(record_batch.num_rows, bool))

    @property
    def has_open_writetimes(self) -> bool:
        """Whether `weigh` is to be given all record batches, in their order, once `check` has seen them."""
        return self._has_writetimes and bool(self._open)

    def weigh(self, record_batch: Any, bound: Sequence[BoundColumn]) -> None:
        """See which rows write the cells that differ, and when.

        Raises:
            CopyCancelledError: the caller asked to stop.
        """
        self._cancellation.raise_if_cancelled()
        columns = {column.name: column for column in bound}
        if self._static_check is not None:
            self._static_check.weigh(record_batch, columns)
            record_batch = record_batch.filter(pa.array(~self._find_partitions(record_batch)))
        if record_batch.num_rows:
            self._row_check.weigh(record_batch, columns)

    def _find_partitions(self, record_batch: Any) -> np.ndarray:
        # An export shows a partition with static columns and no row as a row without clustering columns.
        nulls = [record_batch.column(name).is_null() for name in self._table.clustering]
        is_partition: np.ndarray = functools.reduce(pc.and_, nulls).to_numpy(zero_copy_only=False)
        return is_partition

    def finish(self) -> Verification:
        """What is different, now that no later row can explain it."""
        checks = [check for check in (self._row_check, self._static_check) if check is not None]
        if self.has_open_writetimes:
            for check in checks:
                check.settle()
        differences = self._open.all()
        return Verification(
            rows_checked=sum(check.rows_checked for check in checks),
            rows_found=sum(check.rows_found for check in checks),
            cells_compared=sum(check.cells_compared for check in checks),
            difference_count=len(differences),
            differences=tuple(differences[:MAX_LISTED_DIFFERENCES]),
            cells_undecided=self._open.undecided,
            is_complete=self._sample_rows >= self._total_rows and not self._open.undecided,
        )


class _KeyCheck:
    """The check of ``columns`` that are told by ``key``: the primary key, or the partition key for static ones."""

    def __init__(
        self,
        engine_session: EngineSession,
        table: TableMetadata,
        key: tuple[str, ...],
        columns: Sequence[str],
        open_differences: OpenDifferences,
        cancellation: Cancellation,
        read_writetimes: ReadWritetimes | None,
    ) -> None:
        self._table = table
        self._key = key
        self._columns = tuple(columns)
        self._open = open_differences
        by_clustering = len(key) > len(table.partition_key)

        def look_up(names: tuple[str, ...]) -> KeyLookup:
            return KeyLookup(engine_session, table, names, by_clustering=by_clustering, cancellation=cancellation)

        self._lookup = look_up((*key, *columns))
        self._key_lookup = look_up(key)
        self._reader = ExpectationReader(table, key, columns, self._lookup, read_writetimes)
        self._writetimes: WritetimeCheck | None = None
        if read_writetimes is not None:
            self._writetimes = WritetimeCheck(
                table, key, columns, self._lookup.cql_types, open_differences, read_writetimes, self._text
            )
        self.rows_checked = 0
        self.rows_found = 0
        self.cells_compared = 0

    def check(
        self, record_batch: Any, bound: Mapping[str, BoundColumn], is_sampled: np.ndarray, is_counted: np.ndarray
    ) -> None:
        """Compare the keys of the sampled rows, and look for those of the counted ones."""
        expected = self._reader.expect(record_batch, bound)
        key_count = len(expected.row_of_key)
        says_anything = np.zeros(key_count, bool)
        for deciding in expected.deciding_rows.values():
            says_anything |= deciding >= 0
        is_compared = expected.keys_of(is_sampled) & says_anything
        is_expected = expected.keys_of(is_counted)
        if self._open and self._writetimes is None:
            self._drop_overwritten(expected, is_expected)
        is_found = np.zeros(key_count, bool)
        for lookup, keys in (
            (self._lookup, np.flatnonzero(is_compared)),
            (self._key_lookup, np.flatnonzero(is_expected & ~is_compared)),
        ):
            if not len(keys):
                continue
            for rows in lookup.read(self._reader.requests(record_batch, bound, expected, keys)):
                key_places, row_places = _match(expected.keys, self._reader.key_forms(rows))
                is_found[key_places] = True
                if lookup is self._lookup:
                    self._compare(expected, bound, rows, key_places, row_places)
        missing = np.flatnonzero(is_expected & ~is_found)
        if self._key != self._table.primary_key:
            missing = np.array([key for key in missing if self._has_value(expected, int(key))], np.int64)
        for key in missing:
            self._add(expected, int(key), None, "a row", "none")
        self.rows_checked += int(is_expected.sum())
        self.rows_found += int(is_expected.sum()) - len(missing)

    def weigh(self, record_batch: Any, bound: Mapping[str, BoundColumn]) -> None:
        """See what the rows write to cells that differ."""
        assert self._writetimes is not None
        self._writetimes.weigh(self._reader.expect(record_batch, bound), record_batch, bound)

    def settle(self) -> None:
        """Drop the differences of cells that are as the latest of their writes has them."""
        assert self._writetimes is not None
        self._writetimes.settle()

    def _has_value(self, expected: ExpectedRows, key: int) -> bool:
        """Whether a partition without rows is in the table: one whose static columns are null is not."""
        deciding = {name: int(rows[key]) for name, rows in expected.deciding_rows.items()}
        return any(row >= 0 and expected.cells[name][row].is_valid for name, row in deciding.items())

    def _compare(
        self,
        expected: ExpectedRows,
        bound: Mapping[str, BoundColumn],
        rows: Any,
        key_places: np.ndarray,
        row_places: np.ndarray,
    ) -> None:
        for name, rows_by_key in expected.deciding_rows.items():
            deciding = rows_by_key[key_places]
            says = deciding >= 0
            cells = expected.cells[name].take(pa.array(deciding[says]))
            found = rows.column(name).take(pa.array(row_places[says]))
            self.cells_compared += len(cells)
            # Equality is null where a cell is, and then both must be.
            is_same = pc.coalesce(pc.equal(cells, found), pc.and_(cells.is_null(), found.is_null()))
            for place in np.flatnonzero(~is_same.to_numpy(zero_copy_only=False)):
                cell, found_cell = cells[place].as_py(), found[place].as_py()
                if not self._is_same_value(bound[name], cell, found_cell):
                    key = int(key_places[says][place])
                    self._add(expected, key, name, self._text(name, cell), self._text(name, found_cell))
                    if self._writetimes is not None:
                        self._writetimes.note_found(expected.key_cells(key), name, found_cell)

    def _is_same_value(self, column: BoundColumn, cell: bytes | None, found: bytes | None) -> bool:
        if not has_several_forms(column.cql_type):
            return False
        is_multi_cell = self._table.column(column.name).is_multi_cell
        keeps_digits = has_decimal_text(column.cql_type, column.arrow_type)
        forms = [
            canonical_cell(each, column.cql_type, is_multi_cell=is_multi_cell, keeps_digits=keeps_digits)
            for each in (cell, found)
        ]
        return forms[0] == forms[1]

    def _drop_overwritten(self, expected: ExpectedRows, is_expected: np.ndarray) -> None:
        """Forget the differences of what this record batch has written again."""
        for number, key in enumerate(expected.iterate_keys()):
            if key in self._open:
                written = [name for name, deciding in expected.deciding_rows.items() if deciding[number] >= 0]
                self._open.drop(key, [None, *written] if is_expected[number] else written)

    def _add(self, expected: ExpectedRows, key: int, column: str | None, text: str, found: str) -> None:
        row = int(expected.row_of_key[key])
        primary_key = {name: self._text(name, expected.cells[name][row].as_py()) for name in self._key}
        difference = Difference(primary_key=primary_key, column=column, expected=text, found=found)
        self._open.add(expected.key_cells(key), difference)

    def _text(self, name: str, cell: bytes | None) -> str:
        if cell is None:
            return "null"
        # As in a key, decimals are texts with all their digits.
        column = result_column(name, self._lookup.cql_types[name], overrides={}, is_primary_key=True)
        return cell_text(column.open_decode(), cell)


def _match(expected: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Places of equal keys in both; rows that are not expected are left out."""
    if len(expected) == 1:
        [(name, keys)] = expected.items()
        places = pc.index_in(found[name], keys)
        is_known = places.is_valid().to_numpy(zero_copy_only=False)
        return places.drop_null().to_numpy().astype(np.int64), np.flatnonzero(is_known)
    names = list(expected)
    tables = [
        pa.table(
            {**{f"k{number}": keys[name] for number, name in enumerate(names)}, place: np.arange(len(keys[names[0]]))}
        )
        for keys, place in ((expected, "expected"), (found, "found"))
    ]
    joined = tables[0].join(
        tables[1], [f"k{number}" for number in range(len(names))], join_type="inner", use_threads=False
    )
    return joined.column("expected").to_numpy(), joined.column("found").to_numpy()
