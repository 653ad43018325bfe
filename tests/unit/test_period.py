"""Reading a period and moving a moment by it."""

from __future__ import annotations

import datetime

import pendulum
import pytest
from dateutil.relativedelta import MO, relativedelta

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.period import Period, read_period

DAY = Period(days=1)
BERLIN = pendulum.timezone("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("day", DAY),
        ("1 day", DAY),
        ("Daily", DAY),
        ("@daily", DAY),
        ("P1D", DAY),
        ("PT24H", DAY),
        (datetime.timedelta(days=1), DAY),
        (datetime.timedelta(hours=24), DAY),
        (pendulum.duration(days=1), DAY),
        (relativedelta(days=1), DAY),
        ("2 weeks", Period(days=14)),
        ("P2W", Period(days=14)),
        ("month", Period(months=1)),
        ("P1M", Period(months=1)),
        (pendulum.duration(months=1), Period(months=1)),
        (relativedelta(months=1), Period(months=1)),
        ("year", Period(months=12)),
        ("hour", Period(clock=datetime.timedelta(hours=1))),
        ("15minutes", Period(clock=datetime.timedelta(minutes=15))),
        ("P1Y2M10DT2H30M", Period(months=14, days=10, clock=datetime.timedelta(hours=2, minutes=30))),
        (datetime.timedelta(days=1, hours=6), Period(days=1, clock=datetime.timedelta(hours=6))),
    ],
)
def test_period_is_read_from_words_iso_text_and_durations(value: object, expected: Period) -> None:
    assert read_period(value) == expected


@pytest.mark.parametrize(
    "value",
    ["", "None", "fortnight", "1 day ago", "P", "2024-01-01", "P1X", 86400, True, object()],
)
def test_a_period_that_cannot_be_read_is_an_error_with_examples(value: object) -> None:
    with pytest.raises(OptionError, match="is not a length of time: write '1 day'"):
        read_period(value)


@pytest.mark.parametrize(
    "value", ["0 days", "PT0S", datetime.timedelta(0), datetime.timedelta(days=-1), relativedelta(months=-1)]
)
def test_a_period_of_nothing_or_less_is_an_error(value: object) -> None:
    with pytest.raises(OptionError, match="must be longer than zero"):
        read_period(value)


@pytest.mark.parametrize("value", [relativedelta(day=1), relativedelta(days=1, weekday=MO)])
def test_a_relativedelta_that_sets_parts_of_a_date_is_no_period(value: relativedelta) -> None:
    with pytest.raises(OptionError, match="sets parts of a date"):
        read_period(value)


@pytest.mark.parametrize(("start", "hours"), [((2024, 3, 31), 23), ((2024, 10, 27), 25), ((2024, 6, 1), 24)])
def test_a_day_has_the_hours_that_the_timezone_gives_it(start: tuple[int, int, int], hours: int) -> None:
    midnight = pendulum.datetime(*start, tz=BERLIN)
    assert (DAY.after(midnight) - midnight).total_seconds() == hours * 3600
    assert DAY.before(DAY.after(midnight)) == midnight


def test_hours_are_counted_by_the_clock_over_a_time_change() -> None:
    before_change = pendulum.datetime(2024, 3, 31, 1, 30, tz=BERLIN)
    assert read_period("1 hour").after(before_change) == pendulum.datetime(2024, 3, 31, 3, 30, tz=BERLIN)


def test_a_month_has_the_days_of_the_calendar() -> None:
    month = read_period("1 month")
    assert month.after(pendulum.datetime(2024, 2, 1)) == pendulum.datetime(2024, 3, 1)
    assert month.before(pendulum.datetime(2024, 3, 31)) == pendulum.datetime(2024, 2, 29)
