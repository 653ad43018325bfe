"""Buckets that a format declares: found, told apart, counted."""

import datetime
from typing import Any

import pytest
from cassandra.util import Date

from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn
from airflow_provider_cqlai.engine.cassandra.plan.bucket_values import list_bucket_values
from airflow_provider_cqlai.engine.errors import TimeWindowError
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow


def values(cql_text: str, bucket_format: str, start: str, end: str, *, is_aligned: bool = True) -> list[Any]:
    column = TableColumn("bucket", cql_text, "partition_key", 0, is_multi_cell=False)
    window = TimeWindow(
        start=datetime.datetime.fromisoformat(start).replace(tzinfo=datetime.timezone.utc),
        end=datetime.datetime.fromisoformat(end).replace(tzinfo=datetime.timezone.utc),
    )
    return [value for _, value in list_bucket_values(column, bucket_format, window, is_aligned=is_aligned)]


@pytest.mark.parametrize(
    ("cql_text", "bucket_format", "start", "end", "expected"),
    [
        ("text", "%Y-%m-%d", "2024-02-28", "2024-03-02", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("int", "%Y%m%d", "2024-01-31", "2024-02-02", [20240131, 20240201]),
        ("bigint", "%Y%m%d%H", "2024-01-01T22:00", "2024-01-02T01:00", [2024010122, 2024010123, 2024010200]),
        ("text", "%Y-%m", "2024-01-01", "2024-03-01", ["2024-01", "2024-02"]),
        ("smallint", "%Y", "2023-01-01", "2025-01-01", [2023, 2024]),
        ("ascii", "%y%m%d", "2024-01-01", "2024-01-02", ["240101"]),
        ("text", "%G-W%V", "2024-12-23", "2025-01-06", ["2024-W52", "2025-W01"]),
        ("text", "%Y-%j", "2024-12-31", "2025-01-01", ["2024-366"]),
        ("text", "%Y%m%d %H:%M", "2024-01-01T00:58", "2024-01-01T01:01",
         ["20240101 00:58", "20240101 00:59", "20240101 01:00"]),
        ("text", "day/%d-%m-%Y", "2024-01-01", "2024-01-02", ["day/01-01-2024"]),
        ("date", "%Y-%m-%d", "2024-01-01", "2024-01-03", [Date("2024-01-01"), Date("2024-01-02")]),
        ("timestamp", "%Y-%m-%dT%H", "2024-01-01T05:00", "2024-01-01T06:00", [1_704_085_200_000]),
    ],
)  # fmt: skip
def test_window_lists_its_buckets(cql_text: str, bucket_format: str, start: str, end: str, expected: list[Any]) -> None:
    assert values(cql_text, bucket_format, start, end) == expected


def test_window_inside_of_buckets_touches_those_around() -> None:
    assert values("text", "%Y-%m", "2024-01-15T12:00", "2024-02-02", is_aligned=False) == ["2024-01", "2024-02"]


def test_bucket_of_a_month_begins_before_the_window() -> None:
    found = values("date", "%Y-%m", "2024-03-15T12:00", "2024-03-16", is_aligned=False)
    assert found == [Date("2024-03-01")]


@pytest.mark.parametrize("bucket_format", ["%Y-%m-%d", "%Y-%m", "%Y%m%d%H"])
@pytest.mark.parametrize(
    ("start", "end"), [("2024-01-01T00:00", "2024-01-15T10:30"), ("2024-01-01T10:30", "2024-02-01")]
)
def test_window_that_cuts_a_bucket_is_refused(bucket_format: str, start: str, end: str) -> None:
    with pytest.raises(TimeWindowError, match="whole buckets only"):
        values("text", bucket_format, start, end)


@pytest.mark.parametrize(
    "bucket_format", ["%H", "%d", "%m-%d", "%Y-%d", "%Y-%m-%d %M", "%Y-%V", "%d %H", "%j", "%Y-%m %H", "%m-%d %H:%M:%S"]
)
def test_format_that_repeats_itself_is_refused(bucket_format: str) -> None:
    with pytest.raises(TimeWindowError, match="for several buckets"):
        values("text", bucket_format, "2024-01-01", "2025-01-01")


@pytest.mark.parametrize(
    ("cql_text", "bucket_format", "message"),
    [
        ("text", "day", "same value for every moment"),
        ("text", "%Y-%m-%d %f", "finer than any bucket"),
        ("bigint", "%s", "timezone"),
        ("int", "%Y-%m-%d", "is not a valid int"),
        ("int", "%Y%m%d%H%M", "is not a valid int"),
        ("tinyint", "%Y", "is not a valid tinyint"),
        ("uuid", "%Y", "is a uuid; a bucket is one of"),
        ("date", "%Y-%m-%d %H", "finer than a day"),
    ],
)
def test_format_that_does_not_fit_is_refused(cql_text: str, bucket_format: str, message: str) -> None:
    with pytest.raises(TimeWindowError, match=message):
        values(cql_text, bucket_format, "2024-01-01", "2025-01-01")


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(TimeWindowError, match="more than 100000 buckets"):
        values("text", "%Y-%m-%d %H:%M", "2024-01-01", "2025-01-01")


@pytest.mark.parametrize(("start", "end"), [("0001-01-01", "0001-01-03"), ("9999-12-30", "9999-12-31")])
def test_first_and_last_years_have_buckets(start: str, end: str) -> None:
    assert len(values("date", "%Y-%m-%d", start, end)) in (1, 2)
