"""Which rows go through their statements together, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableColumn, TableMetadata
from airflow_provider_cqlai.engine.importing.prepare.statement_order import StatementOrder
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

INT = CqlType.from_driver_type(cqltypes.Int32Type)
KINDS = {"k": "partition_key", "c": "clustering", "s": "static", "v": "regular"}
MOMENT = 4 * 10**12


def split(columns: dict[str, Any], *, restores_cell_times: bool = False, **companions: Any) -> list[list[int]] | None:
    """The parts of rows of int columns, whose names tell what they are."""
    table = TableMetadata(
        keyspace="ks", name="t", columns=tuple(TableColumn(name, "int", KINDS[name], 0, False) for name in columns),
        indexed_columns=frozenset(), is_view=False, is_virtual=False, is_node_local=False,
    )  # fmt: skip
    plan: Any = SimpleNamespace(table=table, columns=tuple(columns), restores_cell_times=restores_cell_times)
    bound = {name: BoundColumn(name, INT, pa.int32(), is_primary_key=name in table.primary_key) for name in columns}
    arrays = {name: pa.array(values, pa.int32()) for name, values in columns.items()}
    arrays |= {f"expiry({name})": pa.array(times, pa.timestamp("ms", "UTC")) for name, times in companions.items()}
    parts = StatementOrder(plan, bound).split(pa.record_batch(arrays))
    return None if parts is None else [part.tolist() for part in parts]


def test_static_cells_without_a_row_of_partitions_of_their_own_go_with_the_rows() -> None:
    assert split({"k": [1, 2, 2, 3], "c": [None, 1, 2, None], "s": [1, 2, 2, 3], "v": [None, 1, 2, None]}) is None


def test_each_change_between_rows_and_static_cells_begins_a_part_of_its_partition() -> None:
    # Rows of the partitions 1 and 2 in turn: each has static cells alone twice, after a row and before one.
    parts = split(
        {
            "k": [1, 2, 1, 2, 1, 2, 3],
            "c": [1, None, None, None, 2, 5, None],
            "s": [9, 9, 1, 8, 2, 7, 6],
            "v": [1, None, None, None, 2, 1, None],
        }
    )
    assert parts == [[0, 1, 3, 6], [2, 5], [4]]


def test_repeated_keys_are_two_parts_however_many_they_are() -> None:
    keys = {"k": [1] * 6, "c": [1, 2, 3] * 2, "v": list(range(6))}
    assert split(keys, restores_cell_times=True, v=[MOMENT] * 6) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("expiries", [[MOMENT] * 4, [MOMENT, MOMENT, MOMENT + 1000, None]])
def test_static_cells_of_a_part_are_the_same_in_value_and_expiry(expiries: list[int | None]) -> None:
    rows = {"k": [1, 2, 1, 1], "c": [1, 1, 2, None], "s": [7, 5, 7, 7], "v": [1, 2, 3, None]}
    parts = split(rows, restores_cell_times=True, s=expiries)
    assert parts == (None if expiries == [MOMENT] * 4 else [[0, 1], [2], [3]])


def test_a_file_without_repetitions_is_one_part() -> None:
    numbers = np.arange(1000)
    rows = {"k": numbers // 10, "c": numbers, "s": numbers // 10, "v": numbers}
    assert split(rows, restores_cell_times=True, v=[MOMENT] * 1000, s=[MOMENT] * 1000) is None
