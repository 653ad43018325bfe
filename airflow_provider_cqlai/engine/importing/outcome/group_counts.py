"""What became of the rows of one row group, as a retry needs to know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupCounts:
    """Rows of a finished row group; those that are not told apart were written or rejected."""

    given: int
    """Out of the row group, to be written."""
    not_applied: int = 0
    unknown: int = 0
    expired: int = 0

    @property
    def not_written(self) -> int:
        return self.not_applied + self.unknown + self.expired


NO_ROWS = GroupCounts(0)
