"""Writes a time window as CQL bounds on a column, exact to the column's own tick.

Values are bound as whole numbers of milliseconds or days, since the driver converts a datetime through floating point.
Note: the server makes the bound of a timeuuid, and its `minTimeuuid` silently wraps around outside the years 1582 to
5236.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from cassandra.util import Date

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.select_statement import Restriction
from airflow_provider_cqlai.engine.errors import TimeWindowError
from airflow_provider_cqlai.engine.options.values.choices import TimeUnit
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name

TIME_TYPES = ("timestamp", "timeuuid", "date")
# Of the numbers that may count time, the bits.
_NUMBER_BITS = {"bigint": 64, "int": 32}

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MILLISECOND = datetime.timedelta(milliseconds=1)
_DAY = datetime.timedelta(days=1)
# The 60 bits of a version 1 UUID count 100 ns from 1582-10-15 (RFC 9562).
FIRST_TIMEUUID_MILLISECOND = -12_219_292_800_000
LAST_TIMEUUID_MILLISECOND = (2**60 - 1) // 10_000 + FIRST_TIMEUUID_MILLISECOND


@dataclass(frozen=True)
class TimeColumn:
    """The column that tells a row's time."""

    column: TableColumn
    unit: TimeUnit | None = None
    """What its numbers count since 1970; None where its type says it."""

    @property
    def name(self) -> str:
        return self.column.name

    def edges(self, window: TimeWindow) -> tuple[int, int]:
        """``window`` as ``[start, end)`` of the column's numbers, or of milliseconds."""
        start, end = to_milliseconds(window.start), to_milliseconds(window.end)
        if self.unit == "us":
            return start * 1000, end * 1000
        if self.unit == "s":
            # A moment within a second lies between two numbers: the next one is the first that is not before it.
            return -(-start // 1000), -(-end // 1000)
        return start, end


def find_time_column(table: TableMetadata, name: str, unit: TimeUnit | None = None) -> TimeColumn:
    """The column that tells a row's time.

    Raises:
        TableMetadataError: the table has no such column.
        TimeWindowError: its type tells no time, or not with or without ``unit``; names the columns that do.
    """
    column = table.column(name, option="time_column")
    if column.cql_text in _NUMBER_BITS and unit is None:
        raise TimeWindowError(
            f"time_unit='s', 'ms' or 'us' says what time_column={column.name!r} counts since 1970: it is a"
            f" {column.cql_text} of {table}"
        )
    if unit is not None and column.cql_text not in _NUMBER_BITS:
        raise TimeWindowError(
            f"time_unit={unit!r} is for a bigint or int, and time_column={column.name!r} of {table} is a"
            f" {column.cql_text}: leave time_unit out"
        )
    if unit is None and column.cql_text not in TIME_TYPES:
        usable = [f"{each.name} ({each.cql_text})" for each in table.columns if each.cql_text in TIME_TYPES]
        hint = f"usable ones: {', '.join(usable)}" if usable else "the table has no such column"
        raise TimeWindowError(
            f"time_column={column.name!r} of {table} is a {column.cql_text}, not a timestamp, timeuuid or date; {hint}"
        )
    return TimeColumn(column, unit)


def to_milliseconds(moment: datetime.datetime) -> int:
    """Whole milliseconds since 1970, exact for every year that Python knows."""
    return (moment - _EPOCH) // _MILLISECOND


def bound_column(time_column: TimeColumn, window: TimeWindow) -> Restriction:
    """The column within ``[start, end)``.

    Raises:
        TimeWindowError: a date column and a window that is not on midnight UTC, or a column and a window wholly outside
            of the times that it can tell.
    """
    column = time_column.column
    name = quote_name(column.name)
    if time_column.unit is not None:
        return _bound_numbers(time_column, window)
    if column.cql_text == "timeuuid":
        return _bound_timeuuid(column, window)
    values: tuple[Any, ...]
    if column.cql_text == "date":
        start, end = day_numbers(column, window)
        values = (Date(start), Date(end))
    else:
        values = (to_milliseconds(window.start), to_milliseconds(window.end))
    return Restriction(f"{name} >= ? AND {name} < ?", values)


def day_numbers(column: TableColumn, window: TimeWindow) -> tuple[int, int]:
    """First day and the day after the last, counted from 1970, of a window on midnight UTC."""
    for moment in (window.start, window.end):
        if (moment - _EPOCH) % _DAY:
            raise TimeWindowError(
                f"time_column={column.name!r} is a date, so the window must begin and end at midnight UTC;"
                f" {moment.isoformat()} does not"
            )
    return (window.start - _EPOCH) // _DAY, (window.end - _EPOCH) // _DAY


def _bound_numbers(time_column: TimeColumn, window: TimeWindow) -> Restriction:
    column = time_column.column
    name = quote_name(column.name)
    start, end = time_column.edges(window)
    least, most = -(2 ** (_NUMBER_BITS[column.cql_text] - 1)), 2 ** (_NUMBER_BITS[column.cql_text] - 1) - 1
    if end <= least or start > most:
        raise TimeWindowError(
            f"time_column={column.name!r} is a {column.cql_text}: its time_unit={time_column.unit!r} do not reach the"
            f" window [{window.start.isoformat()}, {window.end.isoformat()})"
        )
    if end > most:
        return Restriction(f"{name} >= ?", (max(start, least),))
    return Restriction(f"{name} >= ? AND {name} < ?", (max(start, least), end))


def _bound_timeuuid(column: TableColumn, window: TimeWindow) -> Restriction:
    name = quote_name(column.name)
    start, end = to_milliseconds(window.start), to_milliseconds(window.end)
    if end <= FIRST_TIMEUUID_MILLISECOND or start > LAST_TIMEUUID_MILLISECOND:
        raise TimeWindowError(
            f"time_column={column.name!r} is a timeuuid, which holds times from 1582-10-15 to the year 5236; the window"
            f" [{window.start.isoformat()}, {window.end.isoformat()}) lies outside"
        )
    text, values = f"{name} >= minTimeuuid(?)", (max(start, FIRST_TIMEUUID_MILLISECOND),)
    if end > LAST_TIMEUUID_MILLISECOND:
        return Restriction(text, values)
    return Restriction(f"{text} AND {name} < minTimeuuid(?)", (*values, end))
