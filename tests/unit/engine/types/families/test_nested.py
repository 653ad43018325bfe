from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.errors import CorruptPageError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.types.cells.vints import read_unsigned_vint
from tests.cql_pages import (
    decode_cells,
    length_prefixed,
    list_cell,
    list_of,
    map_cell,
    map_of,
    open_decoder,
    page_of,
    tuple_cell,
    tuple_of,
    udt,
    vector_of,
)

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]

INT, TEXT = cqltypes.Int32Type, cqltypes.UTF8Type


def number(value: int) -> bytes:
    return struct.pack(">i", value)


def test_null_empty_list_and_null_element_are_three_things() -> None:
    array = decode_cells(list_of(TEXT), None, list_cell(), list_cell(None), list_cell(b"", b"a"))
    assert array.type == pa.list_(pa.field("element", pa.string()))
    assert array.to_pylist() == [None, [], [None], ["", "a"]]


def test_a_set_keeps_the_order_of_the_server() -> None:
    driver_type = cqltypes.SetType.apply_parameters((INT,))
    assert decode_cells(driver_type, list_cell(number(3), number(1))).to_pylist() == [[3, 1]]


def test_a_map_keeps_its_order_and_null_values() -> None:
    array = decode_cells(map_of(INT, TEXT), map_cell((number(2), b"b"), (number(1), None)), None, map_cell())
    assert array.type == pa.map_(pa.int32(), pa.string())
    assert array.to_pylist() == [[(2, "b"), (1, None)], None, []]


def test_a_map_key_of_zero_bytes_is_an_error_unless_it_is_asked_for_as_bytes() -> None:
    cells = map_cell((number(2), b"b")), map_cell((number(1), b"a"), (b"", b"c"))
    with pytest.raises(ValueDoesNotFitError, match=r'types=\{"c.key": "binary"\}') as caught:
        decode_cells(map_of(INT, TEXT), *cells)
    assert caught.value.column == "c.key"
    array = decode_cells(map_of(INT, TEXT), cells[1], **{"c.key": "binary"})
    assert array.to_pylist() == [[(number(1), "a"), (b"", "c")]]


def test_null_fields_of_a_tuple_survive_and_missing_ones_are_null() -> None:
    cells = [tuple_cell(number(1), b""), tuple_cell(None, None), tuple_cell(number(1)), None]
    array = decode_cells(tuple_of(INT, TEXT), *cells)
    assert array.type == pa.struct([("f0", pa.int32()), ("f1", pa.string())])
    assert array.to_pylist() == [{"f0": 1, "f1": ""}, {"f0": None, "f1": None}, {"f0": 1, "f1": None}, None]


def test_a_udt_is_a_struct_by_field_name() -> None:
    array = decode_cells(udt("address", street=TEXT, zip=INT), tuple_cell(b"Main", None), tuple_cell(b"Old"), None)
    assert array.type == pa.struct([("street", pa.string()), ("zip", pa.int32())])
    assert array.to_pylist() == [{"street": "Main", "zip": None}, {"street": "Old", "zip": None}, None]


def test_a_udt_with_a_field_too_many_is_corrupt() -> None:
    with pytest.raises(CorruptPageError):
        decode_cells(udt("one", a=INT), tuple_cell(number(1), number(2)))


