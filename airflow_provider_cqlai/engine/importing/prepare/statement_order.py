"""Makes rows of one record batch go through all of their statements before the next ones do, so that the last row wins.

Statement after statement, a later row's first statement would be written before an earlier row's last one. That matters
only where two rows write the same cells by different statements: static cells with and without a row, or cells without
a write time of their own that expire at different times. So rows are split into groups that may go together, earlier
ones first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn, RowEncoder, open_row_encoder
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import STATIC
from airflow_provider_cqlai.engine.importing.plan.plan import ImportPlan
from airflow_provider_cqlai.engine.importing.prepare.cell_times import (
    find_static_changes,
    lacks_writetimes,
    read_static_times,
)
from airflow_provider_cqlai.engine.importing.prepare.conflicts import ConflictFinder, number_parts
from airflow_provider_cqlai.engine.importing.prepare.duplicate_keys import count_repeated_keys
from airflow_provider_cqlai.engine.importing.prepare.static_only import find_static_only


class StatementOrder:
    """For the record batches of files whose columns are bound as ``bound`` says."""

    def __init__(self, plan: ImportPlan, bound: Mapping[str, BoundColumn]) -> None:
        self._plan = plan
        table = plan.table

        def open_hash(names: tuple[str, ...]) -> _KeyHash:
            columns = [bound[name] for name in names]
            encoder = open_row_encoder(columns, table=table.qualified_name, partition_key=table.partition_key)
            return _KeyHash(encoder, ConflictFinder(table, columns))

        self._hash_partitions = open_hash(table.partition_key)
        self._hash_rows = open_hash(table.primary_key)
        static = [bound[name] for name in plan.columns if table.column(name).kind == STATIC]
        self._static = open_row_encoder(static, table=table.qualified_name, partition_key=()) if static else None

    def split(self, record_batch: Any) -> list[np.ndarray] | None:
        """Places of rows that may go through their statements together, in parts; None where all may.

        Raises:
            ValueDoesNotFitError: a key that has a null, or that its CQL type cannot hold.
        """
        if self._plan.restores_cell_times:
            return self._split_cell_times(record_batch) if lacks_writetimes(self._plan, record_batch) else None
        is_static_only = find_static_only(self._plan, record_batch)
        if is_static_only is None or is_static_only.all():
            return None
        return _split_changes(self._hash_partitions(record_batch), is_static_only)

    def _split_cell_times(self, record_batch: Any) -> list[np.ndarray] | None:
        """By the rule of `ConflictFinder.split`, of whole rows: no key twice in a part, and one set of static cells."""
        row_count = record_batch.num_rows
        is_static_only = find_static_only(self._plan, record_batch)
        has_key = np.ones(row_count, bool) if is_static_only is None else ~is_static_only
        keys = record_batch.select(list(self._plan.table.primary_key))
        hashes = self._hash_rows(keys if is_static_only is None else keys.filter(pa.array(has_key)))
        has_repeated = count_repeated_keys(hashes) > 0
        if self._static is None:
            # A key is of one partition.
            return number_parts(hashes.tolist(), hashes.tolist(), [b""] * row_count) if has_repeated else None
        groups = self._hash_partitions(record_batch)
        if not has_repeated and not count_repeated_keys(groups[find_static_changes(self._plan, record_batch)]):
            return None
        statics = self._describe_statics(self._static, record_batch)
        if not has_repeated and len(set(zip(groups.tolist(), statics, strict=True))) == len(set(groups.tolist())):
            return None
        # Rows without a clustering key write static cells alone, which are compared apart from it.
        numbers = -1 - np.arange(row_count, dtype=object)
        numbers[has_key] = hashes.tolist()
        return number_parts(groups.tolist(), numbers.tolist(), statics)

    def _describe_statics(self, encoder: RowEncoder, record_batch: Any) -> list[bytes]:
        """Of each row, its static cells with their times."""
        rows = encoder.encode(record_batch)
        times = np.ascontiguousarray(read_static_times(self._plan, record_batch).T)
        return [bytes(rows.rows(place, place + 1)) + times[place].tobytes() for place in range(len(rows))]


class _KeyHash:
    """Of each row of a record batch in its order, uint64: equal for keys that are equal to Cassandra."""

    def __init__(self, encoder: RowEncoder, conflicts: ConflictFinder) -> None:
        self._encoder = encoder
        self._conflicts = conflicts

    def __call__(self, record_batch: Any) -> np.ndarray:
        return self._conflicts.hash_keys(record_batch, self._encoder.encode(record_batch))


def _split_changes(groups: np.ndarray, is_static_only: np.ndarray) -> list[np.ndarray] | None:
    """A row begins a new part of its partition where the row before it is written by the other statement."""
    order = np.argsort(groups, kind="stable")
    is_same = groups[order[1:]] == groups[order[:-1]]
    changes = is_same & (is_static_only[order[1:]] != is_static_only[order[:-1]])
    if not changes.any():
        return None
    counted = np.concatenate([[0], np.cumsum(changes)])
    first = np.concatenate([[0], np.where(is_same, 0, np.arange(1, len(order)))])
    numbers = np.empty(len(order), np.int64)
    # Counted from the first row of each partition on.
    numbers[order] = counted - counted[np.maximum.accumulate(first)]
    return [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]
