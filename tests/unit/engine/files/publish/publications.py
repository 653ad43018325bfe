"""Publishes small made-up datasets and looks at all that is there afterwards; shared by the tests of publishing.

`interrupt_at` runs something at every single call that `LocalStorage` makes to the operating system: a kill there, or
another attempt in between.
"""

from __future__ import annotations

import builtins
import datetime
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import PublishError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.publish.publication import Publication, PublishedResult
from airflow_provider_cqlai.engine.files.publish.publish import open_publication
from airflow_provider_cqlai.engine.files.storage import local_storage
from airflow_provider_cqlai.engine.files.storage.object_storage import ObjectStorage
from airflow_provider_cqlai.engine.files.storage.object_upload import HeldUpload, MovedUpload
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.options.copy_to import PublishOptions, TimeWindow
from airflow_provider_cqlai.engine.options.values.file_formats import FileFormat
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files

ARROW_SCHEMA = pa.schema([("day", pa.int32()), ("name", pa.string())])
PARQUET_FILES = FileFormat("parquet", "snappy")
SOURCE = Source(table="shop.orders", partition_by=("day",), time="ts")
# What a generation holds: text by hive partition. The bytes are not Parquet, which publishing does not look at.
Contents = Mapping[str, str]
ONE = {"day=1": "one"}
TWO = {"day=1": "two", "day=2": "two"}


def window_of(day: int, days: int = 1) -> TimeWindow:
    start = datetime.datetime(2024, 1, day, tzinfo=datetime.timezone.utc)
    return TimeWindow(start=start, end=start + datetime.timedelta(days=days))


def open_attempt(
    path: str | Path,
    *,
    window: TimeWindow | None = None,
    source: Source = SOURCE,
    is_hive: bool = True,
    is_log: bool = False,
    arrow_schema: pa.Schema = ARROW_SCHEMA,
    filesystem: AbstractFileSystem | None = None,
    cancellation: Cancellation | None = None,
    file_format: FileFormat = PARQUET_FILES,
    **options: Any,
) -> Any:
    return open_publication(
        PublishOptions(path=str(path), **options),
        source=source,
        window=window,
        file_format=file_format,
        is_hive=is_hive,
        is_log=is_log,
        arrow_schema=arrow_schema,
        consistency_level="LOCAL_QUORUM",
        access=StorageAccess(filesystem),
        cancellation=cancellation or Cancellation(),
    )


def write(publication: Publication, contents: Contents) -> list[WrittenFile]:
    written: list[WrittenFile] = []
    for hive_partition, text in contents.items():
        file = publication.create_file(hive_partition)
        file.stream.write(text.encode())
        written.append(WrittenFile(file, rows=len(text), bytes=file.finish()))
    return written


def publish(path: str | Path, contents: Contents, **arguments: Any) -> PublishedResult:
    with open_attempt(path, **arguments) as publication:
        return publication.commit(write(publication, contents))


def read_generation(path: str | Path, filesystem: AbstractFileSystem | None = None) -> dict[str, str]:
    """Text by hive partition, as `dataset_files` lists the files; starts over when one is replaced meanwhile."""
    for _ in range(1_000):
        contents: dict[str, str] = {}
        try:
            for file in dataset_files(str(path), filesystem=filesystem):
                hive_partition = next((part for part in file.split("/") if "=" in part), "")
                text = Path(file).read_text() if filesystem is None else filesystem.cat_file(file).decode()
                contents[hive_partition] = contents.get(hive_partition, "") + text
        except FileNotFoundError:
            continue
        return contents
    raise AssertionError(f"{path} lists files that are not there")


def read_if_published(path: str | Path) -> dict[str, str] | None:
    try:
        return read_generation(path)
    except PublishError:
        return None


def tree(root: Path) -> list[str]:
    """Every file and every directory without files."""
    found: list[str] = []
    for folder, directories, names in os.walk(root):
        relative = Path(folder).relative_to(root)
        found.extend(str(relative / name) for name in names)
        if not directories and not names:
            found.append(f"{relative}/")
    return sorted(found)


def assert_nothing_left_over(root: Path) -> None:
    """Beside the listed files there is one log entry for each run key, and nothing else."""
    listed = {os.path.relpath(file, root) for file in dataset_files(str(root))}
    rest = [
        name for name in tree(root) if name not in listed and name not in ("_common_metadata", "_cqlai/source.json")
    ]
    run_keys = sorted(os.listdir(root / "_cqlai"))
    run_keys.remove("source.json")
    assert [name.split("/")[1] for name in rest] == run_keys, rest
    assert all(name.startswith("_cqlai/") and name.endswith(".json") and "attempt" not in name for name in rest), rest


class InterruptionError(BaseException):
    """Stands for a kill: nothing catches it, and what it leaves is looked at as it is."""


@contextmanager
def interrupt_at(step: int, action: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Run ``action`` right before the storage's call number ``step`` to the operating system; yields the calls made."""
    calls: list[str] = []
    is_inside = False

    def wrap(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal is_inside
            if not is_inside:
                calls.append(f"{name} {arguments[0]}")
                if len(calls) == step:
                    is_inside = True
                    try:
                        action()
                    finally:
                        is_inside = False
            return function(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        for name in ("link", "replace", "unlink", "rename", "rmdir", "makedirs", "listdir", "walk"):
            patch.setattr(local_storage.os, name, wrap(name, getattr(os, name)))
        patch.setattr(local_storage, "open", wrap("open", builtins.open), raising=False)
        yield calls


@contextmanager
def interrupt_object_storage_at(
    step: int, action: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """The same as `interrupt_at` for an fsspec file system: before request number ``step`` of `ObjectStorage`."""
    calls: list[str] = []
    lock = threading.RLock()
    is_inside = False

    def wrap(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
            nonlocal is_inside
            with lock:
                is_due = not is_inside and len(calls) + 1 == step
                if not is_inside:
                    calls.append(f"{name} {arguments[:1]}")
                is_inside = is_inside or is_due
            if is_due:
                try:
                    action()
                finally:
                    is_inside = False
            return function(self, *arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        for owner, names in (
            (
                ObjectStorage,
                ("read", "replace", "_create_once", "_delete_one", "list_files", "list_names", "exists", "stage"),
            ),
            (HeldUpload, ("finish", "commit")),
            (MovedUpload, ("finish", "commit")),
        ):
            for name in names:
                patch.setattr(owner, name, wrap(name, getattr(owner, name)))
        yield calls
