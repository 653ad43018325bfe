"""Whether rows of one partition come with different static values, of which the last one is to win.

In: converted rows and how they were encoded; out: a yes or no. Rows of one batch share a timestamp, and of two values
of a static cell with one timestamp Cassandra keeps the greater: such rows must go one after the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from airflow_provider_cqlai.engine.cql.row_encoder import EncodedRows, open_row_encoder
from airflow_provider_cqlai.engine.cql.table_metadata import STATIC, TableMetadata
from airflow_provider_cqlai.engine.importing.source_rows import SourceRows


def has_different_static_values(table: TableMetadata, source: SourceRows, record_batch: Any, rows: EncodedRows) -> bool:
    """Whether two rows of one partition key, of the grouped ``rows`` of ``record_batch``, differ in a static column."""
    static = tuple(
        replace(column.bound, is_primary_key=False)
        for column in source.file.columns
        if column.bound.name in record_batch.schema.names and _is_static(table, column.bound.name)
    )
    groups = number_groups(rows)
    if not static or len(np.unique(groups)) == len(groups):
        return False
    values = open_row_encoder(static, table=table.qualified_name, partition_key=()).encode(record_batch)
    in_groups = [bytes(values.rows(number, number + 1)) for number in rows.row_numbers.tolist()]
    return any(
        group == next_group and value != next_value
        for group, next_group, value, next_value in zip(
            groups[:-1], groups[1:], in_groups[:-1], in_groups[1:], strict=True
        )
    )


def number_groups(rows: EncodedRows) -> np.ndarray:
    """Of each of the grouped rows, a number that those of its partition key share."""
    assert rows.group_starts is not None
    return np.repeat(np.arange(len(rows.group_starts) - 1, dtype=np.uint64), np.diff(rows.group_starts))


def _is_static(table: TableMetadata, name: str) -> bool:
    return any(column.name == name and column.kind == STATIC for column in table.columns)
