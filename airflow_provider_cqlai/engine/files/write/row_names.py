"""How an error names the row of a value that no directory name can carry: table, column, primary key, what to change.

A `HiveValueError` with the row's position becomes a `ValueDoesNotFitError`. Note: key columns that nobody asked for
travel with the rows only for this, and are dropped before the files.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.types.cells.value_text import key_texts


class HiveValueError(Exception):
    """A value that ``partition_by`` names as ``key`` has no directory name, for ``reason``.

    ``position`` is its row in the record batch; ``column`` the column it comes from, None being ``key`` itself.
    """

    def __init__(self, key: str, reason: str, position: int = 0, column: str | None = None) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason
        self.position = position
        self.column = column or key


@dataclass(frozen=True)
class RowNames:
    """What names a row of ``table``; ``hidden`` are columns of the record batches that no file is to have."""

    table: str = "the table"
    primary_key: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def describe(self, error: HiveValueError, record_batch: pa.RecordBatch) -> ValueDoesNotFitError:
        """``error`` as what the user has to know."""
        primary_key = key_texts(record_batch, self.primary_key, error.position)
        row = ", ".join(f"{name}={text}" for name, text in primary_key.items())
        return ValueDoesNotFitError(
            f"leave {error.key!r} out of partition_by, or change the value in the table; {self.table}, column"
            f" {error.column}, row {row or 'unknown (no key column was selected)'}: {error.reason}",
            table=self.table,
            column=error.column,
            primary_key=primary_key,
            override=None,
        )
