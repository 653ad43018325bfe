"""Which files of the datasets that this package wrote are part of them: what their manifests say of one moment.

A file below a directory with ``_cqlai/`` is that dataset's, however the import came upon it. It may belong to a
generation that was replaced, or to an export that has not finished, so only a manifest makes it one to read. Where an
import asks for a window, the manifests also tell whether there is an export of all of it: a missing run is not an empty
run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from airflow_provider_cqlai.engine.errors import AccessDeniedError, OptionError, PublishError
from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source
from airflow_provider_cqlai.engine.files.manifests.publication_log import LOG_DIRECTORY, DatasetLog
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.storage.storage import Storage, join, parent
from airflow_provider_cqlai.engine.files.write.virtual_columns import PARTS
from airflow_provider_cqlai.engine.options.values.file_formats import PARQUET
from airflow_provider_cqlai.engine.options.window import TimeWindow

logger = logging.getLogger(__name__)

_MAX_LISTED = 10

KeyColumns: TypeAlias = tuple[tuple[str, str | None], ...]
"""Column by key of directories, or None where a key is no column."""


class OwnDatasets:
    """The datasets that one import meets. Each directory and each dataset is asked once."""

    def __init__(self, windows: Sequence[TimeWindow] | None, on_uncovered_window: str) -> None:
        self._windows = windows
        self._on_uncovered_window = on_uncovered_window
        self._is_root: dict[str, bool] = {}
        self._files: dict[str, list[str]] = {}
        self._key_columns: dict[str, KeyColumns] = {}

    def root_above(self, storage: Storage, directory: str) -> str | None:
        """The root of the dataset that ``directory`` is, or lies in; None where there is none."""
        while directory.strip("/"):
            if self._check_root(storage, directory):
                return directory
            directory = parent(directory)
        return None

    def files(self, storage: Storage, root: str) -> list[str]:
        """Sorted paths of the dataset's files, of the runs that overlap a window.

        Raises:
            PublishError: nothing was published there yet.
            OptionError: its files are text, or no export covers all of the window.
        """
        key = storage.describe(root)
        if key not in self._files:
            manifests = _read_manifests(storage, root, self._windows)
            for window in self._windows or ():
                check_coverage(key, window, _overlapping(manifests, window), self._on_uncovered_window)
            if self._windows is None:
                check_shards(key, manifests, self._on_uncovered_window)
            self._files[key] = _paths(root, manifests)
        return self._files[key]

    def files_of_any_window(self, storage: Storage, root: str) -> list[str]:
        """The same of all runs."""
        return (
            self.files(storage, root) if self._windows is None else _paths(root, _read_manifests(storage, root, None))
        )

    def key_columns(self, storage: Storage, root: str) -> KeyColumns:
        """What directories are that are not columns of their names: of a renamed one its column, and None of a part of
        a column's time (``at.date``)."""
        described = storage.describe(root)
        if described not in self._key_columns:
            source = DatasetLog(storage, root).source()
            self._key_columns[described] = () if source is None else tuple(read_key_columns(source))
        return self._key_columns[described]

    def is_published(self, storage: Storage, root: str) -> bool:
        """Whether a first export into ``root`` has finished."""
        return DatasetLog(storage, root).source() is not None

    def _check_root(self, storage: Storage, directory: str) -> bool:
        key = storage.describe(directory)
        if key not in self._is_root:
            self._is_root[key] = _has_log(storage, directory)
        return self._is_root[key]


def _has_log(storage: Storage, directory: str) -> bool:
    log_directory = join(directory, LOG_DIRECTORY)
    try:
        # An export that ended by itself before its commit may leave the empty directory.
        return storage.exists(log_directory) and bool(storage.list_files(log_directory))
    except AccessDeniedError as error:
        # A role that may read nothing but the given path cannot look above it.
        logger.warning("%s; whether this is a dataset with manifests is unknown, it is read by its files", error)
        return False


def _read_manifests(storage: Storage, root: str, windows: Sequence[TimeWindow] | None) -> dict[RunKey, Manifest]:
    log = DatasetLog(storage, root)
    return log.snapshot(
        _read_source(log), lambda run_key: windows is None or any(run_key.overlaps(window) for window in windows)
    )


