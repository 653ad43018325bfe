"""The moments at which a DAG's schedule is due: the grid that the windows of a period lie on.

A run triggered by hand is due at any moment, and the period before that moment overlaps the windows of the scheduled
runs around it: whichever comes second would be refused. On the grid both have the same window. Note: what a worker of
Airflow 3 has of a timetable is its definition, which cannot compute; so the cron expressions are read here, under the
names that both lines of Airflow give them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pendulum
from croniter import croniter
from dateutil.relativedelta import relativedelta

from airflow_provider_cqlai.period import Period

# Timetables whose runs are due whenever somebody or an asset triggers them.
_WITHOUT_SCHEDULE = ("NullTimetable", "AssetTriggeredTimetable", "DatasetTriggeredTimetable")
_SECOND = datetime.timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a DAG's timetable tells about its grid. All empty: it says nothing that is known here."""

    crons: tuple[tuple[str, datetime.tzinfo], ...] = ()
    """Cron expressions, each with the timezone of its wall clock; a run is due whenever one of them is."""
    delta: datetime.timedelta | relativedelta | None = None
    """The time between two runs, which begin at a moment that the scheduler chooses."""
    is_triggered: bool = False
    """Without a schedule of its own."""
    is_run_scheduled: bool = False
    """Whether the scheduler or a backfill made the run, which then is on the grid."""

    def last_due(self, moment: pendulum.DateTime, period: Period) -> pendulum.DateTime | None:
        """The last moment of the grid at or before ``moment``, in its timezone; None where no grid is known.

        Without a schedule, or with one that is not known here, days begin at midnight, hours on the hour.
        """
        if self.is_run_scheduled:
            return moment
        if self.crons:
            return max(_last_tick(expression, timezone, moment) for expression, timezone in self.crons)
        begin = period.last_begin(moment)
        is_begin = begin is not None and begin.in_timezone("UTC") == moment.in_timezone("UTC")
        return begin if self.is_triggered or is_begin else None


def read_schedule(context: Mapping[str, Any]) -> Schedule:
    """The schedule of the DAG in a task's context."""
    dag = context.get("dag")
    timetable = getattr(dag, "timetable", None)
    # An enumeration whose members are texts.
    run_type = str(getattr(getattr(context.get("dag_run"), "run_type", None), "value", "manual"))
    parts = list(_parts(timetable))
    return Schedule(
        crons=tuple(
            (expression, read_timezone(part, timetable, dag))
            for part in parts
            if isinstance(expression := _either(part, "expression", "_expression"), str)
        ),
        delta=next((delta for part in parts if (delta := _either(part, "delta", "_delta")) is not None), None),
        is_triggered=type(timetable).__name__ in _WITHOUT_SCHEDULE,
        is_run_scheduled=run_type in ("scheduled", "backfill", "backfill_job"),
    )


def read_timezone(*holders: Any) -> datetime.tzinfo:
    """That of the first holder which names one: a timetable, in whose timezone its days begin, or a DAG; else UTC."""
    for holder in holders:
        timezone = _either(holder, "timezone", "_timezone")
        if isinstance(timezone, str):
            return pendulum.timezone(timezone)
        if isinstance(timezone, datetime.tzinfo):
            return timezone
    return pendulum.UTC


def _parts(timetable: Any) -> Iterator[Any]:
    """The timetable, or those that it is made of."""
    inner = _either(timetable, "timetables", "_timetables") or _either(timetable, "timetable", "_timetable")
    if inner is None:
        yield timetable
    else:
        for part in inner if isinstance(inner, list | tuple) else (inner,):
            yield from _parts(part)


def _either(holder: Any, *names: str) -> Any:
    """The first of these attributes that is there: Airflow 3's definitions have the names without underscore."""
    return next((value for name in names if (value := getattr(holder, name, None)) is not None), None)


def _last_tick(expression: str, timezone: datetime.tzinfo, moment: pendulum.DateTime) -> pendulum.DateTime:
    """As Airflow finds it: by the wall clock, and around a change of it by the clock only where hours do not matter."""
    # In UTC: setting a part of a moment forgets which of two equal wall clocks it was.
    second = moment.in_timezone("UTC").set(microsecond=0)
    clock = second.in_timezone(cast("Any", timezone)).naive()
    cron = croniter(expression, clock + _SECOND)
    tick: datetime.datetime = cron.get_prev(datetime.datetime)
    if cron.expanded[1] == ["*"]:
        found = second.add(seconds=int((tick - clock).total_seconds()))
    else:
        # Of a wall clock that comes twice the second one.
        found = pendulum.instance(tick.replace(fold=1), tz=cast("Any", timezone))
    return found.in_timezone(cast("Any", moment.timezone))
