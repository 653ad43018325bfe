"""The window of a run, for every kind of run that Airflow knows."""

from __future__ import annotations

import datetime
import zoneinfo
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest

from airflow_provider_cqlai.engine.errors import OptionError, TimeWindowError
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.run_window import RunFacts, WindowRequest, read_run_facts, resolve_window

BERLIN = pendulum.timezone("Europe/Berlin")


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)


def facts(
    start: str | None = None, end: str | None = None, timezone: datetime.tzinfo = pendulum.UTC, **more: Any
) -> RunFacts:
    return RunFacts(
        timezone=timezone,
        data_interval_start=utc(start) if start else None,
        data_interval_end=utc(end) if end else None,
        **more,
    )


def window(start: str, end: str) -> TimeWindow:
    return TimeWindow(start=utc(start), end=utc(end))


def resolve(run: RunFacts, *, is_needed: bool = True, **request: Any) -> TimeWindow | None:
    return resolve_window(run, WindowRequest(**request), is_needed=is_needed)


def test_a_data_interval_with_a_length_is_the_window() -> None:
    assert resolve(facts("2024-01-01", "2024-01-02")) == window("2024-01-01", "2024-01-02")


def test_a_window_has_plain_datetimes_whatever_airflow_gives() -> None:
    resolved = resolve(RunFacts(timezone=BERLIN, partition_date=pendulum.datetime(2024, 1, 1, tz=BERLIN)), period="day")
    assert resolved is not None
    assert {type(resolved.start), type(resolved.end)} == {datetime.datetime}
    assert {resolved.start.tzinfo, resolved.end.tzinfo} == {datetime.timezone.utc}


def test_a_period_that_agrees_with_the_data_interval_changes_nothing() -> None:
    assert resolve(facts("2024-01-01", "2024-01-02"), period="1 day") == window("2024-01-01", "2024-01-02")
    assert resolve(facts("2024-02-01", "2024-03-01"), period="1 month") == window("2024-02-01", "2024-03-01")


def test_a_period_agrees_with_a_data_interval_of_23_hours() -> None:
    run = facts("2024-03-30T23:00", "2024-03-31T22:00", BERLIN)
    assert resolve(run, period="1 day") == window("2024-03-30T23:00", "2024-03-31T22:00")


def test_a_period_of_another_length_than_the_data_interval_is_an_error() -> None:
    with pytest.raises(TimeWindowError, match="contradicts the run's data interval"):
        resolve(facts("2024-01-01", "2024-01-02"), period="1 hour")


def test_an_interval_of_no_length_takes_the_period_before_it() -> None:
    assert resolve(facts("2024-01-02", "2024-01-02"), period="1 day") == window("2024-01-01", "2024-01-02")


def test_an_interval_of_no_length_takes_the_period_after_it_when_anchored_at_the_start() -> None:
    run = facts("2024-01-02", "2024-01-02")
    assert resolve(run, period="1 day", anchor="start") == window("2024-01-02", "2024-01-03")


def test_an_interval_of_no_length_without_period_is_an_error_naming_period() -> None:
    with pytest.raises(TimeWindowError, match=r"^give period.*has no length"):
        resolve(facts("2024-01-02", "2024-01-02"))


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        ("2024-03-30T23:00", "2024-03-30T23:00", "2024-03-31T22:00"),
        ("2024-10-26T22:00", "2024-10-26T22:00", "2024-10-27T23:00"),
    ],
)
def test_a_partition_date_takes_the_local_day_after_it_over_time_changes(day: str, start: str, end: str) -> None:
    assert resolve(facts(timezone=BERLIN, partition_date=utc(day)), period="1 day") == window(start, end)


def test_a_partition_date_takes_the_local_month_after_it() -> None:
    run = facts(timezone=BERLIN, partition_date=utc("2024-02-29T23:00"))
    assert resolve(run, period="1 month") == window("2024-02-29T23:00", "2024-03-31T22:00")


def test_a_partition_date_is_the_start_whatever_the_anchor_says() -> None:
    run = facts(partition_date=utc("2024-01-01"))
    for anchor in ("start", "end"):
        assert resolve(run, period="1 day", anchor=anchor) == window("2024-01-01", "2024-01-02")


def test_a_partition_date_goes_before_the_data_interval() -> None:
    run = facts("2024-05-01", "2024-05-02", partition_date=utc("2024-01-01"))
    assert resolve(run, period="1 day") == window("2024-01-01", "2024-01-02")


def test_a_partition_date_without_period_is_an_error_naming_period() -> None:
    with pytest.raises(TimeWindowError, match=r"^give period.*partition_date=2024-01-01"):
        resolve(facts(partition_date=utc("2024-01-01")))


