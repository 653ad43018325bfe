"""Publishing to an fsspec file system, here its memory: no log entry is ever written over."""

from __future__ import annotations

from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    OptionError,
    StorageError,
    SupersededError,
    WindowOverlapError,
)
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.files.storage.object_storage import ObjectStorage
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from tests.memory_file_system import make_memory_file_system
from tests.unit.engine.files.publish.publications import (
    InterruptionError,
    interrupt_object_storage_at,
    open_attempt,
    publish,
    read_generation,
    window_of,
    write,
)

URI = "memory://exports/orders"
BEFORE = {"day=1": "before", "day=2": "before"}
OUTER = {"day=1": "outer", "day=2": "outer"}
INNER = {"day=2": "inner", "day=3": "inner"}


@pytest.fixture
def memory() -> Any:
    return make_memory_file_system()


def _assert_nothing_left_over(memory: Any, generation: dict[str, str], run_keys: int = 1) -> None:
    names = [name.removeprefix("/exports/orders/") for name in memory.find("/exports/orders")]
    assert len([name for name in names if name.endswith(".parquet")]) == len(generation)
    rest = [name for name in names if not name.endswith(".parquet")]
    assert rest[:2] == ["_common_metadata", "_cqlai/source.json"] or "_cqlai/source.json" in rest
    assert len(rest) == 2 + run_keys, rest
    assert read_generation(URI, memory) == generation


def test_generations_replace_each_other(memory: Any) -> None:
    for generation in (BEFORE, OUTER, INNER):
        publish(URI, generation, filesystem=memory)
        _assert_nothing_left_over(memory, generation)


def test_files_are_listed_as_uris(memory: Any) -> None:
    from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files

    publish(URI, BEFORE, filesystem=memory)
    assert dataset_files(URI, filesystem=memory) == [
        "memory:///exports/orders/day=1/part-00000.parquet",
        "memory:///exports/orders/day=2/part-00000.parquet",
    ]


def test_staged_files_match_no_glob_for_parquet(memory: Any) -> None:
    with open_attempt(URI, filesystem=memory) as publication:
        write(publication, BEFORE)
        assert memory.glob("/exports/**/*.staging")
        assert not memory.glob("/exports/**/*.parquet")
    assert memory.find("/") == []


def test_file_of_somebody_else_is_neither_overwritten_nor_removed(memory: Any) -> None:
    memory.pipe_file("/exports/orders/day=1/part-00000.parquet", b"somebody else's")
    publish(URI, BEFORE, filesystem=memory)
    publish(URI, {}, filesystem=memory)
    assert memory.glob("/exports/**/*.parquet") == ["/exports/orders/day=1/part-00000.parquet"]
    assert memory.cat_file("/exports/orders/day=1/part-00000.parquet") == b"somebody else's"


