"""Chooses the codec that turns record batches into bound values, as `decoder` does for pages.

An encoder is opened for the columns that a statement binds and turns each record batch into `EncodedRows`: every row's
values as the bodies of EXECUTE and BATCH need them, one after another in one buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
from airflow_provider_cqlai.engine.options.values.choices import NullHandling
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType


@dataclass(frozen=True)
class BoundColumn:
    """One marker of a statement and the Arrow column it is bound from, which has the same name."""

    name: str
    cql_type: CqlType
    arrow_type: Any
    """One of those that an export can give the CQL type, by default or by override."""
    null_handling: NullHandling = "unset"
    """What an Arrow null is bound as: ``unset`` leaves the cell as it is, ``null`` deletes it."""
    is_primary_key: bool = False
    """A null in it is an error."""


@dataclass(frozen=True)
class EncodedRows:
    """Rows of bound values: each value a length of 4 bytes (-1 null, -2 unset) and its bytes.

    Before each row's values stands the ``row_prefix`` that the encoder was opened with.
    """

    body: memoryview
    row_offsets: np.ndarray
    """Where each row's values begin in ``body``, and where the last ones end; int64."""
    row_numbers: np.ndarray
    """Each row's place in the record batch; int64. Ascending, unless the rows are grouped."""
    key_hashes: np.ndarray
    """Of each row, uint64: equal for equal primary keys, within one process and codec."""
    group_starts: np.ndarray | None = None
    """Where the rows of each partition key begin, and where the last ones end; None where rows are not grouped."""
    routing_keys: Sequence[bytes] | None = None
    """Of each group, as the driver's token map takes it; None where rows are not grouped."""

    def __len__(self) -> int:
        return len(self.row_numbers)

    def rows(self, start: int, stop: int) -> memoryview:
        """The rows from ``start`` to before ``stop``, with their prefixes; nothing is copied."""
        return self.body[int(self.row_offsets[start]) : int(self.row_offsets[stop])]


class RowEncoder(Protocol):
    """Encodes the rows of one statement. Several threads may call it at once."""

    def encode(self, record_batch: Any, *, is_grouped: bool = False) -> EncodedRows:
        """The rows of ``record_batch``; where ``is_grouped``, those of one partition key together, each in its order.

        Raises:
            ValueDoesNotFitError: a value that its CQL type cannot hold, or a null in the primary key; names table,
                column and primary key.
        """


def open_row_encoder(
    columns: Sequence[BoundColumn], *, table: str, partition_key: Sequence[str], row_prefix: bytes = b""
) -> RowEncoder:
    """An encoder for record batches with these columns, in the order of the statement's markers.

    Args:
        columns: of the statement.
        table: for error messages.
        partition_key: its columns in their order; needed where rows are to be grouped, else it may be empty.
        row_prefix: bytes before each row, such as what a BATCH has before the values of each statement.

    Raises:
        UnsupportedTypeError: an Arrow type that the CQL type cannot be encoded from.
        ValueError: a partition key column that is not among ``columns``.
    """
    # Both build what is defined here.
    from airflow_provider_cqlai.engine.cassandra.codec.python_encoder import PythonRowEncoder

    name = codec_name()
    reference = PythonRowEncoder(columns, table=table, partition_key=partition_key, row_prefix=row_prefix)
    if name == "python":
        return reference
    from airflow_provider_cqlai.engine.cassandra.codec.native_encoder import NativeRowEncoder

    return NativeRowEncoder(reference)
