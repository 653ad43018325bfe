"""What a dataset has, whether it is whole, and how windows leave it: also beside attempts and after a kill."""

from __future__ import annotations

import datetime
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError, PublishError, SupersededError
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.verbs.dataset_tools import check_dataset, dataset_windows, drop_windows
from tests.unit.engine.files.publish.publications import (
    InterruptionError,
    assert_nothing_left_over,
    interrupt_at,
    open_attempt,
    publish,
    read_generation,
    tree,
    window_of,
    write,
)

ALL = {"day=1": "one", "day=2": "two", "day=3": "three"}


def _at(day: int, hour: int = 0) -> datetime.datetime:
    return datetime.datetime(2024, 1, day, hour, tzinfo=datetime.timezone.utc)


@pytest.fixture
def three_days(tmp_path: Path) -> Path:
    root = tmp_path / "dataset"
    for day, (hive_partition, text) in enumerate(ALL.items(), 1):
        publish(root, {hive_partition: text}, window=window_of(day), owner=f"dag/task/run-{day}/-1")
    return root


def without_day_2() -> dict[str, str]:
    return {key: text for key, text in ALL.items() if key != "day=2"}


def test_windows_are_told_with_rows_files_and_owner(three_days: Path) -> None:
    windows = dataset_windows(three_days)
    assert [published.window for published in windows] == [window_of(day) for day in (1, 2, 3)]
    assert [published.rows for published in windows] == [3, 3, 5]
    assert [published.files for published in windows] == [1, 1, 1]
    assert windows[1].owner == "dag/task/run-2/-1"


def test_dropped_window_is_gone_with_its_files(three_days: Path) -> None:
    dropped = drop_windows(three_days, _at(2), _at(3))
    assert [published.window for published in dropped] == [window_of(2)]
    assert read_generation(three_days) == without_day_2()
    assert_nothing_left_over(three_days)
    assert "day=2/" not in tree(three_days)


def test_several_windows_are_dropped_together(three_days: Path) -> None:
    assert len(drop_windows(three_days, _at(1), _at(3, 12) + datetime.timedelta(hours=12))) == 3
    assert read_generation(three_days) == {}
    assert_nothing_left_over(three_days)


def test_dry_run_changes_nothing(three_days: Path) -> None:
    before = tree(three_days)
    assert len(drop_windows(three_days, _at(2), _at(3), dry_run=True)) == 1
    assert tree(three_days) == before


def test_dropped_window_makes_room_for_windows_that_overlap_it(three_days: Path) -> None:
    shifted = TimeWindow(start=_at(2, 12), end=_at(2, 20))
    with pytest.raises(PublishError, match="overlaps"):
        publish(three_days, {"day=2": "shifted"}, window=shifted)
    drop_windows(three_days, _at(2), _at(3))
    publish(three_days, {"day=2": "shifted"}, window=shifted)
    assert read_generation(three_days) == ALL | {"day=2": "shifted"}


def test_dropped_window_can_be_published_again(three_days: Path) -> None:
    drop_windows(three_days, _at(2), _at(3))
    publish(three_days, {"day=2": "again"}, window=window_of(2))
    assert read_generation(three_days) == ALL | {"day=2": "again"}
    assert_nothing_left_over(three_days)


def test_windows_that_a_dropped_one_replaced_stay_away(three_days: Path) -> None:
    publish(three_days, {"day=1": "month"}, window=window_of(1, days=31), on_overlap="replace")
    drop_windows(three_days, _at(1), _at(1) + datetime.timedelta(days=31))
    assert read_generation(three_days) == {}
    assert dataset_windows(three_days) == ()


def test_a_window_is_dropped_whole_or_not_at_all(three_days: Path) -> None:
    with pytest.raises(PublishError, match="lies in part in"):
        drop_windows(three_days, _at(1), _at(2, 12))
    assert read_generation(three_days) == ALL


def test_where_no_window_is_there_is_none_to_drop(three_days: Path) -> None:
    with pytest.raises(PublishError, match="no window is published"):
        drop_windows(three_days, _at(5), _at(6))
    drop_windows(three_days, _at(2), _at(3))
    with pytest.raises(PublishError, match="no window is published"):
        drop_windows(three_days, _at(2), _at(3))


def test_an_export_of_the_whole_table_is_not_dropped_by_a_window(tmp_path: Path) -> None:
    publish(tmp_path, {"day=1": "one"})
    with pytest.raises(PublishError, match="holds the whole table"):
        drop_windows(tmp_path, _at(1), _at(2))


def test_what_is_no_dataset_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="nothing was published"):
        dataset_windows(tmp_path)
    with pytest.raises(OptionError, match="single file"):
        check_dataset(tmp_path / "one.parquet")


def test_an_attempt_that_runs_meanwhile_fails(three_days: Path) -> None:
    with open_attempt(three_days, window=window_of(2)) as attempt:
        written = write(attempt, {"day=2": "zombie"})
        drop_windows(three_days, _at(2), _at(3))
        with pytest.raises(SupersededError):
            attempt.commit(written)
    assert read_generation(three_days) == without_day_2()


@pytest.fixture(params=[pytest.param(3, id="sample"), pytest.param(1, id="all", marks=pytest.mark.fault_full)])
def stride(request: pytest.FixtureRequest) -> int:
    """Every so many of the steps that a drop has."""
    return int(request.param)


