"""The Parquet files of an import, with their hive values.

`source_paths` finds the files of one path, this file puts those of all paths together.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import OptionError, SourceChangedError, SourceFileError
from airflow_provider_cqlai.engine.files.storage.storage import Storage, TranslatedErrors
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import locate
from airflow_provider_cqlai.engine.files.write.hive_partitioning import parse_hive_partition
from airflow_provider_cqlai.engine.importing.sources.partition_filter import matches_partition_filter
from airflow_provider_cqlai.engine.importing.sources.published_sources import KeyColumns, OwnDatasets
from airflow_provider_cqlai.engine.importing.sources.source_paths import FoundFile, list_source_paths
from airflow_provider_cqlai.engine.importing.sources.source_stream import (
    DAMAGE_ERRORS,
    SourceStream,
    translated_read_errors,
)
from airflow_provider_cqlai.engine.options.values.choices import OnUnnamedFiles
from airflow_provider_cqlai.engine.options.values.conditions import Condition
from airflow_provider_cqlai.engine.options.window import TimeWindow

# Behind a footer that is not encrypted, of a file with columns that are: a nonce of 12 bytes and a tag of 16.
_FOOTER_SIGNATURE_BYTES = 28


@dataclass(frozen=True)
class SourceFile:
    """One file and what its directories say of every row in it."""

    storage: Storage
    path: str
    hive_values: tuple[tuple[str, str | None], ...]
    values_above: tuple[tuple[str, str | None], ...] = ()
    """What the directories above the given path say, which nothing is written from: for messages."""
    is_listed: bool = False
    """Whether a manifest or a listing has named it: it was there a moment ago."""
    key_columns: KeyColumns = ()
    """Keys of its directories that are no columns of their names: with the column, or None where there is none."""
    identity: str | None = None
    """A text that changes when the file does, of when it was planned: what is read must be the same; None before."""

    def __str__(self) -> str:
        return self.storage.describe(self.path)

    @property
    def virtual_keys(self) -> frozenset[str]:
        """Keys of its directories that are no columns."""
        return frozenset(key for key, column in self.key_columns if column is None)

    @contextmanager
    def open(self, int96_unit: str = "us") -> Iterator[pq.ParquetFile]:
        """The opened file; closed on leaving.

        Args:
            int96_unit: of timestamps of 96 bits. They wrap around silently in nanoseconds: year 9999 would be 1816.

        Raises:
            SourceFileError: it is missing, damaged, encrypted or no Parquet. Pages without a checksum are taken as they
                are.
            SourceChangedError: it was replaced or removed since it was listed or planned.
        """
        with self.open_stream() as stream:
            yield self._open_parquet(stream, int96_unit)

    @contextmanager
    def open_first(self) -> Iterator[tuple[pq.ParquetFile, SourceFile]]:
        """The same, and this file as it is now: what later readings are held against."""
        with self.open_stream() as stream:
            with translated_read_errors(str(self)):
                identity = self.storage.identify_opened(self.path, stream.raw)
            yield self._open_parquet(stream), replace(self, identity=identity)

    def _open_parquet(self, stream: SourceStream, int96_unit: str = "us") -> pq.ParquetFile:
        parquet_file = pq.ParquetFile(
            stream,
            pre_buffer=False,
            buffer_size=1024 * 1024,
            coerce_int96_timestamp_unit=int96_unit,
            # A hundredth of the CPU time that reading takes.
            page_checksum_verification=True,
        )
        self._refuse_encrypted_columns(parquet_file, stream)
        return parquet_file

    def _refuse_encrypted_columns(self, parquet_file: pq.ParquetFile, stream: Any) -> None:
        """Before anybody looks at a column's metadata, at which pyarrow aborts the whole process."""
        footer_bytes = int.from_bytes(stream.read_end()[:4], "little")
        if footer_bytes - parquet_file.metadata.serialized_size == _FOOTER_SIGNATURE_BYTES:
            raise SourceFileError(
                f"{self}: columns of the file are encrypted, and there is no key to read them; write it without"
                f" encryption. Its columns: {', '.join(parquet_file.schema_arrow.names)}"
            )

    @contextmanager
    def open_stream(self) -> Iterator[SourceStream]:
        """The file's bytes, for another reader; closed on leaving, with the errors of `open`."""
        described = str(self)
        try:
            with TranslatedErrors("read", described):
                opened = self.storage.open_read(self.path)
        except FileNotFoundError as error:
            if self.is_listed or self.identity is not None:
                raise SourceChangedError(
                    f"{self}: the file was there a moment ago and is gone; run the import again"
                ) from error
            raise SourceFileError(f"{self}: there is no such file") from error
        with closing(SourceStream(opened, described)) as stream:
            self._check_same(opened)
            try:
                yield stream
            except DAMAGE_ERRORS as error:
                raise SourceFileError(f"{self}: not a readable Parquet file: {error}") from error

    def _check_same(self, opened: Any) -> None:
        if self.identity is None:
            return
        with translated_read_errors(str(self)):
            identity = self.storage.identify_opened(self.path, opened)
        if identity != self.identity:
            raise SourceChangedError(f"{self}: the file was replaced after it had been checked; run the import again")


