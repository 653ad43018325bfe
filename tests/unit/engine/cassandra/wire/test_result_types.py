from __future__ import annotations

import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.cassandra.wire.result_types import read_type_class
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType

PACKAGE = "org.apache.cassandra.db.marshal."


@pytest.mark.parametrize(
    ("text", "cql_text"),
    [
        (f"{PACKAGE}DurationType", "duration"),
        (f"{PACKAGE}VectorType({PACKAGE}FloatType , 3)", "vector<float, 3>"),
        (f"{PACKAGE}VectorType({PACKAGE}VectorType({PACKAGE}UTF8Type, 2), 3)", "vector<vector<text, 2>, 3>"),
        (
            f"{PACKAGE}VectorType({PACKAGE}FrozenType({PACKAGE}MapType({PACKAGE}Int32Type,{PACKAGE}UTF8Type)), 2)",
            "vector<map<int, text>, 2>",
        ),
        (f"{PACKAGE}ReversedType({PACKAGE}TimeUUIDType)", "timeuuid"),
        (f"{PACKAGE}TupleType({PACKAGE}Int32Type,{PACKAGE}UTF8Type)", "tuple<int, text>"),
        ("com.acme.MoneyType", "'com.acme.MoneyType'"),
        (f"com.acme.Pair({PACKAGE}Int32Type,{PACKAGE}UTF8Type)",
         f"'com.acme.Pair({PACKAGE}Int32Type, {PACKAGE}UTF8Type)'"),
    ],
)  # fmt: skip
def test_a_class_text_becomes_the_type_it_names(text: str, cql_text: str) -> None:
    assert str(CqlType.from_driver_type(read_type_class(text))) == cql_text


def hexed(name: str) -> str:
    return name.encode().hex()


@pytest.mark.parametrize("keyspace", ["ks", "2024", "Int32Type"])
@pytest.mark.parametrize("name", ["addr", "address", "größe"])
def test_names_of_user_defined_types_survive(keyspace: str, name: str) -> None:
    fields = (
        f"{hexed('zip')}:{PACKAGE}Int32Type,{hexed('straße')}:{PACKAGE}FrozenType({PACKAGE}ListType({PACKAGE}UTF8Type))"
    )
    found = CqlType.from_driver_type(read_type_class(f"{PACKAGE}UserType({keyspace},{hexed(name)},{fields})"))
    assert (found.udt_keyspace, found.udt_name) == (keyspace, name)
    assert [(field, str(cql_type)) for field, cql_type in found.children] == [("zip", "int"), ("straße", "list<text>")]


def test_simple_classes_are_the_driver_s_own() -> None:
    assert read_type_class(f"{PACKAGE}Int32Type") is cqltypes.Int32Type


@pytest.mark.parametrize("text", ["", "(", ")", "a(b", "a)b", "a b", f"{PACKAGE}VectorType({PACKAGE}FloatType)"])
def test_other_texts_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a type class"):
        read_type_class(text)
