"""The formats of files, and how the one of a result is found: by its path's extension, or by the option ``format``.

A path that says one thing and an option (``format``, ``compression``) that says another are an error, never a file
whose name misleads its readers.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import check_choice
from airflow_provider_cqlai.engine.options.values.choices import Compression, FormatName

FORMATS: tuple[FormatName, ...] = get_args(FormatName)
PARQUET, JSON, CSV = FORMATS
# The first extension of a format is that of its files in a dataset. Not .json: what this package keeps in a dataset
# about itself ends so, and would be rows to whoever reads **/*.json.
FORMATS_BY_EXTENSION: Mapping[str, FormatName] = MappingProxyType(
    {".parquet": PARQUET, ".pq": PARQUET, ".jsonl": JSON, ".json": JSON, ".ndjson": JSON, ".csv": CSV}
)
TEXT_FORMATS = (JSON, CSV)
PARQUET_EXTENSIONS = tuple(name for name, file_format in FORMATS_BY_EXTENSION.items() if file_format == PARQUET)
# A text file is compressed as a whole and says so by a second extension; Parquet compresses inside of the file.
COMPRESSIONS_BY_EXTENSION: Mapping[str, str] = MappingProxyType({".gz": "gzip", ".zst": "zstd"})
COMPRESSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        PARQUET: get_args(Compression),
        **dict.fromkeys(TEXT_FORMATS, ("none", *COMPRESSIONS_BY_EXTENSION.values())),
    }
)
# Extensions that ask for another format than those above: refused rather than read as the name of a directory.
_FOREIGN_EXTENSIONS = (
    *(".tsv", ".txt", ".avro", ".orc", ".arrow", ".feather"),
    *COMPRESSIONS_BY_EXTENSION,
    *(".bz2", ".lz4", ".snappy", ".zip"),
)


@dataclass(frozen=True)
class FileFormat:
    """One of `FORMATS`, and how its files are compressed."""

    name: str
    compression: str

    @property
    def is_text(self) -> bool:
        return self.name in TEXT_FORMATS

    @property
    def extension(self) -> str:
        """What the names of its files in a dataset end with, such as ``.csv.gz``."""
        first = next(extension for extension, name in FORMATS_BY_EXTENSION.items() if name == self.name)
        if not self.is_text:
            return first
        ends = (end for end, compression in COMPRESSIONS_BY_EXTENSION.items() if compression == self.compression)
        return first + next(ends, "")


FILE_EXTENSIONS = tuple(
    dict.fromkeys(
        FileFormat(name, compression).extension for name in COMPRESSIONS for compression in COMPRESSIONS[name]
    )
)
"""What the names of files in datasets can end with."""


def extension_of(path: str) -> str:
    """The extension of a single file, ``.json.gz`` with both of its parts; empty for the root of a dataset.

    Raises:
        OptionError: the extension of a format that there is not.
    """
    extension = _named_extension(path)
    if extension in _FOREIGN_EXTENSIONS:
        raise OptionError(
            f"path={path!r}: no format for {extension!r}; known: {', '.join(FORMATS_BY_EXTENSION)}, the text formats"
            f" also with {' or '.join(COMPRESSIONS_BY_EXTENSION)} after it, or a directory",
            option="path",
        )
    return extension if _format_of(extension) else ""


def is_named_as_file(path: str) -> bool:
    """Whether ``path`` is that of a single file; unlike `extension_of` no name is refused."""
    return _format_of(_named_extension(path)) is not None


def is_named_as_text(path: str) -> bool:
    """Whether the name of the file or glob ``path`` says that it is JSON or CSV."""
    return _format_of(_named_extension(path)) in TEXT_FORMATS


def _named_extension(path: str) -> str:
    # A placeholder may hold a dot, as in {window_start:%d.%m}; its extension is not the path's.
    if path.endswith(("/", "}")):
        return ""
    root, extension = posixpath.splitext(path.lower())
    inner = posixpath.splitext(root)[1]
    if extension in COMPRESSIONS_BY_EXTENSION and FORMATS_BY_EXTENSION.get(inner) in TEXT_FORMATS:
        return inner + extension
    return extension


def _format_of(extension: str) -> str | None:
    # Of two parts the second is a compression.
    return FORMATS_BY_EXTENSION.get(posixpath.splitext(extension)[0] if extension.count(".") > 1 else extension)


def choose_format(path: str, file_format: str | None, compression: str | None) -> FileFormat:
    """The format of the result at ``path``; None for an option that was not given.

    Raises:
        OptionError: unknown values, or options that contradict the path or each other.
    """
    extension = extension_of(path)
    by_path = _format_of(extension)
    if file_format is not None:
        name = check_choice("format", file_format, FORMATS)
        if by_path not in (None, name):
            raise OptionError(f"format={name!r}: {extension} of path={path!r} says {by_path}", option="format")
    else:
        # A directory may be named after its files, as Spark's are; its name is not a promise, so the option may differ.
        extension = extension or _named_extension(path.rstrip("/"))
        name = _format_of(extension) or PARQUET
    chosen = check_compression(name, compression)
    if name in TEXT_FORMATS and extension:
        said = next((value for end, value in COMPRESSIONS_BY_EXTENSION.items() if extension.endswith(end)), "none")
        if compression is None:
            chosen = said
        elif chosen != said and extension_of(path):
            raise OptionError(
                f"compression={chosen!r}: the name of path={path!r} says"
                f" {'no compression' if said == 'none' else said}; a file of this compression ends with"
                f" {FileFormat(name, chosen).extension}",
                option="compression",
            )
    return FileFormat(name, chosen)


def check_compression(file_format: str, compression: str | None) -> str:
    """``compression`` where ``file_format`` has it; its default for None."""
    known = COMPRESSIONS[file_format]
    if compression is None:
        return known[0]
    choice = check_choice("compression", compression, get_args(Compression))
    if choice not in known:
        raise OptionError(
            f"compression={choice!r}: {file_format} files can have {', '.join(known)}", option="compression"
        )
    return choice
