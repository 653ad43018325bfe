"""Cells that CQL takes for one value share one form, all others do not."""

from __future__ import annotations

import struct

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.types.cells.cells import length_prefixed
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.order.canonical import canonical_cell, has_decimal_text, has_several_forms

INT, TEXT, DECIMAL = CqlType("int"), CqlType("text"), CqlType("decimal")
SET, MAP, TUPLE = CqlType("set", (INT,)), CqlType("map", (TEXT, DECIMAL)), CqlType("tuple", (INT, TEXT))


def number(value: int) -> bytes:
    return struct.pack(">i", value)


def decimal_cell(unscaled: int, scale: int, width: int = 2) -> bytes:
    return number(scale) + unscaled.to_bytes(width, "big", signed=True)


def collection(*cells: bytes, entries: int | None = None) -> bytes:
    return number(len(cells) if entries is None else entries) + b"".join(map(length_prefixed, cells))


@pytest.mark.parametrize(
    ("cql_type", "first", "second"),
    [
        (SET, collection(number(1), number(-2)), collection(number(-2), number(1), number(-2))),
        (CqlType("list", (SET,)), collection(collection(number(1), number(2))),
         collection(collection(number(2), number(1)))),
        (MAP, collection(b"a", decimal_cell(1, 0), b"b", decimal_cell(2, 0), entries=2),
         collection(b"b", decimal_cell(20, 1), b"a", decimal_cell(9, 0), b"a", decimal_cell(1, 0), entries=3)),
        (DECIMAL, decimal_cell(15, 1), decimal_cell(1500, 3, width=4)),
        (DECIMAL, decimal_cell(0, 7), decimal_cell(0, -2)),
        (DECIMAL, decimal_cell(10, -(2**31)), decimal_cell(100, -(2**31) + 1)),
        (CqlType("varint"), b"\xff\x80", b"\x80"),
        (CqlType("boolean"), b"\x01", b"\x02"),
        (CqlType("double"), b"\x7f\xf8" + bytes(6), b"\xff\xf8" + bytes(5) + b"\x01"),
        (TUPLE, length_prefixed(number(1)), length_prefixed(number(1)) + length_prefixed(None)),
        (CqlType("vector", (DECIMAL,), dimension=1), b"\x06" + decimal_cell(1, 0), b"\x06" + decimal_cell(10, 1)),
    ],
)  # fmt: skip
def test_equal_values_share_a_form(cql_type: CqlType, first: bytes, second: bytes) -> None:
    assert first != second
    assert has_several_forms(cql_type)
    assert canonical_cell(first, cql_type) == canonical_cell(second, cql_type) is not None


@pytest.mark.parametrize(
    ("cql_type", "first", "second"),
    [
        (CqlType("list", (INT,)), collection(number(1), number(2)), collection(number(2), number(1))),
        (SET, collection(number(1)), collection(number(1), number(2))),
        (CqlType("double"), bytes(8), b"\x80" + bytes(7)),
        (DECIMAL, decimal_cell(15, 1), decimal_cell(15, 2)),
        (TUPLE, length_prefixed(number(1)) + length_prefixed(b""), length_prefixed(number(1))),
        (TUPLE, length_prefixed(None) + length_prefixed(b"1"), length_prefixed(b"1")),
    ],
)
def test_other_values_have_other_forms(cql_type: CqlType, first: bytes, second: bytes) -> None:
    assert canonical_cell(first, cql_type) != canonical_cell(second, cql_type)


def test_digits_count_where_a_text_brought_them() -> None:
    assert canonical_cell(decimal_cell(15, 1), DECIMAL, keeps_digits=True) != canonical_cell(
        decimal_cell(150, 2), DECIMAL, keeps_digits=True
    )
    listed = CqlType("list", (DECIMAL,))
    assert has_decimal_text(listed, pa.list_(pa.string()))
    assert not has_decimal_text(listed, pa.list_(pa.decimal128(10, 2)))
    assert not has_decimal_text(TEXT, pa.string())


def test_empty_is_null_only_where_cells_are_stored_one_by_one() -> None:
    udt = CqlType("udt", (INT,), field_names=("a",))
    for cql_type, cell in ((SET, number(0)), (udt, length_prefixed(None))):
        assert canonical_cell(cell, cql_type, is_multi_cell=True) is None
        assert canonical_cell(cell, cql_type) is not None


@pytest.mark.parametrize("cell", [b"", b"\0", number(2), number(1) + number(9)])
def test_bytes_that_are_no_value_stay_as_they_are(cell: bytes) -> None:
    assert canonical_cell(cell, SET) == cell
