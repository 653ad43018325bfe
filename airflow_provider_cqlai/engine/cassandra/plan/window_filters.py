"""Windows that the query does not restrict: hidden columns in it, and the rows of each record batch to keep.

``window_by="writetime"`` has one hidden ``bigint`` column per stored column; kept are the rows whose newest readable
cell was written in the window. Note: CQL cannot restrict a write time. Where the cluster forbids the filtering that a
time column needs, its time is one hidden column. Either way every row is read, and the hidden columns go.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.select_statement import HiddenColumn, hide_column
from airflow_provider_cqlai.engine.cassandra.plan.window_bounds import TimeColumn, to_milliseconds
from airflow_provider_cqlai.engine.errors import TimeWindowError
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name


def writetime_columns(table: TableMetadata) -> tuple[HiddenColumn, ...]:
    """The write time of every stored column in microseconds: a row is new when any of its cells is, exported or not.

    Raises:
        TimeWindowError: a counter table, whose cells have no write time.
    """
    if table.is_counter:
        raise TimeWindowError(f"window_by='writetime': {table} has counters, which have no write time")
    taken = {column.name for column in table.columns}
    hidden: list[HiddenColumn] = []
    for index, column in enumerate(column for column in table.columns if not column.is_primary_key):
        # Each element of a multi-cell value has a time of its own; the newest is what counts.
        function = "maxwritetime" if column.is_multi_cell else "writetime"
        expression = f"{function}({quote_name(column.name)})"
        hidden.append(hide_column(f"cqlai_writetime_{index}", expression, "bigint", taken))
    return tuple(hidden)


@dataclass(frozen=True)
class WritetimeFilter:
    """Keeps the rows of the window and drops the hidden columns, which are the last ``hidden_count`` ones."""

    table: TableMetadata
    hidden_count: int
    window: TimeWindow
    rows_without_writetime: str

    def __call__(self, record_batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows to keep.

        Raises:
            TimeWindowError: a row has nothing but its primary key, and ``rows_without_writetime="error"``.
        """
        visible = record_batch.num_columns - self.hidden_count
        kept = record_batch.select(list(range(visible)))
        if self.hidden_count == 0:
            newest = pa.nulls(record_batch.num_rows, pa.int64())
        else:
            newest = pc.max_element_wise(*record_batch.columns[visible:], skip_nulls=True)
        if newest.null_count and self.rows_without_writetime == "error":
            self._refuse(kept, newest)
        # Cassandra counts microseconds; the window is whole milliseconds, so both edges are exact.
        start, end = to_milliseconds(self.window.start) * 1000, to_milliseconds(self.window.end) * 1000
        is_inside = pc.and_(pc.greater_equal(newest, start), pc.less(newest, end))
        is_kept = pc.fill_null(is_inside, self.rows_without_writetime == "include")
        return kept.filter(is_kept)

    def _refuse(self, kept: pa.RecordBatch, newest: pa.Array) -> None:
        row = pc.index(newest.is_null(), True).as_py()
        names = [name for name in self.table.primary_key if name in kept.schema.names]
        key = {name: str(kept.column(name)[row]) for name in names}
        raise TimeWindowError(
            "rows_without_writetime='include' or 'skip' says what to do with rows that have nothing but their primary"
            f" key, and so no readable write time (window_by='writetime'): {self.table}, {key}",
            table=str(self.table),
            primary_key=key,
        )


def hide_time(table: TableMetadata, time_column: TimeColumn) -> HiddenColumn:
    """The column's numbers, or the milliseconds since 1970 of a timestamp, timeuuid or date."""
    taken = {each.name for each in table.columns}
    name = quote_name(time_column.name)
    if time_column.unit is not None:
        return hide_column("cqlai_time", name, time_column.column.cql_text, taken)
    return hide_column("cqlai_time", f"toUnixTimestamp({name})", "bigint", taken)


@dataclass(frozen=True)
class TimeColumnFilter:
    """Keeps the rows from ``start`` to before ``end`` by the last column, which `hide_time` made, and drops it."""

    start: int
    end: int

    def __call__(self, record_batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows to keep; a row without a time is in no window, as for the server."""
        times = record_batch.column(record_batch.num_columns - 1).cast(pa.int64())
        is_inside = pc.and_(pc.greater_equal(times, self.start), pc.less(times, self.end))
        return record_batch.select(list(range(record_batch.num_columns - 1))).filter(pc.fill_null(is_inside, False))
