from __future__ import annotations

import uuid
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.cells.cells import MisfitCellError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS, plan_field_conversion
from airflow_provider_cqlai.engine.types.handlers import register_type_handler, unregister_type_handler
from tests.conversions import convert, cql, encode, plan
from tests.pyarrow_versions import skip_without_newer_types

skip_without_newer_types()

UUID_BYTES = uuid.UUID("550e8400-e29b-41d4-a716-446655440000").bytes
LISTS = [pa.list_, pa.large_list, pa.list_view, pa.large_list_view]
ADDRESS = cql("udt", street="text", number="int", codes=cql("list", "bigint"))


@pytest.mark.parametrize("make", LISTS)
@pytest.mark.parametrize("name", ["list", "set"])
def test_lists_of_any_kind(make: Any, name: str) -> None:
    values = [[1, 2], None, [], [3]]
    for element in (pa.int32(), pa.int64()):
        array = pa.array(values, make(element))
        assert convert(cql(name, "int"), array).to_pylist() == values
        assert convert(cql(name, "int"), array.slice(1, 2)).to_pylist() == values[1:3]


def test_list_views_out_of_order_and_overlapping() -> None:
    array = pa.ListViewArray.from_arrays(
        pa.array([2, 0, 0], pa.int32()), pa.array([1, 3, 0], pa.int32()), pa.array([1, 2, 3], pa.int64())
    )
    assert convert(cql("list", "int"), array).to_pylist() == [[3], [1, 2, 3], []]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
        pa.array([[1.0, 2.0], None], pa.list_(pa.float32())),
        pa.array([[1.0, 2.0], None], pa.large_list(pa.float16())),
        pa.array([[1, 2], None], pa.list_view(pa.int16())),
    ],
    ids=lambda array: str(array.type),
)
def test_vectors_of_lists_of_the_right_length(array: Any) -> None:
    vector = cql("vector", "float", dimension=2)
    assert convert(vector, array).to_pylist() == [[1.0, 2.0], None]
    assert convert(cql("list", "float"), array).to_pylist() == [[1.0, 2.0], None]


def test_vectors_of_other_lengths_and_of_nulls_are_refused() -> None:
    vector = cql("vector", "float", dimension=2)
    with pytest.raises(UnsupportedTypeError, match="3 elements, not 2"):
        plan(vector, pa.list_(pa.float32(), 3))
    for bad in ([1.0], [], [1.0, 2.0, 3.0]):
        with pytest.raises(CONVERSION_ERRORS, match=f"{len(bad)} elements, where a vector has 2"):
            convert(vector, pa.array([[1.0, 2.0], None, bad], pa.list_(pa.float32())))
    with pytest.raises(MisfitCellError, match="a vector cannot hold"):
        convert(vector, pa.array([[1.0, None]], pa.list_(pa.float32())))
    with pytest.raises(UnsupportedTypeError, match="allow_lossy='c'"):
        plan(vector, pa.list_(pa.float64()))
    assert convert(vector, pa.array([[0.5, 1.0]]), is_lossy_allowed=True).to_pylist() == [[0.5, 1.0]]


def test_maps_with_any_texts_and_numbers() -> None:
    pairs = [[("a", 1), ("b", 2)], None, [], [("c", 3)]]
    for key, value in ((pa.large_string(), pa.int64()), (pa.string(), pa.int32()), (pa.string_view(), pa.float64())):
        assert convert(cql("map", "text", "int"), pa.array(pairs, pa.map_(key, value))).to_pylist() == pairs
    with pytest.raises(MisfitCellError, match="a map cannot hold"):
        convert(cql("map", "text", "int"), pa.array([[("a", None)]], pa.map_(pa.string(), pa.int64())))


@pytest.mark.parametrize("make", LISTS)
@pytest.mark.parametrize("names", [("key", "value"), ("value", "key")])
def test_maps_written_as_lists_of_structs(make: Any, names: tuple[str, str]) -> None:
    types = {"key": pa.large_string(), "value": pa.int64()}
    pairs = [[{"key": "a", "value": 1}, {"key": "b", "value": 2}], None, [], [{"key": "c", "value": 3}]]
    array = pa.array(pairs, make(pa.struct([(name, types[name]) for name in names])))
    assert convert(cql("map", "text", "int"), array).to_pylist() == [[("a", 1), ("b", 2)], None, [], [("c", 3)]]


