"""Lists the values of a bucket column that a time window covers, in order.

The length of a bucket (a minute, an hour, a week, a month) is found by formatting moments with the declared
``bucket_format`` and looking where the result changes.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from cassandra.util import Date

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn
from airflow_provider_cqlai.engine.cassandra.plan.window_bounds import to_milliseconds
from airflow_provider_cqlai.engine.errors import TimeWindowError
from airflow_provider_cqlai.engine.options.window import TimeWindow

_TEXT_TYPES = ("text", "varchar", "ascii")
_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64, "varint": None}
_UNITS = (
    datetime.timedelta(seconds=1),
    datetime.timedelta(minutes=1),
    datetime.timedelta(hours=1),
    datetime.timedelta(days=1),
)
_LONGEST = datetime.timedelta(days=366)
# A query per bucket costs about a millisecond; past this the list itself is the burden.
MOST_BUCKETS = 100_000


def list_bucket_values(
    column: TableColumn, bucket_format: str, window: TimeWindow, *, is_aligned: bool
) -> list[tuple[str, Any]]:
    """``(text, value to bind)`` of every bucket that the window touches.

    ``is_aligned`` demands that the window begins and ends where a bucket does, since nothing else bounds the rows.

    Raises:
        TimeWindowError: the format does not tell one bucket from another, does not fit the column's type, or the
            window is not aligned or has more than 100,000 buckets.
    """
    bucket = _Bucket(column, bucket_format, _find_unit(column, bucket_format, window.start))
    bucket.check_distinct(window.start)
    if is_aligned:
        bucket.check_edge("start", window.start)
        bucket.check_edge("end", window.end)
    values: list[tuple[str, Any]] = []
    for begin, text in bucket.list_buckets(window):
        if len(values) == MOST_BUCKETS:
            raise TimeWindowError(
                f"bucket_column={column.name!r}: the window has more than {MOST_BUCKETS} buckets; narrow it"
            )
        values.append((text, bucket.value(begin, text)))
    return values


class _Bucket:
    """A bucket format over a column, with the unit of time that its edges fall on."""

    def __init__(self, column: TableColumn, bucket_format: str, unit: datetime.timedelta) -> None:
        self._column = column
        self._format = bucket_format
        self._unit = unit

    def text(self, moment: datetime.datetime) -> str:
        return moment.strftime(self._format)

    def begin_of_unit(self, moment: datetime.datetime) -> datetime.datetime:
        return moment - (moment - datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)) % self._unit

    def list_buckets(self, window: TimeWindow) -> Iterator[tuple[datetime.datetime, str]]:
        """Each bucket once, with the first moment of it that the window's units reach."""
        moment, previous = self.begin_of_unit(window.start), None
        while moment < window.end:
            text = self.text(moment)
            if text != previous:
                yield moment, text
            previous = text
            if moment > datetime.datetime.max.replace(tzinfo=datetime.timezone.utc) - self._unit:
                return
            moment += self._unit

    def check_edge(self, name: str, moment: datetime.datetime) -> None:
        tick = datetime.timedelta(milliseconds=1)
        if moment == self.begin_of_unit(moment) and (
            moment - datetime.datetime.min.replace(tzinfo=datetime.timezone.utc) < tick
            or self.text(moment - tick) != self.text(moment)
        ):
            return
        raise TimeWindowError(
            f"bucket_column={self._column.name!r} with bucket_format={self._format!r} tells whole buckets only: the"
            f" window's {name} {moment.isoformat()} lies inside of bucket {self.text(moment)!r}; give time_column too,"
            " or align the window"
        )

    def check_distinct(self, around: datetime.datetime) -> None:
        """Raise where a value comes back after another one: ``%H`` alone names no single hour."""
        for step, count in ((self._unit, 4_000), (datetime.timedelta(days=1), 2_200), (_LONGEST, 60)):
            first = min(self.begin_of_unit(around), datetime.datetime(9000, 1, 1, tzinfo=datetime.timezone.utc))
            seen: set[str] = set()
            previous = None
            for index in range(count):
                text = self.text(first + index * step)
                if text != previous and text in seen:
                    raise TimeWindowError(
                        f"bucket_format={self._format!r} gives {text!r} for several buckets: it must tell the date and"
                        " every longer unit too, such as '%Y-%m-%d' or '%Y%m%d%H'"
                    )
                seen.add(text)
                previous = text

    def value(self, begin: datetime.datetime, text: str) -> Any:
        """What to bind: the text, its number, or for a date or timestamp the bucket's first moment."""
        kind = self._column.cql_text
        if kind in _TEXT_TYPES:
            return text
        if kind in ("date", "timestamp"):
            begin = self._first_moment(begin, text)
            if kind == "timestamp":
                return to_milliseconds(begin)
            return Date((begin - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).days)
        return self._number(text)

    def _first_moment(self, moment: datetime.datetime, text: str) -> datetime.datetime:
        """The window may begin inside of a bucket, whose value is that of its own beginning."""
        limit = moment - _LONGEST if moment.year > 2 else moment
        while moment > limit and self.text(moment - self._unit) == text:
            moment -= self._unit
        return moment

    def _number(self, text: str) -> int:
        bits = _INTEGER_BITS[self._column.cql_text]
        # int() would also take signs, spaces and underscores, which a number in the table does not have.
        number = int(text) if text.isdecimal() else None
        if number is None or (bits is not None and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1)):
            raise TimeWindowError(
                f"bucket_format={self._format!r} gives {text!r}, which is not a valid {self._column.cql_text} for"
                f" bucket_column={self._column.name!r}"
            )
        return number


def _find_unit(column: TableColumn, bucket_format: str, around: datetime.datetime) -> datetime.timedelta:
    """The shortest unit of time at whose edges the formatted value changes."""
    known = (*_TEXT_TYPES, *_INTEGER_BITS, "date", "timestamp")
    if column.cql_text not in known:
        raise TimeWindowError(
            f"bucket_column={column.name!r} is a {column.cql_text}; a bucket is one of {', '.join(known)}"
        )
    for directive, reason in (("%f", "is finer than any bucket"), ("%s", "depends on the machine's own timezone")):
        if directive in bucket_format:
            raise TimeWindowError(f"bucket_format={bucket_format!r}: {directive} {reason}")
    year = min(max(around.year, 2), 9000)
    first = datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc)
    for unit, probes in zip(_UNITS, (60, 60, 24, 800), strict=True):
        if len({(first + index * unit).strftime(bucket_format) for index in range(probes)}) > 1:
            if column.cql_text == "date" and unit != _UNITS[-1]:
                raise TimeWindowError(f"bucket_column={column.name!r} is a date; {bucket_format!r} is finer than a day")
            return unit
    raise TimeWindowError(f"bucket_format={bucket_format!r} gives the same value for every moment of a year")