def test_a_partition_key_without_date_is_an_error_naming_the_key() -> None:
    with pytest.raises(TimeWindowError, match="partition_key='emea' but no partition_date"):
        resolve(facts(partition_key="emea"), period="1 day")


def test_a_run_without_dates_is_an_error_even_with_a_period() -> None:
    with pytest.raises(TimeWindowError, match="no data interval and no partition_date"):
        resolve(facts(), period="1 day")


def test_a_whole_table_needs_no_window_whatever_the_run_says() -> None:
    for run in (facts(), facts("2024-01-01", "2024-01-02"), facts(partition_date=utc("2024-01-01"))):
        assert resolve(run, is_needed=False) is None


def test_start_and_end_go_before_everything_else() -> None:
    run = facts("2024-05-01", "2024-05-02", partition_date=utc("2024-06-01"))
    assert resolve(run, start="2024-01-01", end="2024-01-03") == window("2024-01-01", "2024-01-03")


@pytest.mark.parametrize(
    "start",
    [
        "2024-03-31",
        "2024-03-31T00:00:00",
        "2024-03-31 00:00",
        "20240331T000000",
        "2024-03-30T23:00:00Z",
        "2024-03-30 23:00:00+00:00",
        datetime.date(2024, 3, 31),
        datetime.datetime(2024, 3, 31),  # noqa: DTZ001 - naive on purpose
        pendulum.datetime(2024, 3, 31, tz=BERLIN),
    ],
)
def test_a_moment_without_timezone_is_in_the_timezone_of_the_dag(start: object) -> None:
    expected = window("2024-03-30T23:00", "2024-03-31T22:00")
    assert resolve(facts(timezone=BERLIN), start=start, end="2024-04-01") == expected


@pytest.mark.parametrize("text", ["None", "", "  "])
@pytest.mark.parametrize("name", ["start", "end", "since"])
def test_a_template_without_value_is_an_error_that_says_so(name: str, text: str) -> None:
    request = {"since": text} if name == "since" else {"start": "2024-01-01", "end": "2024-01-02", name: text}
    with pytest.raises(OptionError, match=f"{name}='{text}': its template has no value in this run"):
        resolve(facts(run_start=utc("2024-01-03")), **request)


@pytest.mark.parametrize(
    "value", ["yesterday", "12:00", "P1D", "2024-01-01/2024-01-02", "2024-13-01", 20240101, 1.5, True]
)
def test_a_moment_that_cannot_be_read_is_an_error(value: object) -> None:
    with pytest.raises(OptionError, match=r"^start="):
        resolve(facts(), start=value, end="2024-01-02")


@pytest.mark.parametrize(("given", "missing"), [("start", "end"), ("end", "start")])
def test_one_end_of_a_window_alone_is_an_error(given: str, missing: str) -> None:
    with pytest.raises(OptionError, match=f"{given} without {missing}"):
        resolve(facts("2024-01-01", "2024-01-02"), **{given: "2024-01-01"})


def test_a_period_beside_start_and_end_is_an_error() -> None:
    with pytest.raises(OptionError, match="period cannot be given together with start and end"):
        resolve(facts(), start="2024-01-01", end="2024-01-02", period="1 day")


def test_start_not_before_end_is_an_error() -> None:
    with pytest.raises(OptionError, match="the window is empty"):
        resolve(facts(), start="2024-01-02", end="2024-01-02")


def test_an_unknown_anchor_is_an_error_naming_the_known_ones() -> None:
    with pytest.raises(OptionError, match="anchor='middle' is unknown; known values: end, start"):
        resolve(facts("2024-01-02", "2024-01-02"), period="1 day", anchor="middle")


def test_since_alone_ends_at_the_start_of_the_run() -> None:
    run = facts("2024-01-01", "2024-01-02", run_start=utc("2024-01-05T06:07:08.123456"))
    expected = window("2024-01-01T00:00:00.987", "2024-01-05T06:07:08.123")
    assert resolve(run, since="2024-01-01T00:00:00.987654") == expected


@pytest.mark.parametrize("other", ["start", "end", "period"])
def test_since_beside_another_bound_is_an_error(other: str) -> None:
    with pytest.raises(OptionError, match=f"since stands alone: it cannot be given together with {other}"):
        resolve(facts(run_start=utc("2024-01-05")), since="2024-01-01", **{other: "P1D"})


def test_since_after_the_start_of_the_run_is_an_error() -> None:
    with pytest.raises(TimeWindowError, match="is not before the start of the run"):
        resolve(facts(run_start=utc("2024-01-01")), since="2024-01-01")