def test_lists_of_other_structs_and_null_keys_are_no_maps() -> None:
    for names in (["k", "v"], ["key"], ["key", "value", "more"], ["key", "key"]):
        with pytest.raises(UnsupportedTypeError, match="the fields key and value"):
            plan(cql("map", "int", "int"), pa.list_(pa.struct([(name, pa.int32()) for name in names])))
    entry = pa.struct([("key", pa.int32()), ("value", pa.int32())])
    for bad in ({"key": None, "value": 1}, None):
        with pytest.raises(CONVERSION_ERRORS, match="a key that is null"):
            convert(cql("map", "int", "int"), pa.array([[bad]], pa.list_(entry)))


def test_structs_by_field_name_at_any_depth_and_missing_fields_null() -> None:
    array = pa.array(
        [{"codes": [1, None], "street": "a"}, None, {"codes": None, "street": None}],
        pa.struct([("codes", pa.large_list(pa.int16())), ("street", pa.large_string())]),
    )
    found = plan(ADDRESS, array.type)(array).to_pylist()
    assert found == [
        {"street": "a", "number": None, "codes": [1, None]},
        None,
        {"street": None, "number": None, "codes": None},
    ]
    with pytest.raises(MisfitCellError, match="a list cannot hold"):
        encode(ADDRESS, array)
    assert convert(ADDRESS, array.slice(1)).to_pylist() == found[1:]


def test_structs_with_other_or_doubled_fields_are_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match="no field zip"):
        plan(ADDRESS, pa.struct([("street", pa.string()), ("zip", pa.string())]))
    with pytest.raises(UnsupportedTypeError, match="twice"):
        plan(ADDRESS, pa.struct([("street", pa.string()), ("street", pa.string())]))


def test_tuples_by_name_or_by_position() -> None:
    pair = cql("tuple", "text", "int")
    for names in (("f0", "f1"), ("_1", "_2"), ("name", "age")):
        # Older pyarrow sorts the fields of a struct that it infers.
        fields = pa.struct([(names[0], pa.string()), (names[1], pa.int64())])
        array = pa.array([dict(zip(names, ("a", 1), strict=True)), None], fields)
        assert convert(pair, array).to_pylist() == [{"f0": "a", "f1": 1}, None]
    swapped = pa.array([{"f1": 1, "f0": "a"}])
    assert convert(pair, swapped).to_pylist() == [{"f0": "a", "f1": 1}]
    assert convert(pair, pa.array([{"f1": 1}])).to_pylist() == [{"f0": None, "f1": 1}]
    for names in (("a",), ("a", "b", "c"), ("f0", "b"), ("f0", "a", "b")):
        with pytest.raises(UnsupportedTypeError, match="has no field"):
            plan(pair, pa.struct([(name, pa.string()) for name in names]))


def test_dictionaries_and_uuids_inside_of_everything() -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), pa.array(["x", "y"], pa.large_string()))
    ids = pa.array([UUID_BYTES] * 3, pa.binary(16))
    structs = pa.StructArray.from_arrays([texts, ids], names=["kind", "id"])
    array = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), structs)
    wanted = cql("list", cql("udt", kind="text", id="uuid"))
    value = uuid.UUID(bytes=UUID_BYTES)
    assert convert(wanted, array).to_pylist() == [
        [{"kind": "x", "id": value}, {"kind": "y", "id": value}],
        [{"kind": "x", "id": value}],
    ]
    maps = pa.MapArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), ids, texts)
    assert convert(cql("map", "uuid", "text"), maps).to_pylist() == [[(value, "x")], [(value, "y")], [(value, "x")]]


@pytest.mark.parametrize(
    "cql_type",
    ["int", "text", "uuid", "inet", "duration", "decimal", "blob", cql("list", "int"), cql("map", "int", "text"),
     ADDRESS, cql("vector", "float", dimension=2)],
    ids=str,
)  # fmt: skip
def test_columns_of_nothing_but_nulls(cql_type: Any) -> None:
    assert encode(cql_type, pa.nulls(2)) == [None, None]
    inside = pa.array([{"a": None}, None], pa.struct([("a", pa.null())]))
    assert convert(cql("udt", a=cql_type, b="int"), inside).to_pylist() == [{"a": None, "b": None}, None]
    assert convert(cql("list", cql_type), pa.array([[], None], pa.list_(pa.null()))).to_pylist() == [[], None]


def test_nulls_go_into_a_type_with_a_handler_too() -> None:
    register_type_handler("inet", pa.int64(), len)
    try:
        assert encode("inet", pa.nulls(1)) == [None]
    finally:
        unregister_type_handler("inet")


def test_a_slice_is_not_refused_for_the_rest_of_its_list() -> None:
    array = pa.array([[1], [2**40]], pa.list_(pa.int64()))
    conversion = plan(cql("list", "int"), array.type)
    assert conversion(array.slice(0, 1)).to_pylist() == [[1]]
    with pytest.raises(CONVERSION_ERRORS, match=str(2**40)):
        conversion(array.slice(1, 1))


