"""Paths, and the operations of the local storage that publishing relies on."""

from __future__ import annotations

import multiprocessing
import os
import resource
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_cqlai.engine.errors import OptionError, PublishError
from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.files.storage.object_storage import ObjectStorage
from airflow_provider_cqlai.engine.files.storage.storage import join
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import locate


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/events", "/data/events"),
        ("/data/events/", "/data/events"),
        ("/data/a b/../%41", "/data/%41"),
        ("file:///data/events/", "/data/events"),
        ("local:///data/events", "/data/events"),
        ("FILE:///data/events", "/data/events"),
        ("file://localhost/data/events", "/data/events"),
        ("file://conn_id@/data/events", "/data/events"),
        ("file:/data/events", "/data/events"),
        ("~/events", os.path.expanduser("~/events")),
        ("events", os.path.abspath("events")),
    ],
)
def test_local_paths(path: str, expected: str) -> None:
    storage, location = locate(path, StorageAccess())
    assert isinstance(storage, LocalStorage)
    assert location == expected
    assert storage.describe(location) == expected


def test_file_uri_that_names_a_host_is_refused_with_the_form_that_was_meant() -> None:
    with pytest.raises(OptionError, match=r"host 'data'.*file:///data/events"):
        locate("file://data/events", StorageAccess())


def test_local_file_system_that_is_given_is_published_to_with_links() -> None:
    storage, location = locate("file:///data/events", StorageAccess(LocalFileSystem()))
    assert isinstance(storage, LocalStorage)
    assert location == "/data/events"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("memory://bucket/key/", "/bucket/key"),
        ("memory://conn_id@bucket/key", "/bucket/key"),
        ("/bucket/key", "/bucket/key"),
    ],
)
def test_paths_in_a_file_system_that_is_given(path: str, expected: str) -> None:
    storage, location = locate(path, StorageAccess(fsspec.filesystem("memory")))
    assert isinstance(storage, ObjectStorage)
    assert location == expected


def test_uri_is_resolved_by_fsspec() -> None:
    storage, location = locate("memory://bucket/key/", StorageAccess())
    assert isinstance(storage, ObjectStorage)
    assert location == "/bucket/key"
    assert storage.describe(location) == "memory:///bucket/key"


def test_connection_in_the_path_needs_its_file_system() -> None:
    with pytest.raises(OptionError, match="connection"):
        locate("s3://conn_id@bucket/key", StorageAccess())


def test_azure_account_is_no_connection() -> None:
    class Azure(fsspec.AbstractFileSystem):  # type: ignore[misc]
        protocol = "abfs"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path

    given = Azure(skip_instance_cache=True)
    assert locate("abfs://box@account.dfs.core.windows.net/key", StorageAccess(given))[1] == (
        "abfs://box@account.dfs.core.windows.net/key"
    )
    assert locate("abfs://conn_id@box/key", StorageAccess(given))[1] == "abfs://box/key"
    assert locate("azure://box/key", StorageAccess(given))[1] == "az://box/key"


def test_unknown_scheme_is_an_error_that_names_the_option() -> None:
    with pytest.raises(OptionError, match="path='nowhere") as raised:
        locate("nowhere://bucket/key", StorageAccess())
    assert raised.value.option == "path"


def test_join_keeps_a_leading_slash_and_drops_empty_parts() -> None:
    assert join("/", "a", "b") == "/a/b"
    assert join("/root/", "", "a=1", "x.parquet") == "/root/a=1/x.parquet"
    assert join("bucket", "key") == "bucket/key"


def _create(path: str, barrier: Any, winners: Any) -> None:
    barrier.wait()
    try:
        LocalStorage().create(path, str(os.getpid()).encode(), through=f"{path}.{os.getpid()}.tmp")
    except FileExistsError:
        return
    winners.put(os.getpid())


