"""The reference encoder: encodes record batches to bound values in plain Python, the oracle of the native one.

Each column becomes cells as a whole, by the function that was chosen when the encoder was opened; then the rows are
assembled into `EncodedRows`, those of one partition key next to each other where that was asked for.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn, EncodedRows
from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.types.cells.cells import CellError, Cells, MisfitCellError, length_prefixed
from airflow_provider_cqlai.engine.types.cells.value_text import describe_value
from airflow_provider_cqlai.engine.types.type_map import open_encode

NULL = struct.pack(">i", -1)
UNSET = struct.pack(">i", -2)
# A component of a composite routing key has its length in 2 bytes.
_MAX_COMPONENT_BYTES = 2**16 - 1


class PythonRowEncoder:
    """A `encoder.RowEncoder`; it keeps nothing between record batches."""

    def __init__(
        self, columns: Sequence[BoundColumn], *, table: str, partition_key: Sequence[str], row_prefix: bytes
    ) -> None:
        """See `encoder.open_row_encoder`."""
        names = [column.name for column in columns]
        self.columns = tuple(columns)
        self.row_prefix = row_prefix
        self.partition_key = [names.index(name) for name in partition_key]
        self._table = table
        self._encodes = [open_encode(column.cql_type, column.arrow_type, column.name) for column in columns]

    def encode(self, record_batch: Any, *, is_grouped: bool = False) -> EncodedRows:
        check_types(record_batch, self.columns)
        cells = [self._encode_column(index, column, record_batch) for index, column in enumerate(self.columns)]
        absent = [NULL if column.null_handling == "null" else UNSET for column in self.columns]
        rows = [
            self.row_prefix
            + b"".join(
                marker if cell is None else length_prefixed(cell) for cell, marker in zip(row, absent, strict=True)
            )
            for row in zip(*cells, strict=True)
        ]
        hashes = self._key_hashes(cells)
        if not is_grouped:
            return _encoded(rows, range(len(rows)), hashes)
        groups: dict[bytes, list[int]] = {}
        for position, routing_key in enumerate(self._routing_keys(cells, record_batch)):
            groups.setdefault(routing_key, []).append(position)
        order = [position for positions in groups.values() for position in positions]
        starts = np.fromiter(accumulate((len(found) for found in groups.values()), initial=0), np.int64)
        return _encoded([rows[position] for position in order], order, hashes, starts, list(groups))

    def _key_hashes(self, cells: Sequence[Cells]) -> np.ndarray:
        keys = [found for found, column in zip(cells, self.columns, strict=True) if column.is_primary_key]
        if not keys:
            return np.zeros(len(cells[0]) if cells else 0, np.uint64)
        digests = (
            hashlib.blake2b(b"".join(map(length_prefixed, key)), digest_size=8).digest()
            for key in zip(*keys, strict=True)
        )
        return np.frombuffer(b"".join(digests), np.uint64)

    def _encode_column(self, index: int, column: BoundColumn, record_batch: Any) -> Cells:
        try:
            cells = self._encodes[index](record_batch.column(column.name))
            if column.is_primary_key and None in cells:
                raise MisfitCellError(cells.index(None), column.name, "a null, which a primary key cannot hold,", ())
        except CellError as error:
            raise self._translate(error, record_batch) from error
        return cells

    def _routing_keys(self, cells: Sequence[Cells], record_batch: Any) -> list[bytes]:
        if len(self.partition_key) == 1:
            return [cell or b"" for cell in cells[self.partition_key[0]]]
        keys = []
        for position, parts in enumerate(zip(*(cells[index] for index in self.partition_key), strict=True)):
            components = [part or b"" for part in parts]
            for place, component in zip(self.partition_key, components, strict=True):
                if len(component) > _MAX_COMPONENT_BYTES:
                    reason = f"{len(component)} bytes, more than a partition key column has,"
                    error = MisfitCellError(position, self.columns[place].name, reason, ())
                    raise self._translate(error, record_batch)
            keys.append(b"".join(struct.pack(">H", len(part)) + part + b"\0" for part in components))
        return keys

    def _translate(self, error: CellError, record_batch: Any) -> ValueDoesNotFitError:
        primary_key = {
            column.name: describe_value(record_batch.column(column.name).slice(error.position, 1))
            for column in self.columns
            if column.is_primary_key
        }
        row = ", ".join(f"{name}={text}" for name, text in primary_key.items())
        return ValueDoesNotFitError(
            f"{self._table}, column {error.path}, row {row or 'unknown (no key column is bound)'}: {error.reason}"
            " does not fit",
            table=self._table,
            column=error.path,
            primary_key=primary_key,
            override=None,
        )


def check_types(record_batch: Any, columns: Sequence[BoundColumn]) -> None:
    """A record batch of other types than the encoder was opened for is a mistake of the program's, not the data's."""
    for column in columns:
        found = record_batch.schema.field(column.name).type
        if found != column.arrow_type:
            raise TypeError(f"column {column.name!r} is {found}, expected {column.arrow_type}")


def _encoded(
    rows: Sequence[bytes],
    order: Sequence[int],
    key_hashes: np.ndarray,
    group_starts: np.ndarray | None = None,
    routing_keys: Sequence[bytes] | None = None,
) -> EncodedRows:
    return EncodedRows(
        body=memoryview(b"".join(rows)),
        row_offsets=np.fromiter(accumulate(map(len, rows), initial=0), np.int64),
        row_numbers=np.fromiter(order, np.int64),
        key_hashes=key_hashes[np.fromiter(order, np.int64)],
        group_starts=group_starts,
        routing_keys=routing_keys,
    )
