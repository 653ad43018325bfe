"""Which files `dataset_files` lists."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import OptionError, PublishError
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files
from tests.unit.engine.files.publish.publications import open_attempt, publish, window_of, write


def _days(root: Path, start: datetime.datetime | None = None, end: datetime.datetime | None = None) -> list[str]:
    return [file.split("/")[-2] for file in dataset_files(str(root), start, end)]


def _at(day: int, hour: int = 0) -> datetime.datetime:
    return datetime.datetime(2024, 1, day, hour, tzinfo=datetime.timezone.utc)


@pytest.fixture
def week(tmp_path: Path) -> Path:
    for day in range(1, 8):
        publish(tmp_path, {f"day={day}": "x"}, window=window_of(day))
    return tmp_path


def test_all_files_of_all_windows_are_listed_absolutely_and_sorted(week: Path) -> None:
    files = dataset_files(str(week))
    assert files == sorted(files)
    assert len(files) == 7
    assert all(Path(file).is_absolute() and Path(file).is_file() for file in files)


def test_relative_path_gives_absolute_ones(week: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(week.parent)
    assert dataset_files(week.name) == dataset_files(str(week))


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (_at(2), _at(4), ["day=2", "day=3"]),
        (_at(2, 12), _at(3, 12), ["day=2", "day=3"]),
        (_at(6), None, ["day=6", "day=7"]),
        (None, _at(2), ["day=1"]),
        (_at(10), _at(11), []),
    ],
)
def test_windows_that_overlap_the_selection_are_listed_whole(
    week: Path, start: datetime.datetime | None, end: datetime.datetime | None, days: list[str]
) -> None:
    assert _days(week, start, end) == days


def test_selection_is_a_moment_in_any_timezone(week: Path) -> None:
    tokyo = datetime.timezone(datetime.timedelta(hours=9))
    assert _days(week, _at(2).astimezone(tokyo), _at(3).astimezone(tokyo)) == ["day=2"]


def test_export_of_the_whole_table_overlaps_everything(tmp_path: Path) -> None:
    publish(tmp_path, {"day=1": "x"})
    assert _days(tmp_path, _at(20), _at(21)) == ["day=1"]


def test_replaced_windows_are_not_listed(week: Path) -> None:
    publish(week, {"day=1": "month"}, window=window_of(1, days=31), on_overlap="replace")
    assert _days(week) == ["day=1"]
    assert _days(week, _at(3), _at(4)) == ["day=1"]


def test_result_without_rows_has_no_files(tmp_path: Path) -> None:
    publish(tmp_path, {})
    assert dataset_files(str(tmp_path)) == []


@pytest.mark.parametrize("path", ["dataset", "missing.parquet"])
def test_path_where_nothing_was_published_is_an_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(PublishError):
        dataset_files(str(tmp_path / path))


def test_attempt_that_has_not_committed_is_nothing_published(tmp_path: Path) -> None:
    with open_attempt(tmp_path) as publication:
        write(publication, {"day=1": "x"})
        with pytest.raises(PublishError, match="no manifests"):
            dataset_files(str(tmp_path))


def test_selection_without_a_timezone_is_an_error(week: Path) -> None:
    with pytest.raises(OptionError, match="timezone") as raised:
        dataset_files(str(week), datetime.datetime(2024, 1, 1))  # noqa: DTZ001
    assert raised.value.option == "start"


def test_selection_that_ends_before_it_starts_is_an_error(week: Path) -> None:
    with pytest.raises(OptionError):
        dataset_files(str(week), _at(3), _at(2))


def test_selection_finer_than_a_millisecond_is_accepted(week: Path) -> None:
    assert _days(week, _at(2), _at(2) + datetime.timedelta(microseconds=1)) == ["day=2"]


@pytest.mark.parametrize("moment", ["2024-01-01", datetime.date(2024, 1, 1), 5])
def test_what_is_not_a_datetime_is_an_error_naming_it(week: Path, moment: Any) -> None:
    with pytest.raises(OptionError, match=r"end=.* must be a datetime with a timezone"):
        dataset_files(week, end=moment)
