"""The Parquet files of an import: a user's paths in, files with their hive values and row groups out.

A dataset that this package wrote is read by its manifests, so that a file no longer or not yet part of it is never
read. Anything else is read by its files; names that begin with ``_`` or ``.`` are left alone, as other readers do.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import posixpath
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.conditions import Condition
from airflow_provider_cqlai.engine.dataset_files import dataset_files
from airflow_provider_cqlai.engine.errors import OptionError, SourceFileError
from airflow_provider_cqlai.engine.file_formats import PARQUET, PARQUET_EXTENSIONS
from airflow_provider_cqlai.engine.files.hive_partitioning import parse_hive_partition
from airflow_provider_cqlai.engine.files.local_storage import LocalStorage
from airflow_provider_cqlai.engine.files.publication_log import DatasetLog
from airflow_provider_cqlai.engine.files.storage import Storage, join, parent, translated_errors
from airflow_provider_cqlai.engine.files.storage_location import locate
from airflow_provider_cqlai.engine.partition_filter import matches_partition_filter
from airflow_provider_cqlai.engine.window_options import TimeWindow


@dataclass(frozen=True)
class SourceFile:
    """One file and what its directories say of every row in it."""

    storage: Storage
    path: str
    hive_values: tuple[tuple[str, str | None], ...]

    def __str__(self) -> str:
        return self.storage.describe(self.path)

    def identify(self) -> str:
        """A text that changes when the file does."""
        try:
            return self.storage.identify(self.path)
        except FileNotFoundError as error:
            raise SourceFileError(f"{self}: there is no such file") from error

    @contextmanager
    def open(self, int96_unit: str = "us") -> Iterator[pq.ParquetFile]:
        """The opened file; closed on leaving.

        Args:
            int96_unit: of timestamps of 96 bits. They wrap around silently in nanoseconds: year 9999 would be 1816.

        Raises:
            SourceFileError: it is gone, or no Parquet.
        """
        with self.open_stream() as stream:
            yield pq.ParquetFile(
                stream, pre_buffer=False, buffer_size=1024 * 1024, coerce_int96_timestamp_unit=int96_unit
            )

    @contextmanager
    def open_stream(self) -> Iterator[Any]:
        """The file's bytes, for another reader; closed on leaving, with the errors of `open`."""
        try:
            with translated_errors("read", str(self)), self.storage.open_read(self.path) as stream:
                yield stream
        except FileNotFoundError as error:
            raise SourceFileError(f"{self}: there is no such file") from error
        except pa.ArrowInvalid as error:
            raise SourceFileError(f"{self}: not a readable Parquet file: {error}") from error


def find_source_files(
    paths: Sequence[str],
    window: TimeWindow | None,
    filesystem: AbstractFileSystem | None,
    partition_filter: Sequence[Condition] = (),
) -> list[SourceFile]:
    """The files that ``paths`` stand for and ``partition_filter`` selects, sorted within each path, each file once.

    Raises:
        OptionError: a path without a Parquet file, a filter that leaves none, or a window for files without manifests.
    """
    found: dict[str, SourceFile] = {}
    seen = 0
    for path in paths:
        storage, root = locate(path, filesystem)
        for file_path in _file_paths(path, storage, root, window, filesystem):
            seen += 1
            # Keys above the given path are known, too: it may lead into a hive dataset.
            hive_values = tuple(parse_hive_partition(posixpath.dirname(file_path)))
            if matches_partition_filter(partition_filter, hive_values):
                file = SourceFile(storage, file_path, hive_values)
                found.setdefault(str(file), file)
    if seen and not found:
        raise OptionError(
            f"partition_filter={list(partition_filter)!r} selects none of the {seen} files of {', '.join(paths)}",
            option="partition_filter",
        )
    return list(found.values())


def find_reading_path(
    paths: Collection[str], storage: Storage, path: str, filesystem: AbstractFileSystem | None
) -> str | None:
    """The one of ``paths`` that a file at ``path`` is read by, were it there; None where none does."""
    if not path.lower().endswith(PARQUET_EXTENSIONS):
        return None
    # Its own name may be a link to elsewhere, and is found all the same.
    described = f"{_describe_directory(storage, parent(path))}/{path.rpartition('/')[2]}"
    for given in paths:
        source_storage, root = locate(given, filesystem)
        fixed, pattern = _split_glob(root)
        directory = _describe_directory(source_storage, fixed)
        if described.startswith(f"{directory}/"):
            name = described[len(directory) + 1 :]
            if not _is_hidden(name) and (pattern is None or _matches(name.split("/"), pattern.split("/"))):
                return given
    return None


def _describe_directory(storage: Storage, path: str) -> str:
    """As users read it, on a local disk without symbolic links."""
    described = os.path.realpath(path or "/") if isinstance(storage, LocalStorage) else storage.describe(path)
    return described.rstrip("/")


def _file_paths(
    path: str, storage: Storage, root: str, window: TimeWindow | None, filesystem: AbstractFileSystem | None
) -> list[str]:
    if root.lower().endswith(PARQUET_EXTENSIONS) and not glob.has_magic(root) and not storage.is_directory(root):
        _refuse_window(path, window)
        return [root]
    source = None if glob.has_magic(root) else DatasetLog(storage, root).source()
    if source is not None:
        if source.format != PARQUET:
            raise OptionError(f"path={path!r} is a dataset of {source.format}; an import reads Parquet", option="path")
        start, end = (window.start, window.end) if window else (None, None)
        return [locate(uri, filesystem)[1] for uri in dataset_files(path, start, end, filesystem=filesystem)]
    _refuse_window(path, window)
    fixed, pattern = _split_glob(root)
    names = [name for name in storage.list_files(fixed) if not _is_hidden(name)]
    if pattern is not None:
        parts = pattern.split("/")
        names = [name for name in names if _matches(name.split("/"), parts)]
    files = sorted(join(fixed, name) for name in names if name.lower().endswith(PARQUET_EXTENSIONS))
    if not files:
        raise OptionError(f"path={path!r}: there is no Parquet file", option="path")
    return files


def _refuse_window(path: str, window: TimeWindow | None) -> None:
    if window is not None:
        raise OptionError(f"path={path!r} has no manifests, so no window can be chosen from it", option="window")


def _split_glob(root: str) -> tuple[str, str | None]:
    """The directory before the first wildcard, and the pattern below it."""
    if not glob.has_magic(root):
        return root, None
    parts = root.split("/")
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:first]), "/".join(parts[first:])


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether a relative path matches; ``**`` stands for any number of directories, the end for all below it."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or (bool(parts) and _matches(parts[1:], pattern))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _is_hidden(name: str) -> bool:
    # A hive key may begin with an underscore in foreign datasets: `_year=2024` is data.
    return any(part.startswith(("_", ".")) and "=" not in part for part in name.split("/"))
