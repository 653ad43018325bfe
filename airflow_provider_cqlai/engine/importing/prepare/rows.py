"""Converts and encodes source rows for the statements that write them, and sets apart the rows that do not convert.

The pieces of a row group are prepared in a thread of their own, as `PreparedRows` for the writer. A piece with a bad
row is halved until that row is alone: the good ones go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows, RowEncoder, open_row_encoder
from airflow_provider_cqlai.engine.cassandra.write.messages import WriteStatement
from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.prepare.cell_times import route_cell_times
from airflow_provider_cqlai.engine.importing.prepare.conflicts import ConflictFinder
from airflow_provider_cqlai.engine.importing.prepare.duplicate_keys import DuplicateKeys
from airflow_provider_cqlai.engine.importing.prepare.statement_order import StatementOrder
from airflow_provider_cqlai.engine.importing.prepare.static_only import find_static_only
from airflow_provider_cqlai.engine.importing.row_types import PreparedRows, SourceRows, StatementRows


class RowPreparation:
    """Converts, routes and encodes; used by one thread. ``duplicate_keys`` sees every row that is to be written.

    Without ``rejected_path`` the first bad row ends the import, before any row that was read with it is written.
    """

    def __init__(self, plan: ImportPlan, duplicate_keys: DuplicateKeys | None) -> None:
        self._plan = plan
        self._has_several_statements = plan.restores_cell_times or plan.partition_statement is not None
        self._keeps_going = plan.options.rejected_path is not None
        self._duplicate_keys = duplicate_keys
        # By place of the file and statement; files of the same columns share them.
        self._encoders: dict[tuple[int, bytes], tuple[RowEncoder, ConflictFinder]] = {}
        self._shared_encoders: dict[tuple[Any, ...], tuple[RowEncoder, ConflictFinder]] = {}
        # By place of the file.
        self._orders: dict[int, StatementOrder] = {}

    def prepare(self, source: SourceRows) -> Iterator[PreparedRows]:
        """The rows of ``source``, in one piece where all of them convert."""
        try:
            prepared = self._prepare(source)
        except ValueDoesNotFitError as error:
            if len(source) == 1:
                if not self._keeps_going:
                    raise ValueDoesNotFitError(f"{error}; {source.describe_row(0)}", **error.details) from error
                yield PreparedRows(source, rejection=error)
                return
        else:
            yield prepared
            return
        half = len(source) // 2
        halves = source.slice(0, half), source.slice(half, len(source) - half)
        prepared_halves = [prepared for piece in halves for prepared in self.prepare(piece)]
        yield from prepared_halves

    def _prepare(self, source: SourceRows) -> PreparedRows:
        record_batch = source.convert(self._plan.table)
        routed_rows, expired_rows = self._route_in_order(source, record_batch)
        hashes: list[np.ndarray] = []
        parts = [part for routed in routed_rows for part in self._encode(source, routed, hashes)]
        if self._duplicate_keys is not None:
            # Only now: rows with a bad one among them are prepared again.
            for found in hashes:
                self._duplicate_keys.add(found)
        return PreparedRows(source, tuple(parts), expired_rows=expired_rows)

    def _route_in_order(self, source: SourceRows, record_batch: Any) -> tuple[list[StatementRows[Any]], int]:
        """The rows by statement, in pieces where all rows of a statement at once would let an earlier row win."""
        pieces = self._order_of(source).split(record_batch) if self._has_several_statements else None
        if pieces is None:
            return self._route(record_batch)
        routed_rows: list[StatementRows[Any]] = []
        expired_rows = 0
        for piece in pieces:
            routed_piece, expired = self._route(record_batch.take(pa.array(piece)))
            routed_rows += [
                replace(routed, places=piece if routed.places is None else piece[routed.places])
                for routed in routed_piece
            ]
            expired_rows += expired
        return routed_rows, expired_rows

    def _route(self, record_batch: Any) -> tuple[list[StatementRows[Any]], int]:
        if self._plan.restores_cell_times:
            return route_cell_times(self._plan, record_batch)
        return list(route_rows(self._plan, record_batch)), 0

    def _order_of(self, source: SourceRows) -> StatementOrder:
        place = source.group.file_index
        if place not in self._orders:
            bound = {column.bound.name: column.bound for column in source.file.columns}
            self._orders[place] = StatementOrder(self._plan, bound)
        return self._orders[place]

    def _encode(
        self, source: SourceRows, routed: StatementRows[Any], found_hashes: list[np.ndarray]
    ) -> Iterator[StatementRows[EncodedRows]]:
        statement, record_batch, counts_rows = routed.statement, routed.rows, routed.counts_rows
        encoder, conflicts = self._encoder_of(source, statement)
        rows = encoder.encode(record_batch, is_grouped=True)
        hashes = conflicts.hash_keys(record_batch, rows)
        if counts_rows and self._duplicate_keys is not None:
            found_hashes.append(hashes)
        parts = conflicts.split(record_batch, rows, hashes)
        if parts is None:
            yield StatementRows(statement, rows, routed.places, counts_rows)
            return
        for places in parts:
            part = encoder.encode(record_batch.take(pa.array(places)), is_grouped=True)
            in_source = places if routed.places is None else routed.places[places]
            yield StatementRows(statement, part, in_source, counts_rows)

    def _encoder_of(self, source: SourceRows, statement: WriteStatement) -> tuple[RowEncoder, ConflictFinder]:
        place = source.group.file_index, statement.row_prefix
        if place not in self._encoders:
            self._encoders[place] = self._open_encoder(source, statement)
        return self._encoders[place]

    def _open_encoder(self, source: SourceRows, statement: WriteStatement) -> tuple[RowEncoder, ConflictFinder]:
        by_name = {column.bound.name: column.bound for column in source.file.columns}
        by_name |= {column.name: column for column in self._plan.cell_markers}
        bound = tuple(by_name[name] for name in statement.columns)
        found = self._shared_encoders.get((statement.row_prefix, bound))
        if found is None:
            table = self._plan.table
            encoder = open_row_encoder(
                bound,
                table=table.qualified_name,
                partition_key=table.partition_key,
                row_prefix=statement.row_prefix,
            )
            found = self._shared_encoders[statement.row_prefix, bound] = (encoder, ConflictFinder(table, bound))
        return found


def route_rows(plan: ImportPlan, record_batch: Any) -> Iterator[StatementRows[Any]]:
    """The rows by the statement that writes them; every row by exactly one that counts it."""
    is_static_only = find_static_only(plan, record_batch)
    if is_static_only is None:
        yield StatementRows(plan.row_statement, record_batch)
        return
    assert plan.partition_statement is not None
    for statement, mask in (
        (plan.partition_statement, is_static_only),
        (plan.row_statement, ~is_static_only),
    ):
        places = np.flatnonzero(mask)
        if len(places):
            yield StatementRows(statement, record_batch.take(pa.array(places)), places)
