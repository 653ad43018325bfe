"""Source rows -> encoded rows of the statements that write them; rows that do not convert come out apart.

What flows in are the pieces of a row group, in a thread of its own; what flows out are `PreparedRows` for the writer.
A piece with a bad row is halved until that row is alone: the good ones go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import MAX_PREC, Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cql.row_encoder import EncodedRows, RowEncoder, open_row_encoder
from airflow_provider_cqlai.engine.cql.table_metadata import STATIC
from airflow_provider_cqlai.engine.cql.write_message import WriteStatement
from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.importing.duplicate_keys import DuplicateKeys
from airflow_provider_cqlai.engine.importing.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.source_rows import SourceRows
from airflow_provider_cqlai.engine.importing.static_values import has_different_static_values, number_groups

# Python's own would round to 28 digits.
_EXACT = Context(prec=MAX_PREC)


@dataclass(frozen=True)
class RoutedRows:
    """Converted rows for one statement."""

    statement: WriteStatement
    record_batch: Any
    """Has every column that the statement binds, perhaps others."""
    places: np.ndarray | None = None
    """Of each row in the source rows; None where they are the same."""
    counts_rows: bool = True
    """Whether this statement makes its rows count as written: one statement of each row does."""


@dataclass(frozen=True)
class EncodedPart:
    """Rows of one statement, none of which write the same cell."""

    statement: WriteStatement
    rows: EncodedRows
    places: np.ndarray | None
    counts_rows: bool


@dataclass(frozen=True)
class PreparedRows:
    """What is to be written of some source rows."""

    source: SourceRows
    parts: tuple[EncodedPart, ...] = ()
    rejection: ValueDoesNotFitError | None = None
    """Why ``source``, one row, does not convert; there are no parts then."""
    expired_rows: int = 0
    """Rows of which every cell has expired, and which are not written."""

    @property
    def nbytes(self) -> int:
        return sum(part.rows.body.nbytes for part in self.parts)


class RowPreparation:
    """Converts, routes and encodes; used by one thread. ``duplicate_keys`` sees every row that is to be written."""

    def __init__(self, plan: ImportPlan, duplicate_keys: DuplicateKeys | None) -> None:
        self._plan = plan
        self._duplicate_keys = duplicate_keys
        self._encoders: dict[tuple[Any, ...], RowEncoder] = {}

    def prepare(self, source: SourceRows) -> Iterator[PreparedRows]:
        """The rows of ``source``, in one piece where all of them convert."""
        try:
            prepared = self._prepare(source)
        except ValueDoesNotFitError as error:
            if len(source) == 1:
                yield PreparedRows(source, rejection=error)
                return
        else:
            yield prepared
            return
        half = len(source) // 2
        yield from self.prepare(source.slice(0, half))
        yield from self.prepare(source.slice(half, len(source) - half))

    def _prepare(self, source: SourceRows) -> PreparedRows:
        record_batch = source.convert(self._plan.table)
        parts = []
        hashes = []
        for routed in route_rows(self._plan, record_batch):
            for part in self._encode(source, routed):
                parts.append(part)
                if part.counts_rows:
                    hashes.append(part.rows.key_hashes)
        if self._duplicate_keys is not None:
            for found in hashes:
                self._duplicate_keys.add(found)
        return PreparedRows(source, tuple(parts))

    def _encode(self, source: SourceRows, routed: RoutedRows) -> Iterator[EncodedPart]:
        encoder = self._encoder_of(source, routed.statement)
        rows = self._encode_keys_apart(encoder, routed.record_batch, source)
        apart = rows.key_hashes
        if has_different_static_values(self._plan.table, source, routed.record_batch, rows):
            apart = number_groups(rows)
        ascending = np.sort(apart)
        if not (ascending[1:] == ascending[:-1]).any():
            yield EncodedPart(routed.statement, rows, routed.places, routed.counts_rows)
            return
        # Rows of one batch share a timestamp, and of two cells with one timestamp Cassandra keeps the greater value.
        for places in split_repeated(apart[np.argsort(rows.row_numbers)]):
            distinct = self._encode_keys_apart(encoder, routed.record_batch.take(pa.array(places)), source)
            in_source = places if routed.places is None else routed.places[places]
            yield EncodedPart(routed.statement, distinct, in_source, routed.counts_rows)

    def _encode_keys_apart(self, encoder: RowEncoder, record_batch: Any, source: SourceRows) -> EncodedRows:
        """The encoded rows, with equal hashes also for clustering keys that differ in the scale of a decimal only."""
        rows = encoder.encode(record_batch, is_grouped=True)
        plain = record_batch
        for column in source.file.columns:
            bound = column.bound
            is_text_of_decimal = bound.cql_type.name == "decimal" and bound.arrow_type == pa.string()
            if is_text_of_decimal and bound.name in self._plan.table.clustering and bound.name in plain.schema.names:
                place = plain.schema.get_field_index(bound.name)
                plain = plain.set_column(place, bound.name, _without_scale(plain.column(place)))
        if plain is record_batch:
            return rows
        return replace(rows, key_hashes=encoder.encode(plain, is_grouped=True).key_hashes)

    def _encoder_of(self, source: SourceRows, statement: WriteStatement) -> RowEncoder:
        by_name = {column.bound.name: column.bound for column in source.file.columns}
        bound = tuple(by_name[name] for name in statement.columns)
        encoder = self._encoders.get((statement.row_prefix, bound))
        if encoder is None:
            table = self._plan.table
            encoder = open_row_encoder(
                bound,
                table=table.qualified_name,
                partition_key=table.partition_key,
                row_prefix=statement.row_prefix,
            )
            self._encoders[statement.row_prefix, bound] = encoder
        return encoder


def _without_scale(texts: Any) -> Any:
    """Texts of decimals, equal for equal numbers: 1.50 is 1.5 to a clustering column, but not to a partition key."""
    numbers = [None if text is None else Decimal(text) for text in texts.to_pylist()]
    return pa.array([None if number is None else str(_EXACT.normalize(number)) for number in numbers], pa.string())


def split_repeated(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Places in ``hashes``, ascending, in parts without two equal ones; the first of equal ones come first."""
    remaining = np.arange(len(hashes))
    while len(remaining):
        _, firsts = np.unique(hashes[remaining], return_index=True)
        firsts.sort()
        yield remaining[firsts]
        remaining = np.delete(remaining, firsts)


