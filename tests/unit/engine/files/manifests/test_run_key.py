"""Names of run keys and data files, and how run keys relate."""

from __future__ import annotations

import datetime

import pytest

from airflow_provider_cqlai.engine.files.manifests.run_key import Relation, RunKey, parse_run_key, short_form
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.options.values.file_formats import COMPRESSIONS, FileFormat
from tests.unit.engine.files.publish.publications import window_of

MILLISECONDS = TimeWindow(
    start=datetime.datetime(2024, 1, 1, 0, 0, 0, 5000, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(2024, 1, 1, 0, 0, 1, tzinfo=datetime.timezone.utc),
)
ANCIENT = TimeWindow(
    start=datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc),
)


@pytest.mark.parametrize(
    ("run_key", "name", "file_name"),
    [
        (RunKey(), "whole", "part-00007.parquet"),
        (RunKey(None, 0, 4), "whole-shard-0-of-4", "part-shard-0-of-4-00007.parquet"),
        (
            RunKey(window_of(1)),
            "20240101T000000.000Z_20240102T000000.000Z",
            "part-20240101T000000Z-20240102T000000Z-00007.parquet",
        ),
        (
            RunKey(window_of(1), 3, 4),
            "20240101T000000.000Z_20240102T000000.000Z-shard-3-of-4",
            "part-20240101T000000Z-20240102T000000Z-shard-3-of-4-00007.parquet",
        ),
        (
            RunKey(MILLISECONDS),
            "20240101T000000.005Z_20240101T000001.000Z",
            "part-20240101T000000.005Z-20240101T000001Z-00007.parquet",
        ),
        (
            RunKey(ANCIENT),
            "00010101T000000.000Z_99991231T000000.000Z",
            "part-00010101T000000Z-99991231T000000Z-00007.parquet",
        ),
    ],
)
def test_names_are_what_they_were_and_read_back(run_key: RunKey, name: str, file_name: str) -> None:
    assert run_key.name == name
    assert parse_run_key(name) == run_key
    assert run_key.file_name(7) == file_name
    assert run_key.part_number(file_name) == 7


@pytest.mark.parametrize("query_number", [None, 12])
@pytest.mark.parametrize(
    ("name", "compression"), [(name, compression) for name in COMPRESSIONS for compression in COMPRESSIONS[name]]
)
def test_part_number_is_read_from_the_files_of_every_format(
    name: str, compression: str, query_number: int | None
) -> None:
    """By it a retry finds the uploads that a killed attempt left in an object store."""
    run_key = RunKey(window_of(1))
    assert run_key.part_number(run_key.file_name(7, FileFormat(name, compression).extension, query_number)) == 7


def test_window_in_another_timezone_has_the_same_name() -> None:
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    window = TimeWindow(
        start=datetime.datetime(2024, 1, 1, 1, tzinfo=berlin),
        end=datetime.datetime(2024, 1, 2, 1, tzinfo=berlin),
    )
    assert RunKey(window).name == RunKey(window_of(1)).name


@pytest.mark.parametrize(
    "name",
    ["", "source.json", "whole-shard-1", "20240101_20240102", "20240230T000000.000Z_20240301T000000.000Z",
     "20240102T000000.000Z_20240101T000000.000Z"],
)  # fmt: skip
def test_other_names_are_no_run_keys(name: str) -> None:
    assert parse_run_key(name) is None


def test_part_number_of_another_run_keys_file_is_none() -> None:
    assert RunKey().part_number(RunKey(window_of(1)).file_name(0)) is None
    assert RunKey(window_of(1)).part_number(RunKey().file_name(0)) is None
    assert RunKey(None, 1, 4).part_number(RunKey(None, 1, 14).file_name(0)) is None
    assert RunKey().part_number("part-1.parquet") is None


def test_part_numbers_beyond_five_digits_go_on() -> None:
    assert RunKey().part_number(RunKey().file_name(1234567)) == 1234567


WEEK = RunKey(window_of(1, days=7))
DAY = RunKey(window_of(2))


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        (DAY, RunKey(window_of(3)), Relation.DISJOINT),
        (WEEK, DAY, Relation.CONTAINED),
        (DAY, WEEK, Relation.CONFLICTING),
        (RunKey(window_of(1, days=2)), RunKey(window_of(2, days=2)), Relation.CONFLICTING),
        (RunKey(), WEEK, Relation.CONTAINED),
        (WEEK, RunKey(), Relation.CONFLICTING),
        (RunKey(window_of(2), 0, 4), RunKey(window_of(2), 1, 4), Relation.DISJOINT),
        (RunKey(window_of(2), 0, 4), RunKey(window_of(2), 1, 2), Relation.CONFLICTING),
        (RunKey(window_of(2), 0, 4), DAY, Relation.CONFLICTING),
        (DAY, RunKey(window_of(2), 0, 4), Relation.CONTAINED),
        (WEEK, RunKey(window_of(2), 0, 4), Relation.CONTAINED),
        (RunKey(window_of(1, days=7), 0, 4), DAY, Relation.CONFLICTING),
    ],
)
def test_relation(one: RunKey, other: RunKey, relation: Relation) -> None:
    assert one.relation_to(other) is relation


def test_short_form_has_milliseconds_only_where_needed() -> None:
    assert short_form(MILLISECONDS.start) == "20240101T000000.005Z"
    assert short_form(MILLISECONDS.end) == "20240101T000001Z"