def read_key_columns(source: Source) -> Iterator[tuple[str, str | None]]:
    """What keys of the directories of ``source`` are that are no columns of their names; see `KeyColumns`."""
    for key in source.partition_by or ():
        column, _, part = key.rpartition(".")
        if column and part in PARTS:
            yield source.directory_name(key, is_virtual=True), None
        elif key in source.rename:
            yield source.rename[key], key


def _overlapping(run_keys: Iterable[RunKey], window: TimeWindow) -> list[RunKey]:
    return [run_key for run_key in run_keys if run_key.overlaps(window)]


def _read_source(log: DatasetLog) -> Source:
    described = log.storage.describe(log.root)
    source = log.source()
    if source is None:
        raise PublishError(
            f"path: run the export again, or delete {LOG_DIRECTORY}/ there if the files are not an export's, to read"
            f" them as they are. {described}: nothing was published there, it has no manifests: its first export has"
            " not finished, or was ended before its commit"
        )
    if source.format != PARQUET:
        raise OptionError(f"path: {described} is a dataset of {source.format}; an import reads Parquet", option="path")
    return source


def _paths(root: str, manifests: dict[RunKey, Manifest]) -> list[str]:
    return sorted(join(root, file.path) for manifest in manifests.values() for file in manifest.files)


def check_coverage(dataset: str, window: TimeWindow, run_keys: Iterable[RunKey], on_uncovered_window: str) -> None:
    """Look for parts of ``window`` that none of the published ``run_keys``, which overlap it, is about.

    Raises:
        OptionError: there are some, and ``on_uncovered_window`` is ``"error"``.
    """
    parts = find_uncovered(window, run_keys)
    if not parts:
        return
    texts = [f"{part.start.isoformat()} to {part.end.isoformat()}" for part in parts[:_MAX_LISTED]]
    more = f" and {len(parts) - _MAX_LISTED} more parts" if len(parts) > _MAX_LISTED else ""
    message = f"{dataset}: no complete export covers {', '.join(texts)}{more}"
    _report("the window is not covered; export the rest of it first", message, on_uncovered_window)


def check_shards(dataset: str, run_keys: Iterable[RunKey], on_uncovered_window: str) -> None:
    """Look for exports of which not all shards are published.

    Raises:
        OptionError: there are some, and ``on_uncovered_window`` is ``"error"``.
    """
    lines = find_missing_shards(run_keys)
    if not lines:
        return
    message = f"{dataset}: {'; '.join(lines[:_MAX_LISTED])}"
    _report("a part of an export is missing; export it first", message, on_uncovered_window)


def _report(remedy: str, message: str, on_uncovered_window: str) -> None:
    if on_uncovered_window == "error":
        raise OptionError(
            f"{remedy}, or import what is there with on_uncovered_window='ignore'; {message}",
            option="on_uncovered_window",
        )
    logger.warning("%s: nothing of it is imported (on_uncovered_window)", message)


def find_missing_shards(run_keys: Iterable[RunKey]) -> list[str]:
    """A line for each window, and whole table, of which some shards of an export are published and others not."""
    lines = []
    for (window, count), indexes in _shards_by_export(run_keys).items():
        missing = sorted(set(range(count)) - indexes)
        if missing:
            extent = "the whole table" if window is None else f"{window.start.isoformat()} to {window.end.isoformat()}"
            lines.append(f"{extent} lacks shard {', '.join(map(str, missing))} of {count}")
    return lines


def _shards_by_export(run_keys: Iterable[RunKey]) -> dict[tuple[TimeWindow | None, int], set[int]]:
    """Indexes of the shards that are there, by window and number of shards."""
    shards: dict[tuple[TimeWindow | None, int], set[int]] = {}
    for run_key in run_keys:
        shards.setdefault((run_key.window, run_key.shard_count), set()).add(run_key.shard_index)
    return shards


def find_uncovered(window: TimeWindow, run_keys: Iterable[RunKey]) -> list[TimeWindow]:
    """The parts of ``window`` outside of ``run_keys``, in order; a run counts when all of its shards are there."""
    shards = _shards_by_export(run_keys)
    complete = [covered for (covered, count), indexes in shards.items() if len(indexes) == count]
    if None in complete:
        return []
    position, uncovered = window.start, []
    for start, end in sorted((covered.start, covered.end) for covered in complete if covered is not None):
        if position < start:
            uncovered.append(TimeWindow(start=position, end=start))
        position = max(position, end)
    if position < window.end:
        uncovered.append(TimeWindow(start=position, end=window.end))
    return uncovered
