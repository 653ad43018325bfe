"""Where a schedule was due last: windows of runs that are triggered by hand are those of the scheduled runs."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.engine.errors import TimeWindowError
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.period import read_period
from airflow_provider_cqlai.run_window import WindowRequest, read_run_facts, resolve_window
from airflow_provider_cqlai.schedule import Schedule

START = pendulum.datetime(2024, 1, 1, tz="UTC")
BY_HAND = "2024-03-06T10:17:23.456789+00:00"  # a Wednesday


def window_of(schedule: Any, moment: str, *, run_type: str = "manual", **request: Any) -> tuple[str, str]:
    """The window of a run of a DAG with this schedule whose interval has no length, at ``moment``."""
    dag = DAG("dag", schedule=schedule, start_date=request.pop("start_date", START))
    resolved = resolve(dag, moment, moment, run_type, **request)
    return resolved.start.isoformat(timespec="minutes"), resolved.end.isoformat(timespec="minutes")


def resolve(dag: DAG, start: str, end: str, run_type: str, **request: Any) -> TimeWindow:
    context = {
        "dag": dag,
        # As Airflow has it: an enumeration of texts.
        "dag_run": SimpleNamespace(run_type=SimpleNamespace(value=run_type), run_after=None, start_date=None),
        "data_interval_start": pendulum.parse(start),
        "data_interval_end": pendulum.parse(end),
    }
    resolved = resolve_window(read_run_facts(context), WindowRequest(**request), is_needed=True)
    assert resolved is not None
    return resolved


@pytest.mark.parametrize(
    ("schedule", "period", "start", "end"),
    [
        ("@daily", "1 day", "2024-03-05T00:00+00:00", "2024-03-06T00:00+00:00"),
        ("0 3 * * *", "1 day", "2024-03-05T03:00+00:00", "2024-03-06T03:00+00:00"),
        ("@hourly", "1 hour", "2024-03-06T09:00+00:00", "2024-03-06T10:00+00:00"),
        ("*/5 * * * *", "5 minutes", "2024-03-06T10:10+00:00", "2024-03-06T10:15+00:00"),
        ("@weekly", "1 week", "2024-02-25T00:00+00:00", "2024-03-03T00:00+00:00"),
        ("@monthly", "1 month", "2024-02-01T00:00+00:00", "2024-03-01T00:00+00:00"),
        (None, "1 day", "2024-03-05T00:00+00:00", "2024-03-06T00:00+00:00"),
        (None, "1 week", "2024-02-26T00:00+00:00", "2024-03-04T00:00+00:00"),
        (None, "1 month", "2024-02-01T00:00+00:00", "2024-03-01T00:00+00:00"),
        (None, "3 months", "2023-10-01T00:00+00:00", "2024-01-01T00:00+00:00"),
        (None, "6 hours", "2024-03-06T00:00+00:00", "2024-03-06T06:00+00:00"),
        ([Asset("upstream")], "1 day", "2024-03-05T00:00+00:00", "2024-03-06T00:00+00:00"),
    ],
)
def test_a_run_by_hand_has_the_last_window_of_the_schedule(schedule: Any, period: str, start: str, end: str) -> None:
    assert window_of(schedule, BY_HAND, period=period) == (start, end)


def test_the_period_after_a_run_by_hand_begins_where_the_schedule_was_due() -> None:
    found = window_of("@daily", BY_HAND, period="1 day", anchor="start")
    assert found == ("2024-03-06T00:00+00:00", "2024-03-07T00:00+00:00")


def test_without_alignment_the_window_ends_at_the_moment_of_the_run() -> None:
    found = window_of("@daily", BY_HAND, period="1 day", align=False)
    assert found == ("2024-03-05T10:17+00:00", "2024-03-06T10:17+00:00")


def test_days_begin_at_midnight_of_the_timetable() -> None:
    berlin = pendulum.datetime(2024, 1, 1, tz="Europe/Berlin")
    for schedule in ("@daily", None):
        found = window_of(schedule, BY_HAND, period="1 day", start_date=berlin)
        assert found == ("2024-03-04T23:00+00:00", "2024-03-05T23:00+00:00")


@pytest.mark.parametrize(
    "expression", ["0 0 * * *", "30 * * * *", "*/10 * * * *", "30 2 * * *", "0 3 * * 0", "0 0 1 * *"]
)
@pytest.mark.parametrize(
    ("timezone", "change"),
    [
        ("UTC", (2024, 3, 30)),
        ("Europe/Berlin", (2024, 3, 30)),
        ("Europe/Berlin", (2024, 10, 26)),
        ("America/St_Johns", (2024, 3, 9)),
        ("America/St_Johns", (2024, 11, 2)),
    ],
)
def test_each_moment_of_a_scheduled_run_is_on_its_grid(
    expression: str, timezone: str, change: tuple[int, int, int]
) -> None:
    """Around changes of the clock, by Airflow's own timetable: else a scheduled run would leave a hole."""
    timetable = CronTriggerTimetable(expression, timezone=timezone)
    schedule = Schedule(crons=((expression, pendulum.timezone(timezone)),))
    moment = pendulum.datetime(*change, tz="UTC")
    last = moment.add(days=3)
    restriction = TimeRestriction(earliest=None, latest=None, catchup=True)
    seen = 0
    while moment < last:
        info = timetable.next_dagrun_info(
            last_automated_data_interval=DataInterval.exact(moment), restriction=restriction
        )
        assert info is not None
        due = pendulum.instance(info.run_after)
        if seen:
            between = moment + (due - moment) / 2
            assert last_due(schedule, between) == moment
        moment, seen = due, seen + 1
        assert last_due(schedule, moment.in_timezone(timezone)) == moment
    assert seen


