"""Files whose names do not say that they are Parquet, as Hive, Trino and Athena write them (``000000_0``).

Their first bytes say it. A file that was named, outright or by a pattern, is one to read; one that merely lies in a
directory may be anything, and left out it would be rows that nobody misses.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.storage.storage import Storage, TranslatedErrors, join
from airflow_provider_cqlai.engine.options.values.choices import OnUnnamedFiles
from airflow_provider_cqlai.engine.options.values.file_formats import PARQUET_EXTENSIONS
from airflow_provider_cqlai.engine.progress import count_of

logger = logging.getLogger(__name__)

# Of a file whose footer can be read, and of one whose footer is encrypted.
_MAGIC = (b"PAR1", b"PARE")
_MAX_LISTED = 10


def choose_unnamed_files(
    path: str,
    storage: Storage,
    directory: str,
    globbed: Sequence[str],
    others: Sequence[str],
    on_unnamed_files: OnUnnamedFiles,
) -> list[str]:
    """Those of the files without an extension of Parquet that are read.

    Args:
        path: as the user wrote it.
        storage: where it is.
        directory: which the names are relative to.
        globbed: names that a pattern names to their end.
        others: names below a directory that was given.
        on_unnamed_files: the option.

    Raises:
        OptionError: a file of Parquet would be left out, or one that a pattern names is none.
    """
    parquet, foreign = _split(storage, directory, globbed)
    hidden, unread = _split(storage, directory, others)
    if foreign and on_unnamed_files != "ignore":
        raise _refuse(f"on_unnamed_files='ignore' leaves out what is no Parquet: path={path!r} names", foreign)
    if hidden and on_unnamed_files == "error":
        named = " or ".join(PARQUET_EXTENSIONS)
        raise _refuse(
            f"on_unnamed_files='read' reads, and 'ignore' leaves out, files of Parquet that do not end with {named}; a"
            f" pattern that names them reads them, too: path={path!r} has",
            hidden,
        )
    if on_unnamed_files == "read":
        parquet, hidden = [*parquet, *hidden], []
    left_out = sorted([*foreign, *hidden, *unread])
    if left_out:
        logger.warning("path=%r: left out, as the names do not end as Parquet's do, %s", path, _list_files(left_out))
    return parquet


def _split(storage: Storage, directory: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of Parquet files, and the others."""
    parquet: list[str] = []
    others: list[str] = []
    for name in names:
        (parquet if _is_parquet(storage, join(directory, name)) else others).append(name)
    return parquet, others


def _is_parquet(storage: Storage, path: str) -> bool:
    described = storage.describe(path)
    try:
        with TranslatedErrors("read", described), storage.open_read(path) as stream:
            return stream.read(len(_MAGIC[0])) in _MAGIC
    except FileNotFoundError:
        # Gone since it was listed.
        return False


def _refuse(message: str, names: Sequence[str]) -> OptionError:
    return OptionError(f"{message} {_list_files(names)}", option="on_unnamed_files")


def _list_files(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"{count_of(len(names), 'file')}: {', '.join(names[:_MAX_LISTED])}{more}"
