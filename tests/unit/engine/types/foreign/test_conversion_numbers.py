from __future__ import annotations

import decimal
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS
from tests.conversions import convert, encode, plan
from tests.pyarrow_versions import skip_without_newer_types

skip_without_newer_types()

NAN, INFINITY = float("nan"), float("inf")
INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
ALL_INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


def bounds(arrow_type: Any) -> tuple[int, int]:
    signed = pa.types.is_signed_integer(arrow_type)
    bits = arrow_type.bit_width
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


@pytest.mark.parametrize("cql_type", INTEGERS)
@pytest.mark.parametrize("arrow_type", ALL_INTEGERS, ids=str)
def test_integers_of_any_width_arrive_or_are_refused_at_the_first_that_does_not_fit(
    cql_type: str, arrow_type: Any
) -> None:
    most = 2 ** (INTEGERS[cql_type] - 1) - 1
    low, high = bounds(arrow_type)
    fitting = [max(low, -most - 1), 0, None, min(high, most)]
    assert convert(cql_type, pa.array(fitting, arrow_type)).to_pylist() == fitting
    for beyond in (most + 1, -most - 2):
        if low <= beyond <= high:
            with pytest.raises(CONVERSION_ERRORS, match=str(beyond)):
                convert(cql_type, pa.array([1, beyond], arrow_type))


@pytest.mark.parametrize(
    ("arrow_type", "largest"), [(pa.float16(), 2**11 - 1), (pa.float32(), 2**24 - 1), (pa.float64(), 2**53 - 1)]
)
@pytest.mark.parametrize("cql_type", ["bigint", "varint"])
def test_floats_are_integers_where_no_other_integer_rounds_to_them(
    cql_type: str, arrow_type: Any, largest: int
) -> None:
    numpy_type = arrow_type.to_pandas_dtype()
    values = pa.array(np.array([largest, -largest, -0.0, 1], numpy_type), arrow_type, mask=np.array([0, 0, 0, 1], bool))
    assert convert(cql_type, values).to_pylist() == [largest, -largest, 0, None]
    with pytest.raises(CONVERSION_ERRORS, match="not a whole number below"):
        convert(cql_type, pa.array(np.array([largest + 1], numpy_type), arrow_type))


@pytest.mark.parametrize("value", [1.5, NAN, INFINITY, -INFINITY, 2.0**53, -(2.0**60), 1e300])
@pytest.mark.parametrize("cql_type", ["int", "bigint", "varint"])
def test_a_float_that_is_no_certain_integer_is_refused_with_its_value(cql_type: str, value: float) -> None:
    with pytest.raises(CONVERSION_ERRORS, match=str(value).replace("+", r"\+")):
        convert(cql_type, pa.array([1.0, value]))


def test_allowed_losses_cut_fractions_but_neither_nan_nor_the_range() -> None:
    assert convert("bigint", pa.array([1.9, -1.9, 2.0**60, None]), is_lossy_allowed=True).to_pylist() == [
        1, -1, 2**60, None,
    ]  # fmt: skip
    assert convert("varint", pa.array([-1.9, 1e30]), is_lossy_allowed=True).to_pylist() == ["-1", str(int(1e30))]
    amounts = pa.array([decimal.Decimal("1.99"), decimal.Decimal("-1.99")])
    assert convert("int", amounts, is_lossy_allowed=True).to_pylist() == [1, -1]
    assert convert("varint", amounts, is_lossy_allowed=True).to_pylist() == [1, -1]
    for value in (NAN, INFINITY, 2.0**63):
        with pytest.raises(CONVERSION_ERRORS, match="not a whole number"):
            convert("bigint", pa.array([value]), is_lossy_allowed=True)
    with pytest.raises(CONVERSION_ERRORS, match="300"):
        convert("tinyint", pa.array([300.0]), is_lossy_allowed=True)
    with pytest.raises(CONVERSION_ERRORS, match="out of bounds"):
        convert("tinyint", pa.array([decimal.Decimal("300.5")]), is_lossy_allowed=True)
    with pytest.raises(CONVERSION_ERRORS, match="not a decimal number"):
        convert("varint", pa.array([NAN]), is_lossy_allowed=True)


@pytest.mark.parametrize(
    "arrow_type", [pa.decimal32(5, 1), pa.decimal64(12, 1), pa.decimal128(20, 1), pa.decimal256(50, 1)], ids=str
)
def test_decimals_of_any_width(arrow_type: Any) -> None:
    values = [decimal.Decimal("-120.0"), None, decimal.Decimal("7.0")]
    array = pa.array(values, arrow_type)
    assert convert("tinyint", array).to_pylist() == [-120, None, 7]
    assert convert("bigint", array).to_pylist() == [-120, None, 7]
    assert convert("decimal", array).to_pylist() == values
    assert convert("varint", array).to_pylist() == values
    assert encode("varint", array) == [b"\x88", None, b"\x07"]
    with pytest.raises(CONVERSION_ERRORS, match="data loss"):
        convert("tinyint", pa.array([decimal.Decimal("1.5")], arrow_type))
    with pytest.raises(CONVERSION_ERRORS, match="out of bounds"):
        convert("tinyint", pa.array([decimal.Decimal("128.0")], arrow_type))


@pytest.mark.parametrize("arrow_type", ALL_INTEGERS, ids=str)
def test_integers_of_any_width_are_decimals_and_varints(arrow_type: Any) -> None:
    values = [*bounds(arrow_type), None]
    for cql_type in ("decimal", "varint"):
        found = convert(cql_type, pa.array(values, arrow_type)).to_pylist()
        assert [None if value is None else int(value) for value in found] == values
    assert encode("decimal", pa.array([10], arrow_type)) == [b"\0\0\0\0\x0a"]