def last_due(schedule: Schedule, moment: pendulum.DateTime) -> pendulum.DateTime:
    """In UTC: two moments of one timezone are compared by their wall clocks, which may be the same an hour later."""
    due = schedule.last_due(moment, read_period("1 day"))
    assert due is not None
    return due.in_timezone("UTC")


def test_a_schedule_of_several_expressions_was_due_by_the_last_of_them() -> None:
    from airflow.timetables import trigger

    if not hasattr(trigger, "MultipleCronTriggerTimetable"):
        pytest.skip("there are such since Airflow 3.0")
    both = trigger.MultipleCronTriggerTimetable("0 0 * * *", "0 6 * * *", timezone="UTC")
    assert window_of(both, BY_HAND, period="6 hours") == ("2024-03-06T00:00+00:00", "2024-03-06T06:00+00:00")


def test_a_schedule_of_assets_and_time_was_due_by_the_time() -> None:
    try:
        from airflow.sdk import AssetOrTimeSchedule

        schedule = AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=[Asset("a")])
    except ImportError:
        from airflow.timetables.datasets import DatasetOrTimeSchedule

        schedule = DatasetOrTimeSchedule(
            timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), datasets=[Asset("a")]
        )
    assert window_of(schedule, BY_HAND, period="1 day") == ("2024-03-05T03:00+00:00", "2024-03-06T03:00+00:00")


def test_a_schedule_by_timedelta_has_its_own_moments() -> None:
    day = datetime.timedelta(days=1)
    found = window_of(day, BY_HAND, run_type="scheduled", period="1 day")
    assert found == ("2024-03-05T10:17+00:00", "2024-03-06T10:17+00:00")
    found = window_of(day, "2024-03-06T00:00:00+00:00", period="1 day")
    assert found == ("2024-03-05T00:00+00:00", "2024-03-06T00:00+00:00")
    with pytest.raises(TimeWindowError, match=r"start=2024-03-05T00:00:00\+00:00 and end=2024-03-06T00:00:00"):
        window_of(day, BY_HAND, period="1 day")
    assert window_of(day, BY_HAND, period="1 day", align=False)[1] == "2024-03-06T10:17+00:00"


def test_an_interval_of_a_run_by_hand_that_no_scheduled_run_has_is_refused() -> None:
    dag = DAG("dag", schedule=datetime.timedelta(days=1), start_date=START)
    start, end = "2024-03-05T10:17:23+00:00", "2024-03-06T10:17:23+00:00"
    with pytest.raises(TimeWindowError, match="triggered by hand"):
        resolve(dag, start, end, "manual")
    assert resolve(dag, start, end, "scheduled").start.isoformat() == start
    assert resolve(dag, start, end, "manual", align=False).start.isoformat() == start
    assert resolve(dag, "2024-03-05T00:00:00+00:00", "2024-03-06T00:00:00+00:00", "manual")


@pytest.mark.parametrize("period", ["5 hours", "P1M1D"])
def test_a_period_that_no_calendar_knows_needs_a_moment_of_its_own(period: str) -> None:
    with pytest.raises(TimeWindowError, match="align=False"):
        window_of(None, BY_HAND, period=period)