def test_kill_at_any_step_leaves_one_complete_generation_and_a_retry_cleans_up(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill() -> None:
        raise InterruptionError

    for step in range(1, 200):
        publish(URI, BEFORE, filesystem=memory)
        with pytest.MonkeyPatch.context() as patch:
            # A killed process does not leave its context manager.
            patch.setattr(DatasetPublication, "_leave", lambda self: None)
            try:
                with interrupt_object_storage_at(step, kill, patch):
                    publish(URI, OUTER, filesystem=memory)
                was_killed = False
            except InterruptionError:
                was_killed = True
        assert read_generation(URI, memory) in (BEFORE, OUTER)
        publish(URI, INNER, filesystem=memory)
        _assert_nothing_left_over(memory, INNER)
        if not was_killed:
            break
    assert 40 < step < 199


def test_the_later_of_two_attempts_wins_at_every_step(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(1, 200):
        publish(URI, BEFORE, filesystem=memory)
        inner: list[bool] = []

        def run_inner(inner: list[bool] = inner) -> None:
            publish(URI, INNER, filesystem=memory)
            inner.append(True)

        try:
            with interrupt_object_storage_at(step, run_inner, monkeypatch):
                publish(URI, OUTER, filesystem=memory)
        except SupersededError:
            expected = [INNER]
        else:
            # Done before the inner one began, or begun after it ended.
            expected = [INNER, OUTER] if inner else [OUTER]
        assert read_generation(URI, memory) in expected
        _assert_nothing_left_over(memory, read_generation(URI, memory))
        if not inner:
            break
    assert 40 < step < 199


def test_overlapping_windows_are_never_both_published(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(1, 200):
        memory.store.clear()
        inner: list[bool] = []

        def run_inner(inner: list[bool] = inner) -> None:
            try:
                publish(URI, INNER, window=window_of(2, days=2), filesystem=memory)
            except WindowOverlapError:
                inner.append(False)
            else:
                inner.append(True)

        try:
            with interrupt_object_storage_at(step, run_inner, monkeypatch):
                publish(URI, OUTER, window=window_of(1, days=2), filesystem=memory)
            is_outer_published = True
        except (SupersededError, WindowOverlapError):
            is_outer_published = False
        if not inner:
            break
        assert inner[0] != is_outer_published
        assert read_generation(URI, memory) == (OUTER if is_outer_published else INNER)
    assert 40 < step < 199


def test_store_that_overwrites_where_it_should_create_is_refused(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe_file = MemoryFileSystem.pipe_file

    def ignore_mode(self: Any, path: str, value: bytes, mode: str = "overwrite") -> None:
        pipe_file(self, path, value)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", ignore_mode)
    with pytest.raises(OptionError, match="only if it is absent"):
        publish(URI, BEFORE, filesystem=memory)
    assert memory.find("/") == []


def test_store_that_cannot_create_is_refused(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, path: str, value: bytes, mode: str = "overwrite") -> None:
        raise NotImplementedError("mode")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    with pytest.raises(OptionError, match="only if it is absent"):
        publish(URI, BEFORE, filesystem=memory)


def test_unknown_store_is_used_with_a_warning(
    memory: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(MemoryFileSystem, "protocol", "elsewhere")
    publish("exports/orders", BEFORE, filesystem=memory)
    assert "do not run two tasks on one output" in caplog.text


def test_create_that_was_sent_twice_by_the_client_is_a_success(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request is done, its answer is lost, and the client library's second one is refused."""
    create_once = ObjectStorage._create_once

    def twice(self: ObjectStorage, path: str, content: bytes) -> None:
        create_once(self, path, content)
        create_once(self, path, content)

    storage = ObjectStorage(memory, StorageAccess())
    storage.create("/a", b"mine", through="/t")
    monkeypatch.setattr(ObjectStorage, "_create_once", twice)
    storage.create("/b", b"mine", through="/t")
    with pytest.raises(FileExistsError):
        storage.create("/a", b"another's", through="/t")


def test_create_is_tried_again_after_a_conflict(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create_once = ObjectStorage._create_once
    refusals = iter([OSError(16, "conflict"), OSError(16, "conflict")])

    def refuse_at_first(self: ObjectStorage, path: str, content: bytes) -> None:
        refusal = next(refusals, None)
        if refusal is not None:
            raise refusal
        create_once(self, path, content)

    monkeypatch.setattr(ObjectStorage, "_create_once", refuse_at_first)
    ObjectStorage(memory, StorageAccess()).create("/a", b"mine", through="/t")
    assert memory.cat_file("/a") == b"mine"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (PermissionError("AccessDenied"), AccessDeniedError),
        (OSError(5, "InternalError"), StorageError),
        (type("NoCredentialsError", (Exception,), {"__module__": "botocore.exceptions"})(), AccessDeniedError),
        (type("EndpointConnectionError", (Exception,), {"__module__": "botocore.exceptions"})(), StorageError),
        (type("HttpError", (Exception,), {"__module__": "gcsfs.retry", "code": 403})(), AccessDeniedError),
        (type("HttpError", (Exception,), {"__module__": "gcsfs.retry", "code": 503})(), StorageError),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
)
def test_errors_of_a_store_are_told_apart(
    memory: Any, monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: type[Exception]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(memory, "find", fail)
    with pytest.raises(expected):
        ObjectStorage(memory, StorageAccess()).list_files("/exports")


def test_upload_that_lost_bytes_is_noticed(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def truncate(source: str, target: str) -> None:
        memory.pipe_file(target, memory.cat_file(source)[:-1])
        memory.rm_file(source)

    publish(URI, BEFORE, filesystem=memory)
    with monkeypatch.context() as patch:
        patch.setattr(memory, "mv", truncate)
        with pytest.raises(StorageError, match="the object store holds 4"):
            publish(URI, OUTER, filesystem=memory)
    assert read_generation(URI, memory) == BEFORE
    publish(URI, INNER, filesystem=memory)
    _assert_nothing_left_over(memory, INNER)