def test_decimal_texts_keep_every_digit() -> None:
    texts = ["1.5", "1.50", "-0.00", "1E+3", "1e-7", "+12", "9" * 100, None]
    scales = [1, 2, 2, -3, 7, 0, 0]
    cells = encode("decimal", pa.array(texts))
    assert cells[-1] is None
    assert [struct.unpack(">i", cell[:4])[0] for cell in cells if cell is not None] == scales
    assert encode("varint", pa.array(["-129", str(2**200)])) == [b"\xff\x7f", b"\x01" + bytes(25)]


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1_0", "0x1", "NaN", "1,5", "--1", "1e", "e5", "1e99999999999"])
def test_texts_that_are_no_numbers_are_refused(text: str) -> None:
    for cql_type in ("decimal", "varint"):
        with pytest.raises(Exception, match="a text that is not a"):
            encode(cql_type, pa.array([text]))


def test_floats_become_decimals_only_where_that_is_allowed() -> None:
    with pytest.raises(UnsupportedTypeError, match="allow_lossy='c'"):
        plan("decimal", pa.float64())
    found = convert("decimal", pa.array([0.1, -0.0, 1e-7, 1e300, None]), is_lossy_allowed=True)
    assert [value and float(value) for value in found.to_pylist()] == [0.1, -0.0, 1e-7, 1e300, None]
    assert convert("decimal", pa.array([0.1], pa.float32()), is_lossy_allowed=True).to_pylist() == ["0.1"]
    with pytest.raises(CONVERSION_ERRORS, match="nan"):
        convert("decimal", pa.array([NAN]), is_lossy_allowed=True)


def test_shorter_floats_keep_their_bits() -> None:
    values = [1.5, -0.0, NAN, INFINITY, None]
    halves = pa.array(np.array([1.5, -0.0, NAN, INFINITY, 0], np.float16), mask=np.array([0, 0, 0, 0, 1], bool))
    for cql_type in ("float", "double"):
        assert str(convert(cql_type, halves).to_pylist()) == str(values)
    assert str(convert("double", pa.array(values, pa.float32())).to_pylist()) == str(values)
    assert str(convert("float", pa.array(values, pa.float32())).to_pylist()) == str(values)


def test_longer_floats_and_decimals_become_floats_only_where_that_is_allowed() -> None:
    for cql_type, arrow_type in (
        ("float", pa.float64()),
        ("float", pa.decimal128(5, 2)),
        ("double", pa.decimal64(9, 2)),
    ):
        with pytest.raises(UnsupportedTypeError, match="allow_lossy='c'"):
            plan(cql_type, arrow_type)
    found = convert("float", pa.array([0.1, -0.0, NAN, -INFINITY, None]), is_lossy_allowed=True).to_pylist()
    assert str(found) == str([np.float32(0.1).item(), -0.0, NAN, -INFINITY, None])
    with pytest.raises(CONVERSION_ERRORS, match="beyond the range"):
        convert("float", pa.array([1e39]), is_lossy_allowed=True)
    with pytest.raises(CONVERSION_ERRORS, match="beyond the range"):
        convert("float", pa.array([decimal.Decimal(10**39)], pa.decimal256(50, 0)), is_lossy_allowed=True)
    assert convert("double", pa.array([decimal.Decimal("0.10")]), is_lossy_allowed=True).to_pylist() == [0.1]


@pytest.mark.parametrize(("cql_type", "exact"), [("float", 2**24), ("double", 2**53)])
def test_integers_become_floats_where_they_are_exact(cql_type: str, exact: int) -> None:
    assert convert(cql_type, pa.array([exact, -exact, None])).to_pylist() == [exact, -exact, None]
    with pytest.raises(CONVERSION_ERRORS, match=str(exact + 1)):
        convert(cql_type, pa.array([exact + 1]))
    assert convert(cql_type, pa.array([exact + 1]), is_lossy_allowed=True).to_pylist() == [exact]


@pytest.mark.parametrize("cql_type", [*INTEGERS, "float", "double", "boolean"])
def test_texts_and_booleans_are_no_numbers_and_numbers_no_booleans(cql_type: str) -> None:
    others = [pa.string(), pa.int8()] if cql_type == "boolean" else [pa.string(), pa.bool_(), pa.date32(), pa.binary()]
    for arrow_type in others:
        with pytest.raises(UnsupportedTypeError, match=f"cannot become {cql_type}"):
            plan(cql_type, arrow_type, is_lossy_allowed=True)


def test_note_tells_what_is_widened_narrowed_or_read() -> None:
    notes = {
        ("bigint", pa.int32()): "int32 is widened to bigint",
        ("int", pa.int64()): "int64 is narrowed to int",
        ("bigint", pa.uint64()): "uint64 is changed to bigint",
        ("double", pa.float32()): "float is widened to double",
        ("bigint", pa.float64()): "double is read as bigint",
        ("text", pa.large_string()): "large_string is read as text",
        ("timestamp", pa.timestamp("us")): "timestamp[us] is read as timestamp, its times as UTC",
        ("timestamp", pa.timestamp("us", "UTC")): "timestamp[us, tz=UTC] is read as timestamp",
        ("bigint", pa.int64()): None,
        ("uuid", pa.string()): None,
        ("text", pa.string()): None,
        ("text", pa.null()): None,
    }
    assert {key: plan(*key).note for key in notes} == notes
