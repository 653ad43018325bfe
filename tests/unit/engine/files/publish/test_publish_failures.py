"""Storage that fails, and files in the way: what the error names, and what the next run makes good."""

# ruff: noqa: PT012  (a publication fails when its context is left, too, so the whole of it is inside)

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    OptionError,
    PublishError,
    StorageError,
)
from airflow_provider_cqlai.engine.files.storage import local_storage
from airflow_provider_cqlai.engine.options.values.file_formats import FileFormat
from tests.unit.engine.files.publish.publications import (
    ONE,
    PARQUET_FILES,
    TWO,
    assert_nothing_left_over,
    open_attempt,
    publish,
    read_generation,
    tree,
    window_of,
    write,
)


def test_failure_while_the_old_generation_is_removed_is_told_and_made_good_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, ONE)
    unlink = os.unlink

    def fail_once(path: str, **keywords: Any) -> None:
        if path.endswith("day=1/part-00000.parquet"):
            raise OSError(errno.EIO, "the disk fails")
        unlink(path, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(local_storage.os, "unlink", fail_once)
        with pytest.raises(StorageError, match="the disk fails"):
            publish(tmp_path, TWO)
    assert read_generation(tmp_path) == TWO
    publish(tmp_path, ONE)
    assert_nothing_left_over(tmp_path)


def test_failure_at_the_commit_itself_leaves_the_outcome_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is there although its creation failed: then its files must be, too."""
    publish(tmp_path, ONE)
    link = os.link

    def link_and_fail(source: str, target: str) -> None:
        link(source, target)
        if target.endswith("00000004.json"):
            raise OSError(errno.EIO, "the disk fails")

    with monkeypatch.context() as patch:
        patch.setattr(local_storage.os, "link", link_and_fail)
        with pytest.raises(StorageError):
            publish(tmp_path, TWO)
    assert read_generation(tmp_path) == TWO
    publish(tmp_path, ONE)
    assert_nothing_left_over(tmp_path)


def test_full_disk_can_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No space"), open_attempt(tmp_path / "dataset") as publication:
        file = publication.create_file("day=1")
        file.stream._stream = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
        try:
            file.stream.write(b"x")
        finally:
            file.stream._stream.close()
    assert tree(tmp_path) == ["./"]


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("name", ["dataset", "orders.parquet", "orders.json"])
def test_staged_file_that_changed_its_size_is_not_published(tmp_path: Path, name: str, change: int) -> None:
    file_format = FileFormat("json", "none") if name.endswith(".json") else PARQUET_FILES
    with (
        pytest.raises(StorageError, match=rf"{tmp_path}/.*: 3 bytes were written, but the file has {3 + change}"),
        open_attempt(tmp_path / name, is_hive=name == "dataset", file_format=file_format) as publication,
    ):
        written = write(publication, {"": "one"})
        (staged,) = tmp_path.rglob("*.staging")
        os.truncate(staged, 3 + change)
        publication.commit(written)
    # No data file, nothing staged, no account.
    assert [path for path in tmp_path.rglob("*") if path.is_file() and "_cqlai" not in path.parts] == []


def test_file_that_lost_bytes_on_its_way_to_the_disk_is_noticed_when_it_is_finished(tmp_path: Path) -> None:
    with open_attempt(tmp_path / "dataset") as publication:
        file = publication.create_file("day=1")
        file.stream.write(b"one")
        file.stream.flush()
        (staged,) = tmp_path.rglob("*.staging")
        os.truncate(staged, 1)
        with pytest.raises(StorageError, match=f"{staged}: 3 bytes were written, but the file has 1 on disk"):
            file.finish()


def test_root_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("")
    with pytest.raises(PublishError, match="not a directory"):
        publish(tmp_path / "events", ONE)


@pytest.mark.parametrize("in_the_way", ["_cqlai", "day=1"])
def test_error_names_the_file_that_is_in_the_way_of_a_directory(tmp_path: Path, in_the_way: str) -> None:
    tmp_path.joinpath(in_the_way).write_text("somebody else's")
    with pytest.raises(PublishError, match=f"cannot (create|list).*Not a directory.*/{in_the_way}"):
        publish(tmp_path, ONE)
    assert tmp_path.joinpath(in_the_way).read_text() == "somebody else's"
    tmp_path.joinpath(in_the_way).unlink()
    publish(tmp_path, ONE)
    assert_nothing_left_over(tmp_path)


def test_failed_clean_up_does_not_hide_why_an_attempt_could_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    tmp_path.joinpath("_cqlai", "whole").mkdir(parents=True)
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(PublishError, match=r"cannot create.*Read-only"):
        publish(tmp_path, ONE)
    assert "could not be removed" in caplog.text


def test_missing_permission_is_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(local_storage.os, "makedirs", refuse)
    with pytest.raises(AccessDeniedError):
        publish(tmp_path / "dataset", ONE)


def test_file_system_without_hard_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(local_storage.os, "link", refuse)
    with pytest.raises(OptionError, match="hard links"):
        publish(tmp_path / "dataset", ONE)
    assert tree(tmp_path) == ["./"]


def test_manifest_that_names_a_file_outside_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("")
    root = tmp_path / "dataset"
    publish(root, ONE)
    path = next((root / "_cqlai" / "whole").glob("*.json"))
    path.write_text(path.read_text().replace("day=1/part-00000.parquet", "../victim"))
    with pytest.raises(PublishError, match="outside"):
        publish(root, TWO)
    assert victim.exists()


def test_damaged_log_entry_is_named(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    path = next((tmp_path / "_cqlai" / "whole").glob("*.json"))
    path.write_text("{")
    with pytest.raises(PublishError, match=r"00000002\.json"):
        publish(tmp_path, TWO)


def test_path_takes_the_resolved_window(tmp_path: Path) -> None:
    template = f"{tmp_path}/{{window_start:%Y}}/{{window_start:%m-%d}}"
    publish(template, ONE, window=window_of(3))
    assert read_generation(tmp_path / "2024" / "01-03") == ONE
