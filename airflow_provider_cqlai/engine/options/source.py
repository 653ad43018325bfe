"""Which files an import reads and which of their columns and rows (specification, "COPY FROM Parquet")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.checks import (
    AnyPath,
    check_choice,
    check_count,
    check_texts,
    read_names,
    read_path,
    set_choices,
)
from airflow_provider_cqlai.engine.options.values.choices import (
    OnDirectoryDifference,
    OnExtraColumn,
    OnMissingColumn,
    OnUncoveredWindow,
    OnUnnamedFiles,
    TimeUnit,
)
from airflow_provider_cqlai.engine.options.values.conditions import read_conditions
from airflow_provider_cqlai.engine.options.values.file_formats import is_named_as_text
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.options.window_list import read_windows


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Which files are read, and which of their columns."""

    path: AnyPath | Sequence[AnyPath]
    """A file, a directory, a hive dataset or a directory inside one, a glob, or a list of those; local or any fsspec
    URI, also as a `pathlib.Path` or a path of universal_pathlib. A dataset that this package wrote is read by its
    manifests, also where the path leads into it, is above it or a glob; anything else by its files. Links are followed;
    a file with several names is read once. What is there by the very name goes before a glob. ``{keyspace}`` and
    ``{table}`` are filled in."""

    window: TimeWindow | None = None
    """Only the runs of a dataset with manifests that overlap ``[start, end)``."""

    windows: str | Sequence[Any] | None = None
    """Several of those, in place of one: what any of them overlaps is read once. Each is a `TimeWindow`, a pair of
    moments, or a mapping with ``start`` and ``end`` or, as the events of exports have them, ``window_start`` and
    ``window_end``; also as a JSON list in a text, as a template of the events that triggered a run gives it. An event
    of an export of the whole table is one of everything. A list without a window is an error; None is no choice."""

    on_uncovered_window: OnUncoveredWindow = "error"
    """No export of the dataset covers all of the window: ``"error"``, or ``"ignore"`` imports what is there. An export
    of the whole table covers everything, and one without rows its window, except with ``on_empty="skip"``, which leaves
    no manifest. Without a window the same holds for an export of which some shards are there and others not."""

    on_unnamed_files: OnUnnamedFiles = "error"
    """A given directory has files of Parquet, by their first bytes, whose names do not end with ``.parquet`` or
    ``.pq``, as Hive, Trino and Athena write them: ``"error"``, ``"read"``, or ``"ignore"`` leaves them out with a
    warning. Named outright or by a pattern they are read; what a pattern names and is no Parquet is an error, too, but
    for ``"ignore"``. Other files of a directory are left out with a warning."""

    partition_base_path: AnyPath | None = None
    """The directory below which ``key=value`` directories are columns. None is the given path, up to its first
    wildcard and without the ``key=value`` directories at its end, and for a dataset that this package wrote its root;
    keys above it, as in ``run=5/events``, are no columns."""

    on_directory_difference: OnDirectoryDifference = "error"
    """A file has a column that its directories name as well, and a value differs: ``"error"``, or ``"ignore"`` writes
    what the file says."""

    partition_filter: str | Sequence[Any] | None = None
    """Which hive directories are read: ``"year=2024,month=01"``, or ``[("year", ">=", 2023), ("month", "in", [1, 2])]``
    with ``= != < <= > >= in`` and ``not in``, all of which must hold; also as a JSON list in a text. No other file is
    opened. A directory is read as what the value is: a text (of two whole numbers the numbers are compared: ``"1"`` is
    ``01``), number, ``Decimal``, truth value, UUID, date or datetime (UTC without an offset); a directory that is none,
    and a value of another type, are errors. None means no filter; a text or list without a condition, as of a template
    that came out empty, is an error."""

    where: str | Sequence[Any] | None = None
    """Which rows are written: conditions on columns of the files by the names that these have there, written as those
    of ``partition_filter``. Row groups whose statistics rule them out are not read. A null meets ``= None``, ``in`` a
    list with None and ``not in`` one without, no other. A value that a column cannot hold exactly is an error, as
    a time of day is for a date and a number for a timestamp. Both zeros are one number; ``in`` finds NaN."""

    skip_rows: int = 0
    """Rows left out at the beginning, counted over all files in their order, after ``where``."""

    max_rows: int | None = None
    """Rows written at the most, counted over all files after ``where`` and ``skip_rows``."""

    columns: str | Sequence[str] | None = None
    """Table columns to write; None is all that the files have."""

    column_mapping: Mapping[str, str] = field(default_factory=dict)
    """Table column by file column, or by key of the directories, where the names differ: ``{"file column": "table
    column"}``. Two of them for one table column are an error."""

    on_extra_column: OnExtraColumn = "error"
    """A file has a column that the table lacks: ``"error"`` or ``"ignore"``."""

    on_missing_column: OnMissingColumn = "error"
    """A file lacks a column of the table: ``"error"``, ``"ignore"`` leaves its cells alone, ``"null"`` deletes them."""

    binary_as_text: str | Sequence[str] = ()
    """Table columns whose bytes in the files are text in UTF-8 that the files do not say is text, as older writers of
    Impala, Hive and Spark leave it. Bytes that are no UTF-8 are errors."""

    time_units: Mapping[str, str] = field(default_factory=dict)
    """What numbers count, by table column, where they stand for moments since 1970: ``{"at": "s"}``, also ``"ms"`` and
    ``"us"``. Whole numbers of files and directories become a timestamp, and moments of the files a bigint or int."""

    allow_lossy: str | Sequence[str] = ()
    """Table columns whose values may lose precision on the way, such as microseconds in a ``timestamp``."""

    def __post_init__(self) -> None:
        given = self.path if isinstance(self.path, list | tuple) else (self.path,)
        paths = tuple(read_path("path", path) for path in given)
        if not paths or not all(path.strip() for path in paths):
            raise OptionError(f"path={self.path!r}: expected a path or a list of paths", option="path")
        for path in paths:
            _refuse_text(path)
        object.__setattr__(self, "path", paths)
        if self.window is not None and not isinstance(self.window, TimeWindow):
            raise OptionError(f"window={self.window!r} must be a TimeWindow", option="window")
        if self.windows is not None and self.window is not None:
            raise OptionError(
                "windows and window (start and end, period, since) choose the same: give one", option="windows"
            )
        if self.windows is not None:
            object.__setattr__(self, "windows", read_windows(self.windows))
        for name in ("partition_filter", "where"):
            object.__setattr__(self, name, read_conditions(name, getattr(self, name)))
        check_count("skip_rows", self.skip_rows, 0)
        if self.max_rows is not None:
            check_count("max_rows", self.max_rows, 0)
        if self.columns is not None:
            object.__setattr__(self, "columns", read_names("columns", self.columns))
        for name in ("allow_lossy", "binary_as_text"):
            object.__setattr__(self, name, read_names(name, getattr(self, name) or None) or ())
        if self.partition_base_path is not None:
            object.__setattr__(self, "partition_base_path", read_path("partition_base_path", self.partition_base_path))
        check_texts("column_mapping", self.column_mapping)
        check_texts("time_units", self.time_units)
        units = {name: check_choice("time_units", unit, get_args(TimeUnit)) for name, unit in self.time_units.items()}
        object.__setattr__(self, "time_units", units)
        set_choices(self, "on_uncovered_window", "on_unnamed_files", "on_directory_difference")
        set_choices(self, "on_extra_column", "on_missing_column")

    @property
    def chosen_windows(self) -> tuple[TimeWindow, ...] | None:
        """``window`` or ``windows``, read; None is everything."""
        if self.windows is None:
            return None if self.window is None else (self.window,)
        # One without a moment stands for everything.
        windows = cast("tuple[TimeWindow | None, ...]", self.windows)
        told = tuple(window for window in windows if window is not None)
        return None if len(told) < len(windows) else told

    @property
    def paths(self) -> tuple[str, ...]:
        """``path``, read: the texts of one path or several."""
        return cast("tuple[str, ...]", self.path)


def _refuse_text(path: str) -> None:
    # A directory may be named as it likes.
    if not path.endswith("/") and is_named_as_text(path):
        raise OptionError(f"path={path!r}: imports read Parquet, not text; convert the file first", option="path")