def route_rows(plan: ImportPlan, record_batch: Any) -> Iterator[RoutedRows]:
    """The rows by the statement that writes them; every row by exactly one that counts it."""
    is_static_only = _find_static_only(plan, record_batch)
    if is_static_only is None:
        yield RoutedRows(plan.row_statement, record_batch)
        return
    assert plan.partition_statement is not None
    for statement, mask in (
        (plan.partition_statement, is_static_only),
        (plan.row_statement, pc.invert(is_static_only)),
    ):
        places = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
        if len(places):
            yield RoutedRows(statement, record_batch.take(pa.array(places)), places)


def _find_static_only(plan: ImportPlan, record_batch: Any) -> Any | None:
    """Which rows have static columns only, or None where no row has.

    A partition can have static columns and no row: an export shows it as a row whose clustering columns are null.
    """
    table = plan.table
    if plan.partition_statement is None or not record_batch.column(table.clustering[0]).null_count:
        return None
    is_static_only: Any = None
    for name in plan.columns:
        if name in table.partition_key or table.column(name).kind == STATIC:
            continue
        # A regular value without its clustering key stays with the rows, whose encoder refuses it by name.
        is_null = record_batch.column(name).is_null()
        is_static_only = is_null if is_static_only is None else pc.and_(is_static_only, is_null)
    return is_static_only