def test_deep_nesting() -> None:
    wanted = cql("map", "text", cql("list", cql("tuple", "bigint", cql("set", "timestamp"))))
    arrow_type = pa.map_(
        pa.large_string(),
        pa.large_list(pa.struct([("f0", pa.uint32()), ("f1", pa.list_(pa.timestamp("s")))])),
    )
    found = convert(wanted, pa.array([[("k", [{"f0": 7, "f1": [1, 2]}])], None], arrow_type))
    (pair,) = found.to_pylist()[0]
    assert (pair[0], pair[1][0]["f0"], len(pair[1][0]["f1"])) == ("k", 7, 2)


@pytest.mark.parametrize(
    ("cql_type", "arrow_type"),
    [(cql("list", "int"), pa.struct([("a", pa.int32())])), (cql("map", "int", "int"), pa.list_(pa.int32())),
     (ADDRESS, pa.map_(pa.string(), pa.string())), (cql("list", "int"), pa.int32()),
     (CqlType("int"), pa.list_(pa.int32())),
     (cql("list", "int"), pa.binary()), (cql("list", "int"), pa.string())],
    ids=str,
)  # fmt: skip
def test_other_shapes_are_refused(cql_type: CqlType, arrow_type: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match="cannot become"):
        plan(cql_type, arrow_type)


def test_extension_types_that_are_only_what_they_are_stored_as() -> None:
    for storage in (pa.string(), pa.large_string(), pa.string_view()):
        texts = pa.array(['{"a": 1}', None]).cast(storage)
        array = pa.ExtensionArray.from_storage(pa.json_(storage), texts)
        assert convert("text", array).to_pylist() == ['{"a": 1}', None]
    flags = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([0, 1, None, 5], pa.int8()))
    assert convert("boolean", flags).to_pylist() == [False, True, None, True]
    tensor = pa.fixed_shape_tensor(pa.float32(), [2])
    array = pa.ExtensionArray.from_storage(tensor, pa.array([[1, 2], None], pa.list_(pa.float32(), 2)))
    assert convert(cql("vector", "float", dimension=2), array).to_pylist() == [[1.0, 2.0], None]


@pytest.mark.parametrize(
    ("cql_type", "arrow_type"),
    [("int", pa.bool8()), ("tinyint", pa.bool8()), ("blob", pa.json_()), ("map", pa.json_()), ("inet", pa.json_()),
     ("list", pa.fixed_shape_tensor(pa.float32(), [2, 2])), ("blob", pa.opaque(pa.binary(), "geometry", "other"))],
    ids=str,
)  # fmt: skip
def test_other_extension_types_are_refused(cql_type: str, arrow_type: Any) -> None:
    arguments = {"map": ("text", "int"), "list": ("float",)}.get(cql_type, ())
    with pytest.raises(UnsupportedTypeError, match="cannot become"):
        plan(cql(cql_type, *arguments), arrow_type)


# What older pyarrow asks of newer pandas.
@pytest.mark.filterwarnings("ignore:Series.values returning")
@pytest.mark.parametrize("frame", [pd.period_range("2024-01", periods=1, freq="M"), pd.interval_range(0, 1)], ids=str)
@pytest.mark.parametrize("is_known", [True, False])
def test_periods_and_intervals_of_pandas_are_no_numbers(frame: Any, is_known: bool) -> None:
    field = pa.Schema.from_pandas(pd.DataFrame({"c": frame})).field("c")
    if not is_known:
        # So Arrow shows the column where pandas was not imported.
        name = field.type.extension_name.encode()
        field = pa.field("c", field.type.storage_type, metadata={"ARROW:extension:name": name})
    udt = cql("udt", left="bigint", right="bigint")
    for cql_type in (CqlType("bigint"), CqlType("timestamp"), udt):
        with pytest.raises(UnsupportedTypeError, match=r"pandas\.(period|interval)"):
            plan_field_conversion(cql_type, field, "c")
        with pytest.raises(UnsupportedTypeError, match=r"pandas\.(period|interval)"):
            plan_field_conversion(cql("list", cql_type), pa.field("c", pa.list_(field.with_name("item"))), "c")


def test_unknown_extension_types_of_bytes_and_texts_are_bytes_and_texts() -> None:
    metadata = {"ARROW:extension:name": "geoarrow.wkb"}
    field = pa.field("c", pa.binary(), metadata=metadata)
    assert plan_field_conversion(CqlType("blob"), field, "c").arrow_type == pa.binary()
    with pytest.raises(UnsupportedTypeError, match=r"geoarrow\.wkb"):
        plan_field_conversion(CqlType("uuid"), pa.field("c", pa.binary(16), metadata=metadata), "c")
