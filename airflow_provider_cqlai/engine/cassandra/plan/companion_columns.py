"""Companion columns of ``include_writetime`` and ``include_ttl``: what a query selects for them, and how they are made.

A query selects each column's WRITETIME and TTL and the server's clock as hidden columns. In its record batches, one per
page, companions (`types.companions`) replace them, after the other columns. Note: no CQL function returns one time for
a page: ``now()`` is evaluated anew for each row that the answer is put together from, while every TTL counts from the
page's beginning; so the earliest clock of a page is the one to add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.select_statement import HiddenColumn, hide_column
from airflow_provider_cqlai.engine.errors import OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name
from airflow_provider_cqlai.engine.types.cells.value_text import key_texts
from airflow_provider_cqlai.engine.types.companions import ARROW_TYPES, EXPIRY, WRITETIME, Companion


@dataclass(frozen=True)
class _TimedColumn:
    """An exported column, and the hidden ones that tell its cells' times."""

    name: str
    writetime: HiddenColumn | None
    ttl: HiddenColumn | None
    companions: tuple[Companion, ...]


@dataclass(frozen=True)
class CellTimes:
    """What an export adds to its query, and makes of it."""

    table: TableMetadata
    columns: tuple[_TimedColumn, ...]
    server_clock: HiddenColumn | None
    """Milliseconds since 1970, where anything expires."""
    on_mixed: str

    @property
    def hidden_columns(self) -> tuple[HiddenColumn, ...]:
        """In the order of the query."""
        found = [hidden for column in self.columns for hidden in (column.writetime, column.ttl)]
        return tuple(hidden for hidden in (*found, self.server_clock) if hidden is not None)

    @property
    def arrow_fields(self) -> list[Any]:
        """Of the companions, in their order."""
        return [companion.arrow_field for column in self.columns for companion in column.companions]

    def read_clock(self, page: pa.RecordBatch) -> int | None:
        """The server's clock when it began to put ``page`` together, in whole seconds; None where nothing needs it.

        ``page`` has rows.
        """
        if self.server_clock is None:
            return None
        milliseconds: int = pc.min(page.column(self.server_clock.name)).as_py()
        return milliseconds // 1000

    def add_companions(self, record_batch: pa.RecordBatch, server_seconds: int | None) -> pa.RecordBatch:
        """The rows with companions behind all other columns; ``server_seconds`` is their page's `read_clock`.

        Raises:
            ValueDoesNotFitError: elements of one value differ in their times, and ``on_mixed_cell_times="error"``.
        """
        arrays = [
            array for column in self.columns for array in self._make_companions(column, record_batch, server_seconds)
        ]
        arrow_schema = pa.schema([*record_batch.schema, *self.arrow_fields])
        return pa.RecordBatch.from_arrays([*record_batch.columns, *arrays], schema=arrow_schema)

    def _make_companions(
        self, column: _TimedColumn, record_batch: pa.RecordBatch, server_seconds: int | None
    ) -> list[pa.Array]:
        hidden = {WRITETIME: column.writetime, EXPIRY: column.ttl}
        found = {kind: record_batch.column(one.name) for kind, one in hidden.items() if one is not None}
        if any(pa.types.is_list(array.type) for array in found.values()):
            found = self._merge_elements(column, found, record_batch)
        # A cell of zero bytes is exported as null and has times all the same.
        is_null = record_batch.column(column.name).is_null()
        arrays = []
        for companion in column.companions:
            times = found[companion.kind]
            if companion.kind == EXPIRY:
                times = pc.multiply(pc.add(times.cast(pa.int64()), server_seconds), 1000)
            times = times.cast(ARROW_TYPES[companion.kind])
            arrays.append(pc.if_else(is_null, pa.scalar(None, times.type), times))
        return arrays

    def _merge_elements(
        self, column: _TimedColumn, lists: dict[str, pa.Array], record_batch: pa.RecordBatch
    ) -> dict[str, pa.Array]:
        """One time a row of a value whose elements have one each."""
        elements = ElementTimes(lists[WRITETIME], lists.get(EXPIRY))
        if self.on_mixed == "error":
            for companion in column.companions:
                position = elements.find_mixed(companion.kind)
                if position is not None:
                    raise self._refuse(companion, key_texts(record_batch, self.table.primary_key, position))
        return {kind: elements.latest(kind) for kind in lists}

    def _refuse(self, companion: Companion, primary_key: dict[str, str]) -> ValueDoesNotFitError:
        row = ", ".join(f"{name}={text}" for name, text in primary_key.items())
        differ = "write times" if companion.kind == WRITETIME else "times to live"
        return ValueDoesNotFitError(
            f"on_mixed_cell_times='max' exports the latest; {self.table}, column {companion.column}, row {row}: its"
            f" elements have different {differ}, and {companion.name} holds one",
            table=str(self.table),
            column=companion.column,
            primary_key=primary_key,
            override=None,
            option="on_mixed_cell_times",
        )


