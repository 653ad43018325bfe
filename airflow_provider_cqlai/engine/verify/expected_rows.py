"""What a record batch that was imported must have left in the table: one expectation for each key and column.

`ExpectedRows` are the bytes that were bound, by column, and which row of the record batch has the last word about each
cell. Note: that is not always the last row of a key, since an unset null leaves what an earlier row wrote, and so does
a row of an earlier write time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn, RowEncoder, open_row_encoder
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.types.order.canonical import FLOATS, canonical_cell, has_several_forms
from airflow_provider_cqlai.engine.verify.key_lookup import KeyLookup, KeyRequest, takes_list
from airflow_provider_cqlai.engine.verify.latest_writes import ReadWritetimes

# Measured on partitions of 500 rows: a list of 500 keys costs the client 1.2 CPU seconds per million rows, of 100 keys
# 3, of 20 keys 10, a SELECT for each key 150. A clustering range was up to three times faster, but reads rows that
# nobody asked for.
MAX_KEYS_PER_SELECT = 500
# The coordinator reads each partition by itself: 20 are 10 times as fast as one by one, 100 hardly faster than 20.
MAX_PARTITIONS_PER_SELECT = 20
# Of the rows that one SELECT asks for.
_MAX_ANSWER_BYTES = 256 * 1024
_EMPTY_COLLECTION = struct.pack(">i", 0)


@dataclass(frozen=True, kw_only=True)
class ExpectedRows:
    """The rows of one record batch, those of a partition together; keys are numbered in that order."""

    cells: Mapping[str, Any]
    """The bound bytes of every row, by column; ``binary``."""
    keys: Mapping[str, Any]
    """Of every key, by column of the primary key: in the one form that equal values share."""
    row_numbers: np.ndarray
    """Each row's place in the record batch."""
    key_of_row: np.ndarray
    row_of_key: np.ndarray
    """The last row of each key."""
    partition_of_key: np.ndarray
    deciding_rows: Mapping[str, np.ndarray]
    """By column and key: the row that the cell must be from; -1 where none says anything of it."""
    routing_keys: Sequence[bytes]
    bytes_per_row: int

    def keys_of(self, is_row: np.ndarray) -> np.ndarray:
        """Which keys have one of the rows that are flagged by their place in the record batch."""
        is_key = np.zeros(len(self.row_of_key), bool)
        is_key[self.key_of_row[is_row[self.row_numbers]]] = True
        return is_key

    def key_cells(self, key: int) -> tuple[bytes, ...]:
        """The cells of one key, in the form of ``keys``."""
        return tuple(cells[key].as_py() for cells in self.keys.values())

    def iterate_keys(self) -> Iterator[tuple[bytes, ...]]:
        """Those of all keys, by their numbers."""
        return zip(*(cells.to_pylist() for cells in self.keys.values()), strict=True)


