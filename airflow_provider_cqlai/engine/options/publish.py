"""Where a result goes and how it becomes visible: `PublishOptions`, a part of every export and capture."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import AnyPath, check_count, read_path, set_choices
from airflow_provider_cqlai.engine.options.values.choices import IfExists, OnEmpty, OnOverlap
from airflow_provider_cqlai.engine.options.values.file_formats import extension_of

MOST_SHARDS = 256
"""Tasks that may share an export."""

_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/@]*:[^/@]*@")


@dataclass(frozen=True, kw_only=True)
class PublishOptions:
    """Where the result goes and how it becomes visible."""

    path: AnyPath
    """A file (``.../events.parquet``) or the root of a dataset (any other name, or a trailing ``/``), local or any
    fsspec URI; also a `pathlib.Path` or a path of universal_pathlib, of which Airflow's ``ObjectStoragePath`` is one.
    ``{window_start}``, ``{window_end}`` and, for an export, ``{keyspace}`` and ``{table}`` are filled in:
    ``/data/{table}-{window_start:%Y-%m-%d}.parquet``."""

    if_exists: IfExists = "replace"
    """``"replace"`` replaces exactly what an earlier run of the same window published; ``"error"`` refuses, unless an
    earlier try of the same task instance published it."""

    on_empty: OnEmpty = "write"
    """No rows: ``"write"`` publishes an empty result, ``"skip"`` publishes nothing, ``"fail"`` is an error."""

    on_overlap: OnOverlap = "error"
    """The dataset already holds windows inside this one: ``"error"``, or ``"replace"`` takes their place."""

    shard_index: int = 0
    """Which shard of the token ring this call exports, from 0; see ``shard_count``."""

    shard_count: int = 1
    """How many calls share one window, each with its own ``shard_index``."""

    owner: str | None = None
    """Who publishes, for ``if_exists="error"``: the operator gives its task instance, tries left out."""

    def __post_init__(self) -> None:
        path = read_path("path", self.path)
        object.__setattr__(self, "path", path)
        if not path.strip():
            raise OptionError(f"path={path!r} is empty", option="path")
        if path != path.strip():
            raise OptionError(
                f"path={path!r} begins or ends with a space or line break: it would be part of the name",
                option="path",
            )
        if not path.strip("/"):
            raise OptionError(f"path={path!r} is the root: name a directory or a file below it", option="path")
        if "\0" in path:
            raise OptionError(f"path={path!r} has a zero byte, which no file name takes", option="path")
        if _PASSWORD.match(path):
            # Not quoted: paths are logged, and kept in manifests and results.
            raise OptionError(
                "path holds a user and a password; leave them to the connection of the file system", option="path"
            )
        # Raises for an extension that no format has.
        extension_of(path)
        set_choices(self, "if_exists", "on_empty", "on_overlap")
        check_count("shard_count", self.shard_count, 1)
        check_count("shard_index", self.shard_index, 0)
        if self.shard_index >= self.shard_count:
            raise OptionError(
                f"shard_index={self.shard_index} must be below shard_count={self.shard_count}", option="shard_index"
            )
        if self.is_single_file and self.shard_count > 1:
            raise OptionError(
                f"path={path!r} is one file, which shards would replace in turn: give a directory", option="path"
            )

    @property
    def is_single_file(self) -> bool:
        """Whether ``path`` names one file rather than the root of a dataset."""
        return bool(extension_of(str(self.path)))
