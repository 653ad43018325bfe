"""What is in a dataset, whether it is whole, and how a window leaves it again.

As `dataset_files` these read the manifests, never a table; what reads them is imported by the call.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.engine.errors import OptionError, PublishError
from airflow_provider_cqlai.engine.options.publish import PublishOptions
from airflow_provider_cqlai.engine.options.values.checks import read_path
from airflow_provider_cqlai.engine.options.window import TimeWindow

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest, Source
    from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog
    from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey


@dataclass(frozen=True, kw_only=True)
class PublishedWindow:
    """One publication that is in a dataset now."""

    window: TimeWindow | None
    """None for an export of the whole table."""
    shard_index: int
    shard_count: int
    rows: int
    files: int
    bytes: int
    created: str
    """When it was published, ISO 8601 in UTC."""
    owner: str | None
    """The task instance that published it, without its try number."""


@dataclass(frozen=True, kw_only=True)
class DatasetCheck:
    """What `check_dataset` found."""

    windows: tuple[PublishedWindow, ...]
    problems: tuple[str, ...]
    """A line for each file that is missing, was changed, or is in no manifest, and for shards of an export that are
    missing beside others; none in a dataset that is whole."""
    gaps: tuple[TimeWindow, ...]
    """Between the first window and the last one, what no window covers: perhaps a run that never succeeded."""


def dataset_windows(
    path: str | os.PathLike[str], *, filesystem: AbstractFileSystem | None = None
) -> tuple[PublishedWindow, ...]:
    """What is published in a dataset, by window and shard, as of one moment.

    Args:
        path: the root of a dataset.
        filesystem: where the path lies; None resolves its URI with the environment's credentials.

    Raises:
        PublishError: nothing was ever published at ``path``.
    """
    log, source = _open(path, filesystem)
    return _describe(log.snapshot(source, lambda run_key: True))


def check_dataset(
    path: str | os.PathLike[str], *, filesystem: AbstractFileSystem | None = None, repair: bool = False
) -> DatasetCheck:
    """Compare the files that are there with those of the manifests, by name and size, and look for gaps.

    A file that is in no manifest may be one of a publication that is going on: look again when none is.

    Args:
        path: the root of a dataset.
        filesystem: where the path lies; None resolves its URI with the environment's credentials.
        repair: first remove what publications left that were killed after their commit, such as the files that they
            replaced; safe while others publish. What was killed before its commit is left to the next run of its
            window, since it cannot be told from one that is running.

    Raises:
        PublishError: nothing was ever published at ``path``.
    """
    from airflow_provider_cqlai.engine.importing.sources.published_sources import find_missing_shards

    log, source = _open(path, filesystem)
    if repair:
        from airflow_provider_cqlai.engine.files.publish.leftovers import repair_run_key

        for run_key in log.names_by_run_key():
            repair_run_key(log, run_key)
    manifests = log.snapshot(source, lambda run_key: True)
    problems = [f"{log.storage.describe(log.root)}: {line}" for line in find_missing_shards(manifests)]
    problems += _find_problems(log, list(manifests.values()))
    windows = _describe(manifests)
    return DatasetCheck(windows=windows, problems=tuple(problems), gaps=tuple(_find_gaps(windows)))


def drop_windows(
    path: str | os.PathLike[str],
    start: datetime.datetime,
    end: datetime.datetime,
    *,
    filesystem: AbstractFileSystem | None = None,
    dry_run: bool = False,
) -> tuple[PublishedWindow, ...]:
    """Take the windows that lie in ``[start, end)`` out of a dataset, one after the other, and remove their files.

    Each is a publication of its own: readers see it whole or not at all, and an attempt to publish the same window
    that runs meanwhile fails. Afterwards windows that overlap it can be published.

    Args:
        path: the root of a dataset.
        start: with a timezone; must be where a window begins or between windows, and so must ``end``.
        end: see ``start``.
        filesystem: where the path lies; None resolves its URI with the environment's credentials.
        dry_run: only tell what would be dropped.

    Returns:
        What was dropped.

    Raises:
        PublishError: no window lies there, or one lies there in part.
        SupersededError: somebody publishes one of them at the same time.
    """
    from airflow_provider_cqlai.engine.files.publish.drop import drop_run_key, remove_what_a_kill_left

    selection = TimeWindow(start=start, end=end)
    log, source = _open(path, filesystem)
    described = log.storage.describe(log.root)
    selected = log.snapshot(source, lambda run_key: run_key.overlaps(selection))
    for run_key in selected:
        if run_key.window is None:
            raise PublishError(f"{described} holds the whole table, no windows: to drop it, delete the directory")
        if run_key.window.start < selection.start or selection.end < run_key.window.end:
            raise PublishError(
                f"{described}: {run_key} lies in part in {start.isoformat()} to {end.isoformat()}, and a window is"
                " dropped whole: choose start and end that hold it"
            )
    if not dry_run:
        for run_key in log.names_by_run_key():
            if run_key not in selected and run_key.window is not None and run_key.overlaps(selection):
                remove_what_a_kill_left(log, run_key, source)
    if not selected:
        raise PublishError(f"{described}: no window is published in {start.isoformat()} to {end.isoformat()}")
    if not dry_run:
        for run_key in selected:
            drop_run_key(log, run_key, source)
    return _describe(selected)


def _open(path: Any, filesystem: AbstractFileSystem | None) -> tuple[DatasetLog, Source]:
    from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog
    from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
    from airflow_provider_cqlai.engine.files.storage.storage_location import locate

    path = read_path("path", path)
    if PublishOptions(path=path).is_single_file:
        raise OptionError(f"path={path!r} is a single file, not a dataset with windows", option="path")
    storage, root = locate(path, StorageAccess(filesystem))
    log = DatasetLog(storage, root)
    return log, log.published_source()


def _describe(manifests: dict[RunKey, Manifest]) -> tuple[PublishedWindow, ...]:
    return tuple(
        PublishedWindow(
            window=run_key.window,
            shard_index=run_key.shard_index,
            shard_count=run_key.shard_count,
            rows=manifest.rows,
            files=len(manifest.files),
            bytes=manifest.bytes,
            created=manifest.created,
            owner=manifest.owner,
        )
        for run_key, manifest in sorted(manifests.items(), key=lambda item: item[0].name)
    )


def _find_problems(log: DatasetLog, manifests: Sequence[Manifest]) -> Iterator[str]:
    from airflow_provider_cqlai.engine.files.storage.storage import TranslatedErrors, join

    listed = {file.path: file for manifest in manifests for file in manifest.files}
    present = set(log.storage.list_files(log.root))
    for path, file in sorted(listed.items()):
        described = log.storage.describe(join(log.root, path))
        try:
            with TranslatedErrors("read", described), log.storage.open_read(join(log.root, path)) as stream:
                size = stream.seek(0, os.SEEK_END)
        except FileNotFoundError:
            yield f"{described}: missing, with {file.rows:,} rows"
        else:
            if size != file.bytes:
                yield f"{described}: {size:,} bytes, and was published with {file.bytes:,}"
    for path in sorted(present - set(listed)):
        # What readers of datasets pass over, and so is the log.
        if not any(part.startswith(("_", ".")) for part in path.split("/")):
            yield f"{log.storage.describe(join(log.root, path))}: in no manifest"


def _find_gaps(windows: Sequence[PublishedWindow]) -> Iterator[TimeWindow]:
    last: datetime.datetime | None = None
    for published in windows:
        if published.window is None:
            return
        if last is not None and last < published.window.start:
            yield TimeWindow(start=last, end=published.window.start)
        last = published.window.end if last is None else max(last, published.window.end)
