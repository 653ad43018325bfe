"""What a caller can ask of the engine, each option explained once, at its field.

`CopyToOptions` is put together from what every export shares: where rows come from (`ReadOptions`), which slice of time
(`WindowOptions`), how they are laid out in files (`DatasetOptions`) and how the result becomes visible
(`PublishOptions`). Field names are the operators' argument names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.dataset import DatasetOptions
from airflow_provider_cqlai.engine.options.publish import PublishOptions
from airflow_provider_cqlai.engine.options.read import ReadOptions
from airflow_provider_cqlai.engine.options.run import RunOptions
from airflow_provider_cqlai.engine.options.values.checks import (
    check_text,
    check_truth,
    read_names,
    set_choices,
)
from airflow_provider_cqlai.engine.options.values.choices import OnMixedCellTimes
from airflow_provider_cqlai.engine.options.values.file_formats import choose_format
from airflow_provider_cqlai.engine.options.window import TimeWindow, WindowOptions

__all__ = ["CopyToOptions", "DatasetOptions", "PublishOptions", "ReadOptions", "TimeWindow", "WindowOptions"]


@dataclass(frozen=True, kw_only=True)
class CopyToOptions(ReadOptions, WindowOptions, DatasetOptions, PublishOptions, RunOptions):
    """Everything `engine.copy_to` can be asked for (specification, COPY TO)."""

    table: str
    """``"keyspace.table"``, or ``"table"`` in the connection's keyspace. Mixed case in double quotes, as in CQL."""

    columns: str | Sequence[str] | None = None
    """Columns in the order wanted; None is all of them, also those a later ALTER TABLE adds."""

    where: str | None = None
    """Restrictions in CQL, such as ``"status = 'active' AND year = 2023"``: no LIMIT, ORDER BY or ALLOW FILTERING."""

    allow_filtering: bool = True
    """Let the server filter rows that no key or index leads to (logged with a warning). False refuses such a query."""

    include_writetime: bool = False
    """Add a column ``writetime(x)`` for each exported column ``x`` outside of the primary key: when its cells were
    written, in microseconds (docs/types.md, "Write times and expiry")."""

    include_ttl: bool = False
    """Add a column ``expiry(x)`` for each exported column ``x`` outside of the primary key: the moment at which its
    cells expire by their TTL, in whole seconds."""

    on_mixed_cell_times: OnMixedCellTimes = "error"
    """With ``include_writetime`` or ``include_ttl``, a collection or user-defined type whose elements were not all
    written, or do not all expire, at one time: ``"error"``, or ``"max"`` takes the latest, and never expires where an
    element never does."""

    dry_run: bool = False
    """Plan and check, and publish nothing: the result tells the route of the window, the number of queries, and about
    how many rows and bytes the whole table has."""

    def __post_init__(self) -> None:
        for part in (ReadOptions, WindowOptions, DatasetOptions, PublishOptions, RunOptions):
            part.__post_init__(self)
        if choose_format(str(self.path), self.format, None).is_text:
            raise OptionError(
                f"path={self.path!r} and format={self.format!r}: an export of a table writes Parquet (.parquet or a"
                " directory); JSON and CSV are written by a capture, of SELECT statements",
                option="format",
            )
        check_text("table", self.table)
        if self.where is not None:
            check_text("where", self.where)
        for name in ("allow_filtering", "include_writetime", "include_ttl", "dry_run"):
            check_truth(name, getattr(self, name))
        set_choices(self, "on_mixed_cell_times")
        if self.columns is not None:
            names = read_names("columns", self.columns)
            if not names:
                raise OptionError("columns is empty: leave it out for all columns", option="columns")
            object.__setattr__(self, "columns", names)
        if self.is_single_file:
            for name in ("partition_by", "max_file_size"):
                if getattr(self, name):
                    raise OptionError(
                        f"{name} makes several files, and path={self.path!r} is one: give a directory", option=name
                    )