@pytest.mark.parametrize(
    ("element", "cell", "expected"),
    [
        (cqltypes.FloatType, struct.pack(">ff", 1.5, -2), [1.5, -2]),
        (cqltypes.BooleanType, b"\1\0", [True, False]),
        (cqltypes.DateType, struct.pack(">qq", 2**63 - 1, 0), None),
        (cqltypes.ShortType, b"\2\0\1\2\xff\xff", [1, -1]),
        (cqltypes.ByteType, b"\1\1\1\2", [1, 2]),
        (TEXT, b"\0\1a", ["", "a"]),
        (list_of(INT), b"\4" + list_cell() + b"\x0c" + list_cell(number(7)), [[], [7]]),
        (vector_of(INT, 1), number(1) + number(2), [[1], [2]]),
        (vector_of(cqltypes.ByteType, 1), b"\2\1\1\2\1\2", [[1], [2]]),
        (TEXT, b"\x80\x80" + b"x" * 128 + b"\xc0\x40\x00" + b"y" * 16384, ["x" * 128, "y" * 16384]),
    ],
)
def test_a_vector_is_a_fixed_size_list(element: Any, cell: bytes, expected: list[Any] | None) -> None:
    array = decode_cells(vector_of(element, 2), None, cell, None)
    assert pa.types.is_fixed_size_list(array.type)
    assert array.type.list_size == 2
    if expected is not None:
        assert array.to_pylist() == [None, expected, None]
    assert array.is_valid().to_pylist() == [False, True, False]


@pytest.mark.parametrize("cell", [bytes(7), bytes(9), bytes(4)])
def test_a_vector_of_another_length_is_corrupt(cell: bytes) -> None:
    with pytest.raises(CorruptPageError):
        decode_cells(vector_of(INT, 2), cell)


@pytest.mark.parametrize("cell", [b"\1a", b"\1a\1", b"\1a\1b\0", b"\1a\2b", b"\xff", b"\1a\xff" + b"\xff" * 8])
def test_a_vector_of_texts_that_ends_elsewhere_is_corrupt(cell: bytes) -> None:
    with pytest.raises(CorruptPageError):
        decode_cells(vector_of(TEXT, 2), cell)


@pytest.mark.parametrize(
    "cell",
    [
        b"\0\0",
        number(-1),
        number(1),
        number(2**31 - 1),
        number(1) + length_prefixed(number(1))[:-1],
        list_cell(number(1)) + b"\0",
        number(1) + number(5) + number(1),
    ],
)
def test_a_list_that_does_not_end_with_its_cell_is_corrupt(cell: bytes) -> None:
    with pytest.raises(CorruptPageError, match="not a value of type list"):
        decode_cells(list_of(INT), cell)


def test_cells_of_zero_bytes_are_counted_nulls_at_any_depth() -> None:
    columns = [("a", INT), ("b", list_of(INT)), ("c", map_of(INT, tuple_of(INT, cqltypes.UUIDType))), ("d", TEXT)]
    decoder = open_decoder(columns)
    row = [b"", list_cell(b"", number(1), None), map_cell((number(1), tuple_cell(b"", b""))), b""]
    record_batch = decoder.decode(page_of(columns, [row, [None, b"", b"", None]]))
    assert record_batch.to_pylist() == [
        {"a": None, "b": [None, 1, None], "c": [(1, {"f0": None, "f1": None})], "d": ""},
        {"a": None, "b": None, "c": None, "d": None},
    ]
    assert decoder.zero_length_cells == {"a": 1, "b": 2, "c": 3}
    decoder.decode(page_of(columns, [row]))
    assert decoder.zero_length_cells == {"a": 2, "b": 3, "c": 5}


@pytest.mark.parametrize("driver_type", [INT, list_of(INT), tuple_of(INT, INT)])
def test_a_cell_of_zero_bytes_in_a_key_is_an_error_and_its_bytes_an_override(driver_type: Any) -> None:
    columns = [("k", driver_type), ("v", INT)]
    inside = {INT: b"", list_of(INT): list_cell(b"")}.get(driver_type, b"")
    page = page_of(columns, [[inside, number(1)]])
    with pytest.raises(ValueDoesNotFitError, match="zero bytes") as caught:
        open_decoder(columns, primary_key=["k"]).decode(page)
    assert caught.value.override == "binary"
    decoder = open_decoder(columns, primary_key=["k"], overrides={"k": "binary"})
    assert decoder.decode(page).to_pylist() == [{"k": inside, "v": 1}]


