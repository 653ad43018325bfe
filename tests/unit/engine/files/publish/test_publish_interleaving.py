"""Two attempts at once: one runs from start to end in the middle of the other, at every step the other has.

The other goes on afterwards, which is also what a zombie does: an attempt that Airflow gave up on and that still runs.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import (
    CqlaiError,
    SourceMismatchError,
    SupersededError,
    WindowOverlapError,
)
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files
from tests.unit.engine.files.publish.publications import (
    SOURCE,
    Contents,
    InterruptionError,
    assert_nothing_left_over,
    interrupt_at,
    open_attempt,
    publish,
    read_generation,
    read_if_published,
    window_of,
    write,
)

BEFORE = {"day=1": "before"}
OUTER = {"day=1": "outer", "day=2": "outer"}
INNER = {"day=2": "inner", "day=3": "inner"}
OTHER_SOURCE = Source(table="shop.customers", partition_by=("day",))

Outcome = BaseException | None


def _outcome(path: Path, contents: Contents, **arguments: Any) -> Outcome:
    try:
        publish(path, contents, **arguments)
    except (CqlaiError, InterruptionError) as error:
        return error
    return None


@pytest.fixture(params=[pytest.param(3, id="sample"), pytest.param(1, id="all", marks=pytest.mark.fault_full)])
def stride(request: pytest.FixtureRequest) -> int:
    """Every so many of the steps that an attempt has."""
    return int(request.param)


def _for_every_step(
    stride: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    prepare: Callable[[Path], object],
    outer: dict[str, Any],
    inner: Callable[[Path], Outcome],
    check: Callable[[Path, Outcome, Outcome], None],
) -> None:
    prepare(tmp_path / "prepared")
    for step in itertools.count(1, stride):
        root = tmp_path / "dataset"
        if (tmp_path / "prepared").exists():
            shutil.copytree(tmp_path / "prepared", root)
        inner_outcomes: list[Outcome] = []

        def run_inner(root: Path = root, outcomes: list[Outcome] = inner_outcomes) -> None:
            outcomes.append(inner(root))

        with interrupt_at(step, run_inner, monkeypatch):
            outer_outcome = _outcome(root, OUTER, **outer)
        if not inner_outcomes:
            break
        check(root, outer_outcome, inner_outcomes[0])
        shutil.rmtree(root)
    assert step > 20


@pytest.mark.parametrize("prepare", [lambda root: publish(root, BEFORE), lambda root: None], ids=["re-export", "first"])
def test_the_later_of_two_attempts_wins_and_the_earlier_fails_unless_it_was_done(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], object]
) -> None:
    entries_before = 0
    was_done = False

    def run_inner(root: Path) -> Outcome:
        nonlocal entries_before, was_done
        entries_before = len(list(root.glob("_cqlai/whole/0*.json")))
        was_done = read_if_published(root) == OUTER
        return _outcome(root, INNER)

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert inner is None
        if was_done:
            # Visible, then replaced; whether it is told so depends on how far it had got.
            assert outer is None or isinstance(outer, SupersededError)
            assert read_generation(root) == INNER
        elif outer is None:
            # It had made no claim yet, or found at once that it was not the last: it began after the inner one.
            assert read_generation(root) == OUTER
        else:
            assert isinstance(outer, SupersededError)
            assert read_generation(root) == INNER
            assert entries_before > int((tmp_path / "prepared").exists())
        assert_nothing_left_over(root)

    _for_every_step(stride, tmp_path, monkeypatch, prepare=prepare, outer={}, inner=run_inner, check=check)


def test_attempt_that_fails_in_the_middle_of_another_does_not_harm_it_or_supersedes_it(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(root: Path) -> Outcome:
        with open_attempt(root) as publication:
            write(publication, INNER)
            raise ConnectionError

    def fail_and_go_on(root: Path) -> Outcome:
        with pytest.raises(ConnectionError):
            fail(root)
        return None

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None or isinstance(outer, SupersededError)
        assert read_generation(root) == (OUTER if outer is None else BEFORE)
        publish(root, INNER)
        assert read_generation(root) == INNER
        assert_nothing_left_over(root)

    _for_every_step(
        stride,
        tmp_path,
        monkeypatch,
        prepare=lambda root: publish(root, BEFORE),
        outer={},
        inner=fail_and_go_on,
        check=check,
    )


def test_of_two_sources_that_begin_a_dataset_at_once_exactly_one_gets_it(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert (outer is None) != (inner is None)
        assert isinstance(outer if inner is None else inner, SourceMismatchError | SupersededError)
        assert read_generation(root) == (OUTER if outer is None else INNER)
        with pytest.raises(SourceMismatchError):
            publish(root, OUTER, source=OTHER_SOURCE if outer is None else SOURCE)
        assert_nothing_left_over(root)

    for inner_arguments in ({}, {"window": window_of(1)}):
        directory = tmp_path / str(len(inner_arguments))
        directory.mkdir()
        _for_every_step(
            stride,
            directory,
            monkeypatch,
            prepare=lambda root: None,
            outer={},
            inner=lambda root, arguments=inner_arguments: _outcome(root, INNER, source=OTHER_SOURCE, **arguments),  # type: ignore[misc]
            check=check,
        )


@pytest.mark.parametrize("outer_window", [window_of(1, days=2), None], ids=["window", "whole"])
def test_overlapping_windows_are_never_both_published(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outer_window: Any
) -> None:
    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None or inner is None
        assert (outer is None) != (inner is None)
        assert isinstance(outer if inner is None else inner, WindowOverlapError | SupersededError)
        assert read_generation(root) == (OUTER if outer is None else INNER)

    _for_every_step(
        stride,
        tmp_path,
        monkeypatch,
        prepare=lambda root: None,
        outer={"window": outer_window},
        inner=lambda root: _outcome(root, INNER, window=window_of(2, days=2)),
        check=check,
    )


def test_window_that_is_replaced_while_it_is_exported_again_is_there_once(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outer attempt exports a day again; the inner one puts the month in that day's place."""

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None or isinstance(outer, SupersededError | WindowOverlapError)
        assert inner is None
        assert read_generation(root) == INNER
        assert_nothing_left_over(root)

    _for_every_step(
        stride,
        tmp_path,
        monkeypatch,
        prepare=lambda root: publish(root, BEFORE, window=window_of(1)),
        outer={"window": window_of(1)},
        inner=lambda root: _outcome(root, INNER, window=window_of(1, days=31), on_overlap="replace"),
        check=check,
    )