def test_of_processes_that_create_the_same_file_one_succeeds_and_its_content_is_whole(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["airflow_provider_cqlai.engine.files.storage.local_storage"])
    for attempt in range(4):
        path = str(tmp_path / str(attempt) / "entry")
        barrier, winners = context.Barrier(4), context.SimpleQueue()
        processes = [context.Process(target=_create, args=(path, barrier, winners)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        assert Path(path).read_text() == str(winners.get())
        assert winners.empty()
        assert os.listdir(tmp_path / str(attempt)) == ["entry"]


def test_staged_file_that_a_full_disk_does_not_take_can_be_discarded(tmp_path: Path) -> None:
    upload = LocalStorage().stage(str(tmp_path / "staging"), str(tmp_path / "final"))
    upload.stream.write(b"x" * 1000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        upload.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("in_the_way", ["file", "dangling link"])
def test_what_is_in_the_way_of_a_directory_is_named(tmp_path: Path, in_the_way: str) -> None:
    if in_the_way == "file":
        (tmp_path / "_cqlai").touch()
    else:
        (tmp_path / "_cqlai").symlink_to(tmp_path / "nowhere")
    path = str(tmp_path / "_cqlai" / "whole" / "00000001.json")
    with pytest.raises(PublishError, match=f"cannot create.*Not a directory: '{tmp_path}/_cqlai'"):
        LocalStorage().create(path, b"", through=f"{path}.tmp")
    LocalStorage().remove_empty_directories([os.path.dirname(path)], str(tmp_path))


def test_created_file_appears_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "entry")
    link = os.link

    def look_then_link(source: str, target: str) -> None:
        assert Path(source).read_bytes() == b"content"
        assert not os.path.exists(target)
        link(source, target)

    monkeypatch.setattr(os, "link", look_then_link)
    LocalStorage().create(path, b"content", through=f"{path}.tmp")
    assert Path(path).read_bytes() == b"content"


def test_file_and_its_directories_are_synced_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    storage = LocalStorage()
    root = str(tmp_path / "dataset")
    storage.make_directory(f"{root}/staging")
    upload = storage.stage(f"{root}/staging/0", f"{root}/a=1/b=2/x.parquet")
    upload.stream.write(b"content")
    assert upload.finish() == 7
    storage.place([upload], root)
    assert f"{root}/staging/0" in synced
    for directory in (str(tmp_path), root, f"{root}/a=1", f"{root}/a=1/b=2"):
        assert directory in synced


def test_placing_never_replaces_a_file(tmp_path: Path) -> None:
    storage = LocalStorage()
    (tmp_path / "x.parquet").write_text("there")
    upload = storage.stage(str(tmp_path / "0"), str(tmp_path / "x.parquet"))
    upload.finish()
    with pytest.raises(FileExistsError):
        storage.place([upload], str(tmp_path))
    assert (tmp_path / "x.parquet").read_text() == "there"
    assert not upload.is_placed


def test_placing_what_was_removed_tells_so(tmp_path: Path) -> None:
    storage = LocalStorage()
    upload = storage.stage(str(tmp_path / "0"), str(tmp_path / "x.parquet"))
    upload.finish()
    os.unlink(tmp_path / "0")
    with pytest.raises(FileNotFoundError):
        storage.place([upload], str(tmp_path))


def test_removed_staging_directory_takes_no_more_files(tmp_path: Path) -> None:
    storage = LocalStorage()
    storage.make_directory(str(tmp_path / "staging"))
    upload = storage.stage(str(tmp_path / "staging" / "0"), str(tmp_path / "x"))
    storage.remove_directory(str(tmp_path / "staging"))
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        storage.stage(str(tmp_path / "staging" / "1"), str(tmp_path / "y"))
    upload.discard()
    upload.discard()


def test_only_empty_directories_below_the_root_are_removed(tmp_path: Path) -> None:
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    (tmp_path / "root" / "c").mkdir()
    (tmp_path / "root" / "c" / "file").touch()
    root = str(tmp_path / "root")
    LocalStorage().remove_empty_directories([f"{root}/a/b", f"{root}/c", f"{root}/missing", root], root)
    assert sorted(os.listdir(root)) == ["c"]


def test_errors_that_another_attempt_meets_as_well_are_terminal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PublishError):
        LocalStorage().make_directory(str(tmp_path / "file" / "below"))
