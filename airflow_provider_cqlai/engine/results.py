"""What a verb returns: counts of what is really there, small enough for XCom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from airflow_provider_cqlai.engine.options.window import TimeWindow


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One published file. ``path`` is relative to the dataset root (the file's own name for a single file)."""

    path: str
    rows: int
    bytes: int
    hive_partition: str = ""
    """Its directory below the root, such as ``year=2024/month=01``; empty at the root."""


@dataclass(frozen=True, kw_only=True)
class _PublishedFiles:
    """What every published result tells. ``rows`` and ``bytes`` are sums over ``files``.

    Of a Parquet file the rows are those that its footer tells: read back from the file on a local disk, and as it was
    handed over in any other store, most of which show no file before it is published. Of a text they are its line ends.
    The bytes are the size that the file has on the disk or in the object store.
    """

    path: str
    """The file or dataset root, placeholders filled in."""
    rows: int
    files: tuple[DataFile, ...]
    bytes: int
    window: TimeWindow | None
    elapsed_seconds: float
    is_published: bool = True
    """False when nothing matched and ``on_empty="skip"``."""
    codec: str = ""
    zero_length_cells: Mapping[str, int] = field(default_factory=dict)
    """Cells of zero bytes in columns whose type has no such value, written as null, by column."""
    manifest: str | None = None
    """Path of the manifest, None for a single file."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """CQL type of each column, hive columns included."""

    def to_dict(self, *, max_files: int = 100) -> dict[str, Any]:
        """Plain values for XCom and asset events; at most ``max_files`` files by name, ``file_count`` counts all."""
        return {
            "path": self.path,
            "rows": self.rows,
            "bytes": self.bytes,
            "file_count": len(self.files),
            "files": [{"path": file.path, "rows": file.rows, "bytes": file.bytes} for file in self.files[:max_files]],
            "window_start": self.window.start.isoformat() if self.window else None,
            "window_end": self.window.end.isoformat() if self.window else None,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "is_published": self.is_published,
            "codec": self.codec,
            "zero_length_cells": dict(self.zero_length_cells),
            "manifest": self.manifest,
        }


@dataclass(frozen=True, kw_only=True)
class CopyResult(_PublishedFiles):
    """What an export published."""

    table: str
    route: str = ""
    """How the window was pushed into CQL, see docs/windows.md."""
    is_dry_run: bool = False
    """Nothing was read nor published: ``query_count`` and the estimates tell what would be."""
    query_count: int = 0
    """Queries that the rows are read by, each in pages."""
    retried_pages: int = 0
    """Further tries of pages that had failed."""
    estimated_table_rows: int | None = None
    """Of a dry run: about how many rows the whole table has, whatever the window; None where nothing tells."""
    estimated_table_bytes: int | None = None
    """Of a dry run: bytes of the whole table in the nodes' files; None where nothing tells."""

    @property
    def files_by_hive_partition(self) -> dict[str, int]:
        """Number of files in each hive partition."""
        counts: dict[str, int] = {}
        for file in self.files:
            counts[file.hive_partition] = counts.get(file.hive_partition, 0) + 1
        return counts

    def to_dict(self, *, max_files: int = 100) -> dict[str, Any]:
        """As of every published result, with the table and how it was read."""
        own: dict[str, Any] = {
            "table": self.table,
            "hive_partition_count": len(self.files_by_hive_partition),
            "route": self.route,
            "query_count": self.query_count,
            "retried_pages": self.retried_pages,
        }
        if self.is_dry_run:
            own |= {
                "is_dry_run": True,
                "estimated_table_rows": self.estimated_table_rows,
                "estimated_table_bytes": self.estimated_table_bytes,
            }
        return super().to_dict(max_files=max_files) | own


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """What a shard of an export staged; nothing of it is visible before the export is published."""

    path: str
    table: str
    shard_index: int
    shard_count: int
    shard_try: str
    """Which try of the shard this was, for the publication."""
    rows: int
    """By the footers of the staged files, as of every export."""
    bytes: int
    file_count: int
    elapsed_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for XCom."""
        return {**asdict(self), "elapsed_seconds": round(self.elapsed_seconds, 3)}


@dataclass(frozen=True, kw_only=True)
class CapturedQuery:
    """One query of a capture."""

    query: str
    rows: int
    pages: int
    elapsed_seconds: float


@dataclass(frozen=True, kw_only=True)
class CaptureResult(_PublishedFiles):
    """What a capture published."""

    queries: tuple[CapturedQuery, ...]
    tables: tuple[str, ...]
    """``keyspace.table`` that the queries read, each once."""

    def to_dict(self, *, max_files: int = 100) -> dict[str, Any]:
        """As of every published result, with the queries, at most ``max_files`` of them; ``query_count`` counts all."""
        own = {
            "tables": list(self.tables),
            "query_count": len(self.queries),
            "queries": [
                {"rows": query.rows, "pages": query.pages, "elapsed_seconds": round(query.elapsed_seconds, 3)}
                for query in self.queries[:max_files]
            ],
        }
        return super().to_dict(max_files=max_files) | own


@dataclass(frozen=True, kw_only=True)
class ImportedFile:
    """One file of an import, with what became of its rows. ``path`` is absolute or a URI."""

    path: str
    rows_read: int
    """Those that an earlier try of the task read and did not write among them."""
    rows: int
    """Written; in a dry run those that would have been. With ``mode="counter_update"`` also rows whose counters are all
    null: their update is sent and confirmed, and adds nothing."""
    rows_rejected: int = 0
    """Set aside, also by an earlier try of the task that this one went on from."""
    rows_skipped: int = 0
    """Left out by ``where``, ``skip_rows`` or ``max_rows``."""
    rows_not_applied: int = 0
    """Were there already, with ``mode="insert_if_not_exists"``; perhaps from an earlier try of the task."""
    rows_unknown: int = 0
    """Are there, of this import or another writer: a conditional write timed out and found the row on its next try."""
    rows_expired: int = 0
    """All of whose cells have expired."""
    rows_resumed: int = 0
    """Written by an earlier try of the task; not read again. What that try found expired or there counts as such."""


@dataclass(frozen=True, kw_only=True)
class VerificationResult:
    """What was read back and compared; an import with a difference has no result."""

    rows_checked: int
    """Primary keys that were looked for, and found."""
    cells_compared: int
    is_complete: bool
    """Whether every cell was compared, not a sample, and none is undecided."""
    cells_undecided: int = 0
    """Cells that differ and may yet be as they should: rows of one primary key wrote them at one write time, of which
    Cassandra keeps the greater value, or there were too many differences to find out."""


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What an import wrote. Counts are sums over ``files``."""

    table: str
    files: tuple[ImportedFile, ...]
    bytes: int
    """Of the bound values that were sent."""
    duplicate_rows: int
    """Rows that were written although a row before them had their primary key; the last one in file order won."""
    elapsed_seconds: float
    is_dry_run: bool = False
    codec: str = ""
    rejected_path: str | None = None
    """Where the rejected rows are; None where there are none."""
    verification: VerificationResult | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """CQL type of each written column."""

    @property
    def rows(self) -> int:
        """Rows that the cluster confirmed; in a dry run those that would have been written."""
        return sum(file.rows for file in self.files)

    @property
    def skipped_rows(self) -> int:
        return sum(file.rows_skipped for file in self.files)

    @property
    def rejected_rows(self) -> int:
        return sum(file.rows_rejected for file in self.files)

    @property
    def resumed_rows(self) -> int:
        return sum(file.rows_resumed for file in self.files)

    def to_dict(self, *, max_files: int = 100) -> dict[str, Any]:
        """Plain values for XCom and asset events; at most ``max_files`` files by name, ``file_count`` counts all."""
        counted = [item.name for item in fields(ImportedFile) if item.name != "path"]
        return {
            "table": self.table,
            **{name: sum(getattr(file, name) for file in self.files) for name in counted},
            "bytes": self.bytes,
            "file_count": len(self.files),
            "files": [
                # What there is none of is left out: a result is small.
                {"path": file.path} | {name: number for name in counted if (number := getattr(file, name))}
                for file in self.files[:max_files]
            ],
            "duplicate_rows": self.duplicate_rows,
            "rejected_path": self.rejected_path,
            "verification": asdict(self.verification) if self.verification is not None else None,
            "is_dry_run": self.is_dry_run,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "codec": self.codec,
        }
