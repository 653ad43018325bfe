"""Which slice of time is exported: `TimeWindow`, and `WindowOptions`, which tell how a table tells time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import check_truth, set_choices
from airflow_provider_cqlai.engine.options.values.choices import RowsWithoutWritetime, TimeUnit, WindowBy


@dataclass(frozen=True, kw_only=True)
class TimeWindow:
    """A slice of time ``[start, end)``. Both are timezone-aware; whole milliseconds, Cassandra's own precision."""

    start: datetime.datetime
    end: datetime.datetime

    def __post_init__(self) -> None:
        for name, moment in (("start", self.start), ("end", self.end)):
            if not isinstance(moment, datetime.datetime) or moment.tzinfo is None:
                raise OptionError(f"{name}={moment!r} must be a datetime with a timezone", option=name)
            if moment.microsecond % 1000:
                raise OptionError(f"{name}={moment.isoformat()} is finer than a millisecond", option=name)
            # Aware datetimes of one zone compare by wall clock; in UTC they compare by moment, across DST changes too.
            utc = moment.astimezone(datetime.timezone.utc)
            # A plain datetime: arithmetic with subclasses, such as Airflow's pendulum, gives other types.
            object.__setattr__(self, name, datetime.datetime.combine(utc.date(), utc.time(), datetime.timezone.utc))
        if self.start >= self.end:
            raise OptionError(
                f"the window is empty: start={self.start.isoformat()} is not before end={self.end.isoformat()}",
                option="start",
            )


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """Which slice of time is exported, and how the table tells time."""

    window: TimeWindow | None = None
    """The slice ``[start, end)``; None exports the whole table."""

    time_column: str | None = None
    """The timeuuid, timestamp or date column that the window is about, or a bigint or int with ``time_unit``."""

    time_unit: TimeUnit | None = None
    """What ``time_column`` counts since 1970 where it is a bigint or int: ``"s"``, ``"ms"`` or ``"us"``. Its parts
    (``.date``) can be directories then, too."""

    bucket_column: str | None = None
    """A key column holding a bucket of the time column (for example the day as text), which routes the window."""

    bucket_format: str | None = None
    """``strftime`` format of ``bucket_column`` in UTC, such as ``"%Y-%m-%d"`` or ``"%Y%m%d%H"``."""

    window_by: WindowBy = "time_column"
    """``"time_column"``, or ``"writetime"``: rows whose newest readable cell was written in the window, an incremental
    log that never replaces what an earlier run exported."""

    rows_without_writetime: RowsWithoutWritetime = "error"
    """With ``window_by="writetime"``, rows with nothing but a primary key: ``"error"``, ``"include"`` or ``"skip"``."""

    allow_future_end: bool = False
    """Accept a window that ends in the future: rows that arrive later will be missing from it."""

    def __post_init__(self) -> None:
        if self.window is not None and not isinstance(self.window, TimeWindow):
            raise OptionError(f"window={self.window!r} must be a TimeWindow", option="window")
        check_truth("allow_future_end", self.allow_future_end)
        set_choices(self, "window_by", "rows_without_writetime")
        if self.time_unit is not None:
            set_choices(self, "time_unit")
            if self.time_column is None:
                raise OptionError("time_unit is the unit of time_column: give that, too", option="time_unit")
        if (self.bucket_column is None) != (self.bucket_format is None):
            raise OptionError("bucket_column and bucket_format go together", option="bucket_column")
        if self.window_by == "writetime":
            if self.time_column is not None or self.bucket_column is not None:
                raise OptionError("window_by='writetime' takes no time_column and no bucket_column", option="window_by")
            if self.window is None:
                raise OptionError("window_by='writetime' needs a window: start and end, or since", option="window_by")
        elif self.window is not None and self.time_column is None and self.bucket_column is None:
            raise OptionError("a window needs time_column: which column tells a row's time?", option="time_column")
        elif self.window is None and (self.time_column is not None or self.bucket_column is not None):
            raise OptionError("time_column without a window: give start and end, or a period", option="time_column")
        if (
            self.window is not None
            and not self.allow_future_end
            and self.window.end > datetime.datetime.now(datetime.timezone.utc)
        ):
            raise OptionError(
                f"the window ends in the future ({self.window.end.isoformat()}): rows that arrive later would be"
                " missing; allow_future_end=True accepts that",
                option="allow_future_end",
            )