def _at_every_step(
    stride: int,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    action: Callable[[Path], None],
    check: Callable[[Path], None],
    interrupted: Callable[[Path], object] = lambda root: drop_windows(root, _at(2), _at(3)),
) -> None:
    """``action`` at each step that ``interrupted`` has, or every few of them, on a copy."""
    for step in itertools.count(1, stride):
        copy = root.with_name(f"copy-{step}")
        shutil.copytree(root, copy)
        was_reached = []

        def act(copy: Path = copy, was_reached: list[bool] = was_reached) -> None:
            was_reached.append(True)
            action(copy)

        try:
            with interrupt_at(step, act, monkeypatch):
                interrupted(copy)
        except (CqlaiError, InterruptionError):
            assert was_reached
        if not was_reached:
            break
        check(copy)
        shutil.rmtree(copy)
    assert step > 20


def test_a_kill_at_any_step_leaves_the_window_or_not_and_dropping_again_cleans_up(
    stride: int, three_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(root: Path) -> None:
        raise InterruptionError

    def check(root: Path) -> None:
        is_dropped = read_generation(root) == without_day_2()
        assert is_dropped or read_generation(root) == ALL
        if is_dropped:
            with pytest.raises(PublishError, match="no window is published"):
                drop_windows(root, _at(2), _at(3))
        else:
            drop_windows(root, _at(2), _at(3))
        assert read_generation(root) == without_day_2()
        assert_nothing_left_over(root)

    _at_every_step(stride, three_days, monkeypatch, kill, check)


def test_a_publication_in_the_middle_of_a_drop_is_there_or_dropped(
    stride: int, three_days: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_meanwhile(root: Path) -> None:
        publish(root, {"day=2": "meanwhile"}, window=window_of(2))

    def check(root: Path) -> None:
        assert read_generation(root) in (without_day_2(), ALL | {"day=2": "meanwhile"})
        assert_nothing_left_over(root)

    _at_every_step(stride, three_days, monkeypatch, publish_meanwhile, check)


def test_check_of_a_whole_dataset_finds_nothing(three_days: Path) -> None:
    found = check_dataset(three_days)
    assert (found.problems, found.gaps, len(found.windows)) == ((), (), 3)


def test_check_tells_missing_changed_and_foreign_files_and_gaps(three_days: Path) -> None:
    drop_windows(three_days, _at(2), _at(3))
    [first] = three_days.glob("day=1/*.parquet")
    [third] = three_days.glob("day=3/*.parquet")
    first.unlink()
    third.write_text("thre")
    (three_days / "day=3" / "mine.parquet").write_text("foreign")
    (three_days / "_SUCCESS").touch()
    found = check_dataset(three_days)
    assert [problem.removeprefix(str(three_days)) for problem in found.problems] == [
        f"/day=1/{first.name}: missing, with 3 rows",
        f"/day=3/{third.name}: 4 bytes, and was published with 5",
        "/day=3/mine.parquet: in no manifest",
    ]
    assert found.gaps == (window_of(2),)


def _publish_day_2_again(root: Path) -> None:
    publish(root, {"day=2": "again"}, window=window_of(2))


def _publish_all_days_as_one(root: Path) -> None:
    window = TimeWindow(start=_at(1), end=_at(4))
    publish(root, {"day=1": "a", "day=2": "b", "day=3": "c"}, window=window, on_overlap="replace")


@pytest.mark.parametrize("publish_again", [_publish_day_2_again, _publish_all_days_as_one])
def test_repair_removes_what_a_kill_left_after_the_commit(
    stride: int, three_days: Path, monkeypatch: pytest.MonkeyPatch, publish_again: Callable[[Path], None]
) -> None:
    """Until then a reader of ``**/*.parquet`` finds two generations."""
    seen: list[str] = []

    def kill(root: Path) -> None:
        raise InterruptionError

    def check(root: Path) -> None:
        generation = read_generation(root)
        found = check_dataset(root, repair=True)
        assert read_generation(root) == generation
        if generation == ALL:
            seen.append("not committed")
            # What may be running is left alone, and the next run cleans up.
            publish_again(root)
        else:
            seen.append("committed")
            assert found.problems == ()
        assert_nothing_left_over(root)

    _at_every_step(stride, three_days, monkeypatch, kill, check, publish_again)
    assert {"not committed", "committed"} == set(seen)


@pytest.mark.parametrize("publish_again", [_publish_day_2_again, _publish_all_days_as_one])
def test_repair_in_the_middle_of_a_publication_changes_nothing(
    stride: int, three_days: Path, monkeypatch: pytest.MonkeyPatch, publish_again: Callable[[Path], None]
) -> None:
    failures: list[str] = []

    def publish_undisturbed(root: Path) -> None:
        try:
            publish_again(root)
        except CqlaiError as error:
            failures.append(repr(error))
            raise

    def repair(root: Path) -> None:
        check_dataset(root, repair=True)

    def check(root: Path) -> None:
        assert read_generation(root) not in (ALL, {})
        assert_nothing_left_over(root)

    _at_every_step(
        stride,
        three_days,
        monkeypatch,
        repair,
        check,
        publish_undisturbed,
    )
    assert failures == []


def test_a_shard_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    root = tmp_path / "dataset"
    publish(root, {"day=1": "half"}, window=window_of(1), shard_index=0, shard_count=2)
    [problem] = check_dataset(root).problems
    assert problem.endswith("2024-01-01T00:00:00+00:00 to 2024-01-02T00:00:00+00:00 lacks shard 1 of 2")
    publish(root, {"day=1": "other half"}, window=window_of(1), shard_index=1, shard_count=2)
    assert check_dataset(root).problems == ()
