"""One text file and the account beside it: replaced whole or not at all, by the same source and window only."""

# ruff: noqa: PT012  (a publication fails when its context is left, too, so the whole of it is inside)

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import (
    OptionError,
    OutputExistsError,
    PublishError,
    SourceMismatchError,
    SupersededError,
    WindowOverlapError,
)
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.publish.publication import Publication, PublishedResult
from airflow_provider_cqlai.engine.files.publish.single_file import STAGING_NAME_BYTES
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.options.values.file_formats import FileFormat
from tests.memory_file_system import make_memory_file_system
from tests.unit.engine.files.publish.publications import interrupt_at, open_attempt, tree, window_of

SOURCE = Source(queries=("SELECT 1",), format="json")


def _open(path: str | Path, **arguments: Any) -> Any:
    json_files = FileFormat("json", "none")
    return open_attempt(path, **{"source": SOURCE, "is_hive": False, "file_format": json_files, **arguments})


def _write(publication: Publication, text: str) -> list[WrittenFile]:
    file = publication.create_file("")
    file.stream.write(text.encode())
    return [WrittenFile(file, rows=1, bytes=file.finish())]


def _publish(path: str | Path, text: str, **arguments: Any) -> PublishedResult:
    with _open(path, **arguments) as publication:
        return publication.commit(_write(publication, text))


def _assert_alone_with_its_account(folder: Path, name: str = "orders.json") -> None:
    account, file = tree(folder)
    assert file == name
    assert account.startswith(f".{name}.")
    assert account.endswith(".account")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.json"


def test_file_has_one_account_which_tells_of_it(path: Path) -> None:
    for text in ("first", "second"):
        result = _publish(path, text, owner="me", window=window_of(1))
        _assert_alone_with_its_account(path.parent)
        assert path.read_text() == text
    assert [(file.path, file.rows, file.bytes) for file in result.files] == [("orders.json", 1, 6)]
    [account] = path.parent.glob(".*.account")
    told = json.loads(account.read_text())
    assert (told["rows"], told["bytes"], told["description"]["cqlai.owner"]) == (1, 6, "me")
    assert told["description"]["cqlai.window_start"] == "2024-01-01T00:00:00+00:00"


def test_longest_name_that_can_be_staged_has_an_account(tmp_path: Path) -> None:
    name = "x" * (255 - STAGING_NAME_BYTES - len(".json")) + ".json"
    _publish(tmp_path / name, "a")
    _publish(tmp_path / name, "b")
    _assert_alone_with_its_account(tmp_path, name)


@pytest.mark.parametrize("text", ["", "foreign", '{"a": 1}\n'])
def test_file_without_an_account_is_not_replaced(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(PublishError, match="delete the file"):
        _publish(path, "ours")
    assert path.read_text() == text
    assert tree(path.parent) == ["orders.json"]


def test_file_that_somebody_changed_is_not_replaced(path: Path) -> None:
    _publish(path, "abc")
    path.write_text("abd")
    with pytest.raises(PublishError, match="as it is now"):
        _publish(path, "ours")
    assert path.read_text() == "abd"


def test_file_that_is_changed_while_an_attempt_runs_is_not_replaced(path: Path) -> None:
    _publish(path, "abc")
    with pytest.raises(PublishError, match="as it is now"), _open(path) as publication:
        written = _write(publication, "ours")
        path.write_text("abd")
        publication.commit(written)
    assert path.read_text() == "abd"
    _assert_alone_with_its_account(path.parent)


def test_file_of_another_source_window_or_owner_is_not_replaced(path: Path) -> None:
    _publish(path, "a", window=window_of(1), owner="first")
    for other in (replace(SOURCE, queries=("SELECT 2",)), replace(SOURCE, text={"blob_encoding": "hex"})):
        with pytest.raises(SourceMismatchError):
            _publish(path, "b", window=window_of(1), source=other)
    with pytest.raises(WindowOverlapError, match="window_start"):
        _publish(path, "b", window=window_of(2))
    with pytest.raises(OutputExistsError, match="first"):
        _publish(path, "b", window=window_of(1), owner="second", if_exists="error")
    assert path.read_text() == "a"
    _publish(path, "b", window=window_of(1), owner="first", if_exists="error")
    assert path.read_text() == "b"


def test_file_that_was_deleted_is_published_anew(path: Path) -> None:
    _publish(path, "a")
    path.unlink()
    _publish(path, "b", window=window_of(1))
    _assert_alone_with_its_account(path.parent)


def test_attempt_that_fails_leaves_no_account(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), _open(path) as publication:
        _write(publication, "a")
        raise ZeroDivisionError
    assert tree(path.parent) == ["./"]


def test_accounts_of_files_with_similar_names_are_left_alone(tmp_path: Path) -> None:
    for name in ("o.json", "orders.json", "orders.json.json", "o.json"):
        _publish(tmp_path / name, name)
    assert len(tree(tmp_path)) == 6
    for name in ("o.json", "orders.json", "orders.json.json"):
        _publish(tmp_path / name, f"{name} again")


def test_second_file_is_refused(path: Path) -> None:
    with pytest.raises(OptionError, match="max_file_size"), _open(path) as publication:
        _write(publication, "a")
        _write(publication, "b")


# --- interruptions

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.unit.engine.files.publish.test_text_single_file", "pyarrow.parquet"])


def _publish_until_killed(step: int, path: str) -> None:
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as monkeypatch, interrupt_at(step, kill, monkeypatch):
        _publish(path, "new")


@pytest.mark.parametrize("has_old", [True, False])
def test_kill_at_any_step_leaves_the_old_or_the_new_file_and_a_retry_cleans_up(tmp_path: Path, has_old: bool) -> None:
    seen: set[str | None] = set()
    for step in range(1, 100):
        path = tmp_path / str(step) / "orders.json"
        if has_old:
            _publish(path, "old")
        process = _context.Process(target=_publish_until_killed, args=(step, str(path)))
        process.start()
        process.join()
        seen.add(path.read_text() if path.exists() else None)
        # Refused, if whatever is there had no account.
        _publish(path, "retry")
        assert path.read_text() == "retry"
        _assert_alone_with_its_account(path.parent)
        if process.exitcode == 0:
            break
    assert 6 < step < 99
    assert seen == {"old" if has_old else None, "new"}


@pytest.mark.parametrize("has_old", [True, False])
def test_the_later_of_two_attempts_wins_and_the_next_run_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_old: bool
) -> None:
    def outcome(path: Path, name: str) -> BaseException | None:
        try:
            _publish(path, name)
        except SupersededError as error:
            return error
        return None

    for step in range(1, 100):
        path = tmp_path / "dataset" / "orders.json"
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
        assert path.read_text() in winners
        # Refused, if the loser had taken the winner's account away.
        _publish(path, "next")
        _assert_alone_with_its_account(path.parent)
        shutil.rmtree(path.parent)
    assert 6 < step < 99


# --- an fsspec file system


def test_file_in_another_file_system_is_replaced_and_a_foreign_one_is_not() -> None:
    memory = make_memory_file_system()
    for text in ("a", "b"):
        _publish("memory://exports/orders.json", text, filesystem=memory)
        account, file = sorted(memory.find("/"))
        assert file == "/exports/orders.json"
        assert account.endswith(".account")
        assert memory.cat_file(file) == text.encode()
    memory.pipe_file("/exports/orders.json", b"c")
    with pytest.raises(PublishError, match="delete the file"):
        _publish("memory://exports/orders.json", "d", filesystem=memory)
