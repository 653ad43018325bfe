"""The slice of a dataset that one call publishes: a time window or the whole, and a shard of it.

A run key names a directory below ``_cqlai/`` and is part of every data file's name, so re-running a slice finds exactly
what an earlier run of it published. Names are read back, so they must never change their form.
"""

from __future__ import annotations

import datetime
import enum
import re
from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.values.file_formats import FILE_EXTENSIONS
from airflow_provider_cqlai.engine.options.window import TimeWindow

_WHOLE = "whole"
_MOMENT = r"\d{8}T\d{6}\.\d{3}Z"
_EXTENSION = "|".join(map(re.escape, FILE_EXTENSIONS))
_NAME = re.compile(rf"(?:whole|(?P<start>{_MOMENT})_(?P<end>{_MOMENT}))(?:-shard-(?P<index>\d+)-of-(?P<count>\d+))?")


class Relation(enum.Enum):
    """How another run key's rows relate to this one's."""

    DISJOINT = "disjoint"
    CONTAINED = "contained"
    """All of the other's rows are this one's, too: this one can take its place."""
    CONFLICTING = "conflicting"
    """Some rows would be in the dataset twice, or lost by replacing."""


@dataclass(frozen=True)
class RunKey:
    """``window`` is None for the whole dataset; shards divide the rows of one window between several calls."""

    window: TimeWindow | None = None
    shard_index: int = 0
    shard_count: int = 1

    @property
    def name(self) -> str:
        """Directory name, such as ``20240101T000000.000Z_20240102T000000.000Z-shard-0-of-4``."""
        if self.window is None:
            extent = _WHOLE
        else:
            extent = f"{_long_form(self.window.start)}_{_long_form(self.window.end)}"
        return extent + self._shard_suffix

    @property
    def file_prefix(self) -> str:
        """What data files are called before their number, such as ``part-20240101T000000Z-20240102T000000Z``."""
        extent = "" if self.window is None else f"-{short_form(self.window.start)}-{short_form(self.window.end)}"
        return f"part{extent}{self._shard_suffix}"

    def file_name(self, part_number: int, extension: str = ".parquet", query_number: int | None = None) -> str:
        """A data file's name; ``query_number`` is that of the only query of a capture whose rows it has."""
        query = "" if query_number is None else f"query-{query_number}-"
        return f"{query}{self.file_prefix}-{part_number:05d}{extension}"

    def part_number(self, file_name: str) -> int | None:
        """The number in a data file's name; None when the file is another run key's, or no data file."""
        match = re.fullmatch(rf"(?:query-\d+-)?{re.escape(self.file_prefix)}-(\d{{5,}})(?:{_EXTENSION})", file_name)
        return int(match.group(1)) if match else None

    def relation_to(self, other: RunKey) -> Relation:
        if self.window == other.window:
            if self.shard_count == other.shard_count:
                return Relation.DISJOINT if self.shard_index != other.shard_index else Relation.CONTAINED
            return Relation.CONTAINED if self.shard_count == 1 else Relation.CONFLICTING
        if not self.overlaps(other.window):
            return Relation.DISJOINT
        # One shard of a window cannot replace a smaller window: the other shards' rows of it would be missing.
        if self.shard_count == 1 and _contains(self.window, other.window):
            return Relation.CONTAINED
        return Relation.CONFLICTING

    def overlaps(self, window: TimeWindow | None) -> bool:
        """Whether rows of ``window`` (None: all rows) can be among this run key's."""
        if self.window is None or window is None:
            return True
        return self.window.start < window.end and window.start < self.window.end

    def __str__(self) -> str:
        extent = "the whole table"
        if self.window is not None:
            extent = f"window {self.window.start.isoformat()} to {self.window.end.isoformat()}"
        return extent if self.shard_count == 1 else f"{extent}, shard {self.shard_index} of {self.shard_count}"

    @property
    def _shard_suffix(self) -> str:
        return "" if self.shard_count == 1 else f"-shard-{self.shard_index}-of-{self.shard_count}"


def parse_run_key(name: str) -> RunKey | None:
    """The run key with this ``name``; None when it is not one."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    window = None
    if match["start"] is not None:
        try:
            window = TimeWindow(start=_read_long_form(match["start"]), end=_read_long_form(match["end"]))
        except (ValueError, OptionError):  # digits, but no moments: not a name of ours
            return None
    return RunKey(window, int(match["index"] or 0), int(match["count"] or 1))


def short_form(moment: datetime.datetime) -> str:
    """``20240101T000000Z``, with milliseconds only where they are not zero."""
    return _long_form(moment).replace(".000Z", "Z")


def _contains(outer: TimeWindow | None, inner: TimeWindow | None) -> bool:
    if outer is None:
        return True
    return inner is not None and outer.start <= inner.start and inner.end <= outer.end


def _long_form(moment: datetime.datetime) -> str:
    utc = moment.astimezone(datetime.timezone.utc)
    # strftime("%Y") does not pad years below 1000 on every platform.
    return f"{utc.year:04d}{utc:%m%dT%H%M%S}.{utc.microsecond // 1000:03d}Z"


def _read_long_form(text: str) -> datetime.datetime:
    return datetime.datetime(
        int(text[0:4]), int(text[4:6]), int(text[6:8]), int(text[9:11]), int(text[11:13]), int(text[13:15]),
        int(text[16:19]) * 1000, tzinfo=datetime.timezone.utc,
    )  # fmt: skip
