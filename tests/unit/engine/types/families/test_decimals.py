from __future__ import annotations

import decimal

import pyarrow as pa
import pytest
from cassandra import cqltypes
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import CorruptPageError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.types.arrow_type_text import read_arrow_type
from tests.cql_pages import decimal_cell, decode_cells, list_cell, list_of, varint_cell

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

Decimal = decimal.Decimal
DECIMAL, VARINT = cqltypes.DecimalType, cqltypes.IntegerType


def test_a_decimal_keeps_its_value() -> None:
    cells = [decimal_cell(15, 1), decimal_cell(150, 2), decimal_cell(-1, 18), decimal_cell(7, -3), decimal_cell(0, 0)]
    array = decode_cells(DECIMAL, *cells, None)
    assert array.type == pa.decimal128(38, 18)
    assert array.to_pylist() == [Decimal("1.5"), Decimal("1.5"), Decimal("-1e-18"), Decimal(7000), Decimal(0), None]


@pytest.mark.parametrize("override", ["decimal128(38, 18)", "decimal128(5, 2)", "decimal256(76, 0)", "decimal256(3,3)"])
def test_the_largest_and_smallest_value_of_a_decimal_type_fit_and_the_next_do_not(override: str) -> None:
    arrow_type = read_arrow_type(override)
    largest = 10**arrow_type.precision - 1
    cells = [decimal_cell(largest, arrow_type.scale), decimal_cell(-largest, arrow_type.scale)]
    exact = decimal.Context(prec=100)
    expected = Decimal(largest).scaleb(-arrow_type.scale, exact)
    assert decode_cells(DECIMAL, *cells, c=override).to_pylist() == [expected, exact.minus(expected)]
    for beyond in (largest + 1, -largest - 1):
        with pytest.raises(ValueDoesNotFitError):
            decode_cells(DECIMAL, decimal_cell(beyond, arrow_type.scale), c=override)
    with pytest.raises(ValueDoesNotFitError):
        decode_cells(DECIMAL, decimal_cell(1, arrow_type.scale + 1), c=override)


def test_trailing_zeros_beyond_the_scale_are_no_loss() -> None:
    array = decode_cells(DECIMAL, decimal_cell(1_500_000, 6), decimal_cell(-15 * 10**40, 41), c="decimal128(2, 1)")
    assert array.to_pylist() == [Decimal("1.5"), Decimal("-1.5")]


@pytest.mark.parametrize("scale", [-(2**31), 2**31 - 1])
def test_a_huge_scale_costs_nothing(scale: int) -> None:
    with pytest.raises(ValueDoesNotFitError) as caught:
        decode_cells(DECIMAL, decimal_cell(1, scale))
    assert caught.value.override == "string"
    assert decode_cells(DECIMAL, decimal_cell(0, scale)).to_pylist() == [Decimal(0)]
    (text,) = decode_cells(DECIMAL, decimal_cell(-12, scale), c="string").to_pylist()
    assert text == ("-1.2E+2147483649" if scale < 0 else "-1.2E-2147483646")


@pytest.mark.parametrize(
    ("unscaled", "scale", "expected"),
    [
        (10**20, 0, ["decimal128(38, 17)", "decimal256(76, 18)", "string"]),
        (1, 20, ["decimal128(38, 20)", "decimal256(76, 20)", "string"]),
        (10**37 + 1, 1, ["decimal128(38, 1)", "decimal256(76, 18)", "string"]),
        (10**38 + 1, 0, ["decimal256(76, 18)", "string"]),
        (10**75 + 1, 0, ["decimal256(76, 0)", "string"]),
        (10**76, 0, ["string"]),
    ],
)
def test_a_decimal_that_does_not_fit_names_types_that_hold_it(unscaled: int, scale: int, expected: list[str]) -> None:
    cell = decimal_cell(unscaled, scale)
    with pytest.raises(ValueDoesNotFitError) as caught:
        decode_cells(DECIMAL, cell)
    for override in expected:
        assert f'types={{"c": "{override}"}}' in str(caught.value)
        (value,) = decode_cells(DECIMAL, cell, c=override).to_pylist()
        assert Decimal(value) == Decimal(unscaled).scaleb(-scale, decimal.Context(prec=100))
    assert caught.value.override == expected[0]


