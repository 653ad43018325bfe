"""Reads an import back: is every primary key there, and do the cells hold what was written?

What flows in, after everything was written, are the import's record batches once more and in their order; what flows
out is a `Verification`. Bytes are compared, and only where those differ the values that they stand for. A later record
batch can have overwritten what an earlier one wrote, so a difference is only one when the last record batch has passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cql.engine_session import EngineSession
from airflow_provider_cqlai.engine.cql.expected_rows import ExpectationReader, ExpectedRows
from airflow_provider_cqlai.engine.cql.key_lookup import KeyLookup
from airflow_provider_cqlai.engine.cql.key_text import cell_text
from airflow_provider_cqlai.engine.cql.row_encoder import BoundColumn
from airflow_provider_cqlai.engine.cql.table_metadata import STATIC, TableMetadata
from airflow_provider_cqlai.engine.differences import (
    MAX_LISTED_DIFFERENCES,
    Difference,
    OpenDifferences,
    Verification,
)
from airflow_provider_cqlai.engine.types.canonical import canonical_cell, has_decimal_text, has_several_forms
from airflow_provider_cqlai.engine.types.column import result_column


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
        """
        self._table = table
        self._total_rows = max(1, total_rows)
        self._sample_rows = self._total_rows if sample_rows is None else min(sample_rows, self._total_rows)
        self._rows_seen = 0
        self._open = OpenDifferences()
        others = [name for name in columns if name not in table.primary_key]
        self._row_checks = _KeyCheck(engine_session, table, table.primary_key, others, self._open, cancellation)
        static = [name for name in others if table.column(name).kind == STATIC]
        self._static_checks = (
            _KeyCheck(engine_session, table, table.partition_key, static, self._open, cancellation) if static else None
        )

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
        if self._static_checks is not None and record_batch.column(self._table.clustering[0]).null_count:
            # An export shows a partition with static columns and no row as a row without clustering key.
            is_static = record_batch.column(self._table.clustering[0]).is_null()
            places = is_static.to_numpy(zero_copy_only=False)
            self._static_checks.check(record_batch.filter(is_static), columns, is_sampled[places])
            record_batch, is_sampled = record_batch.filter(pc.invert(is_static)), is_sampled[~places]
        if record_batch.num_rows:
            self._row_checks.check(record_batch, columns, is_sampled)

    def finish(self) -> Verification:
        """What is different, now that no later row can explain it."""
        checks = [self._row_checks] + ([self._static_checks] if self._static_checks is not None else [])
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
    """The check of rows that are told by ``key``: the primary key, or the partition key for static columns alone."""

    def __init__(
        self,
        engine_session: EngineSession,
        table: TableMetadata,
        key: tuple[str, ...],
        columns: Sequence[str],
        open_differences: OpenDifferences,
        cancellation: Cancellation,
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
        self._reader = ExpectationReader(table, key, columns, self._lookup)
        self.rows_checked = 0
        self.rows_found = 0
        self.cells_compared = 0

    def check(self, record_batch: Any, bound: Mapping[str, BoundColumn], is_sampled: np.ndarray) -> None:
        expected = self._reader.expect(record_batch, bound)
        key_count = len(expected.row_of_key)
        if self._open:
            self._drop_overwritten(expected)
        is_compared = np.zeros(key_count, bool)
        is_compared[expected.key_of_row[is_sampled[expected.row_numbers]]] = True
        is_found = np.zeros(key_count, bool)
        # A static cell is compared once for its partition, with the first of the rows that come.
        statics_left = np.ones(len(expected.routing_keys), bool)
        for lookup, keys in (
            (self._lookup, np.flatnonzero(is_compared)),
            (self._key_lookup, np.flatnonzero(~is_compared)),
        ):
            if not len(keys):
                continue
            for rows in lookup.read(self._reader.requests(record_batch, bound, expected, keys)):
                key_places, row_places = _match(expected.keys, self._reader.key_forms(rows))
                is_found[key_places] = True
                if lookup is self._lookup:
                    self._compare(expected, bound, rows, key_places, row_places, statics_left)
        missing = np.flatnonzero(~is_found)
        if len(self._key) == len(self._table.partition_key) and self._table.clustering:
            missing = np.array([key for key in missing if self._has_static(expected, int(key))], np.int64)
        for key in missing:
            self._add(expected, int(key), None, "a row", "none")
        self.rows_checked += key_count
        self.rows_found += key_count - len(missing)

    def _has_static(self, expected: ExpectedRows, key: int) -> bool:
        """Whether anything keeps a partition without rows in the table: one whose static columns are null is gone."""
        partition = expected.partition_of_key[key]
        rows = [int(deciding[partition]) for deciding in expected.deciding_rows.values()]
        cells = zip(expected.deciding_rows, rows, strict=True)
        return any(row >= 0 and expected.cells[name][row].is_valid for name, row in cells)

    def _compare(
        self,
        expected: ExpectedRows,
        bound: Mapping[str, BoundColumn],
        rows: Any,
        key_places: np.ndarray,
        row_places: np.ndarray,
        statics_left: np.ndarray,
    ) -> None:
        partitions = expected.partition_of_key[key_places]
        _, firsts = np.unique(partitions, return_index=True)
        firsts = firsts[statics_left[partitions[firsts]]]
        statics_left[partitions[firsts]] = False
        for name in self._columns:
            keys, found_rows = key_places, row_places
            owners = key_places
            if self._table.column(name).kind == STATIC:
                keys, found_rows, owners = key_places[firsts], row_places[firsts], partitions[firsts]
            deciding = expected.deciding_rows[name][owners]
            says = deciding >= 0
            cells = expected.cells[name].take(pa.array(deciding[says]))
            found = rows.column(name).take(pa.array(found_rows[says]))
            self.cells_compared += len(cells)
            is_same = pc.or_(pc.fill_null(pc.equal(cells, found), False), pc.and_(cells.is_null(), found.is_null()))
            for place in np.flatnonzero(~is_same.to_numpy(zero_copy_only=False)):
                cell, found_cell = cells[place].as_py(), found[place].as_py()
                if not self._is_same_value(bound[name], cell, found_cell):
                    self._add(
                        expected, int(keys[says][place]), name, self._text(name, cell), self._text(name, found_cell)
                    )

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

    def _drop_overwritten(self, expected: ExpectedRows) -> None:
        """Forget the differences of cells that a row of this record batch has overwritten."""
        keys = list(zip(*(expected.keys[name].to_pylist() for name in self._key), strict=True))
        width = len(self._table.partition_key)
        for number, key in enumerate(keys):
            partition_key = key[:width]
            partition = expected.partition_of_key[number]
            if key not in self._open and partition_key not in self._open:
                continue
            self._open.drop(key, [None])
            for name, deciding in expected.deciding_rows.items():
                is_static = self._table.column(name).kind == STATIC
                if deciding[partition if is_static else number] >= 0:
                    self._open.drop(partition_key if is_static else key, [name])

    def _add(self, expected: ExpectedRows, key: int, column: str | None, text: str, found: str) -> None:
        cells = tuple(expected.keys[name][key].as_py() for name in self._key)
        is_static = column is not None and self._table.column(column).kind == STATIC
        width = len(self._table.partition_key) if is_static else len(self._key)
        row = int(expected.row_of_key[key])
        primary_key = {name: self._text(name, expected.cells[name][row].as_py()) for name in self._key[:width]}
        self._open.add(cells[:width], Difference(primary_key=primary_key, column=column, expected=text, found=found))

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
        return pc.fill_null(places, 0).to_numpy()[is_known].astype(np.int64), np.flatnonzero(is_known)
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
