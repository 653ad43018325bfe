"""The time window of a run and who publishes it: the only place that reads the dates and the name of an Airflow run.

The window follows from the task's context and the operator's ``start``, ``end``, ``period``, ``anchor`` and ``since``;
it is None where a whole table is meant. A run's dates depend on its timetable and on who started it: ``@daily`` gives a
data interval of no length on Airflow 3, a run triggered by hand may have no date at all, and a partitioned run (3.3)
has a ``partition_date`` and nothing else. Note: nothing here guesses; what a run does not say is an error that names
the argument to add.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

import pendulum
from dateutil.relativedelta import relativedelta
from pendulum.parsing.exceptions import ParserError

from airflow_provider_cqlai.engine.errors import OptionError, TimeWindowError
from airflow_provider_cqlai.engine.options.values.checks import check_choice
from airflow_provider_cqlai.engine.options.values.choices import Anchor
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.period import Period, read_period
from airflow_provider_cqlai.schedule import Schedule, read_schedule, read_timezone

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a run says about its time. None where it says nothing."""

    timezone: datetime.tzinfo
    data_interval_start: datetime.datetime | None = None
    data_interval_end: datetime.datetime | None = None
    partition_date: datetime.datetime | None = None
    partition_key: str | None = None
    run_start: datetime.datetime | None = None
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True, kw_only=True)
class WindowRequest:
    """What a DAG author wrote about the window, rendered but not yet read."""

    start: str | datetime.date | None = None
    """First moment of the window, together with ``end``: an ISO 8601 text, a date or a datetime. Without a timezone it
    is in the DAG's."""

    end: str | datetime.date | None = None
    """First moment after the window, written as ``start`` is."""

    period: str | datetime.timedelta | relativedelta | None = None
    """Length of the window for runs whose data interval has no length or that have a ``partition_date``: ``"1 day"``,
    ``"month"``, ``"P1D"``, a timedelta or relativedelta. Counted by the calendar of the DAG's timezone."""

    anchor: Anchor = "end"
    """With ``period`` and an interval of no length at moment t: ``"end"`` is ``[t - period, t)``, ``"start"`` is
    ``[t, t + period)``. A ``partition_date`` is always the window's start."""

    align: bool = True
    """A window that ``period`` makes ends at the last moment at which the DAG's schedule was due, whatever the moment
    of the run: one that is triggered by hand has the window of the last scheduled run, and replaces what that
    published. Without a schedule days begin at midnight in the DAG's timezone, weeks on Monday, months on the first,
    hours on the hour. With ``False`` it ends at the moment of the run."""

    since: str | datetime.date | None = None
    """Alone: the window ``[since, start of the run)``, finer digits than milliseconds cut off at both ends."""


def read_run_facts(context: Mapping[str, Any]) -> RunFacts:
    """Facts of the run in a task's context, on every supported version of Airflow.

    ``partition_date`` is there since 3.3 and ``run_after`` since 3.0; on 2.11 both are missing rather than None. The
    run's start is the later of the moments it was due and started: ``airflow dags test`` starts it at a date of choice.
    """
    dag_run = context.get("dag_run")
    moments = [getattr(dag_run, name, None) for name in ("run_after", "start_date")]
    dag = context.get("dag")
    return RunFacts(
        # The timetable may name its own, which is not the DAG's.
        timezone=read_timezone(getattr(dag, "timetable", None), dag),
        data_interval_start=context.get("data_interval_start"),
        data_interval_end=context.get("data_interval_end"),
        partition_date=context.get("partition_date"),
        partition_key=context.get("partition_key"),
        run_start=max((moment for moment in moments if moment is not None), default=None),
        schedule=read_schedule(context),
    )


def name_owner(context: Mapping[str, Any]) -> str:
    """The task instance without its try number: a retry may replace what its earlier try published."""
    instance = context["ti"]
    return "/".join(str(part) for part in (instance.dag_id, instance.task_id, instance.run_id, instance.map_index))


