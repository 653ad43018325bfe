from __future__ import annotations

import datetime
import struct
from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.errors import CorruptPageError, ValueDoesNotFitError
from tests.cql_pages import decode_cells, list_cell, list_of

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

INTEGERS = [
    (cqltypes.ByteType, ">b", pa.int8(), 7),
    (cqltypes.ShortType, ">h", pa.int16(), 15),
    (cqltypes.Int32Type, ">i", pa.int32(), 31),
    (cqltypes.LongType, ">q", pa.int64(), 63),
    (cqltypes.CounterColumnType, ">q", pa.int64(), 63),
]


@pytest.mark.parametrize(("driver_type", "layout", "arrow_type", "bits"), INTEGERS)
def test_integers_of_any_size_keep_their_extremes(driver_type: Any, layout: str, arrow_type: Any, bits: int) -> None:
    values = [-(2**bits), -1, 0, 1, 2**bits - 1]
    array = decode_cells(driver_type, *(struct.pack(layout, value) for value in values), None)
    assert array.type == arrow_type
    assert array.to_pylist() == [*values, None]


@pytest.mark.parametrize(
    ("driver_type", "bit_patterns", "arrow_type", "integers"),
    [
        (
            cqltypes.FloatType,
            # Signalling and quiet NaNs with payloads, both infinities, -0.0, the smallest denormal, the largest.
            "7f800001 ffc12345 7f800000 ff800000 80000000 00000001 7f7fffff",
            pa.float32(),
            pa.int32(),
        ),
        (
            cqltypes.DoubleType,
            "7ff0000000000001 fff8123456789abc 7ff0000000000000 fff0000000000000 8000000000000000"
            " 0000000000000001 7fefffffffffffff",
            pa.float64(),
            pa.int64(),
        ),
    ],
)
def test_every_bit_of_a_float_survives(driver_type: Any, bit_patterns: str, arrow_type: Any, integers: Any) -> None:
    array = decode_cells(driver_type, *map(bytes.fromhex, bit_patterns.split()))
    assert array.type == arrow_type
    width = arrow_type.bit_width // 8
    found = [value.to_bytes(width, "big", signed=True).hex() for value in array.view(integers).to_pylist()]
    assert found == bit_patterns.split()


def test_any_byte_but_zero_is_true() -> None:
    assert decode_cells(cqltypes.BooleanType, b"\0", b"\1", b"\xff", None).to_pylist() == [False, True, True, None]


def test_timestamps_outside_the_years_1_to_9999_survive() -> None:
    values = [-(2**63), -62135596800001, -1, 0, 253402300799999, 253402300800000, 2**63 - 1]
    array = decode_cells(cqltypes.DateType, *(struct.pack(">q", value) for value in values), None)
    assert array.type == pa.timestamp("ms", "UTC")
    assert array.view(pa.int64()).to_pylist() == [*values, None]


def test_a_timestamp_of_one_millisecond_before_10000_keeps_its_last_digit() -> None:
    array = decode_cells(cqltypes.DateType, struct.pack(">q", 253402300799999))
    assert array[0].as_py() == datetime.datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(("unit", "factor"), [("us", 1_000), ("ns", 1_000_000)])
def test_a_finer_timestamp_unit_holds_what_fits_and_refuses_the_rest(unit: str, factor: int) -> None:
    largest = (2**63 - 1) // factor
    cells = [struct.pack(">q", value) for value in (-largest, 0, largest)]
    array = decode_cells(cqltypes.DateType, *cells, None, c=f"timestamp[{unit}, UTC]")
    assert array.view(pa.int64()).to_pylist() == [-largest * factor, 0, largest * factor, None]
    for beyond in (largest + 1, -largest - 1):
        with pytest.raises(ValueDoesNotFitError, match=r'types=\{"c": "timestamp\[ms, UTC\]"\}'):
            decode_cells(cqltypes.DateType, struct.pack(">q", beyond), c=f"timestamp[{unit}, UTC]")


def test_date32_holds_the_whole_range_of_a_cql_date() -> None:
    array = decode_cells(cqltypes.SimpleDateType, *(struct.pack(">I", day) for day in (0, 2**31, 2**32 - 1)), None)
    assert array.type == pa.date32()
    assert array.view(pa.int32()).to_pylist() == [-(2**31), 0, 2**31 - 1, None]


MIDNIGHT, LAST = 0, 86_399_999_999_999


def test_whole_milliseconds_fit_the_default_time() -> None:
    array = decode_cells(cqltypes.TimeType, struct.pack(">q", MIDNIGHT), struct.pack(">q", 86_399_999_000_000), None)
    assert array.type == pa.time32("ms")
    assert array.view(pa.int32()).to_pylist() == [0, 86_399_999, None]


@pytest.mark.parametrize(
    ("nanoseconds", "override", "needed"),
    [(1_000, None, "time64[us]"), (1, None, "time64[ns]"), (LAST, "time64[us]", "time64[ns]")],
)
def test_a_time_with_finer_digits_names_the_unit_that_holds_it(
    nanoseconds: int, override: str | None, needed: str
) -> None:
    overrides = {} if override is None else {"c": override}
    cell = struct.pack(">q", nanoseconds)
    with pytest.raises(ValueDoesNotFitError) as caught:
        decode_cells(cqltypes.TimeType, cell, **overrides)
    assert caught.value.override == needed
    assert f'types={{"c": "{needed}"}}' in str(caught.value)
    array = decode_cells(cqltypes.TimeType, cell, c=needed)
    assert array.view(pa.int64()).to_pylist() == [nanoseconds // (1 if needed == "time64[ns]" else 1_000)]


@pytest.mark.parametrize("nanoseconds", [-1_000_000, 86_400_000_000_000])
def test_a_time_outside_the_day_is_an_error_and_its_bytes_an_override(nanoseconds: int) -> None:
    cell = struct.pack(">q", nanoseconds)
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"c": "binary"\}'):
        decode_cells(cqltypes.TimeType, cell)
    assert decode_cells(cqltypes.TimeType, cell, c="binary").to_pylist() == [cell]


@pytest.mark.parametrize(
    "driver_type",
    [
        *(row[0] for row in INTEGERS),
        cqltypes.FloatType,
        cqltypes.DoubleType,
        cqltypes.BooleanType,
        cqltypes.DateType,
        cqltypes.SimpleDateType,
        cqltypes.TimeType,
        cqltypes.UUIDType,
        cqltypes.InetAddressType,
    ],
)
def test_a_cell_of_a_length_that_no_value_has_is_corrupt(driver_type: Any) -> None:
    with pytest.raises(CorruptPageError, match="bytes are not a value of type"):
        decode_cells(driver_type, bytes(3))
    with pytest.raises(CorruptPageError, match=r"column c\.element"):
        decode_cells(list_of(driver_type), list_cell(None), list_cell(bytes(17)))
