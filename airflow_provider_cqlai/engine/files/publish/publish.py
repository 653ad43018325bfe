"""Opens a `Publication`: how a result becomes visible, complete or not at all.

A path with the extension of a file is a single file, any other the root of a dataset. Placeholders for the window in it
are filled in after the window is resolved, which is after Airflow renders Jinja; moments are in UTC. Where it leads is
checked before anything is read: a name in it may be too long.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import pyarrow as pa

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey, short_form
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.files.publish.publication import Publication, PublishedResult
from airflow_provider_cqlai.engine.files.publish.single_file import STAGING_NAME_BYTES, SingleFilePublication
from airflow_provider_cqlai.engine.files.storage.storage import Storage
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import locate
from airflow_provider_cqlai.engine.options.copy_to import PublishOptions
from airflow_provider_cqlai.engine.options.values.file_formats import FileFormat
from airflow_provider_cqlai.engine.options.window import TimeWindow

__all__ = ["Publication", "PublishedResult", "locate_result", "open_publication"]

_PLACEHOLDERS = ("window_start", "window_end")
_BRACE_HINT = "a brace that is part of the name is written twice"


@contextmanager
def open_publication(
    options: PublishOptions,
    *,
    source: Source,
    window: TimeWindow | None,
    file_format: FileFormat,
    is_hive: bool,
    is_log: bool,
    arrow_schema: pa.Schema,
    consistency_level: str,
    access: StorageAccess,
    cancellation: Cancellation,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Publication]:
    """Start an attempt to publish; leaving the context without a commit removes all it staged.

    Args:
        options: where to, and what may be replaced.
        source: what the rows are; must be the same for every run of one export.
        window: the slice of time, None for the whole.
        file_format: of the files that will be written.
        is_hive: the files lie in ``key=value`` directories.
        is_log: a slice once published is never replaced (``window_by="writetime"``).
        arrow_schema: of the rows, hive columns included.
        consistency_level: at which they were read.
        access: to the store that the path lies in.
        cancellation: looked at until the commit point.
        texts: placeholders of the path beside the window's.

    Raises:
        OptionError: a path that cannot be, or a storage that cannot publish safely.
        PublishError: what is there does not allow this publication; see its subclasses.
        SupersededError: another attempt started at the same moment and won.
    """
    storage, location = locate_result(options, window, access, texts=texts)
    run_key = RunKey(window, options.shard_index, options.shard_count)
    publication: DatasetPublication | SingleFilePublication
    if options.is_single_file:
        publication = SingleFilePublication(
            options,
            storage=storage,
            path=location,
            run_key=run_key,
            source=source,
            has_footer=not file_format.is_text,
            is_log=is_log,
            consistency_level=consistency_level,
            cancellation=cancellation,
        )
    else:
        publication = DatasetPublication(
            options,
            storage=storage,
            root=location,
            run_key=run_key,
            source=source,
            file_format=file_format,
            is_hive=is_hive,
            is_log=is_log,
            arrow_schema=arrow_schema,
            consistency_level=consistency_level,
            cancellation=cancellation,
        )
    with publication:
        yield publication


def locate_result(
    options: PublishOptions,
    window: TimeWindow | None,
    access: StorageAccess,
    *,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Storage, str]:
    """The storage of ``options.path``, whose placeholders are filled in, and the path there.

    Raises:
        OptionError: a path that cannot be.
    """
    storage, location = locate(fill_path(str(options.path), window, texts=texts), access)
    check_location(storage, location, longest_prefix_and_suffix=STAGING_NAME_BYTES if options.is_single_file else 0)
    return storage, location


def fill_path(
    path: str, window: TimeWindow | None, *, option: str = "path", texts: Mapping[str, str] = MappingProxyType({})
) -> str:
    """``path`` with its placeholders filled in: ``"/data/events-{window_start:%Y-%m-%d}.parquet"``.

    A format is one of ``strftime``; without a format a moment reads ``20240101T000000Z``. A brace that is part of the
    name is written twice. ``texts`` are further placeholders.

    Raises:
        OptionError: an unknown placeholder, one that is not closed, or one without a window.
    """
    filled: list[str] = []
    try:
        pieces = list(string.Formatter().parse(path))
    except ValueError as error:
        raise OptionError(f"{option}={path!r}: {error}; {_BRACE_HINT}", option=option) from error
    for literal, name, moment_format, conversion in pieces:
        filled.append(literal)
        if name is None:
            continue
        if name in texts and not conversion and not moment_format:
            filled.append(texts[name])
            continue
        if name not in _PLACEHOLDERS or conversion or "{" in (moment_format or ""):
            known = ", ".join(f"{{{known}}}" for known in (*sorted(texts), *_PLACEHOLDERS))
            raise OptionError(
                f"{option}={path!r}: unknown placeholder {{{name}}}; known are {known}, those of the window with a"
                f" strftime format if wanted: {{window_start:%Y-%m-%d}}; {_BRACE_HINT}",
                option=option,
            )
        if window is None:
            raise OptionError(f"{option} names {{{name}}}, but this run has no window: {path!r}", option=option)
        moment = window.start if name == "window_start" else window.end
        filled.append(moment.strftime(moment_format) if moment_format else short_form(moment))
    return "".join(filled)


def check_location(storage: Storage, location: str, *, longest_prefix_and_suffix: int = 0) -> None:
    """Raise unless a result can have the path ``location``.

    Args:
        storage: where it lies.
        location: the storage's own path.
        longest_prefix_and_suffix: bytes that its last name gains while the file is written.

    Raises:
        OptionError: it is the root of the storage, or a name in it is longer than the storage takes.
    """
    *directories, name = location.split("/")
    if not name:
        raise OptionError(
            f"path: {storage.describe(location)} is the root of the storage: name a directory or a file below it",
            option="path",
        )
    limit = storage.max_name_bytes
    if limit is None:
        return
    for part, allowed in [*((part, limit) for part in directories), (name, limit - longest_prefix_and_suffix)]:
        byte_count = len(part.encode(errors="surrogateescape"))
        if byte_count > allowed:
            raise OptionError(
                f"path: the name {part!r} has {byte_count} bytes, at most {allowed} can be taken"
                + (" of a file that has a longer name while it is written" if allowed < limit else ""),
                option="path",
            )
