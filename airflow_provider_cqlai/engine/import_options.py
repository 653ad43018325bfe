"""What an import can be asked for, each option explained once, at its field (specification, "COPY FROM Parquet")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.option_values import (
    check_at_least,
    check_choice,
    check_count,
    check_text,
    check_texts,
    check_truth,
    read_amount,
    read_names,
)
from airflow_provider_cqlai.engine.options import TimeWindow, check_consistency
from airflow_provider_cqlai.engine.partition_filter import read_partition_filter


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Which files are read, and which of their columns."""

    path: str | Sequence[str]
    """A file, a directory, a hive dataset or a directory inside one, a glob, or a list of those; local or any fsspec
    URI. A dataset that this package wrote is read by its manifests, anything else by its files."""

    window: TimeWindow | None = None
    """Only the runs of a dataset with manifests that overlap ``[start, end)``."""

    partition_filter: str | Sequence[Any] | None = None
    """Which hive directories are read: ``"year=2024,month=01"``, or ``[("year", ">=", 2023), ("month", "in", [1, 2])]``
    with ``= != < <= > >= in`` and ``not in``, all of which must hold. No other file is opened."""

    skip_rows: int = 0
    """Rows left out at the beginning, counted over all files in their order."""

    max_rows: int | None = None
    """Rows written at the most, counted over all files after ``skip_rows``."""

    columns: str | Sequence[str] | None = None
    """Table columns to write; None is all that the files have."""

    column_mapping: Mapping[str, str] = field(default_factory=dict)
    """Table column by file column, where the names differ: ``{"file column": "table column"}``."""

    on_extra_column: str = "error"
    """A file has a column that the table lacks: ``"error"`` or ``"ignore"``."""

    on_missing_column: str = "error"
    """A file lacks a column of the table: ``"error"``, ``"ignore"`` leaves its cells alone, ``"null"`` deletes them."""

    allow_lossy: str | Sequence[str] = ()
    """Table columns whose values may lose precision on the way, such as microseconds in a ``timestamp``."""

    def __post_init__(self) -> None:
        paths = (self.path,) if isinstance(self.path, str) else tuple(self.path)
        if not paths or not all(isinstance(path, str) and path.strip() for path in paths):
            raise OptionError(f"path={self.path!r}: expected a path or a list of paths", option="path")
        object.__setattr__(self, "path", paths)
        if self.window is not None and not isinstance(self.window, TimeWindow):
            raise OptionError(f"window={self.window!r} must be a TimeWindow", option="window")
        object.__setattr__(self, "partition_filter", read_partition_filter(self.partition_filter))
        check_count("skip_rows", self.skip_rows, 0)
        if self.max_rows is not None:
            check_count("max_rows", self.max_rows, 0)
        if self.columns is not None:
            object.__setattr__(self, "columns", read_names("columns", self.columns))
        object.__setattr__(self, "allow_lossy", read_names("allow_lossy", self.allow_lossy or None) or ())
        check_texts("column_mapping", self.column_mapping)
        choices = {"on_extra_column": ("error", "ignore"), "on_missing_column": ("error", "ignore", "null")}
        for name, values in choices.items():
            object.__setattr__(self, name, check_choice(name, getattr(self, name), values))


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How rows reach the cluster."""

    null_handling: str = "unset"
    """A null in a file: ``"unset"`` leaves the cell as it is, ``"null"`` deletes it (a tombstone)."""

    max_batch_bytes: int | str = 64 * 1024
    """Bytes of one unlogged batch, which only ever holds rows of one partition."""

    max_bytes_in_flight: int | str = 1024 * 1024
    """Bytes of rows that the cluster has not confirmed yet, over all connections."""

    max_requests_in_flight: int = 256
    """Requests that the cluster has not confirmed yet, over all connections."""

    max_write_attempts: int = 8
    """Tries of one statement, with growing pauses, before the task fails; 15 at the most."""

    rate_limit_rows_per_second: float | None = None
    """Upper bound for rows written per second, to spare a busy cluster."""

    consistency_level: str | None = None
    """``"ONE"``, ``"LOCAL_QUORUM"`` and so on; None takes the connection's."""

    request_timeout_seconds: float | None = None
    """Seconds until a statement counts as timed out and is tried again; None takes the connection's."""

    def __post_init__(self) -> None:
        nulls = check_choice("null_handling", self.null_handling, ("unset", "null"))
        object.__setattr__(self, "null_handling", nulls)
        for name in ("max_batch_bytes", "max_bytes_in_flight"):
            object.__setattr__(self, name, read_amount(name, getattr(self, name)))
        check_count("max_requests_in_flight", self.max_requests_in_flight, 1)
        check_count("max_write_attempts", self.max_write_attempts, 1)
        if self.max_write_attempts > 15:
            raise OptionError(f"max_write_attempts={self.max_write_attempts} is above 15", option="max_write_attempts")
        if self.rate_limit_rows_per_second is not None:
            check_at_least("rate_limit_rows_per_second", self.rate_limit_rows_per_second, 0.001)
        if self.request_timeout_seconds is not None:
            check_at_least("request_timeout_seconds", self.request_timeout_seconds, 0.001)
        if self.consistency_level is not None:
            object.__setattr__(self, "consistency_level", check_consistency(self.consistency_level))


@dataclass(frozen=True, kw_only=True)
class CopyFromOptions(SourceOptions, WriteOptions):
    """Everything `engine.copy_from` can be asked for."""

    table: str
    """``"keyspace.table"``, or ``"table"`` in the connection's keyspace. Mixed case in double quotes, as in CQL."""

    dry_run: bool = False
    """Read, check, convert and encode every row, and write none."""

    progress_interval_seconds: float = 30.0
    """Seconds between two progress lines in the log."""

    def __post_init__(self) -> None:
        for part in (SourceOptions, WriteOptions):
            part.__post_init__(self)
        check_text("table", self.table)
        check_truth("dry_run", self.dry_run)
        check_at_least("progress_interval_seconds", self.progress_interval_seconds, 0.01)
