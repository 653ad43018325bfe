"""Restores write times and expiries: one row of a file becomes as few statements as its cells have different ones.

A converted record batch with companion columns becomes rows for three statements. The INSERT writes the row marker and
the cells that are as new and live as long as the newest and longest-lived of the row; an UPDATE for each further pair
of write time and expiry writes the others, and static cells by their partition alone. Cells that have expired are left
out. Everything goes column by column and round by round, never row by row.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import STATIC, TableMetadata
from airflow_provider_cqlai.engine.cassandra.write.messages import WriteStatement
from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.plan.statements import TIMESTAMP_MARKER, TTL_MARKER
from airflow_provider_cqlai.engine.importing.prepare.static_only import find_static_only
from airflow_provider_cqlai.engine.importing.row_types import StatementRows
from airflow_provider_cqlai.engine.options.write import MAX_TTL_SECONDS
from airflow_provider_cqlai.engine.types.cells.number_arrays import null_mask, to_numpy
from airflow_provider_cqlai.engine.types.companions import EXPIRY, NO_WRITETIME, WRITETIME, companion_name

_NEVER = np.iinfo(np.int64).max
_BITS = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}


@dataclass
class _Cells:
    """Cells of some columns, column by column: which are to be written, and their times."""

    names: tuple[str, ...]
    is_live: np.ndarray
    """Column by row: there is a value, and it has not expired."""
    was_there: np.ndarray
    """By row: at least one cell had a value, expired or not."""
    writetimes: np.ndarray
    expiries: np.ndarray
    """In seconds since 1970."""

    @property
    def are_gone(self) -> np.ndarray:
        """By row: there were cells, and all of them have expired."""
        gone: np.ndarray = self.was_there & ~self.is_live.any(axis=0)
        return gone


def route_cell_times(plan: ImportPlan, record_batch: Any) -> tuple[list[StatementRows[Any]], int]:
    """The rows by statement, and the number of rows of which nothing is left.

    Raises:
        ValueDoesNotFitError: a cell expires later than Cassandra lets one live.
    """
    now = int(time.time())
    table = plan.table
    static, regular = _name_cells(plan)
    cells = _read_cells(record_batch, regular, now)
    _check_expiries(table, cells, now)
    routed: list[StatementRows[Any]] = []
    expired = np.zeros(record_batch.num_rows, bool)
    found = find_static_only(plan, record_batch)
    is_static_only = np.zeros(record_batch.num_rows, bool) if found is None else found
    if static:
        static_cells = _read_cells(record_batch, static, now)
        # Of every row, also where its cells are those of the row before: none may count as written.
        _check_expiries(table, static_cells, now)
        assert plan.static_cell_statement is not None
        has_live = static_cells.is_live.any(axis=0)
        expired |= is_static_only & ~has_live
        for rows, counts_rows in (
            (is_static_only & has_live, True),
            (~is_static_only & has_live & _differs_from_previous(record_batch, table, static_cells), False),
        ):
            routed += _route_rounds(
                plan.static_cell_statement, record_batch, static_cells, rows, now, counts_rows=counts_rows
            )
    expired |= cells.are_gone
    rows = ~is_static_only & ~cells.are_gone
    if rows.any():
        routed += _route_regular(plan, record_batch, cells, rows, now)
    return routed, int(expired.sum())


def leave_out_expired(plan: ImportPlan, record_batch: Any, now: int) -> Any:
    """What there is to read back of ``record_batch``: rows that have not expired, with null for cells that have.

    Write times are companions still; what is left has no expiry.
    """
    static, regular = _name_cells(plan)
    cells = _read_cells(record_batch, regular, now)
    arrays = {name: record_batch.column(name) for name in plan.columns if name in plan.table.primary_key}
    writetimes = [companion_name(WRITETIME, name) for name in plan.columns]
    arrays |= {name: record_batch.column(name) for name in writetimes if name in record_batch.schema.names}
    everywhere = np.arange(record_batch.num_rows)
    for told in (_read_cells(record_batch, static, now), cells):
        for name, is_live in zip(told.names, told.is_live, strict=True):
            arrays[name] = _take(record_batch.column(name), everywhere, is_live)
    return pa.record_batch(arrays).filter(pa.array(~cells.are_gone))


def lacks_writetimes(plan: ImportPlan, record_batch: Any) -> bool:
    """Whether a cell is written at the time of the import, so that the order of the rows decides which one stays."""
    for name in plan.columns:
        if name in plan.table.primary_key:
            continue
        has_value = ~null_mask(record_batch.column(name))
        column = companion_name(WRITETIME, name)
        if column in record_batch.schema.names:
            has_value &= null_mask(record_batch.column(column))
        if has_value.any():
            return True
    return False


def find_static_changes(plan: ImportPlan, record_batch: Any) -> np.ndarray:
    """Rows that do not say the same of the same partition's static cells as the row before."""
    static, _ = _name_cells(plan)
    return _differs_from_previous(record_batch, plan.table, _read_cells(record_batch, static, 0))


