"""Finds the Parquet files that one path, as a user wrote it, stands for.

A dataset that this package wrote is read by its manifests, whether the path leads into it, above it or through a
pattern. Anything else is read by its files; names that begin with ``_`` or ``.`` are left alone, as other readers do,
except for directories such as ``_year=2024``. With each file comes the directory below which ``key=value`` is a column.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import glob
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.manifests.publication_log import LOG_DIRECTORY
from airflow_provider_cqlai.engine.files.storage.storage import Storage, join, parent
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import locate
from airflow_provider_cqlai.engine.importing.sources.published_sources import KeyColumns, OwnDatasets
from airflow_provider_cqlai.engine.importing.sources.table_formats import refuse_table_formats
from airflow_provider_cqlai.engine.importing.sources.unnamed_files import choose_unnamed_files
from airflow_provider_cqlai.engine.options.values.choices import OnUnnamedFiles
from airflow_provider_cqlai.engine.options.values.file_formats import PARQUET_EXTENSIONS
from airflow_provider_cqlai.engine.options.window import TimeWindow

logger = logging.getLogger(__name__)


class FoundFile(NamedTuple):
    """One file."""

    path: str
    base: str
    """The directory above it below which the names of directories are columns."""
    is_listed: bool = True
    """Whether a manifest or a listing has named it, and not the user."""
    key_columns: KeyColumns = ()
    """What keys of its directories are that are no columns of their names, as the dataset's manifests tell."""


@dataclass(frozen=True)
class _Asked:
    """A user's path, taken apart."""

    path: str
    storage: Storage
    location: str
    """A file, or the directory before the first wildcard."""
    pattern: Sequence[str]
    """The parts from the first wildcard on; none where there is no wildcard."""
    is_file: bool

    def accepts(self, file_path: str) -> bool:
        if self.is_file:
            return file_path == self.location
        prefix = f"{self.location.rstrip('/')}/"
        return file_path.startswith(prefix) and _matches(file_path.removeprefix(prefix).split("/"), self.pattern)


def list_source_paths(
    path: str,
    storage: Storage,
    root: str,
    windows: Sequence[TimeWindow] | None,
    datasets: OwnDatasets,
    on_unnamed_files: OnUnnamedFiles = "error",
) -> list[FoundFile]:
    """The files that ``path``, which is ``root`` in ``storage``, stands for, sorted.

    Raises:
        OptionError: there is none, a named one is in no manifest of its dataset, a window for files without manifests,
            or a table of another format.
        PublishError: a dataset whose first export has not finished.
    """
    asked = _take_apart(path, storage, root)
    for place in dict.fromkeys((asked.location, storage.real_path(asked.location))):
        dataset = datasets.root_above(storage, parent(place) if asked.is_file else place)
        if dataset is not None:
            files = _files_of_dataset(dataclasses.replace(asked, location=place), dataset, windows, datasets)
            keys = datasets.key_columns(storage, dataset) if files else ()
            return [FoundFile(file, dataset, file != asked.location, keys) for file in files]
    if asked.is_file:
        refuse_table_formats(path, storage, asked.location, ())
        _refuse_window(path, windows)
        return [FoundFile(asked.location, _above_keys(parent(asked.location)), is_listed=False)]
    return _files_below(asked, windows, datasets, on_unnamed_files)


def find_reading_path(paths: Collection[str], storage: Storage, path: str, access: StorageAccess) -> str | None:
    """The one of ``paths`` that a file of Parquet at ``path`` is read by, were it there, or refused; None where none
    meets it."""
    # Its own name may be a link to elsewhere, and is found all the same.
    described = f"{_describe_directory(storage, parent(path))}/{path.rpartition('/')[2]}"
    for given in paths:
        source_storage, root = locate(given, access)
        asked = _take_apart(given, source_storage, root)
        directory = _describe_directory(source_storage, asked.location)
        if described.startswith(f"{directory}/"):
            name = described[len(directory) + 1 :]
            if not _is_hidden(name) and _matches(name.split("/"), asked.pattern):
                return given
    return None


def _above_keys(directory: str) -> str:
    """``directory`` without the ``key=value`` directories at its end: a path that leads to one asks for its rows."""
    while "=" in directory.rpartition("/")[2]:
        directory = parent(directory)
    return directory


def _describe_directory(storage: Storage, path: str) -> str:
    """As users read it, on a local disk without symbolic links."""
    return storage.describe(storage.real_path(path or "/")).rstrip("/")


def _take_apart(path: str, storage: Storage, root: str) -> _Asked:
    parts = root.split("/")
    # What is there by this very name goes before what it would mean as a pattern.
    first = next(
        (
            number
            for number, part in enumerate(parts)
            if glob.has_magic(part) and not storage.exists("/".join(parts[: number + 1]))
        ),
        len(parts),
    )
    location = "/".join(parts[:first])
    return _Asked(path, storage, location, parts[first:], first == len(parts) and _is_file(storage, location))


def _is_file(storage: Storage, location: str) -> bool:
    if location.lower().endswith(PARQUET_EXTENSIONS):
        # One that is missing is one, too.
        return not storage.is_directory(location)
    return storage.has_file(location)


