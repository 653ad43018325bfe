"""Finds rows of a record batch that must not be written together: those of one primary key, or with other static cells.

Rows of one batch share a timestamp, and of two cells with one timestamp Cassandra keeps the greater value, not the
later one. So rows are split into groups that may go together, earlier ones first.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn, EncodedRows, open_row_encoder
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import STATIC, TableMetadata
from airflow_provider_cqlai.engine.importing.prepare.duplicate_keys import count_repeated_keys
from airflow_provider_cqlai.engine.types.cells.cells import length_prefixed
from airflow_provider_cqlai.engine.types.order.canonical import canonical_cell, has_several_forms
from airflow_provider_cqlai.engine.types.type_map import open_encode


class ConflictFinder:
    """For the rows of one statement, all of whose ``columns`` are bound from record batches."""

    def __init__(self, table: TableMetadata, columns: Sequence[BoundColumn]) -> None:
        key = [column for column in columns if column.is_primary_key]
        # 1.50 and 1.5 are two partitions, but one clustering key.
        self._has_forms = any(column.name in table.clustering and has_several_forms(column.cql_type) for column in key)
        self._key = [(column, open_encode(column.cql_type, column.arrow_type, column.name)) for column in key]
        self._partition_key = table.partition_key
        table_static = {column.name: column for column in table.columns if column.kind == STATIC}
        static = [column for column in columns if column.name in table_static]
        self._has_static_lists = any(table_static[column.name].is_multi_cell_list for column in static)
        has_rows = bool(table.clustering) and any(column.name in table.clustering for column in key)
        self._static = open_row_encoder(static, table=str(table), partition_key=()) if static and has_rows else None

    def hash_keys(self, record_batch: Any, rows: EncodedRows) -> np.ndarray:
        """Of each row of ``record_batch`` in its order, uint64: equal for primary keys that are equal to Cassandra."""
        if self._has_forms:
            return self._hash_forms(record_batch)
        hashes = np.empty_like(rows.key_hashes)
        hashes[rows.row_numbers] = rows.key_hashes
        return hashes

    def split(self, record_batch: Any, rows: EncodedRows, hashes: np.ndarray) -> list[np.ndarray] | None:
        """Places of rows that may share a timestamp, in parts; None where all may."""
        statics = self._encode_statics(record_batch)
        has_repeated = count_repeated_keys(hashes) > 0
        if not has_repeated and statics is None:
            return None
        assert rows.group_starts is not None
        groups = np.empty(len(rows), np.int64)
        groups[rows.row_numbers] = np.repeat(np.arange(len(rows.group_starts) - 1), np.diff(rows.group_starts))
        group_of = groups.tolist()
        if not has_repeated and len(set(zip(group_of, statics or (), strict=True))) < len(rows.group_starts):
            return None
        return number_parts(group_of, hashes.tolist(), statics or [b""] * len(rows))

    def _encode_statics(self, record_batch: Any) -> list[bytes] | None:
        """What each row says of its partition's static cells; rows that say the same may go together."""
        if self._has_static_lists:
            # Even the same list, written twice at one time, has every element twice.
            return [b"%d" % place for place in range(record_batch.num_rows)]
        if self._static is None:
            return None
        encoded = self._static.encode(record_batch)
        offsets = encoded.row_offsets.tolist()
        return [bytes(encoded.body[start:stop]) for start, stop in itertools.pairwise(offsets)]

    def _is_kept(self, column: BoundColumn) -> bool:
        """Whether two cells are one key only if their bytes are the same."""
        return column.name in self._partition_key or column.cql_type.name == "inet"

    def _hash_forms(self, record_batch: Any) -> np.ndarray:
        forms = [
            [
                repr(cell if self._is_kept(column) else canonical_cell(cell, column.cql_type)).encode()
                for cell in encode(record_batch.column(column.name))
            ]
            for column, encode in self._key
        ]
        digests = (
            hashlib.blake2b(b"".join(map(length_prefixed, form)), digest_size=8).digest()
            for form in zip(*forms, strict=True)
        )
        return np.frombuffer(b"".join(digests), np.uint64)


def number_parts(groups: Sequence[int], keys: Sequence[int], statics: Sequence[bytes]) -> list[np.ndarray]:
    """Places of rows in parts: a row begins a new part of its partition where its key is in the part, or its static
    cells are not the part's.
    """
    open_parts: dict[int, tuple[int, set[int], bytes]] = {}
    parts: dict[int, list[int]] = {}
    for place, (group, key, static) in enumerate(zip(groups, keys, statics, strict=True)):
        number, seen, part_static = open_parts.get(group, (0, set(), static))
        if key in seen or static != part_static:
            number, seen = number + 1, set()
        seen.add(key)
        open_parts[group] = (number, seen, static)
        parts.setdefault(number, []).append(place)
    return [np.array(parts[number]) for number in sorted(parts)]
