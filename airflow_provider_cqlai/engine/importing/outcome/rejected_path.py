"""Chooses where an import puts its rejected rows: never over data, and never where an import would read them as data.

The place of the file is settled before anything is written.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.storage.storage import Storage, TranslatedErrors, join, parent
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import connection_of, locate, scheme_of
from airflow_provider_cqlai.engine.importing.sources.source_paths import find_reading_path
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile

REJECTED_FILE, REJECTED_ROW_GROUP = "rejected_file", "rejected_row_group"
REJECTED_ROW, REJECTED_REASON = "rejected_row", "rejected_reason"


def locate_rejected_file(
    rejected_path: str,
    paths: Collection[str],
    files: Collection[SourceFile],
    access: StorageAccess,
) -> tuple[Storage, str]:
    """The storage of ``rejected_path`` and its path there.

    Raises:
        OptionError: the file system of ``access`` opens ``paths`` and not this; it names a directory, one of the
            imported files or one that ``paths`` would read next time; or there is a file that no import wrote for its
            rejected rows.
    """
    filesystem = access.filesystem
    if filesystem is not None and not isinstance(filesystem, LocalFileSystem):
        _check_file_system(rejected_path, paths, filesystem)
    storage, path = locate(rejected_path, access)
    if rejected_path.endswith("/") or storage.is_directory(path):
        raise _refusal(rejected_path, "names a directory, not a file")
    if _resolve(storage, path) in {_resolve(file.storage, file.path) for file in files}:
        raise _refusal(rejected_path, "is one of the files that are imported, which it would replace")
    for written in (path, join(parts_directory(path), "0.parquet")):
        reading = find_reading_path(paths, storage, written, access)
        if reading is not None:
            raise _refusal(
                rejected_path,
                f"lies in path={reading!r}, which the next import would read it with; put it elsewhere, or begin its"
                " name with _",
            )
    if not _is_replaceable(storage, path):
        raise _refusal(rejected_path, "exists and is not a file of rejected rows; only such a file is replaced")
    return storage, path


def parts_directory(path: str) -> str:
    """Where rejected rows wait for the file at ``path``."""
    return join(parent(path), f".{path.rpartition('/')[2]}.parts")


def _check_file_system(rejected_path: str, paths: Collection[str], filesystem: AbstractFileSystem) -> None:
    protocols = {filesystem.protocol} if isinstance(filesystem.protocol, str) else set(filesystem.protocol)
    schemes = {scheme_of(path) for path in paths}
    # Without a scheme they are names in the file system that came with them.
    known = schemes if schemes == {None} else schemes - {None}
    if scheme_of(rejected_path) not in known | protocols:
        raise _refusal(
            rejected_path, f"is not in the storage of path={min(paths)!r}, and one file system opens both: put it there"
        )
    if connection_of(rejected_path) not in {"", *map(connection_of, paths)}:
        raise _refusal(rejected_path, "names a connection before the @, and path is open already: leave it out")


def _is_replaceable(storage: Storage, path: str) -> bool:
    """Whether there is no file, or one that an import wrote for its rejected rows."""
    try:
        with TranslatedErrors("read", storage.describe(path)), storage.open_read(path) as stream:
            names = pq.read_schema(stream).names
    except FileNotFoundError:
        return True
    except pa.ArrowInvalid:
        # No Parquet.
        return False
    return {REJECTED_FILE, REJECTED_ROW_GROUP, REJECTED_ROW, REJECTED_REASON} <= set(names)


def _resolve(storage: Storage, path: str) -> str:
    """The path as users read it, on a local disk without symbolic links."""
    return storage.describe(storage.real_path(path))


def _refusal(rejected_path: str, reason: str) -> OptionError:
    return OptionError(f"rejected_path={rejected_path!r} {reason}", option="rejected_path")