def resolve_window(facts: RunFacts, request: WindowRequest, *, is_needed: bool) -> TimeWindow | None:
    """The window of a run, by the first rule that applies; the rule is logged.

    1. ``start`` and ``end``; or ``since`` alone, up to the start of the run.
    2. ``partition_date`` -> ``[partition_date, partition_date + period)``.
    3. The data interval, where it has a length.
    4. An interval of no length and ``period``: the period before it, or after it with ``anchor="start"``; with
       ``align`` counted from the moment at which the schedule was due last.
    5. Otherwise None where ``is_needed`` is False (no column tells a row's time), else an error.

    Raises:
        OptionError: arguments that contradict each other or cannot be read.
        TimeWindowError: the run has no window.
    """
    check_request(request, is_complete=True)
    anchor = request.anchor.lower()
    period = None if request.period is None else read_period(request.period)
    explicit = _resolve_explicit(facts, request)
    if explicit is not None:
        return explicit
    if not is_needed and period is None:
        return None
    if facts.partition_date is not None:
        return _resolve_partition_date(facts, facts.partition_date, period)
    if facts.data_interval_start is None or facts.data_interval_end is None:
        raise TimeWindowError(_describe_missing_dates(facts))
    # Runs started by hand are as fine as the clock.
    start = _cut_to_milliseconds(_in_timezone(facts.data_interval_start, facts.timezone))
    end = _cut_to_milliseconds(_in_timezone(facts.data_interval_end, facts.timezone))
    if _is_before(start, end):
        if period is not None and not any(
            _is_same(*pair) for pair in ((period.after(start), end), (period.before(end), start))
        ):
            raise TimeWindowError(
                f"leave period out, or give start and end: period={period} contradicts the run's data interval"
                f" [{start.isoformat()}, {end.isoformat()})"
            )
        if request.align:
            _check_delta(facts, start, end)
        return _logged("the data interval", start, end)
    if period is None:
        raise TimeWindowError(
            "give period, such as period='1 day', or start and end: the run's data interval has no length (both ends"
            f" are {start.isoformat()}), as with '@daily' on Airflow 3"
        )
    moment, told = end, f"{end.isoformat()}, the date of the run"
    if request.align:
        moment = _align(facts, end, period)
        if not _is_same(moment, end):
            told = f"{moment.isoformat()}, when the schedule was due last before {end.isoformat()}"
    if anchor == "start":
        return _logged(f"the period after {told}", moment, period.after(moment))
    return _logged(f"the period before {told}", period.before(moment), moment)


def _check_delta(facts: RunFacts, start: pendulum.DateTime, end: pendulum.DateTime) -> None:
    """Where a timetable counts from an unknown moment, a run that is triggered by hand has an interval of its own."""
    delta = facts.schedule.delta
    if delta is None or facts.schedule.is_run_scheduled:
        return
    begin = read_period(delta).last_begin(start)
    if begin is None or not _is_same(begin, start):
        raise TimeWindowError(_describe_unaligned(start, end, read_period(delta)))


def _align(facts: RunFacts, moment: pendulum.DateTime, period: Period) -> pendulum.DateTime:
    due = facts.schedule.last_due(moment, period)
    if due is None:
        raise TimeWindowError(_describe_unaligned(period.before(moment), moment, period))
    return due


def _describe_unaligned(start: pendulum.DateTime, end: pendulum.DateTime, period: Period) -> str:
    begin = period.last_begin(end)
    such_as = "" if begin is None else f"; such as start={period.before(begin).isoformat()} and end={begin.isoformat()}"
    return (
        f"give start and end, or align=False: the run was triggered by hand, and its window [{start.isoformat()},"
        f" {end.isoformat()}) may overlap those of scheduled runs, since when its DAG's schedule is due cannot be told"
        f" from its timetable{such_as}"
    )


def check_request(request: WindowRequest, *, is_complete: bool) -> None:
    """Raise for what is wrong with ``request`` whatever the run is; what templates leave open is None in it.

    Args:
        request: as far as it is known.
        is_complete: nothing is left open, so that what is missing is missing.

    Raises:
        OptionError: names the argument.
    """
    check_choice("anchor", request.anchor, get_args(Anchor))
    if request.period is not None:
        read_period(request.period)
    if request.since is not None:
        for name in ("start", "end", "period"):
            if getattr(request, name) is not None:
                raise OptionError(f"since stands alone: it cannot be given together with {name}", option="since")
    if request.period is not None and (request.start is not None or request.end is not None):
        raise OptionError("period cannot be given together with start and end, which say it already", option="period")
    if is_complete:
        for name, other in (("start", "end"), ("end", "start")):
            if getattr(request, name) is None and getattr(request, other) is not None:
                raise OptionError(f"{other} without {name}: give both, or since alone", option=name)
    for name in ("start", "end", "since"):
        if (value := getattr(request, name)) is not None:
            _read_moment(name, value, pendulum.UTC)


