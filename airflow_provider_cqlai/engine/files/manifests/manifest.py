"""What a dataset says about itself: whose rows it holds (`Source`) and what one publication put there (`Manifest`).

Both are JSON below ``_cqlai/``. Files are named relative to the dataset root, so a dataset can be copied as a whole.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from airflow_provider_cqlai import __version__
from airflow_provider_cqlai.engine.errors import PublishError, SourceMismatchError
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey, parse_run_key
from airflow_provider_cqlai.engine.files.manifests.sharding import Sharding
from airflow_provider_cqlai.engine.options.values.file_formats import PARQUET
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.results import DataFile

# Raised when an older version could no longer read what a newer one writes.
FORMAT_VERSION = 1


def now_text() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a dataset's rows come from, as it was asked for: equal for every run of one export.

    Nothing here may depend on the run or on the state of the table: ``columns=None`` stays so when the table gains one.
    """

    table: str | None = None
    columns: Sequence[str] | None = None
    where: str | None = None
    partition_by: Sequence[str] | None = ()
    types: Mapping[str, str] = field(default_factory=dict)
    time: str | None = None
    """What windows are about: a column, or ``"writetime"``; None for an export without a window."""
    queries: Sequence[str] = ()
    """The query texts of a capture, which has no table."""
    keyspace: str | None = None
    """Of the tables that the queries read, which name them perhaps without one; None where that is not known."""
    include_writetime: bool = False
    include_ttl: bool = False
    format: str = PARQUET
    masked: Sequence[str] = ()
    """Columns of which the masks were read, not the values."""
    keeps_partition_columns: bool = False
    """Whether the files have the columns that are directories, too."""
    virtual_column_separator: str = "."
    rename: Mapping[str, str] = field(default_factory=dict)
    """Names in files and directories by column or virtual column, where they are others."""
    text: Mapping[str, str | None] = field(default_factory=dict)
    """How values are written into a format of text; empty for Parquet."""

    def to_json(self) -> dict[str, Any]:
        # Nothing of text where there is none: versions that know only Parquet read these.
        text = {} if self.format == PARQUET else {"format": self.format, "text": dict(sorted(self.text.items()))}
        keyspace = {} if self.keyspace is None else {"keyspace": self.keyspace}
        masked = {"masked": list(self.masked)} if self.masked else {}
        layout: dict[str, Any] = {"keep_partition_columns": True} if self.keeps_partition_columns else {}
        if self.virtual_column_separator != ".":
            layout["virtual_column_separator"] = self.virtual_column_separator
        if self.rename:
            layout["rename"] = dict(sorted(self.rename.items()))
        return {
            "table": self.table,
            "columns": "*" if self.columns is None else list(self.columns),
            "where": self.where,
            "partition_by": list(self.partition_by or ()),
            "types": dict(sorted(self.types.items())),
            "time": self.time,
            "queries": list(self.queries),
            "include_writetime": self.include_writetime,
            "include_ttl": self.include_ttl,
            **keyspace,
            **masked,
            **layout,
            **text,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Source:
        return cls(
            table=values["table"],
            columns=None if values["columns"] == "*" else tuple(values["columns"]),
            where=values["where"],
            partition_by=tuple(values["partition_by"]),
            types=dict(values["types"]),
            time=values["time"],
            queries=tuple(values["queries"]),
            keyspace=values.get("keyspace"),
            # What was published before there were companion columns has none.
            include_writetime=values.get("include_writetime", False),
            include_ttl=values.get("include_ttl", False),
            format=values.get("format", PARQUET),
            masked=tuple(values.get("masked", ())),
            keeps_partition_columns=values.get("keep_partition_columns", False),
            virtual_column_separator=values.get("virtual_column_separator", "."),
            rename=values.get("rename", {}),
            text=values.get("text", {}),
        )

    def directory_name(self, key: str, *, is_virtual: bool) -> str:
        """The left side of the directories of ``key``, one of ``partition_by``."""
        column, _, part = key.rpartition(".")
        name = f"{column}{self.virtual_column_separator}{part}" if is_virtual else key
        return self.rename.get(key, name)

    def differences_from(self, other: Source) -> list[str]:
        """One text for each field that makes this another source than ``other``."""
        mine, theirs = self.to_json(), other.to_json()
        # An export of the whole table has no time of its own; it may replace windows by any column.
        if self.time is None or other.time is None:
            mine["time"] = theirs["time"] = None
        # Neither do captures tell of their keyspace that were published before it was written down.
        if self.keyspace is None or other.keyspace is None:
            mine["keyspace"] = theirs["keyspace"] = None
        names = dict.fromkeys([*mine, *theirs])
        different = [name for name in names if mine.get(name) != theirs.get(name)]
        return [f"{name} is {mine.get(name)!r} here and {theirs.get(name)!r} there" for name in different]

    def is_same_as(self, other: Source) -> bool:
        return not self.differences_from(other)

    def check_same_as(self, other: Source, where: str) -> None:
        """Raise `SourceMismatchError` unless ``other``, found at ``where``, is the same source."""
        differences = self.differences_from(other)
        if differences:
            raise SourceMismatchError(
                f"choose another path, or delete what is there: {where} belongs to another source:"
                f" {'; '.join(differences)}"
            )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One publication: the files that hold a run key's rows, and where they come from."""

    run_key: RunKey
    number: int
    attempt: str
    source: Source
    files: tuple[DataFile, ...]
    next_part_number: int
    arrow_schema: pa.Schema
    is_hive: bool
    is_log: bool
    owner: str | None
    consistency_level: str
    replaces: tuple[RunKey, ...] = ()
    sharding: Sharding | None = None
    """Of a publication that several tasks made together."""
    shards: Mapping[int, str] = field(default_factory=dict)
    """Which try of each shard its files are of."""
    created: str = field(default_factory=now_text)
    package_version: str = __version__

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def to_json(self) -> dict[str, Any]:
        # Nothing of shards where there are none: earlier versions read these.
        sharding: dict[str, Any] = {}
        if self.sharding is not None:
            shards = {str(index): shard_try for index, shard_try in sorted(self.shards.items())}
            sharding = {"sharding": self.sharding.to_json(), "shards": shards}
        return {
            "rows": self.rows,
            "bytes": self.bytes,
            "run_key": self.run_key.name,
            "window": window_to_json(self.run_key.window),
            "shard": {"index": self.run_key.shard_index, "count": self.run_key.shard_count},
            "source": self.source.to_json(),
            "consistency_level": self.consistency_level,
            "owner": self.owner,
            "created": self.created,
            "package_version": self.package_version,
            "attempt": self.attempt,
            "is_hive": self.is_hive,
            "is_log": self.is_log,
            "next_part_number": self.next_part_number,
            "replaces": [run_key.name for run_key in self.replaces],
            "files": [
                {"path": file.path, "rows": file.rows, "bytes": file.bytes, "hive_partition": file.hive_partition}
                for file in self.files
            ],
            "arrow_schema": {
                "text": self.arrow_schema.to_string(show_schema_metadata=False),
                "ipc": base64.b64encode(self.arrow_schema.serialize().to_pybytes()).decode("ascii"),
            },
            **sharding,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], number: int) -> Manifest:
        return cls(
            run_key=_known_run_key(values["run_key"]),
            number=number,
            attempt=values["attempt"],
            source=Source.from_json(values["source"]),
            files=tuple(DataFile(**file) for file in values["files"]),
            next_part_number=values["next_part_number"],
            arrow_schema=pa.ipc.read_schema(pa.py_buffer(base64.b64decode(values["arrow_schema"]["ipc"]))),
            is_hive=values["is_hive"],
            is_log=values["is_log"],
            owner=values["owner"],
            consistency_level=values["consistency_level"],
            replaces=tuple(_known_run_key(name) for name in values["replaces"]),
            sharding=Sharding.from_json(values["sharding"]) if "sharding" in values else None,
            shards={int(index): shard_try for index, shard_try in values.get("shards", {}).items()},
            created=values["created"],
            package_version=values["package_version"],
        )


def encode_json(values: Mapping[str, Any]) -> bytes:
    return json.dumps({"format_version": FORMAT_VERSION, **values}, indent=1, ensure_ascii=False).encode()


def decode_json(text: bytes, where: str) -> dict[str, Any]:
    """What `encode_json` wrote; an error names the file, ``where``, when something else is in its place."""
    try:
        values = json.loads(text)
        version = values["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise PublishError(f"{where} is not a file that this package wrote, or it was damaged: {error}") from error
    if version > FORMAT_VERSION:
        raise PublishError(f"{where} was written by a newer version of airflow-provider-cqlai; update this one")
    return dict(values)


def window_to_json(window: TimeWindow | None) -> dict[str, str] | None:
    return None if window is None else {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _known_run_key(name: str) -> RunKey:
    run_key = parse_run_key(name)
    if run_key is None:
        raise PublishError(f"a manifest names the run key {name!r}, which this version does not know")
    return run_key
