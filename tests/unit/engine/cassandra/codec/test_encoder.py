"""Record batches to bound values and back: what was decoded is encoded as it was, by both codecs alike."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import struct
import uuid
from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.cassandra.codec.decoder import has_native_codec
from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn, EncodedRows, open_row_encoder
from airflow_provider_cqlai.engine.cassandra.codec.python_decoder import PythonRowDecoder
from airflow_provider_cqlai.engine.cassandra.codec.python_encoder import PythonRowEncoder
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import CqlaiError, UnsupportedTypeError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from tests.cql_pages import decimal_cell, length_prefixed, list_of, map_of, tuple_of, varint_cell, vector_of
from tests.cql_values import plain_values
from tests.random_pages import Result, results

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]
needs_native = pytest.mark.skipif(not has_native_codec(), reason="the native codec is not built: no cargo here")
unhurried = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
NULL = struct.pack(">i", -1)
UNSET = struct.pack(">i", -2)


def bound(name: str, driver_type: Any, arrow_type: Any, **options: Any) -> BoundColumn:
    return BoundColumn(name, CqlType.from_driver_type(driver_type), arrow_type, **options)


def encode(driver_type: Any, array: Any, **options: Any) -> list[bytes | None]:
    """The cells of one column ``c``; None for null."""
    column = bound("c", driver_type, array.type, null_handling="null", **options)
    rows = open_row_encoder([column], table="ks.t", partition_key=[]).encode(pa.record_batch({"c": array}))
    return [cells_of(rows, row)[0] for row in range(len(rows))]


def cells_of(rows: EncodedRows, row: int) -> list[bytes | None]:
    values, cells = bytes(rows.rows(row, row + 1)), []
    while values:
        (length,) = struct.unpack_from(">i", values)
        assert length != -2
        cells.append(None if length < 0 else values[4 : 4 + length])
        values = values[4 + max(0, length) :]
    return cells


# --- values


MAP = pa.map_(pa.int32(), pa.string())
UUID = uuid.UUID("5132b130-ae79-11e4-ab27-0800200c9a66")
CANONICAL: list[tuple[Any, Any, list[Any], list[bytes | None]]] = [
    (cqltypes.ByteType, pa.int8(), [-128, None, 127], [b"\x80", None, b"\x7f"]),
    (cqltypes.ShortType, pa.int16(), [-2], [b"\xff\xfe"]),
    (cqltypes.Int32Type, pa.int32(), [1, None], [b"\0\0\0\1", None]),
    (cqltypes.LongType, pa.int64(), [-(2**63)], [b"\x80" + bytes(7)]),
    (cqltypes.FloatType, pa.float32(), [1.0], [b"\x3f\x80\0\0"]),
    (cqltypes.DoubleType, pa.float64(), [-0.0], [b"\x80" + bytes(7)]),
    (cqltypes.BooleanType, pa.bool_(), [True, False, None], [b"\1", b"\0", None]),
    (cqltypes.UTF8Type, pa.string(), ["", "ä", None], [b"", b"\xc3\xa4", None]),
    (cqltypes.BytesType, pa.binary(), [b"", b"\0", None], [b"", b"\0", None]),
    (cqltypes.DateType, pa.timestamp("ms", "UTC"), [-1], [b"\xff" * 8]),
    (cqltypes.DateType, pa.timestamp("us", "UTC"), [-1_000], [b"\xff" * 8]),
    (cqltypes.DateType, pa.timestamp("ns", "UTC"), [2_000_000], [bytes(7) + b"\2"]),
    (cqltypes.SimpleDateType, pa.date32(), [0, -(2**31)], [b"\x80\0\0\0", bytes(4)]),
    (cqltypes.TimeType, pa.time32("ms"), [1], [struct.pack(">q", 1_000_000)]),
    (cqltypes.TimeType, pa.time64("ns"), [86_399_999_999_999], [struct.pack(">q", 86_399_999_999_999)]),
    (cqltypes.UUIDType, pa.string(), [str(UUID), str(UUID).upper()], [UUID.bytes, UUID.bytes]),
    (cqltypes.UUIDType, pa.uuid(), [UUID.bytes, None], [UUID.bytes, None]),
    (cqltypes.DecimalType, pa.decimal128(38, 18), ["1.500", "100", "-0.01", "0"],
     [decimal_cell(15, 1), decimal_cell(100, 0), decimal_cell(-1, 2), decimal_cell(0, 0)]),
    (cqltypes.DecimalType, pa.decimal256(76, 30), ["1" + "0" * 40], [decimal_cell(10**40, 0)]),
    (cqltypes.DecimalType, pa.string(), ["1.500", "1E+3", "-0.00", "1" * 50],
     [decimal_cell(1500, 3), decimal_cell(1, -3), decimal_cell(0, 2), decimal_cell(int("1" * 50), 0)]),
    (cqltypes.IntegerType, pa.decimal128(38, 0), ["128", "-129"], [b"\0\x80", b"\xff\x7f"]),
    (cqltypes.IntegerType, pa.int64(), [0, -1], [b"\0", b"\xff"]),
    (cqltypes.IntegerType, pa.string(), ["7", "9" * 5000], [b"\7", varint_cell(10**5000 - 1)]),
    (cqltypes.InetAddressType, pa.string(), ["1.2.3.4", "::ffff:1.2.3.4", "::1.0.0.2"],
     [bytes([1, 2, 3, 4]), bytes(10) + b"\xff\xff\1\2\3\4", bytes(12) + b"\1\0\0\2"]),
]  # fmt: skip


def as_array(values: list[Any], arrow_type: Any) -> Any:
    if pa.types.is_decimal(arrow_type):
        with decimal.localcontext(decimal.Context(prec=80)):
            return pa.array([decimal.Decimal(value) for value in values], arrow_type)
    if arrow_type == pa.uuid():
        return pa.ExtensionArray.from_storage(arrow_type, pa.array(values, pa.binary(16)))
    if pa.types.is_timestamp(arrow_type) or pa.types.is_time64(arrow_type):
        return pa.array(values, pa.int64()).view(arrow_type)
    if pa.types.is_time32(arrow_type) or pa.types.is_date32(arrow_type):
        return pa.array(values, pa.int32()).view(arrow_type)
    return pa.array(values, arrow_type)


@pytest.mark.parametrize(("driver_type", "arrow_type", "values", "cells"), CANONICAL)
def test_values_have_the_bytes_that_the_server_has(
    driver_type: Any, arrow_type: Any, values: list[Any], cells: list[bytes | None]
) -> None:
    array = as_array(values, arrow_type)
    assert encode(driver_type, array) == cells
    # The same within a larger array, where offsets begin elsewhere.
    padded = pa.concat_arrays([array, array, array]).slice(len(array), len(array))
    assert encode(driver_type, padded) == cells


@pytest.mark.parametrize(
    ("driver_type", "array", "reason"),
    [
        (cqltypes.AsciiType, pa.array(["fine", "ä"]), "a text with more than ascii"),
        (cqltypes.DateType, pa.array([0, 1], pa.int64()).view(pa.timestamp("us", "UTC")), "finer digits"),
        (cqltypes.TimeType, pa.array([0, 86_400_000], pa.int32()).view(pa.time32("ms")), "outside 00:00 to 24:00"),
        (cqltypes.UUIDType, pa.array([str(UUID), UUID.hex]), "not a uuid"),
        (cqltypes.InetAddressType, pa.array(["::", "fe80::1%eth0"]), "not an IP address"),
        (cqltypes.InetAddressType, pa.array(["1.2.3.4", "01.2.3.4"]), "not an IP address"),
        (cqltypes.DecimalType, pa.array(["1", "1_0"]), "not a decimal"),
        (cqltypes.DecimalType, pa.array(["1", "1E+2147483649"]), "not a decimal"),
        (cqltypes.IntegerType, pa.array(["1", "1.0"]), "not a whole number"),
        (cqltypes.IntegerType, pa.array([decimal.Decimal("1.0"), decimal.Decimal("1.5")]), "digits after the point"),
        (list_of(cqltypes.Int32Type), pa.array([[1], [2, None]], pa.list_(pa.int32())), "a null"),
        (map_of(cqltypes.Int32Type, cqltypes.UTF8Type), pa.array([[(1, "a")], [(2, None)]], MAP), "a null"),
        (vector_of(cqltypes.Int32Type, 2), pa.array([[1, 2], [3, None]], pa.list_(pa.int32(), 2)), "a null"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_an_error_that_names_the_row(driver_type: Any, array: Any, reason: str) -> None:
    columns = [
        bound("id", cqltypes.Int32Type, pa.int32(), is_primary_key=True),
        bound("c", driver_type, array.type),
    ]
    encoder = open_row_encoder(columns, table="ks.t", partition_key=["id"])
    with pytest.raises(ValueDoesNotFitError, match=reason) as caught:
        encoder.encode(pa.record_batch({"id": pa.array([7, 8], pa.int32()), "c": array}))
    assert caught.value.column.split(".")[0] == "c"
    assert caught.value.primary_key == {"id": "8"}
    assert "ks.t, column c" in str(caught.value)


def test_what_null_lists_vectors_and_structs_hold_inside_does_not_count() -> None:
    inner = pa.array([1, None, 3, 4], pa.int32())
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 4], pa.int32()), inner, mask=pa.array([True, False]))
    assert encode(list_of(cqltypes.Int32Type), lists) == [None, b"\0\0\0\2" + b"\0\0\0\4\0\0\0\3" + b"\0\0\0\4\0\0\0\4"]
    vectors = pa.FixedSizeListArray.from_arrays(inner, 2, mask=pa.array([True, False]))
    assert encode(vector_of(cqltypes.Int32Type, 2), vectors) == [None, b"\0\0\0\3\0\0\0\4"]
    texts = pa.array(["no uuid", str(UUID)])
    structs = pa.StructArray.from_arrays([texts], names=["f0"], mask=pa.array([True, False]))
    assert encode(tuple_of(cqltypes.UUIDType), structs) == [None, length_prefixed(UUID.bytes)]


def test_nested_slices_are_read_from_where_they_begin() -> None:
    kind = pa.struct([("f0", pa.list_(pa.string())), ("f1", pa.int32())])
    values = [{"f0": ["a", "b"], "f1": 1}, None, {"f0": None, "f1": None}, {"f0": ["ccc"], "f1": 4}]
    array = pa.array(values, kind)
    driver_type = tuple_of(list_of(cqltypes.UTF8Type), cqltypes.Int32Type)
    whole = encode(driver_type, array)
    for start in range(4):
        assert encode(driver_type, array.slice(start)) == whole[start:]


# --- null, unset and primary keys


def test_null_and_unset_are_told_apart() -> None:
    columns = [
        bound("a", cqltypes.Int32Type, pa.int32(), null_handling="null"),
        bound("b", cqltypes.Int32Type, pa.int32()),
    ]
    nothing = pa.nulls(1, pa.int32())
    rows = open_row_encoder(columns, table="ks.t", partition_key=[]).encode(
        pa.record_batch({"b": nothing, "a": nothing})
    )
    assert bytes(rows.body) == NULL + UNSET


def test_a_null_in_the_primary_key_is_an_error() -> None:
    columns = [bound("id", cqltypes.Int32Type, pa.int32(), is_primary_key=True)]
    encoder = open_row_encoder(columns, table="ks.t", partition_key=["id"])
    with pytest.raises(ValueDoesNotFitError, match=r"ks\.t, column id, row id=None: a null, which a primary key"):
        encoder.encode(pa.record_batch({"id": pa.array([1, None], pa.int32())}))


@pytest.mark.parametrize(
    ("driver_type", "arrow_type"),
    [
        (cqltypes.Int32Type, pa.int64()),
        (cqltypes.UTF8Type, pa.large_string()),
        (cqltypes.DateType, pa.timestamp("ms")),
        (list_of(cqltypes.Int32Type), pa.list_(pa.string())),
        (vector_of(cqltypes.Int32Type, 2), pa.list_(pa.int32(), 3)),
        (tuple_of(cqltypes.Int32Type), pa.struct([("other", pa.int32())])),
        (cqltypes.DurationType, pa.string()),
        (cqltypes.DecimalType, pa.decimal128(10, -2)),
    ],
)
def test_other_arrow_types_are_refused_when_the_encoder_is_opened(driver_type: Any, arrow_type: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"'c.*cannot be encoded from"):
        open_row_encoder([bound("c", driver_type, arrow_type)], table="ks.t", partition_key=[])


# --- groups


def test_rows_of_one_partition_key_stand_together() -> None:
    columns = [
        bound("device", cqltypes.UTF8Type, pa.string(), is_primary_key=True),
        bound("day", cqltypes.SimpleDateType, pa.date32(), is_primary_key=True),
        bound("value", cqltypes.Int32Type, pa.int32()),
    ]
    day, other = datetime.date(1970, 1, 1), datetime.date(1970, 1, 2)
    record_batch = pa.record_batch(
        {
            "device": ["a", "b", "a", "a", "b"],
            "day": pa.array([day, day, other, day, day]),
            "value": pa.array([0, 1, 2, 3, 4], pa.int32()),
        }
    )
    encoder = open_row_encoder(columns, table="ks.t", partition_key=["day", "device"])
    plain = encoder.encode(record_batch)
    assert plain.group_starts is None
    assert plain.routing_keys is None
    assert plain.row_numbers.tolist() == [0, 1, 2, 3, 4]
    rows = encoder.encode(record_batch, is_grouped=True)
    assert rows.group_starts is not None
    assert rows.row_numbers.tolist() == [0, 3, 1, 4, 2]
    assert rows.group_starts.tolist() == [0, 2, 4, 5]
    assert list(rows.routing_keys or []) == [
        b"\0\4\x80\0\0\0\0\0\1a\0",
        b"\0\4\x80\0\0\0\0\0\1b\0",
        b"\0\4\x80\0\0\1\0\0\1a\0",
    ]
    for place, number in enumerate(rows.row_numbers.tolist()):
        assert rows.rows(place, place + 1) == plain.rows(number, number + 1)
    assert bytes(rows.rows(0, 5)) == bytes(rows.body)


def test_a_single_partition_key_is_its_own_routing_key() -> None:
    columns = [bound("id", cqltypes.LongType, pa.int64(), is_primary_key=True)]
    record_batch = pa.record_batch({"id": pa.array([1, 2, 1], pa.int64())})
    rows = open_row_encoder(columns, table="ks.t", partition_key=["id"]).encode(record_batch, is_grouped=True)
    assert list(rows.routing_keys or []) == [bytes(7) + b"\1", bytes(7) + b"\2"]
    assert rows.row_numbers.tolist() == [0, 2, 1]


def test_each_row_stands_behind_the_prefix() -> None:
    columns = [bound("id", cqltypes.LongType, pa.int64(), is_primary_key=True)]
    record_batch = pa.record_batch({"id": pa.array([1, 2], pa.int64())})
    encoder = open_row_encoder(columns, table="ks.t", partition_key=["id"], row_prefix=b"before")
    rows = encoder.encode(record_batch, is_grouped=True)
    value = b"\0\0\0\x08" + bytes(7)
    assert bytes(rows.rows(1, 2)) == b"before" + value + b"\2"
    assert bytes(rows.body) == b"before" + value + b"\1" + b"before" + value + b"\2"


def test_key_hashes_tell_rows_of_one_primary_key() -> None:
    columns = [
        bound("k", cqltypes.Int32Type, pa.int32(), is_primary_key=True),
        bound("c", cqltypes.UTF8Type, pa.string(), is_primary_key=True),
        bound("v", cqltypes.Int32Type, pa.int32()),
    ]
    record_batch = pa.record_batch(
        {
            "k": pa.array([1, 2, 1, 1], pa.int32()),
            "c": ["a", "a", "a", ""],
            "v": pa.array([1, 2, 3, 4], pa.int32()),
        }
    )
    encoder = open_row_encoder(columns, table="ks.t", partition_key=["k"])
    plain = encoder.encode(record_batch).key_hashes.tolist()
    assert plain[0] == plain[2]
    assert len(set(plain)) == 3
    grouped = encoder.encode(record_batch, is_grouped=True)
    assert grouped.key_hashes.tolist() == [plain[number] for number in grouped.row_numbers.tolist()]


# --- random types and values


def bound_columns(result: Result) -> list[BoundColumn]:
    return [
        BoundColumn(column.name, column.cql_type, column.arrow_field.type, null_handling="null", is_primary_key=False)
        for column in result.columns
    ]


def decode(result: Result, page: RawPage) -> Any:
    decoder = PythonRowDecoder(result.columns, driver_columns=page.columns, table="ks.t", primary_key=[])
    return decoder.decode(page)


@unhurried
@given(results(is_well_formed=True))
def test_what_was_decoded_is_encoded_and_decodes_to_the_same(result: Result) -> None:
    decoded = decode(result, result.page)
    rows = None
    # Pages may have nulls in collections, which no server sends and none takes.
    with contextlib.suppress(ValueDoesNotFitError):
        rows = open_row_encoder(bound_columns(result), table="ks.t", partition_key=[]).encode(decoded)
    assume(rows is not None)
    assert rows is not None
    # Without unset values, rows that are bound look like rows of a page.
    page = RawPage(bytes(rows.body), 0, len(rows), result.page.columns, result.page.protocol_version)
    again = decode(result, page)
    assert [plain_values(column) for column in again.columns] == [plain_values(column) for column in decoded.columns]


def outcome(encoder: Any, record_batch: Any, is_grouped: bool) -> Any:
    try:
        rows = encoder.encode(record_batch, is_grouped=is_grouped)
    except CqlaiError as error:
        return type(error), str(error)
    starts = None if rows.group_starts is None else rows.group_starts.tolist()
    keys = None if rows.routing_keys is None else list(rows.routing_keys)
    return bytes(rows.body), rows.row_offsets.tolist(), rows.row_numbers.tolist(), starts, keys


@needs_native
@unhurried
@given(results(), st.booleans(), st.integers(0, 3))
def test_both_codecs_encode_alike(result: Result, is_grouped: bool, start: int) -> None:
    try:
        decoded = decode(result, result.page).slice(start)
    except CqlaiError:
        return
    columns = [
        BoundColumn(column.name, column.cql_type, column.arrow_field.type, is_primary_key=column.is_primary_key)
        for column in result.columns
    ]
    from airflow_provider_cqlai.engine.cassandra.codec.native_encoder import NativeRowEncoder

    encoder = PythonRowEncoder(columns, table="ks.t", partition_key=[columns[0].name], row_prefix=b"prefix")
    reference, native = (outcome(each, decoded, is_grouped) for each in (encoder, NativeRowEncoder(encoder)))
    assert native == reference