def test_facts_of_a_run_with_dates() -> None:
    context = {
        "dag": SimpleNamespace(timezone=BERLIN, timetable=SimpleNamespace()),
        "dag_run": SimpleNamespace(run_after=utc("2024-01-02"), start_date=utc("2024-01-02T00:00:05")),
        "data_interval_start": utc("2024-01-01"),
        "data_interval_end": utc("2024-01-02"),
    }
    assert read_run_facts(context) == RunFacts(
        timezone=BERLIN,
        data_interval_start=utc("2024-01-01"),
        data_interval_end=utc("2024-01-02"),
        run_start=utc("2024-01-02T00:00:05"),
    )


def test_facts_of_a_partitioned_run() -> None:
    context = {"partition_key": "2024-01-01", "partition_date": utc("2024-01-01"), "dag_run": SimpleNamespace()}
    read = read_run_facts(context)
    assert (read.partition_key, read.partition_date) == ("2024-01-01", utc("2024-01-01"))
    assert (read.data_interval_start, read.data_interval_end, read.run_start) == (None, None, None)


def test_the_start_of_a_run_that_was_given_an_earlier_date_is_the_moment_it_was_due() -> None:
    dag_run = SimpleNamespace(run_after=utc("2026-01-01"), start_date=utc("2024-01-01"))
    assert read_run_facts({"dag_run": dag_run}).run_start == utc("2026-01-01")


@pytest.mark.parametrize(
    "dag",
    [
        SimpleNamespace(timezone=pendulum.UTC, timetable=SimpleNamespace(timezone="Europe/Berlin")),
        SimpleNamespace(timezone=pendulum.UTC, timetable=SimpleNamespace(timezone=BERLIN)),
        SimpleNamespace(timezone=pendulum.UTC, timetable=SimpleNamespace(_timezone=BERLIN)),
        SimpleNamespace(timezone=BERLIN, timetable=None),
        SimpleNamespace(timezone=zoneinfo.ZoneInfo("Europe/Berlin"), timetable=SimpleNamespace()),
    ],
)
def test_days_begin_where_the_timetable_begins_them(dag: SimpleNamespace) -> None:
    run = read_run_facts({"dag": dag, "partition_date": utc("2024-03-30T23:00")})
    assert resolve(run, period="1 day") == window("2024-03-30T23:00", "2024-03-31T22:00")
    assert resolve(run, start="2024-03-31", end="2024-04-01") == window("2024-03-30T23:00", "2024-03-31T22:00")


@pytest.mark.parametrize(
    ("start", "end"),
    [("2024-10-27T00:00", "2024-10-27T01:00"), ("2024-10-27T00:30", "2024-10-27T01:00")],
)
def test_an_interval_across_the_hour_that_clocks_repeat_has_its_length(start: str, end: str) -> None:
    assert resolve(facts(start, end, BERLIN)) == window(start, end)


def test_a_period_contradicts_an_interval_that_agrees_only_on_the_wall_clock() -> None:
    # 01:00 plus two hours is the second 02:00 of the night, the interval ends at the first.
    with pytest.raises(TimeWindowError, match="contradicts"):
        resolve(facts("2024-10-26T23:00", "2024-10-27T00:00", BERLIN), period="2 hours")


def test_since_goes_by_moments_where_clocks_repeat_an_hour() -> None:
    run = facts(timezone=BERLIN, run_start=utc("2024-10-27T01:10"))
    assert resolve(run, since="2024-10-27T00:40Z") == window("2024-10-27T00:40", "2024-10-27T01:10")


@pytest.mark.parametrize("anchor", ["end", "start"])
def test_a_run_started_by_hand_loses_what_is_finer_than_a_millisecond(anchor: str) -> None:
    moment = "2024-01-02T03:04:05.678901"
    days = ("2024-01-01", "2024-01-02") if anchor == "end" else ("2024-01-02", "2024-01-03")
    expected = window(*(f"{day}T03:04:05.678" for day in days))
    assert resolve(facts(moment, moment), period="1 day", anchor=anchor, align=False) == expected


def test_an_interval_and_a_partition_date_lose_what_is_finer_than_a_millisecond() -> None:
    expected = window("2024-01-01T03:04:05.678", "2024-01-02T03:04:05.678")
    assert resolve(facts("2024-01-01T03:04:05.678901", "2024-01-02T03:04:05.678901")) == expected
    assert resolve(facts(partition_date=utc("2024-01-01T03:04:05.678901")), period="1 day") == expected
