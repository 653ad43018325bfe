"""Several attempts at one window: the last one wins, also over what a kill left."""

# ruff: noqa: PT012  (a publication fails when its context is left, too, so the whole of it is inside)

from __future__ import annotations

import multiprocessing
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import (
    PublishError,
    SupersededError,
)
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.storage import local_storage
from tests.unit.engine.files.publish.publications import (
    ONE,
    TWO,
    InterruptionError,
    assert_nothing_left_over,
    open_attempt,
    publish,
    read_generation,
    window_of,
    write,
)


def test_the_attempt_that_starts_last_wins(tmp_path: Path) -> None:
    with pytest.raises(SupersededError), open_attempt(tmp_path) as earlier:
        written = write(earlier, ONE)
        with open_attempt(tmp_path) as later:
            later.commit(write(later, TWO))
        earlier.commit(written)
    assert read_generation(tmp_path) == TWO
    assert_nothing_left_over(tmp_path)


def test_superseded_attempt_learns_it_when_it_creates_a_file(tmp_path: Path) -> None:
    with pytest.raises(SupersededError), open_attempt(tmp_path) as earlier:
        write(earlier, ONE)
        publish(tmp_path, TWO)
        write(earlier, ONE)
    assert_nothing_left_over(tmp_path)


def test_superseded_attempt_cannot_commit_after_the_later_one_failed(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    with pytest.raises(SupersededError), open_attempt(tmp_path) as earlier:
        written = write(earlier, TWO)
        with pytest.raises(ZeroDivisionError), open_attempt(tmp_path):
            raise ZeroDivisionError
        earlier.commit(written)
    assert read_generation(tmp_path) == ONE


def _publish_and_report(path: str, text: str, barrier: Any, outcomes: Any) -> None:
    barrier.wait()
    try:
        publish(path, {"day=1": text, "day=2": text}, window=window_of(1))
    except SupersededError:
        outcomes.put((text, "superseded"))
    else:
        outcomes.put((text, "published"))


def _read_until_told(path: str, stop: Any, seen: Any) -> None:
    while not stop.is_set():
        contents = read_generation(path)
        seen.put(tuple(sorted(contents.items())))


def test_processes_at_the_same_window_publish_whole_generations_while_a_reader_looks(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.unit.engine.files.publish.publications", "pyarrow.parquet"])
    publish(tmp_path, {"day=1": "0", "day=2": "0"}, window=window_of(1))
    stop, seen = context.Event(), context.Manager().Queue()
    reader = context.Process(target=_read_until_told, args=(str(tmp_path), stop, seen))
    reader.start()
    for attempt in range(20):
        barrier, outcomes = context.Barrier(2), context.SimpleQueue()
        texts = [f"{attempt}a", f"{attempt}b"]
        processes = [
            context.Process(target=_publish_and_report, args=(str(tmp_path), text, barrier, outcomes)) for text in texts
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        told = dict(outcomes.get() for _ in processes)
        # Both can succeed, one after the other; then the one that started last is there.
        winners = [text for text, outcome in told.items() if outcome == "published"]
        contents = read_generation(tmp_path)
        assert contents["day=1"] == contents["day=2"]
        assert contents["day=1"] in winners
        assert_nothing_left_over(tmp_path)
    stop.set()
    reader.join()
    assert reader.exitcode == 0
    generations = {seen.get() for _ in range(seen.qsize())}
    assert len(generations) > 3
    assert all(len(generation) == 2 and len({text for _, text in generation}) == 1 for generation in generations)


def _kill_before_source_is_named(root: Path, **arguments: Any) -> None:
    link = os.link

    def kill(source: str, target: str) -> None:
        if target.endswith("source.json"):
            raise InterruptionError
        link(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_storage.os, "link", kill)
        with pytest.raises(InterruptionError):
            publish(root, ONE, **arguments)
    with pytest.raises(PublishError, match="no manifests"):
        read_generation(root)


def test_retry_of_a_log_finishes_what_was_committed(tmp_path: Path) -> None:
    arguments = {"window": window_of(1), "is_log": True, "owner": "run"}
    _kill_before_source_is_named(tmp_path, **arguments)
    with open_attempt(tmp_path, **arguments) as publication:
        assert publication.already_published is not None
    assert read_generation(tmp_path) == ONE
    assert_nothing_left_over(tmp_path)


def test_another_source_takes_the_dataset_and_the_next_run_of_it_cleans_up(tmp_path: Path) -> None:
    _kill_before_source_is_named(tmp_path)
    other = Source(table="shop.customers", partition_by=("day",))
    publish(tmp_path, TWO, source=other)
    assert read_generation(tmp_path) == TWO
    assert_nothing_left_over(tmp_path)


def test_attempt_of_another_source_that_fails_does_not_harm_what_may_come_to_count(tmp_path: Path) -> None:
    _kill_before_source_is_named(tmp_path, window=window_of(1))
    with pytest.raises(ZeroDivisionError), open_attempt(tmp_path, window=window_of(1), source=Source(table="a.b")):
        raise ZeroDivisionError
    # Another window of the same source names it, and the first one's manifest counts from then on.
    publish(tmp_path, {"day=2": "two"}, window=window_of(2))
    assert read_generation(tmp_path) == ONE | {"day=2": "two"}


@pytest.mark.parametrize("name", ["ds", "one.parquet"])
def test_attempt_that_was_superseded_notices_long_before_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, is_hive = tmp_path / name, name == "ds"
    with pytest.raises(SupersededError), ExitStack() as stack:
        earlier = stack.enter_context(open_attempt(path, is_hive=is_hive))
        stack.enter_context(open_attempt(path, is_hive=is_hive))
        # Within the first minute nobody looks.
        earlier.check_if_due()
        monkeypatch.setattr("airflow_provider_cqlai.engine.files.publish.publication.CHECK_SECONDS", 0.0)
        earlier.check_if_due()


@pytest.mark.parametrize("name", ["ds", "one.parquet"])
def test_attempt_that_nobody_superseded_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("airflow_provider_cqlai.engine.files.publish.publication.CHECK_SECONDS", 0.0)
    with open_attempt(tmp_path / name, is_hive=name == "ds") as publication:
        publication.check_if_due()
        written = write(publication, {"day=1" if name == "ds" else "": "x"})
        publication.check_if_due()
        publication.commit(written)
