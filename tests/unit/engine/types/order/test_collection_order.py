"""Sets and maps in order, whatever array they are a slice of; those that are in order stay what they are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.order.collection_order import open_collection_order

INT, TEXT, DOUBLE, DECIMAL = (CqlType(name) for name in ("int", "text", "double", "decimal"))
ROWS: list[Any] = [[9, 8], [], None, [1, 2], [0, 3], [2, 1, 2], [5]]
ORDERED: list[Any] = [[8, 9], [], None, [1, 2], [0, 3], [1, 2], [5]]


def order(cql_type: CqlType, array: Any, *, is_primary_key: bool = True) -> Any:
    ordering = open_collection_order(cql_type, array.type, "c", is_primary_key=is_primary_key)
    assert ordering is not None
    ordered = ordering(array)
    ordered.validate(full=True)
    assert ordered.type == array.type
    return ordered.to_pylist()


@pytest.mark.parametrize("start", range(len(ROWS)))
@pytest.mark.parametrize("stop", range(len(ROWS) + 1))
def test_any_slice_is_ordered_alone(start: int, stop: int) -> None:
    sets = pa.array(ROWS, pa.list_(pa.int32()))
    maps = pa.array(
        [None if row is None else [(key, key) for key in row] for row in ROWS], pa.map_(pa.int32(), pa.int32())
    )
    inside = pa.StructArray.from_arrays([sets, maps], names=["f0", "f1"])
    count = max(0, stop - start)
    expected = ORDERED[start : start + count]
    assert order(CqlType("set", (INT,)), sets.slice(start, count)) == expected
    tuples = order(
        CqlType("tuple", (CqlType("set", (INT,)), CqlType("map", (INT, INT)))),
        inside.slice(start, count),
        is_primary_key=False,
    )
    assert [row["f0"] for row in tuples] == expected
    assert [row["f1"] and [key for key, _ in row["f1"]] for row in tuples] == expected


def test_the_first_of_equal_keys_stays_with_the_last_value() -> None:
    maps = pa.array([[("2.0", 1), ("1.50", 2), ("1.5", 3)]], pa.map_(pa.string(), pa.int32()))
    assert order(CqlType("map", (DECIMAL, INT)), maps) == [[("1.50", 3), ("2.0", 1)]]


def test_texts_that_stand_for_numbers_are_in_the_order_of_the_numbers() -> None:
    sets = pa.array([["10", "9"], ["9", "10"]], pa.list_(pa.string()))
    assert order(CqlType("set", (DECIMAL,)), sets) == [["9", "10"]] * 2
    assert order(CqlType("set", (TEXT,)), sets) == [["10", "9"]] * 2


def test_zeros_are_two_and_nan_is_one() -> None:
    sets = pa.array([[float("nan"), 0.0, -0.0, float("nan"), -1.0]], pa.list_(pa.float64()))
    assert str(order(CqlType("set", (DOUBLE,)), sets)) == "[[-1.0, -0.0, 0.0, nan]]"


def test_what_cannot_be_bound_is_left_to_the_encoder() -> None:
    sets = pa.array([[2, None, 1], [2, 1]], pa.list_(pa.int32()))
    assert order(CqlType("set", (INT,)), sets) == [[2, None, 1], [1, 2]]


@pytest.mark.parametrize("cql_type", [CqlType("set", (INT,)), CqlType("list", (CqlType("set", (INT,)),)), INT])
def test_what_the_server_sorts_is_left_to_it(cql_type: CqlType) -> None:
    assert open_collection_order(cql_type, pa.list_(pa.int32()), "c", is_primary_key=False) is None