def _files_of_dataset(
    asked: _Asked, dataset: str, windows: Sequence[TimeWindow] | None, datasets: OwnDatasets
) -> list[str]:
    storage = asked.storage
    files = [file for file in datasets.files(storage, dataset) if asked.accepts(file)]
    if files or (asked.location == dataset and not asked.pattern):
        return files
    is_of_another_window = any(asked.accepts(file) for file in datasets.files_of_any_window(storage, dataset))
    if asked.is_file and not storage.exists(asked.location):
        # Opening it says so.
        return [asked.location]
    if asked.is_file:
        option, why = ("window", "of another window") if is_of_another_window else ("path", "in no manifest")
        raise OptionError(
            f"path={asked.path!r}: the file is {why} of the dataset {storage.describe(dataset)}, so its rows are"
            f" not part of what is read; name the dataset instead",
            option=option,
        )
    if is_of_another_window:
        return []
    raise OptionError(
        f"path={asked.path!r}: no Parquet file of the dataset {storage.describe(dataset)} matches", option="path"
    )


def _files_below(
    asked: _Asked, windows: Sequence[TimeWindow] | None, datasets: OwnDatasets, on_unnamed_files: OnUnnamedFiles
) -> list[FoundFile]:
    storage = asked.storage
    base = _above_keys(asked.location)
    listed = storage.list_source_files(asked.location)
    refuse_table_formats(asked.path, storage, asked.location, listed)
    roots = _dataset_roots(listed)
    root_by_name = {name: _root_of(name, roots) for name in listed if not _is_hidden(name)}
    names = [name for name in root_by_name if _matches(name.split("/"), asked.pattern)]
    found = [name for name in names if name.lower().endswith(PARQUET_EXTENSIONS)]
    unnamed = sorted(name for name in set(names) - set(found) if root_by_name[name] is None)
    globbed = [name for name in unnamed if _is_named(name.split("/"), asked.pattern)]
    others = sorted(set(unnamed) - set(globbed))
    found += choose_unnamed_files(asked.path, storage, asked.location, globbed, others, on_unnamed_files)
    plain = [join(asked.location, name) for name in found if root_by_name[name] is None]
    plain, linked = _split_links(storage, plain, datasets)
    own_roots = {join(asked.location, root) for name in found if (root := root_by_name[name]) is not None}
    own_files = {root: _published_files(storage, root, datasets) for root in sorted(own_roots | set(linked))}
    is_published = any(files is not None for files in own_files.values())
    if plain or not is_published:
        _refuse_window(asked.path, windows)
    files = [FoundFile(file, base) for file in plain]
    for root, published in own_files.items():
        current = frozenset(published or ())
        own = [file for file in current if asked.accepts(file)] if root in own_roots else []
        own += [file for file, real_path in linked.get(root, ()) if real_path in current]
        keys = datasets.key_columns(storage, root) if own else ()
        files += [FoundFile(file, base, key_columns=keys) for file in own]
    if not files and not is_published:
        raise OptionError(f"path={asked.path!r}: no Parquet file is there", option="path")
    return sorted(files, key=lambda file: file.path)


def _published_files(storage: Storage, root: str, datasets: OwnDatasets) -> list[str] | None:
    """The files of a dataset that a path leads to among others; None before its first publication."""
    if datasets.is_published(storage, root):
        return datasets.files(storage, root)
    logger.warning(
        "%s: nothing was published there, its first export has not finished: its files are left out",
        storage.describe(root),
    )
    return None


def _split_links(
    storage: Storage, files: Sequence[str], datasets: OwnDatasets
) -> tuple[list[str], dict[str, list[tuple[str, str]]]]:
    """Files of no dataset, and by dataset those that are links into one, each with the path that it leads to."""
    plain: list[str] = []
    linked: dict[str, list[tuple[str, str]]] = {}
    directories: set[str] = set()
    for file in files:
        real_path = storage.real_path(file)
        if real_path != file and parent(real_path) not in directories:
            directories.add(parent(real_path))
            refuse_table_formats(file, storage, real_path, ())
        root = None if real_path == file else datasets.root_above(storage, parent(real_path))
        if root is None:
            plain.append(file)
        else:
            linked.setdefault(root, []).append((file, real_path))
    return plain, linked


def _dataset_roots(names: Iterable[str]) -> set[str]:
    """Directories of a listing that have a log of publications."""
    parts_of_logs = (name.split("/") for name in names if f"/{LOG_DIRECTORY}/" in f"/{name}")
    return {"/".join(parts[: parts.index(LOG_DIRECTORY)]) for parts in parts_of_logs}


def _root_of(name: str, roots: set[str]) -> str | None:
    directory = parent(name) if roots else ""
    while directory and directory not in roots:
        directory = parent(directory)
    return directory or None


def _refuse_window(path: str, windows: Sequence[TimeWindow] | None) -> None:
    if windows is not None:
        raise OptionError(f"path={path!r} has no manifests, so no window can be chosen from it", option="window")


def _matches(parts: Sequence[str], pattern: Sequence[str], *, is_whole: bool = False) -> bool:
    """Whether a relative path matches; ``**`` stands for any number of directories, the end for all below it but where
    the path is to match as a whole."""
    if not pattern:
        return not (is_whole and parts)
    if pattern[0] == "**":
        is_below = bool(parts) and _matches(parts[1:], pattern, is_whole=is_whole)
        return is_below or _matches(parts, pattern[1:], is_whole=is_whole)
    is_same = bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0])
    return is_same and _matches(parts[1:], pattern[1:], is_whole=is_whole)


def _is_named(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a pattern names the file itself, and not a directory that it is in."""
    return bool(pattern) and pattern[-1] != "**" and _matches(parts, pattern, is_whole=True)


def _is_hidden(name: str) -> bool:
    # A directory's key may begin with an underscore in foreign datasets: `_year=2024` is data.
    directory, _, file_name = name.rpartition("/")
    is_hidden_file = file_name.startswith(("_", "."))
    return is_hidden_file or any(_is_hidden_directory(part) for part in directory.split("/"))


def _is_hidden_directory(name: str) -> bool:
    return name.startswith(".") or (name.startswith("_") and "=" not in name)
