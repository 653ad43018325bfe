"""Directories that belong to a table format, whose log says which of their Parquet files, and which rows, still count.

Read as plain Parquet they give back what was deleted or replaced, and nothing looks wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.storage.storage import Storage, join, parent

_LOG_DIRECTORIES = {"_delta_log": "Delta", ".hoodie": "Hudi"}
_LOG_OF_ICEBERG = re.compile(r"(?:^|/)(?P<log>metadata)/(?:[^/]*\.metadata\.json|version-hint\.text)$")
# Of a path that leads into a table: hive partitions and the directory of the data.
_LEVELS_ABOVE = 5


def refuse_table_formats(path: str, storage: Storage, location: str, names: Iterable[str]) -> None:
    """Raise if ``location``, or a directory above or below it, is a Delta, Iceberg or Hudi table; also behind a link.

    Args:
        path: as the user wrote it.
        storage: where it is.
        location: a file or directory.
        names: of all files below ``location``, relative to it.

    Raises:
        OptionError: names the table's log.
    """
    found = _find_below(names)
    if found is not None:
        log, kind = found
        raise _refuse(path, storage.describe(join(location, log) if log else location), kind)
    for named in dict.fromkeys((location, storage.real_path(location))):
        _refuse_above(path, storage, named)


def _refuse_above(path: str, storage: Storage, location: str) -> None:
    place = parent(location)
    for _ in range(_LEVELS_ABOVE):
        if not place.strip("/"):
            break
        for directory in (*_LOG_DIRECTORIES, "metadata"):
            found = _find_below(f"{directory}/{name}" for name in storage.list_names(join(place, directory)))
            if found is not None:
                raise _refuse(path, storage.describe(join(place, directory)), found[1])
        place = parent(place)


def _find_below(names: Iterable[str]) -> tuple[str, str] | None:
    for name in names:
        parts = name.split("/")
        for directory, kind in _LOG_DIRECTORIES.items():
            if directory in parts[:-1]:
                return "/".join(parts[: parts.index(directory) + 1]), kind
        match = _LOG_OF_ICEBERG.search(name)
        if match is not None:
            return name[: match.end("log")], "Iceberg"
    return None


def _refuse(path: str, log: str, kind: str) -> OptionError:
    return OptionError(
        f"path={path!r} leads to a {kind} table, which cannot be read yet: {log} says which of its files and rows still"
        " count, and the files alone hold deleted ones as well; copy the current rows out with a reader of the format,"
        " and import the copy",
        option="path",
    )