def test_the_value_itself_is_not_in_the_message() -> None:
    with pytest.raises(ValueDoesNotFitError) as caught:
        decode_cells(DECIMAL, decimal_cell(123_456_789, -40))
    assert "123456789" not in str(caught.value)


def test_a_text_keeps_the_scale_too() -> None:
    cells = [decimal_cell(15, 1), decimal_cell(150, 2), decimal_cell(0, 3), decimal_cell(1, -3), decimal_cell(-1, 9)]
    array = decode_cells(DECIMAL, *cells, None, c="string")
    assert array.to_pylist() == ["1.5", "1.50", "0.000", "1E+3", "-1E-9", None]


@given(st.integers(), st.integers(-(2**31), 2**31 - 1))
def test_the_text_of_a_decimal_reads_back_as_the_same_number_and_scale(unscaled: int, scale: int) -> None:
    (text,) = decode_cells(DECIMAL, decimal_cell(unscaled, scale), c="string").to_pylist()
    read = Decimal(text).as_tuple()
    assert (Decimal((read.sign, read.digits, 0)), -int(read.exponent)) == (Decimal(unscaled), scale)


@given(st.integers(-(10**40), 10**40), st.integers(-45, 45), st.integers(1, 38), st.integers(0, 38))
def test_a_decimal_is_exact_or_an_error(unscaled: int, scale: int, precision: int, new_scale: int) -> None:
    new_scale = min(new_scale, precision)
    exact = decimal.Context(prec=200)
    value = Decimal(unscaled).scaleb(-scale, exact)
    rescaled = exact.scaleb(value, new_scale)
    fits = rescaled == rescaled.to_integral_value() and abs(rescaled) < exact.power(10, precision)
    try:
        found = decode_cells(DECIMAL, decimal_cell(unscaled, scale), c=f"decimal128({precision},{new_scale})")
    except ValueDoesNotFitError:
        assert not fits
    else:
        assert fits
        assert found.to_pylist() == [value]


def test_a_varint_is_a_decimal_without_scale() -> None:
    largest = 10**38 - 1
    array = decode_cells(VARINT, *map(varint_cell, (0, -1, largest, -largest)), None, b"\0\0\0\7")
    assert array.type == pa.decimal128(38, 0)
    assert array.to_pylist() == [Decimal(0), Decimal(-1), Decimal(largest), Decimal(-largest), None, Decimal(7)]
    with pytest.raises(ValueDoesNotFitError, match=r"decimal256\(76, 0\)"):
        decode_cells(VARINT, varint_cell(largest + 1))


def test_a_varint_can_be_an_int64_where_it_fits() -> None:
    array = decode_cells(VARINT, varint_cell(2**63 - 1), varint_cell(-(2**63)), None, c="int64")
    assert array.to_pylist() == [2**63 - 1, -(2**63), None]
    with pytest.raises(ValueDoesNotFitError):
        decode_cells(VARINT, varint_cell(2**63), c="int64")


def test_a_varint_of_ten_thousand_digits_is_a_text() -> None:
    (text,) = decode_cells(VARINT, varint_cell(-(10**10_000)), c="string").to_pylist()
    assert text == "-1" + "0" * 10_000


def test_a_decimal_of_less_than_five_bytes_is_corrupt() -> None:
    with pytest.raises(CorruptPageError):
        decode_cells(DECIMAL, b"\0\0\0\0")


def test_a_misfit_inside_a_list_names_the_path() -> None:
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"c.element": "decimal256\(76, 18\)"\}') as caught:
        decode_cells(list_of(DECIMAL), None, list_cell(), list_cell(decimal_cell(1, 0), decimal_cell(10**38 + 1, 0)))
    assert caught.value.column == "c.element"
