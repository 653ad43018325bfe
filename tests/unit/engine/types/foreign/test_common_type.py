"""A type for the values of several files: exact where there is one, text where there is none."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.types.foreign.common_type import join_types, read_as

NUMBERS = pa.list_(pa.int32(), 2)

CASES = [
    ([None], pa.null(), pa.int32(), pa.int32()),
    ([None], pa.null(), pa.null(), pa.null()),
    ([-(2**31)], pa.int32(), pa.uint32(), pa.int64()),
    ([2**32 - 1], pa.uint32(), pa.int8(), pa.int64()),
    ([255], pa.uint8(), pa.uint16(), pa.uint16()),
    ([0.1], pa.float32(), pa.float64(), pa.float64()),
    ([b"\xff\x00"], pa.binary(2), pa.binary(), pa.binary()),
    ([b"\xff\x00"], pa.binary(2), pa.binary(3), pa.binary()),
    ([b"\xff\x00"], pa.binary(), pa.large_binary(), pa.large_binary()),
    (["ä"], pa.string(), pa.large_string(), pa.large_string()),
    (["ä"], pa.dictionary(pa.int8(), pa.string()), pa.string(), pa.string()),
    ([[1, None]], pa.list_(pa.int32()), pa.large_list(pa.int64()), pa.large_list(pa.int64())),
    ([[None]], pa.list_(pa.null()), pa.list_(pa.string()), pa.list_(pa.string())),
    ([[1, 2]], NUMBERS, pa.list_(pa.int64(), 2), pa.list_(pa.int64(), 2)),
    ([[1, 2]], NUMBERS, pa.list_(pa.int64(), 3), pa.list_(pa.int64())),
    ([[1, 2]], NUMBERS, pa.list_(pa.int32()), pa.list_(pa.int32())),
    ([[("a", 1)]], pa.map_(pa.string(), pa.int8()), pa.map_(pa.string(), pa.int16()), pa.map_(pa.string(), pa.int16())),
    ([{"a": None}], pa.struct({"a": pa.null()}), pa.struct({"a": NUMBERS}), pa.struct({"a": NUMBERS})),
]


@pytest.mark.parametrize(("values", "of", "other", "joined"), CASES)
def test_types_that_another_holds_become_that_one(values: Any, of: Any, other: Any, joined: Any) -> None:
    assert join_types([of, other]) == join_types([other, of]) == joined
    array = pa.array(values, of)
    assert read_as(array, joined).type == joined
    assert read_as(array, joined).to_pylist() == array.to_pylist()
    assert read_as(pa.nulls(1, of), joined) == pa.nulls(1, joined)


@pytest.mark.parametrize(
    ("array", "other", "text"),
    [
        (pa.array([2**63], pa.uint64()), pa.int8(), "9223372036854775808"),
        (pa.array([2**60]), pa.float64(), "1152921504606846976"),
        (pa.array([True]), pa.int8(), "true"),
        (pa.array(["1.50"]).cast(pa.decimal128(5, 2)), pa.decimal128(9, 4), "1.50"),
        (pa.array([{"a": 1}]), pa.struct({"b": pa.int64()}), None),
    ],
)
def test_types_that_no_other_holds_become_text(array: Any, other: Any, text: str | None) -> None:
    assert join_types([array.type, other]) == join_types([other, array.type]) == pa.string()
    [found] = read_as(array, pa.string()).to_pylist()
    assert found == text if text is not None else "1" in found
