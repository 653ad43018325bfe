"""A process that is killed at any step of publishing, by SIGKILL, for real: what is visible then, and after a retry."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from tests.unit.engine.files.publish.publications import (
    SOURCE,
    assert_nothing_left_over,
    interrupt_at,
    open_attempt,
    publish,
    read_generation,
    read_if_published,
    tree,
    window_of,
)

FIRST = {"day=1": "first", "day=2": "first"}
SECOND = {"day=2": "second", "day=3": "second"}

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.unit.engine.files.publish.publications", "pyarrow.parquet"])


def _publish_until_killed(step: int, path: str, contents: dict[str, str], arguments: dict[str, Any]) -> None:
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as monkeypatch, interrupt_at(step, kill, monkeypatch):
        publish(path, contents, **arguments)


def _is_killed_at(step: int, path: Path, contents: dict[str, str], **arguments: Any) -> bool:
    """Whether there is such a step: an attempt with fewer of them ends by itself."""
    process = _context.Process(target=_publish_until_killed, args=(step, str(path), contents, arguments))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.fixture(params=[pytest.param(5, id="sample"), pytest.param(1, id="all", marks=pytest.mark.fault_full)])
def stride(request: pytest.FixtureRequest) -> int:
    """Every how manyth step is tried."""
    return int(request.param)


def _for_every_step(
    tmp_path: Path, stride: int, prepare: Callable[[Path], object], check: Callable[[Path], None], **arguments: Any
) -> None:
    """Kill an attempt at one step after the other, on a copy of what ``prepare`` made; ``check`` what is left."""
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    prepare(prepared / "dataset")
    step = random.Random(tmp_path.name).randrange(stride)
    while True:
        step += stride
        copy = tmp_path / str(step)
        shutil.copytree(prepared, copy)
        was_killed = _is_killed_at(step, copy / "dataset", SECOND, **arguments)
        check(copy / "dataset")
        shutil.rmtree(copy)
        if not was_killed:
            break
    assert step > 20


def test_kill_at_any_step_of_a_re_export_leaves_one_complete_generation_and_a_retry_cleans_up(
    tmp_path: Path, stride: int
) -> None:
    def prepare(root: Path) -> None:
        publish(root, {"day=9": "other window"}, window=window_of(9))
        publish(root, FIRST, window=window_of(1))

    def check(root: Path) -> None:
        assert read_generation(root) in (FIRST | {"day=9": "other window"}, SECOND | {"day=9": "other window"})
        publish(root, SECOND, window=window_of(1))
        assert read_generation(root) == SECOND | {"day=9": "other window"}
        assert_nothing_left_over(root)

    _for_every_step(tmp_path, stride, prepare, check, window=window_of(1))


def test_kill_at_any_step_of_the_first_publication_leaves_all_or_nothing_and_a_retry_cleans_up(
    tmp_path: Path, stride: int
) -> None:
    def check(root: Path) -> None:
        assert read_if_published(root) in (None, SECOND)
        publish(root, FIRST)
        assert read_generation(root) == FIRST
        assert_nothing_left_over(root)

    _for_every_step(tmp_path, stride, lambda root: None, check)


def test_attempt_that_only_starts_and_fails_removes_what_a_killed_one_left(tmp_path: Path, stride: int) -> None:
    def check(root: Path) -> None:
        published = read_generation(root)
        with pytest.raises(ZeroDivisionError), open_attempt(root):
            raise ZeroDivisionError
        assert read_generation(root) == published
        listed = {f"{day}/part-{number:05d}.parquet" for day in published for number in range(100)}
        rest = [name for name in tree(root) if name not in listed]
        assert [name for name in rest if not name.startswith("_cqlai/whole/0")] == [
            "_common_metadata",
            "_cqlai/source.json",
        ]
        assert len([name for name in tree(root) if name.endswith(".parquet")]) == len(published)

    _for_every_step(tmp_path, stride, lambda root: publish(root, FIRST), check)


def test_source_whose_first_attempt_was_killed_before_the_commit_does_not_lock_the_dataset(
    tmp_path: Path, stride: int
) -> None:
    other_source = Source(table="shop.customers", partition_by=("day",))

    def check(root: Path) -> None:
        published = read_if_published(root)
        assert published in (None, SECOND)
        if published is None:
            publish(root, FIRST, source=other_source)
            assert read_generation(root) == FIRST
            assert_nothing_left_over(root)

    _for_every_step(tmp_path, stride, lambda root: None, check, source=SOURCE)


def test_kill_while_a_larger_window_replaces_smaller_ones_never_shows_rows_twice_or_not_at_all(
    tmp_path: Path, stride: int
) -> None:
    days = {"day=1": "first", "day=2": "first"}

    def prepare(root: Path) -> None:
        publish(root, {"day=1": "first"}, window=window_of(1))
        publish(root, {"day=2": "first"}, window=window_of(2))

    def check(root: Path) -> None:
        assert read_generation(root) in (days, SECOND)
        publish(root, SECOND, window=window_of(1, days=7), on_overlap="replace")
        assert read_generation(root) == SECOND
        assert_nothing_left_over(root)

    _for_every_step(tmp_path, stride, prepare, check, window=window_of(1, days=7), on_overlap="replace")
