"""Collects what is not as it was written while an import is read back, and reports it at the end.

Differences are kept by key, with the keys that were written again, until they become a `Verification`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_cqlai.engine.errors import VerificationError
from airflow_provider_cqlai.engine.progress import count_of

logger = logging.getLogger(__name__)

MAX_LISTED_DIFFERENCES = 100
_NAMED_IN_ERROR = 10
# Differences that a later record batch may still explain, each about 1 KB.
MAX_OPEN_DIFFERENCES = 10_000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One cell, or one row, that is not as it was written."""

    primary_key: Mapping[str, str]
    column: str | None
    """None where the whole row is missing."""
    expected: str
    found: str

    def __str__(self) -> str:
        # Not the values: messages reach logs, in which only keys may appear.
        key = ", ".join(f"{name}={text}" for name, text in self.primary_key.items())
        return f"{key}: {'is missing' if self.column is None else f'column {self.column} differs'}"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What reading back has shown."""

    rows_checked: int
    """Primary keys that were looked for; one that several record batches have counts once for each."""
    rows_found: int
    cells_compared: int
    difference_count: int
    """Cells that differ and rows that are missing."""
    differences: tuple[Difference, ...]
    """The first of them, at most `MAX_LISTED_DIFFERENCES`."""
    cells_undecided: int
    """Differences that the import itself may have made: there were too many to keep in mind, or rows of one key wrote
    the cell at one time."""
    is_complete: bool
    """The cells of every row were compared, not of a sample, and none is undecided."""

    @property
    def rows_missing(self) -> int:
        return self.rows_checked - self.rows_found


def raise_if_different(verification: Verification, table: str) -> None:
    """Raise unless everything that was looked for is in the table.

    Raises:
        VerificationError: names the first differences by key.
    """
    if verification.cells_undecided:
        logger.warning(
            "%s: %s undecided, since other rows of the import may have the last word about them: rows of one key and"
            " one write time, or any row beyond the %s that verify keeps in mind",
            table, count_of(verification.cells_undecided, "difference is", "differences are"),
            count_of(MAX_OPEN_DIFFERENCES, "difference"),
        )  # fmt: skip
    if not verification.difference_count:
        return
    first = "\n".join(str(difference) for difference in verification.differences[:_NAMED_IN_ERROR])
    raise VerificationError(
        f"{table} does not hold what was written and confirmed:"
        f" {count_of(verification.difference_count, 'difference')} in {count_of(verification.rows_checked, 'row')};"
        f" another writer, or a deletion with a later timestamp? The first by key:\n{first}",
        table=table,
        differences=verification.differences,
    )


class OpenDifferences:
    """Differences by key and column, until other rows of the same key have had their say."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[bytes, ...], dict[str | None, Difference]] = {}
        self._count = 0
        self.undecided = 0

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def __contains__(self, key: tuple[bytes, ...]) -> bool:
        return key in self._by_key

    def get(self, key: tuple[bytes, ...]) -> Mapping[str | None, Difference]:
        """Differences of ``key`` by column."""
        return self._by_key.get(key, {})

    def add(self, key: tuple[bytes, ...], difference: Difference) -> None:
        """Keep ``difference``, in place of an earlier one of the same cell."""
        if difference.column not in self.get(key):
            if self._count >= MAX_OPEN_DIFFERENCES:
                self.undecided += 1
                return
            self._count += 1
        self._by_key.setdefault(key, {})[difference.column] = difference

    def drop(self, key: tuple[bytes, ...], columns: Sequence[str | None]) -> None:
        kept = self._by_key.get(key, {})
        for column in columns:
            self._count -= kept.pop(column, None) is not None
        if not kept:
            self._by_key.pop(key, None)

    def items(self) -> list[tuple[tuple[bytes, ...], Difference]]:
        """All of them with their keys, as they are now."""
        return [(key, difference) for key, columns in self._by_key.items() for difference in columns.values()]

    def all(self) -> list[Difference]:
        return [difference for _, difference in self.items()]