def _resolve_explicit(facts: RunFacts, request: WindowRequest) -> TimeWindow | None:
    if request.since is not None:
        if facts.run_start is None:
            raise TimeWindowError("since needs the start of the run, which this run does not tell: give start and end")
        since = _cut_to_milliseconds(_read_moment("since", request.since, facts.timezone))
        run_start = _cut_to_milliseconds(_in_timezone(facts.run_start, facts.timezone))
        if not _is_before(since, run_start):
            raise TimeWindowError(
                f"since={since.isoformat()} is not before the start of the run, {run_start.isoformat()}"
            )
        return _logged("since, up to the start of the run", since, run_start)
    if request.start is None and request.end is None:
        return None
    start = _read_moment("start", request.start, facts.timezone)
    end = _read_moment("end", request.end, facts.timezone)
    return _logged("start and end", start, end)


def _resolve_partition_date(facts: RunFacts, partition_date: datetime.datetime, period: Period | None) -> TimeWindow:
    if period is None:
        raise TimeWindowError(
            "give period, such as period='1 day': the run has partition_date="
            f"{partition_date.isoformat()}, which says where its window starts but not how long it is"
        )
    start = _cut_to_milliseconds(_in_timezone(partition_date, facts.timezone))
    return _logged("partition_date and period", start, period.after(start))


def _describe_missing_dates(facts: RunFacts) -> str:
    if facts.partition_key is not None:
        return (
            "give start and end, for example as templates of {{ partition_key }}: the run has partition_key="
            f"{facts.partition_key!r} but no partition_date, which its key does not lead to"
        )
    return (
        "give start and end (for example from {{ params }}), or trigger the run with a logical date: it has no data"
        " interval and no partition_date"
    )


def _read_moment(name: str, value: Any, timezone: datetime.tzinfo) -> pendulum.DateTime:
    """``value`` as a moment; a date is its midnight, and what has no timezone is in the DAG's."""
    if isinstance(value, str):
        value = _parse_text(name, value, timezone)
    if isinstance(value, datetime.datetime):
        # `tz` is for a value without a timezone; one with a timezone keeps its moment.
        return _in_timezone(pendulum.instance(value, tz=cast("Any", timezone)), timezone)
    if isinstance(value, datetime.date):
        return pendulum.datetime(value.year, value.month, value.day, tz=cast("Any", timezone))
    raise OptionError(f"{name}={value!r} is not a moment: expected an ISO 8601 text, a date or a datetime", option=name)


def _parse_text(name: str, text: str, timezone: datetime.tzinfo) -> datetime.date:
    if text.strip() in ("", "None"):
        raise OptionError(
            f"{name}={text!r}: its template has no value in this run; leave {name} out to let the run decide. A run"
            " triggered without a logical date has none of the dates that templates use",
            option=name,
        )
    try:
        parsed = pendulum.parse(text.strip(), exact=True, tz=cast("Any", timezone))
    except (ParserError, ValueError) as error:
        raise OptionError(f"{name}={text!r} is not an ISO 8601 date or datetime", option=name) from error
    if not isinstance(parsed, datetime.date):
        raise OptionError(f"{name}={text!r} is not a date or datetime", option=name)
    return parsed


def _in_timezone(moment: datetime.datetime, timezone: datetime.tzinfo) -> pendulum.DateTime:
    return pendulum.instance(moment).in_timezone(cast("Any", timezone))


def _is_before(first: datetime.datetime, second: datetime.datetime) -> bool:
    """Whether ``first`` is the earlier moment: in one timezone Python compares wall clocks, which DST sets back."""
    return first.astimezone(datetime.timezone.utc) < second.astimezone(datetime.timezone.utc)


def _is_same(first: datetime.datetime, second: datetime.datetime) -> bool:
    return first.astimezone(datetime.timezone.utc) == second.astimezone(datetime.timezone.utc)


def _cut_to_milliseconds(moment: pendulum.DateTime) -> pendulum.DateTime:
    return moment.set(microsecond=moment.microsecond // 1000 * 1000)


def _logged(rule: str, start: pendulum.DateTime, end: pendulum.DateTime) -> TimeWindow:
    window = TimeWindow(start=start, end=end)
    logger.info("window [%s, %s) from %s", window.start.isoformat(), window.end.isoformat(), rule)
    return window
