"""A window as bounds, exact at the ends of what each type can tell."""

import datetime
import uuid

import pytest

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn
from airflow_provider_cqlai.engine.cassandra.plan.window_bounds import (
    FIRST_TIMEUUID_MILLISECOND,
    LAST_TIMEUUID_MILLISECOND,
    TimeColumn,
    bound_column,
    to_milliseconds,
)
from airflow_provider_cqlai.engine.errors import TimeWindowError
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow

UTC = datetime.timezone.utc


def column(cql_text: str) -> TimeColumn:
    return TimeColumn(TableColumn("at", cql_text, "clustering", 0, is_multi_cell=False))


def window(start: str, end: str) -> TimeWindow:
    return TimeWindow(start=datetime.datetime.fromisoformat(start), end=datetime.datetime.fromisoformat(end))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("0001-01-01T00:00:00+00:00", -62_135_596_800_000),
        ("0001-01-01T00:00:00.001+00:00", -62_135_596_799_999),
        ("1969-12-31T23:59:59.999+00:00", -1),
        ("9999-12-31T23:59:59.999+00:00", 253_402_300_799_999),
        ("2024-03-31T03:00:00+02:00", 1_711_846_800_000),
    ],
)
def test_milliseconds_are_exact_in_every_year(moment: str, expected: int) -> None:
    assert to_milliseconds(datetime.datetime.fromisoformat(moment)) == expected


def test_timestamp_is_bound_in_whole_milliseconds() -> None:
    bounds = bound_column(column("timestamp"), window("9999-12-31T23:59:59.998+00:00", "9999-12-31T23:59:59.999+00:00"))
    assert bounds.cql == '"at" >= ? AND "at" < ?'
    assert bounds.values == (253_402_300_799_998, 253_402_300_799_999)


def test_timeuuid_bounds_stay_inside_what_the_server_computes_rightly() -> None:
    widest = bound_column(column("timeuuid"), window("0001-01-01T00:00:00+00:00", "9999-01-01T00:00:00+00:00"))
    assert widest.cql == '"at" >= minTimeuuid(?)'
    assert widest.values == (FIRST_TIMEUUID_MILLISECOND,)
    day = bound_column(column("timeuuid"), window("2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"))
    assert day.cql == '"at" >= minTimeuuid(?) AND "at" < minTimeuuid(?)'
    assert day.values == (1_704_153_600_000, 1_704_240_000_000)


def test_limits_of_a_timeuuid_are_those_of_python() -> None:
    last = uuid.UUID(fields=(0xFFFFFFFF, 0xFFFF, 0x1FFF, 0x80, 0x80, 0))
    assert last.time // 10_000 + FIRST_TIMEUUID_MILLISECOND == LAST_TIMEUUID_MILLISECOND
    first = datetime.datetime(1582, 10, 15, tzinfo=UTC)
    assert to_milliseconds(first) == FIRST_TIMEUUID_MILLISECOND


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("1000-01-01T00:00:00+00:00", "1582-10-15T00:00:00+00:00"),
        ("6000-01-01T00:00:00+00:00", "6001-01-01T00:00:00+00:00"),
    ],
)
def test_window_that_no_timeuuid_can_tell_is_refused(start: str, end: str) -> None:
    with pytest.raises(TimeWindowError, match="1582"):
        bound_column(
            column("timeuuid"),
            TimeWindow(start=datetime.datetime.fromisoformat(start), end=datetime.datetime.fromisoformat(end)),
        )


def test_midnight_of_another_timezone_is_not_a_dates_midnight() -> None:
    with pytest.raises(TimeWindowError, match=r"midnight UTC.*2024-01-01T23:00"):
        bound_column(column("date"), window("2024-01-02T00:00:00+01:00", "2024-01-03T00:00:00+01:00"))