class ExpectationReader:
    """Turns record batches into `ExpectedRows`, and those into the requests that read them back."""

    def __init__(
        self,
        table: TableMetadata,
        key: Sequence[str],
        columns: Sequence[str],
        lookup: KeyLookup,
        read_writetimes: ReadWritetimes | None = None,
    ) -> None:
        """Expect ``columns`` in rows that are told by ``key``; ``lookup`` selects both, in that order.

        With ``read_writetimes`` the greatest write time decides, otherwise the order of the rows.
        """
        self._read_writetimes = read_writetimes
        self._table = table
        self._key = tuple(key)
        self._columns = tuple(columns)
        self._lookup = lookup
        self._clustering = self._key[len(table.partition_key) :]
        self._encoders: dict[tuple[BoundColumn, ...], RowEncoder] = {}

    def expect(self, record_batch: Any, bound: Mapping[str, BoundColumn]) -> ExpectedRows:
        """The expectations of ``record_batch``, whose columns were written as ``bound`` says."""
        names = (*self._key, *self._columns)
        # Unset and null are told apart by column, below.
        written = tuple(replace(bound[name], null_handling="null") for name in names)
        encoded = self._open_encoder(written).encode(record_batch, is_grouped=True)
        assert encoded.group_starts is not None
        assert encoded.routing_keys is not None
        count = len(encoded)
        rows = self._lookup.split(bytes(encoded.body), count)
        cells = {name: self._without_empty_collections(name, rows.column(name)) for name in names}
        forms = {name: self._one_form(name, cells[name]) for name in self._key}
        partition_of_row = self._join_partitions(
            np.repeat(np.arange(len(encoded.routing_keys)), np.diff(encoded.group_starts)), forms
        )
        key_of_row = _number_keys(partition_of_row, [forms[name] for name in self._clustering])
        key_count = int(key_of_row.max(initial=-1)) + 1
        # Of several values for one place numpy keeps the last.
        in_file_order = np.argsort(encoded.row_numbers)
        row_of_key = np.full(key_count, -1)
        row_of_key[key_of_row[in_file_order]] = in_file_order
        deciding_rows = {}
        for name in self._columns:
            deciding = np.full(key_count, -1)
            says = in_file_order
            if bound[name].null_handling == "unset":
                says = says[record_batch.column(name).is_valid().to_numpy(zero_copy_only=False)]
            if self._read_writetimes is not None:
                writetimes = self._read_writetimes(record_batch, name)[encoded.row_numbers[says]]
                says = says[np.argsort(writetimes, kind="stable")]
            deciding[key_of_row[says]] = says
            deciding_rows[name] = deciding
        return ExpectedRows(
            cells=cells,
            keys={name: forms[name].take(pa.array(row_of_key)) for name in self._key},
            row_numbers=encoded.row_numbers,
            key_of_row=key_of_row,
            row_of_key=row_of_key,
            partition_of_key=partition_of_row[row_of_key],
            deciding_rows=deciding_rows,
            routing_keys=encoded.routing_keys,
            bytes_per_row=len(encoded.body) // max(1, count),
        )

    def _join_partitions(self, partition_of_row: np.ndarray, forms: Mapping[str, Any]) -> np.ndarray:
        """One number for partition keys whose bytes differ and whose values do not: sets in another order."""
        if not any(has_several_forms(self._lookup.cql_types[name]) for name in self._table.partition_key):
            return partition_of_row
        values = [forms[name] for name in self._table.partition_key]
        numbers = _number_keys(np.zeros(len(partition_of_row), np.int64), values)
        first = np.full(len(partition_of_row), len(partition_of_row))
        np.minimum.at(first, numbers, partition_of_row)
        joined: np.ndarray = first[numbers]
        return joined

    def key_forms(self, rows: Any) -> Mapping[str, Any]:
        """The primary keys of rows that were read, in the form of `ExpectedRows.keys`."""
        return {name: self._one_form(name, rows.column(name)) for name in self._key}

    def requests(
        self, record_batch: Any, bound: Mapping[str, BoundColumn], expected: ExpectedRows, keys: np.ndarray
    ) -> Iterator[KeyRequest]:
        """The SELECTs for ``keys``, numbers in ascending order."""
        affordable = max(1, _MAX_ANSWER_BYTES // max(1, expected.bytes_per_row))
        if not self._clustering:
            yield from self._partition_requests(expected, keys, min(MAX_PARTITIONS_PER_SELECT, affordable))
            return
        if not takes_list(self._table, by_clustering=True):
            for key in keys:
                partition = self._split_routing_key(expected.routing_keys[expected.partition_of_key[key]])
                row = int(expected.row_of_key[key])
                yield KeyRequest((*partition, *(expected.cells[name][row].as_py() for name in self._clustering)))
            return
        clustering = self._open_encoder(tuple(bound[name] for name in self._clustering), is_grouped=False).encode(
            record_batch.take(pa.array(expected.row_numbers[expected.row_of_key[keys]]))
        )
        offsets = clustering.row_offsets
        partitions = expected.partition_of_key[keys]
        starts = np.flatnonzero(np.diff(partitions, prepend=-1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(keys)], strict=True):
            partition = self._split_routing_key(expected.routing_keys[partitions[start]])
            for first in range(start, stop, limit := min(MAX_KEYS_PER_SELECT, affordable)):
                last = min(first + limit, stop)
                listed: Any = bytes(clustering.rows(first, last))
                if len(self._clustering) > 1:
                    ends = (offsets[first : last + 1] - offsets[first]).tolist()
                    tuples = [listed[begin:end] for begin, end in pairwise(ends)]
                    listed = b"".join([struct.pack(">i", len(cells)) + cells for cells in tuples])
                yield KeyRequest((*partition, struct.pack(">i", last - first) + listed))

    def _partition_requests(self, expected: ExpectedRows, keys: np.ndarray, limit: int) -> Iterator[KeyRequest]:
        routing_keys = [bytes(expected.routing_keys[partition]) for partition in expected.partition_of_key[keys]]
        if not takes_list(self._table, by_clustering=False):
            for routing_key in routing_keys:
                yield KeyRequest(self._split_routing_key(routing_key))
            return
        for first in range(0, len(routing_keys), limit):
            listed = routing_keys[first : first + limit]
            prefixed = b"".join([struct.pack(">i", len(cell)) + cell for cell in listed])
            yield KeyRequest((struct.pack(">i", len(listed)) + prefixed,))

    def _split_routing_key(self, routing_key: bytes) -> tuple[bytes, ...]:
        """The cells of the partition key: as they are, or each behind a length of 2 bytes and before a zero byte."""
        routing_key = bytes(routing_key)
        if len(self._table.partition_key) == 1:
            return (routing_key,)
        cells, offset = [], 0
        while offset < len(routing_key):
            (length,) = struct.unpack_from(">H", routing_key, offset)
            cells.append(routing_key[offset + 2 : offset + 2 + length])
            offset += length + 3
        return tuple(cells)

    def _open_encoder(self, bound: tuple[BoundColumn, ...], *, is_grouped: bool = True) -> RowEncoder:
        encoder = self._encoders.get(bound)
        if encoder is None:
            encoder = open_row_encoder(
                bound,
                table=self._table.qualified_name,
                partition_key=self._table.partition_key if is_grouped else (),
            )
            self._encoders[bound] = encoder
        return encoder

    def _without_empty_collections(self, name: str, cells: Any) -> Any:
        """Without those that the server cannot store and shows as null."""
        if not self._table.column(name).is_multi_cell or self._lookup.cql_types[name].name == "udt":
            return cells
        return pc.if_else(pc.equal(cells, _EMPTY_COLLECTION), pa.scalar(None, pa.binary()), cells)

    def _one_form(self, name: str, cells: Any) -> Any:
        cql_type = self._lookup.cql_types[name]
        # A key that is an address is kept as it was sent: 1.2.3.4 and ::ffff:1.2.3.4 are two. So is a NaN, of which
        # there are many, as a partition key.
        is_kept = cql_type.name == "inet" or (cql_type.name in FLOATS and name in self._table.partition_key)
        if is_kept or not has_several_forms(cql_type):
            return cells
        # In a partition key 1.5 and 1.50 are two; as clustering keys they are one.
        keeps_digits = name in self._table.partition_key
        return pa.array(
            [canonical_cell(cell, cql_type, keeps_digits=keeps_digits) for cell in cells.to_pylist()], pa.binary()
        )


def _number_keys(partition_of_row: np.ndarray, columns: Sequence[Any]) -> np.ndarray:
    """The number of each row's key, by partition and ``columns``; those of a partition together, in its order."""
    _, numbers = np.unique(partition_of_row, return_inverse=True)
    for column in columns:
        codes = column.dictionary_encode().indices.to_numpy()
        _, numbers = np.unique(numbers * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)
    return numbers