def find_source_files(
    paths: Sequence[str],
    windows: Sequence[TimeWindow] | None,
    access: StorageAccess,
    partition_filter: Sequence[Condition] = (),
    on_uncovered_window: str = "error",
    on_unnamed_files: OnUnnamedFiles = "error",
    partition_base_path: str | None = None,
) -> list[SourceFile]:
    """The files that ``paths`` stand for and ``partition_filter`` selects, sorted within each path, each file once.

    Raises:
        OptionError: a path without a Parquet file, a filter that leaves none, a window for files without manifests, or
            one that was not exported, a path outside of ``partition_base_path``, or files that would be left out.
        PublishError: a dataset whose first export has not finished.
    """
    datasets = OwnDatasets(windows, on_uncovered_window)
    files = _FilesOnce()
    for path in paths:
        storage, root = locate(path, access)
        found = list_source_paths(path, storage, root, windows, datasets, on_unnamed_files)
        if partition_base_path is not None:
            found = _rebase(path, storage, found, partition_base_path, access)
        for file_path, base, is_listed, key_columns in found:
            directories = posixpath.dirname(file_path).removeprefix(base)
            above = tuple(parse_hive_partition(base)) if partition_base_path is None else ()
            values = tuple(parse_hive_partition(directories))
            files.add(SourceFile(storage, file_path, values, above, is_listed, key_columns))
    chosen = [file for file in files if matches_partition_filter(partition_filter, file.hive_values)]
    if not chosen and (seen := len(list(files))):
        raise OptionError(
            f"partition_filter={list(partition_filter)!r} selects none of the {seen} files of {', '.join(paths)}",
            option="partition_filter",
        )
    return chosen


def _rebase(
    path: str, storage: Storage, files: Sequence[FoundFile], base_path: str, access: StorageAccess
) -> list[FoundFile]:
    base = locate(base_path, access)[1]
    if any(not file.path.startswith(f"{base}/") for file in files):
        raise OptionError(
            f"partition_base_path={base_path!r} is no directory above path={path!r}", option="partition_base_path"
        )
    return [file._replace(base=base) for file in files]


class _FilesOnce:
    """Files in the order of their arrival. One that links give several names is there once.

    Of two names, the one whose directories say more stays: ``latest`` may lead to ``year=2024``. Where they say
    different things, the rows differ, and both stay.
    """

    def __init__(self) -> None:
        self._by_real_path: dict[str, list[SourceFile]] = {}

    def __iter__(self) -> Iterator[SourceFile]:
        return (file for names in self._by_real_path.values() for file in names)

    def add(self, file: SourceFile) -> None:
        names = self._by_real_path.setdefault(file.storage.describe(file.storage.real_path(file.path)), [])
        values = set(file.hive_values)
        if any(values <= set(name.hive_values) for name in names):
            return
        names[:] = [*(name for name in names if not set(name.hive_values) < values), file]