def test_deep_nesting_with_nulls_everywhere() -> None:
    inner = map_of(TEXT, list_of(udt("deep", a=INT, b=vector_of(TEXT, 2))))
    cell = list_cell(
        map_cell(
            (b"x", list_cell(tuple_cell(number(1), b"\1p\0"), None, tuple_cell(None, None))),
            (b"y", None),
            (b"", list_cell()),
        ),
        None,
    )
    assert decode_cells(list_of(inner), None, cell).to_pylist() == [
        None,
        [[("x", [{"a": 1, "b": ["p", ""]}, None, {"a": None, "b": None}]), ("y", None), ("", [])], None],
    ]


DURATIONS = [
    (b"\0\0\0", (0, 0, 0)),
    (b"\2\4\6", (1, 2, 3)),
    (b"\1\3\5", (-1, -2, -3)),
    (b"\xf0\xff\xff\xff\xfe" * 2 + b"\xff" * 8 + b"\xfe", (2**31 - 1, 2**31 - 1, 2**63 - 1)),
    (b"\xf0\xff\xff\xff\xff" * 2 + b"\xff" * 9, (-(2**31), -(2**31), -(2**63))),
]


@pytest.mark.parametrize(("cell", "parts"), DURATIONS)
def test_a_duration_keeps_months_days_and_nanoseconds_apart(cell: bytes, parts: tuple[int, int, int]) -> None:
    months, days, nanoseconds = parts
    array = decode_cells(cqltypes.DurationType, cell, None)
    assert array.to_pylist() == [{"months": months, "days": days, "nanoseconds": nanoseconds}, None]


@pytest.mark.parametrize("cell", [b"\0", b"\0\0", b"\0\0\0\0", b"\0\0\xff", b"\xf1\0\0\0\0\0\0", b"\x80\0\0"])
def test_a_duration_that_is_none_is_corrupt(cell: bytes) -> None:
    with pytest.raises(CorruptPageError):
        decode_cells(cqltypes.DurationType, cell)


@pytest.mark.parametrize(
    ("driver_type", "good", "bad", "path"),
    [
        (list_of(TEXT), list_cell(b"a", b"b", b"c"), list_cell(b"d", b"\xff"), "v.element"),
        (map_of(TEXT, INT), map_cell((b"a", None), (b"b", None)), map_cell((b"\xff", None)), "v.key"),
        (map_of(INT, TEXT), map_cell((number(1), b"a"), (number(2), None)), map_cell((number(3), b"\xff")), "v.value"),
        (vector_of(TEXT, 2), b"\1a\1b", b"\1c\1\xff", "v.element"),
        (tuple_of(INT, list_of(TEXT)), tuple_cell(None, list_cell(b"a", b"b")), tuple_cell(None, list_cell(b"\xff")),
         "v.f1.element"),
        (list_of(list_of(TEXT)), list_cell(list_cell(b"a", b"b"), list_cell(b"c")), list_cell(None, list_cell(b"\xff")),
         "v.element.element"),
    ],
)  # fmt: skip
def test_an_error_inside_a_value_names_its_row(driver_type: Any, good: bytes, bad: bytes, path: str) -> None:
    columns = [("id", INT), ("v", driver_type)]
    rows = [[number(1), good], [number(2), None], [number(3), good], [number(4), bad], [number(5), good]]
    with pytest.raises(CorruptPageError, match="row id=4") as caught:
        open_decoder(columns, primary_key=["id"]).decode(page_of(columns, rows))
    assert caught.value.column == path
    assert caught.value.primary_key == {"id": "4"}


@pytest.mark.parametrize("cell", [b"", b"\x80", b"\xc0\0", b"\xff" * 8])
def test_a_variable_integer_that_ends_early_is_an_error(cell: bytes) -> None:
    with pytest.raises(IndexError):
        read_unsigned_vint(cell, 0)
