"""One Parquet file: replaced whole or not at all, by the same source and window only."""

# ruff: noqa: PT012  (a publication fails when its context is left, too, so the whole of it is inside)

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CopyCancelledError,
    OptionError,
    OutputExistsError,
    PublishError,
    SourceMismatchError,
    SupersededError,
    WindowOverlapError,
)
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.publish.publication import Publication, PublishedResult
from airflow_provider_cqlai.engine.files.publish.single_file import STAGING_NAME_BYTES, SingleFilePublication
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files
from tests.memory_file_system import make_memory_file_system
from tests.unit.engine.files.publish.publications import InterruptionError, interrupt_at, open_attempt, tree, window_of

SOURCE = Source(table="shop.orders", time="ts")


def _open(path: str | Path, **arguments: Any) -> Any:
    return open_attempt(path, **{"source": SOURCE, "is_hive": False, **arguments})


def _write(publication: Publication, *names: str) -> list[WrittenFile]:
    table = pa.table({"name": list(names)}).replace_schema_metadata(dict(publication.footer_metadata))
    file = publication.create_file("")
    pq.write_table(table, file.stream)
    return [WrittenFile(file, rows=table.num_rows, bytes=file.finish())]


def _publish(path: str | Path, *names: str, **arguments: Any) -> PublishedResult:
    with _open(path, **arguments) as publication:
        return publication.commit(_write(publication, *names))


def _read(path: Path) -> list[str]:
    names: list[str] = pq.read_table(path, partitioning=None).column("name").to_pylist()
    return names


def test_file_is_there_and_nothing_else(tmp_path: Path) -> None:
    result = _publish(tmp_path / "orders.parquet", "a", "b")
    assert _read(tmp_path / "orders.parquet") == ["a", "b"]
    assert tree(tmp_path) == ["orders.parquet"]
    (file,) = result.files
    assert (file.path, file.rows, file.bytes) == ("orders.parquet", 2, (tmp_path / "orders.parquet").stat().st_size)
    assert result.manifest is None


def test_longest_name_that_can_be_staged_is_published_and_a_longer_one_refused_at_once(tmp_path: Path) -> None:
    longest = "x" * (255 - STAGING_NAME_BYTES - len(".parquet"))
    _publish(tmp_path / f"{longest}.parquet", "a")
    assert _read(tmp_path / f"{longest}.parquet") == ["a"]
    with pytest.raises(OptionError, match=r"path: .* 213 bytes, at most 212") as raised:
        _publish(tmp_path / "below" / f"{longest}x.parquet", "a")
    assert raised.value.option == "path"
    assert tree(tmp_path) == [f"{longest}.parquet"]


def test_same_source_and_window_replace_the_file(tmp_path: Path) -> None:
    _publish(tmp_path / "orders.parquet", "a", window=window_of(1))
    _publish(tmp_path / "orders.parquet", "b", window=window_of(1))
    assert _read(tmp_path / "orders.parquet") == ["b"]
    assert tree(tmp_path) == ["orders.parquet"]


def test_directories_of_the_path_are_made(tmp_path: Path) -> None:
    _publish(tmp_path / "a" / "b" / "orders.parquet", "a")
    assert _read(tmp_path / "a" / "b" / "orders.parquet") == ["a"]