def test_larger_window_that_replaces_one_being_exported_again_holds_its_rows_once(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: the day is exported again in the middle of the month."""

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None or isinstance(outer, SupersededError | WindowOverlapError)
        assert inner is None or isinstance(inner, SupersededError | WindowOverlapError)
        assert read_generation(root) == (OUTER if outer is None else INNER)
        if outer is not None:
            assert inner is None
        publish(root, BEFORE, window=window_of(1, days=31), on_overlap="replace")
        assert read_generation(root) == BEFORE
        assert_nothing_left_over(root)

    _for_every_step(
        stride,
        tmp_path,
        monkeypatch,
        prepare=lambda root: publish(root, BEFORE, window=window_of(1)),
        outer={"window": window_of(1, days=31), "on_overlap": "replace"},
        inner=lambda root: _outcome(root, INNER, window=window_of(1)),
        check=check,
    )


def test_other_windows_attempt_never_loses_its_directory_to_a_clean_up(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outer attempt empties ``day=1``, which the inner one fills."""

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None
        assert inner is None
        assert read_generation(root) == {"day=1": "outerother", "day=2": "outer"}
        assert_nothing_left_over(root)

    _for_every_step(
        stride,
        tmp_path,
        monkeypatch,
        prepare=lambda root: publish(root, {"day=1": "before", "day=7": "before"}, window=window_of(1)),
        outer={"window": window_of(1)},
        inner=lambda root: _outcome(root, {"day=1": "other"}, window=window_of(5)),
        check=check,
    )


def test_directory_that_is_removed_as_empty_while_a_file_is_put_there_is_made_again(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inner attempt empties ``day=1``, which the outer one fills."""

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None
        assert inner is None
        assert read_generation(root) == OUTER | {"day=7": "moved"}
        assert_nothing_left_over(root)

    _for_every_step(
        stride,
        tmp_path,
        monkeypatch,
        prepare=lambda root: publish(root, {"day=1": "other"}, window=window_of(5)),
        outer={"window": window_of(1)},
        inner=lambda root: _outcome(root, {"day=7": "moved"}, window=window_of(5)),
        check=check,
    )


def test_reader_sees_one_complete_generation_at_every_step(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str] | None] = []

    def read(root: Path) -> Outcome:
        seen.append(read_if_published(root))
        return None

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None
        assert seen[-1] in (BEFORE, OUTER)

    _for_every_step(
        stride, tmp_path, monkeypatch, prepare=lambda root: publish(root, BEFORE), outer={}, inner=read, check=check
    )
    # The earlier result stays until the new one is there, and never comes back.
    assert seen == sorted(seen, key=lambda generation: generation != BEFORE)
    assert {str(generation) for generation in seen} == {str(BEFORE), str(OUTER)}


def test_publication_in_the_middle_of_a_reader_gives_it_one_of_the_two_generations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is interrupted: by a re-export, and by a month that replaces two days."""
    seen: list[list[str]] = []
    for step in range(1, 30):
        root = tmp_path / str(step)
        publish(root, {"day=1": "day"}, window=window_of(1))
        publish(root, {"day=2": "day"}, window=window_of(2))
        days = dataset_files(str(root))

        def replace(root: Path = root) -> None:
            publish(root, {"day=1": "month", "day=2": "month"}, window=window_of(1, days=31), on_overlap="replace")

        with interrupt_at(step, replace, monkeypatch) as calls:
            seen.append(dataset_files(str(root)))
        month = dataset_files(str(root))
        assert seen[-1] in (days, month)
        if len(calls) < step:
            break
    assert seen[-1] == days
    assert len(seen) > 8


@pytest.mark.parametrize(
    "inner_step", [pytest.param(n, marks=() if n in (19, 51) else pytest.mark.fault_full) for n in range(3, 70, 16)]
)
def test_killed_attempt_and_zombie_together_leave_nothing_after_the_next_run(
    stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner_step: int
) -> None:
    """The inner attempt is killed at some step while the outer one is paused at another; then the outer one goes on."""

    def killed(root: Path) -> Outcome:
        def kill() -> None:
            raise InterruptionError

        with pytest.MonkeyPatch.context() as patch, interrupt_at(inner_step, kill, patch):
            return _outcome_of_kill(root)

    def check(root: Path, outer: Outcome, inner: Outcome) -> None:
        assert outer is None or isinstance(outer, SupersededError)
        assert read_generation(root) in (BEFORE, OUTER, INNER)
        publish(root, {"day=5": "next"})
        assert read_generation(root) == {"day=5": "next"}
        assert_nothing_left_over(root)

    _for_every_step(
        stride, tmp_path, monkeypatch, prepare=lambda root: publish(root, BEFORE), outer={}, inner=killed, check=check
    )


def _outcome_of_kill(root: Path) -> Outcome:
    from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication

    # A killed process does not leave its context manager.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatasetPublication, "_leave", lambda self: None)
        return _outcome(root, INNER)