def read_static_times(plan: ImportPlan, record_batch: Any) -> np.ndarray:
    """Write times, then expiries of the static columns, column by row."""
    static, _ = _name_cells(plan)
    kinds = ((WRITETIME, NO_WRITETIME), (EXPIRY, _NEVER))
    return np.concatenate([_read_times(record_batch, static, kind, absent) for kind, absent in kinds])


def _name_cells(plan: ImportPlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns outside of the primary key: static ones and the others."""
    table = plan.table
    static = tuple(name for name in plan.columns if table.column(name).kind == STATIC)
    return static, tuple(name for name in plan.columns if name not in static and name not in table.primary_key)


def _read_cells(record_batch: Any, names: tuple[str, ...], now: int) -> _Cells:
    row_count = record_batch.num_rows
    # Without a column numpy would take floats.
    has_value = np.array([~null_mask(record_batch.column(name)) for name in names], bool).reshape(-1, row_count)
    writetimes = _read_times(record_batch, names, WRITETIME, NO_WRITETIME)
    expiries = _read_times(record_batch, names, EXPIRY, _NEVER)
    was_there = np.logical_or.reduce(has_value, axis=0)
    return _Cells(names, has_value & (expiries > now), was_there, writetimes, expiries)


def _read_times(record_batch: Any, names: tuple[str, ...], kind: str, absent: int) -> np.ndarray:
    times = np.full((len(names), record_batch.num_rows), absent, np.int64)
    for place, name in enumerate(names):
        column = companion_name(kind, name)
        if column in record_batch.schema.names:
            found = record_batch.column(column)
            numbers = to_numpy(found, np.int64)
            # Expiries are moments in milliseconds, and TTLs are whole seconds.
            numbers = numbers // 1000 if kind == EXPIRY else numbers
            times[place] = np.where(null_mask(found), absent, numbers)
    return times


def _check_expiries(table: TableMetadata, cells: _Cells, now: int) -> None:
    """A TTL has 32 bits on the wire: what is too long would come out as a short one, or as none."""
    seconds = np.where(cells.is_live & (cells.expiries != _NEVER), cells.expiries - now, 0)
    too_long = seconds > MAX_TTL_SECONDS
    if not too_long.any():
        return
    place = int(np.flatnonzero(too_long.any(axis=1))[0])
    name = cells.names[place]
    raise ValueDoesNotFitError(
        f"cell_times='ignore' leaves expiries and write times out; {table}.{name}: {companion_name(EXPIRY, name)} is"
        f" {int(seconds[place].max()):,} seconds ahead, and no cell lives longer than {MAX_TTL_SECONDS:,}",
        table=table.qualified_name,
        column=name,
    )


def _differs_from_previous(record_batch: Any, table: TableMetadata, static_cells: _Cells) -> np.ndarray:
    """Rows whose partition key or static cells are not those of the row before: the others need not be written."""
    differs = np.ones(record_batch.num_rows, bool)
    is_same = np.ones(max(0, record_batch.num_rows - 1), bool)
    for told in (static_cells.is_live, static_cells.writetimes, static_cells.expiries):
        is_same &= (told[:, 1:] == told[:, :-1]).all(axis=0)
    has_writetimes = {
        name: bool((times != NO_WRITETIME).all())
        for name, times in zip(static_cells.names, static_cells.writetimes, strict=True)
    }
    for name in (*table.partition_key, *static_cells.names):
        column = record_batch.column(name)
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        if pa.types.is_nested(column.type):
            # Arrow does not compare these; cells of one write time are one value.
            if has_writetimes.get(name):
                continue
            return differs
        if pa.types.is_floating(column.type):
            # By their bits: 0.0 and -0.0 are two values, and two partitions.
            column = column.view(_BITS[column.type.bit_width])
        # Two nulls are the same static cell; a null and a value were told apart above.
        equal = pc.equal(column.slice(1), column.slice(0, max(0, len(column) - 1)))
        equal = equal.fill_null(name in static_cells.names)
        is_same &= equal.to_numpy(zero_copy_only=False)
    differs[1:] = ~is_same
    return differs


def _route_regular(
    plan: ImportPlan, record_batch: Any, cells: _Cells, rows: np.ndarray, now: int
) -> Iterator[StatementRows[Any]]:
    # A cell that is not there is older and shorter-lived than any that is.
    newest = np.where(cells.is_live, cells.writetimes, NO_WRITETIME).max(axis=0, initial=NO_WRITETIME)
    longest = np.where(cells.is_live, cells.expiries, 0).max(axis=0, initial=0)
    # A row of nothing but its key lives for ever, with the import's own time.
    longest = np.where(cells.is_live.any(axis=0), longest, _NEVER)
    with_marker = cells.is_live & (cells.writetimes == newest) & (cells.expiries == longest)
    yield _select(plan.row_statement, record_batch, cells, with_marker, rows, newest, longest, now, counts_rows=True)
    if plan.cell_statement is not None:
        others = _Cells(cells.names, cells.is_live & ~with_marker, cells.was_there, cells.writetimes, cells.expiries)
        yield from _route_rounds(
            plan.cell_statement, record_batch, others, rows & others.is_live.any(axis=0), now, counts_rows=False
        )


def _route_rounds(
    statement: WriteStatement, record_batch: Any, cells: _Cells, rows: np.ndarray, now: int, *, counts_rows: bool
) -> Iterator[StatementRows[Any]]:
    """One statement a row and round: the cells that share write time and expiry with the first that remains."""
    remaining = cells.is_live & rows
    while True:
        rows = remaining.any(axis=0)
        if not rows.any():
            return
        first = remaining.argmax(axis=0)
        columns = np.arange(record_batch.num_rows)
        writetimes, expiries = cells.writetimes[first, columns], cells.expiries[first, columns]
        chosen = remaining & (cells.writetimes == writetimes) & (cells.expiries == expiries)
        yield _select(statement, record_batch, cells, chosen, rows, writetimes, expiries, now, counts_rows=counts_rows)
        remaining &= ~chosen
        counts_rows = False


def _select(
    statement: WriteStatement,
    record_batch: Any,
    cells: _Cells,
    chosen: np.ndarray,
    rows: np.ndarray,
    writetimes: np.ndarray,
    expiries: np.ndarray,
    now: int,
    *,
    counts_rows: bool,
) -> StatementRows[Any]:
    """The rows with their chosen cells, the others null, and the times as the statement's markers."""
    places = np.flatnonzero(rows)
    arrays: dict[str, Any] = {}
    for name in statement.columns:
        if name == TTL_MARKER:
            # 0 is for ever, also where the table has a default.
            ttl = np.where(expiries[places] == _NEVER, 0, expiries[places] - now)
            arrays[name] = pa.array(ttl.astype(np.int32))
        elif name == TIMESTAMP_MARKER:
            arrays[name] = pa.array(writetimes[places], mask=writetimes[places] == NO_WRITETIME)
        elif name in cells.names:
            arrays[name] = _take(record_batch.column(name), places, chosen[cells.names.index(name)][places])
        else:
            arrays[name] = record_batch.column(name).take(pa.array(places))
    return StatementRows(statement, pa.record_batch(arrays), places, counts_rows)


def _take(column: Any, places: np.ndarray, is_chosen: np.ndarray) -> Any:
    """The values at ``places``, null where they are not chosen."""
    return column.take(pa.array(places, mask=~is_chosen))