def test_earlier_file_stays_readable_until_the_new_one_is_published(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    _publish(path, "a")
    with pytest.raises(ZeroDivisionError), _open(path) as publication:
        _write(publication, "b")
        assert _read(path) == ["a"]
        assert dataset_files(str(path)) == [str(path)]
        raise ZeroDivisionError
    assert _read(path) == ["a"]
    assert tree(tmp_path) == ["orders.parquet"]


def test_file_of_another_window_is_not_replaced(tmp_path: Path) -> None:
    _publish(tmp_path / "orders.parquet", "a", window=window_of(1))
    with pytest.raises(WindowOverlapError, match="window_start"):
        _publish(tmp_path / "orders.parquet", "b", window=window_of(2))
    with pytest.raises(WindowOverlapError):
        _publish(tmp_path / "orders.parquet", "b")
    assert _read(tmp_path / "orders.parquet") == ["a"]
    assert tree(tmp_path) == ["orders.parquet"]


def test_window_in_the_path_makes_a_file_of_each(tmp_path: Path) -> None:
    template = f"{tmp_path}/orders-{{window_start:%Y-%m-%d}}.parquet"
    for day in (1, 2):
        _publish(template, str(day), window=window_of(day))
    assert tree(tmp_path) == ["orders-2024-01-01.parquet", "orders-2024-01-02.parquet"]


def test_file_of_another_source_is_not_replaced(tmp_path: Path) -> None:
    _publish(tmp_path / "orders.parquet", "a")
    with pytest.raises(SourceMismatchError, match="where"):
        _publish(tmp_path / "orders.parquet", "b", source=replace(SOURCE, where="x = 1"))
    assert _read(tmp_path / "orders.parquet") == ["a"]


@pytest.mark.parametrize("foreign", [b"", b"PAR1 no", None], ids=["empty", "damaged", "another tool's"])
def test_file_that_was_not_published_by_us_is_not_replaced(tmp_path: Path, foreign: bytes | None) -> None:
    path = tmp_path / "orders.parquet"
    if foreign is None:
        pq.write_table(pa.table({"x": [1]}), path)
    else:
        path.write_bytes(foreign)
    content = path.read_bytes()
    with pytest.raises(PublishError, match="delete the file"):
        _publish(path, "a")
    assert path.read_bytes() == content
    assert tree(tmp_path) == ["orders.parquet"]


def test_if_exists_error_refuses_another_owner_but_not_the_same(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    _publish(path, "a", if_exists="error", owner="first")
    _publish(path, "b", if_exists="error", owner="first")
    with pytest.raises(OutputExistsError, match="first"):
        _publish(path, "c", if_exists="error", owner="second")
    assert _read(path) == ["b"]


def test_log_is_never_replaced_and_its_owner_learns_what_it_published(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    first = _publish(path, "a", window=window_of(1), is_log=True, owner="run")
    with _open(path, window=window_of(1), is_log=True, owner="run") as publication:
        assert publication.already_published == first
    with pytest.raises(OutputExistsError, match="never replaced"):
        _publish(path, "b", window=window_of(1), is_log=True, owner="another")
    assert tree(tmp_path) == ["orders.parquet"]


def test_second_file_is_refused_with_the_option_that_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="max_file_size"), _open(tmp_path / "orders.parquet") as publication:
        _write(publication, "a")
        _write(publication, "b")
    assert tree(tmp_path) == ["./"]


def test_directory_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").mkdir()
    with pytest.raises(OptionError, match="slash"):
        _publish(tmp_path / "orders.parquet", "a")


def test_path_with_a_slash_at_the_end_is_a_dataset(tmp_path: Path) -> None:
    _publish(f"{tmp_path}/orders.parquet/", "a")
    assert (tmp_path / "orders.parquet" / "part-00000.parquet").exists()


def test_cancellation_before_the_commit_leaves_the_earlier_file(tmp_path: Path) -> None:
    cancellation = Cancellation()
    _publish(tmp_path / "orders.parquet", "a")
    with (
        pytest.raises(CopyCancelledError),
        _open(tmp_path / "orders.parquet", cancellation=cancellation) as publication,
    ):
        written = _write(publication, "b")
        cancellation.cancel()
        publication.commit(written)
    assert _read(tmp_path / "orders.parquet") == ["a"]
    assert tree(tmp_path) == ["orders.parquet"]


def test_staging_of_a_file_with_a_similar_name_is_left_alone(tmp_path: Path) -> None:
    with _open(tmp_path / "orders.parquet") as publication:
        _publish(tmp_path / "o.parquet", "other")
        _publish(tmp_path / "orders.parquet.parquet", "other")
        publication.commit(_write(publication, "a"))
    assert tree(tmp_path) == ["o.parquet", "orders.parquet", "orders.parquet.parquet"]


# --- interruptions

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.unit.engine.files.publish.test_single_file", "pyarrow.parquet"])


def _publish_until_killed(step: int, path: str) -> None:
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as monkeypatch, interrupt_at(step, kill, monkeypatch):
        _publish(path, "new")


def test_kill_at_any_step_leaves_the_old_or_the_new_file_and_a_retry_cleans_up(tmp_path: Path) -> None:
    for step in range(1, 100):
        path = tmp_path / str(step) / "orders.parquet"
        _publish(path, "old")
        process = _context.Process(target=_publish_until_killed, args=(step, str(path)))
        process.start()
        process.join()
        assert _read(path) in (["old"], ["new"])
        _publish(path, "retry")
        assert _read(path) == ["retry"]
        assert tree(path.parent) == ["orders.parquet"]
        if process.exitcode == 0:
            break
    assert 6 < step < 99


@pytest.mark.parametrize("has_old", [True, False])
def test_the_later_of_two_attempts_wins_and_the_earlier_fails_unless_it_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_old: bool
) -> None:
    def outcome(path: Path, name: str) -> BaseException | None:
        try:
            _publish(path, name)
        except SupersededError as error:
            return error
        return None

    for step in range(1, 100):
        path = tmp_path / "dataset" / "orders.parquet"
        if has_old:
            _publish(path, "old")
        inner: list[BaseException | None] = []

        def run_inner(path: Path = path, inner: list[BaseException | None] = inner) -> None:
            inner.append(outcome(path, "inner"))

        with interrupt_at(step, run_inner, monkeypatch):
            outer = outcome(path, "outer")
        if not inner:
            break
        winners = [name for name, error in (("outer", outer), ("inner", inner[0])) if error is None]
        assert winners
        assert _read(path) in [[name] for name in winners]
        if outer is None and inner[0] is None:
            continue
        assert tree(path.parent) == ["orders.parquet"]
        shutil.rmtree(path.parent)
    assert 6 < step < 99


def test_zombie_fails_after_a_later_attempt_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill() -> None:
        raise InterruptionError

    def start_and_die(path: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SingleFilePublication, "__exit__", lambda *_: None)
            with pytest.raises(InterruptionError), _open(path) as publication:
                _write(publication, "killed")
                raise InterruptionError

    path = tmp_path / "orders.parquet"
    with pytest.raises(SupersededError), _open(path) as publication:
        written = _write(publication, "zombie")
        start_and_die(path)
        publication.commit(written)
    assert not path.exists()
    _publish(path, "retry")
    assert tree(tmp_path) == ["orders.parquet"]


def test_of_attempts_that_start_at_the_same_moment_the_last_by_name_goes_on(tmp_path: Path) -> None:
    """Neither found the other's staging file when it began, so neither removed it."""
    path = tmp_path / "orders.parquet"
    with pytest.raises(SupersededError), _open(path) as publication:
        (tmp_path / f".orders.parquet.{'9' * 20}-{'0' * 12}.staging").touch()
        publication.commit(_write(publication, "earlier"))
    assert not path.exists()


# --- an fsspec file system


@pytest.fixture
def memory() -> Any:
    return make_memory_file_system()


@pytest.mark.parametrize("attempts", [1, 2])
def test_file_in_another_file_system_is_replaced(memory: Any, attempts: int) -> None:
    for attempt in range(attempts):
        _publish("memory://exports/orders.parquet", str(attempt), filesystem=memory)
    assert memory.find("/") == ["/exports/orders.parquet"]
    with memory.open("/exports/orders.parquet") as file:
        assert pq.read_table(file).column("name").to_pylist() == [str(attempts - 1)]


def test_the_attempt_that_starts_last_wins_in_another_file_system(memory: Any) -> None:
    uri = "memory://exports/orders.parquet"
    with pytest.raises(SupersededError), _open(uri, filesystem=memory) as earlier:
        written = _write(earlier, "earlier")
        _publish(uri, "later", filesystem=memory)
        earlier.commit(written)
    assert memory.find("/") == ["/exports/orders.parquet"]