def plan_cell_times(table: TableMetadata, columns: Sequence[TableColumn], options: CopyToOptions) -> CellTimes | None:
    """The companions of ``columns``, which are those to export; None where there are none.

    Raises:
        OptionError: the table's cells have no times, a companion would be called like a column, or be a directory.
    """
    kinds = [
        kind for kind, is_wanted in ((WRITETIME, options.include_writetime), (EXPIRY, options.include_ttl)) if is_wanted
    ]
    if not kinds:
        return None
    _check_table(table, kinds[0])
    timed = [column for column in columns if not column.is_primary_key]
    _check_names(table, [Companion(kind, column.name) for column in timed for kind in kinds], options)
    if not timed:
        return None
    names = {column.name for column in table.columns}
    server_clock = hide_column("cqlai_server_clock", "toUnixTimestamp(now())", "bigint", names)
    return CellTimes(
        table=table,
        columns=tuple(_time_column(column, index, kinds, names) for index, column in enumerate(timed)),
        server_clock=server_clock if EXPIRY in kinds else None,
        on_mixed=options.on_mixed_cell_times,
    )


def _time_column(column: TableColumn, index: int, kinds: Sequence[str], taken: set[str]) -> _TimedColumn:
    quoted = quote_name(column.name)
    bigint, whole = ("list<bigint>", "list<int>") if column.is_multi_cell else ("bigint", "int")
    writetime = hide_column(f"cqlai_cell_writetime_{index}", f"writetime({quoted})", bigint, taken)
    ttl = hide_column(f"cqlai_cell_ttl_{index}", f"ttl({quoted})", whole, taken)
    return _TimedColumn(
        name=column.name,
        # A field of a user-defined type has no TTL where it is null, and where it never expires: its write time tells.
        writetime=writetime if WRITETIME in kinds or column.is_multi_cell else None,
        ttl=ttl if EXPIRY in kinds else None,
        companions=tuple(Companion(kind, column.name) for kind in kinds),
    )


def _check_table(table: TableMetadata, kind: str) -> None:
    option = "include_writetime" if kind == WRITETIME else "include_ttl"
    if table.is_counter:
        raise OptionError(
            f"{option}: {table} has counters: a counter cannot be written with a time of one's own; leave {option} out",
            option=option,
        )
    if table.is_virtual:
        raise OptionError(f"{option}: {table} is a virtual table, whose cells have no times", option=option)


def _check_names(table: TableMetadata, companions: Sequence[Companion], options: CopyToOptions) -> None:
    columns = {column.name for column in table.columns}
    for companion in companions:
        option = "include_writetime" if companion.kind == WRITETIME else "include_ttl"
        if companion.name in columns:
            raise OptionError(
                f"{option}: {table} has a column that is called {companion.name!r}, as the one that tells about"
                f" {companion.column!r} would be; leave {option} out, or {companion.column!r} out of columns",
                option=option,
            )
        if companion.name in (options.partition_by or ()):
            raise OptionError(
                f"partition_by: {companion.name!r} tells the times of {companion.column!r} and stays in the files",
                option="partition_by",
            )


class ElementTimes:
    """The element times of one column of one record batch, summed up by row.

    Of a collection or user-defined type that is not frozen: WRITETIME and TTL answer for it with a list since
    Cassandra 5.0, an entry for each element, or for each field of a user-defined type. A field that is null has an
    entry too, null in both lists, and must not be taken for one that never expires.
    """

    def __init__(self, writetimes: Any, ttls: Any | None) -> None:
        elements = pa.table(
            {
                "row": pc.list_parent_indices(writetimes),
                WRITETIME: pc.list_flatten(writetimes),
                EXPIRY: pa.nulls(len(writetimes.flatten()), pa.int32()) if ttls is None else pc.list_flatten(ttls),
            }
        )
        # Counts and bounds pass over nulls.
        self._sums = elements.group_by("row", use_threads=False).aggregate(
            [(kind, function) for kind in (WRITETIME, EXPIRY) for function in ("min", "max", "count")]
        )
        self._row_count = len(writetimes)

    def find_mixed(self, kind: str) -> int | None:
        """The first row whose elements differ in their time; to expire and not to expire are different."""
        sums = self._sums
        is_mixed = pc.fill_null(pc.not_equal(sums[f"{kind}_min"], sums[f"{kind}_max"]), False)
        if kind == EXPIRY:
            is_mixed = pc.or_(is_mixed, pc.and_(pc.greater(sums["expiry_count"], 0), pc.invert(self._all_expire())))
        mixed = sums["row"].filter(is_mixed)
        return None if not len(mixed) else pc.min(mixed).as_py()

    def latest(self, kind: str) -> Any:
        """The greatest time of each row, null where it has no element; one that never expires is the latest."""
        times = self._sums[f"{kind}_max"]
        if kind == EXPIRY:
            times = pc.if_else(self._all_expire(), times, pa.scalar(None, times.type))
        rows = pa.array(np.arange(self._row_count), self._sums["row"].type)
        return times.combine_chunks().take(pc.index_in(rows, value_set=self._sums["row"].combine_chunks()))

    def _all_expire(self) -> Any:
        return pc.equal(self._sums["expiry_count"], self._sums["writetime_count"])
