"""What a capture can be asked for (specification, "Capture Mode Integration")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions, PublishOptions, ReadOptions, TimeWindow
from airflow_provider_cqlai.engine.options.run import RunOptions
from airflow_provider_cqlai.engine.options.text import TextOptions
from airflow_provider_cqlai.engine.options.values.file_formats import CSV, JSON, PARQUET, FileFormat, choose_format

_WINDOW_MARKER = re.compile(r":\s*\"?window_(?:start|end)\b", re.IGNORECASE)
# What there is of Parquet only.
_PARQUET_ONLY = ("statistics", "page_index", "dictionary", "bloom_filters", "metadata", "rename")


def names_window(queries: str) -> bool:
    """Whether there is a marker for the window in the text of queries."""
    return _WINDOW_MARKER.search(queries) is not None


@dataclass(frozen=True, kw_only=True)
class CaptureOptions(ReadOptions, DatasetOptions, PublishOptions, TextOptions, RunOptions):
    """Everything `engine.capture` can be asked for.

    ``concurrency`` has no effect, since queries are read one after the other, one page ahead of the writer; nor have
    shards.
    """

    _can_switch_paging_off = True

    queries: str | Sequence[str] = ()
    """SELECT statements: a list, or one text with semicolons between them. All of them must return the same columns for
    Parquet and for one file of CSV; not for JSON, nor for a directory of CSV, which has files for each query.
    ``:window_start`` and ``:window_end`` stand for the window, as what the column beside them is."""

    parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] = field(default_factory=dict)
    """Values of the queries' other named markers, ``:name``: one mapping for all queries, or one for each. A text is
    read by the marker's type: a number, a uuid, a moment in ISO 8601 with an offset, a day, true or false, an address,
    bytes as ``0x00ff``. A value that does not fit exactly is an error, as is a float for a decimal."""

    page_size: int | str | None = 5_000
    """Rows per page at the most (specification, "Paging Behavior"); None takes the connection's. 0 switches paging off,
    which the server needs for ``ORDER BY`` with a list of partition keys: a whole result is one page, in memory."""

    window: TimeWindow | None = None
    """The slice ``[start, end)`` that the output belongs to, which a re-run replaces exactly; None means no window."""

    def __post_init__(self) -> None:
        PublishOptions.__post_init__(self)
        chosen = choose_format(str(self.path), self.format, self.compression)
        object.__setattr__(self, "format", chosen.name)
        object.__setattr__(self, "compression", chosen.compression)
        for part in (ReadOptions, DatasetOptions, TextOptions, RunOptions):
            part.__post_init__(self)
        self._check_options_of_other_formats(chosen)
        if not isinstance(self.queries, str | Sequence) or not all(isinstance(query, str) for query in self.queries):
            raise OptionError(f"queries={self.queries!r}: expected a text or a list of texts", option="queries")
        if isinstance(self.queries, Sequence) and not isinstance(self.queries, str):
            object.__setattr__(self, "queries", tuple(self.queries))
        self._check_parameters()
        if self.window is not None and not isinstance(self.window, TimeWindow):
            raise OptionError(f"window={self.window!r} must be a TimeWindow", option="window")
        if self.shard_count != 1:
            raise OptionError("shard_count: the queries of a capture are not split", option="shard_count")
        if self.is_single_file:
            for name in ("partition_by", "max_file_size"):
                if getattr(self, name):
                    raise OptionError(
                        f"{name} makes several files, and path={self.path!r} is one: give a directory", option=name
                    )

    @property
    def needs_same_columns(self) -> bool:
        """Whether all queries must return the same columns: Parquet has one schema, a CSV file one header."""
        return self.format == PARQUET or (self.format == CSV and self.is_single_file)

    @property
    def has_files_by_query(self) -> bool:
        """Whether each query has files of its own."""
        return self.format == CSV and not self.is_single_file

    def _check_options_of_other_formats(self, chosen: FileFormat) -> None:
        if chosen.is_text:
            foreign = [*_PARQUET_ONLY, "csv_null" if chosen.name == JSON else "query_field"]
        else:
            foreign = [item.name for item in fields(TextOptions)]
        defaults = {item.name: item.default for item in fields(self)} | {
            "bloom_filters": {},
            "metadata": {},
            "rename": {},
        }
        for name in foreign:
            if getattr(self, name) != defaults[name]:
                raise OptionError(
                    f"{name}={getattr(self, name)!r}: not an option of {chosen.name} files, which"
                    f" path={self.path!r} and format={self.format!r} ask for",
                    option=name,
                )

    def _check_parameters(self) -> None:
        # Values are not quoted: they may be rows' own.
        expected = "parameters: expected a mapping of values by name, or a list with one for each query"
        parameters: Any = self.parameters
        if not isinstance(parameters, Mapping | list | tuple):
            raise OptionError(f"{expected}, not a {type(parameters).__name__}", option="parameters")
        for given in [parameters] if isinstance(parameters, Mapping) else parameters:
            if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
                raise OptionError(expected, option="parameters")
