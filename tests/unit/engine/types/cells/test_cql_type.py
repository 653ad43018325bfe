from __future__ import annotations

from typing import Any

import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.types.cells.cql_type import CQL_NAMES, CqlType
from tests.cql_pages import list_of, map_of, tuple_of, udt, vector_of

INT, TEXT = cqltypes.Int32Type, cqltypes.UTF8Type


@pytest.mark.parametrize(
    ("driver_type", "cql_text"),
    [
        (INT, "int"),
        (cqltypes.DateType, "timestamp"),
        (cqltypes.TimestampType, "timestamp"),
        (cqltypes.SimpleDateType, "date"),
        (cqltypes.VarcharType, "text"),
        (cqltypes.ReversedType.apply_parameters((INT,)), "int"),
        (cqltypes.FrozenType.apply_parameters((list_of(TEXT),)), "list<text>"),
        (map_of(TEXT, list_of(tuple_of(INT, TEXT))), "map<text, list<tuple<int, text>>>"),
        (vector_of(vector_of(cqltypes.FloatType, 2), 3), "vector<vector<float, 2>, 3>"),
        (udt("address", street=TEXT), "address"),
        (udt("Mixed Case", street=TEXT), '"Mixed Case"'),
        (cqltypes.lookup_casstype("com.acme.Money"), "'com.acme.Money'"),
        (cqltypes.lookup_casstype("com.acme.Pair(Int32Type, UTF8Type)"), "'com.acme.Pair(org.apache.cassandra.db."
         "marshal.Int32Type, org.apache.cassandra.db.marshal.UTF8Type)'"),
    ],
)  # fmt: skip
def test_a_driver_type_is_told_as_cql_text(driver_type: Any, cql_text: str) -> None:
    assert str(CqlType.from_driver_type(driver_type)) == cql_text


def test_classes_made_twice_are_one_type() -> None:
    def make() -> CqlType:
        return CqlType.from_driver_type(map_of(TEXT, vector_of(udt("a", x=INT), 2)))

    assert make() == make()
    assert hash(make()) == hash(make())


@pytest.mark.parametrize(
    "other",
    [vector_of(INT, 3), vector_of(TEXT, 2), list_of(INT)],
)
def test_different_types_differ(other: Any) -> None:
    assert CqlType.from_driver_type(vector_of(INT, 2)) != CqlType.from_driver_type(other)


def test_a_udt_with_a_new_field_is_another_type() -> None:
    before = CqlType.from_driver_type(udt("a", x=INT))
    assert before != CqlType.from_driver_type(udt("a", x=INT, y=INT))
    assert before != CqlType.from_driver_type(udt("a", z=INT))


def test_every_type_of_the_protocol_is_known() -> None:
    from cassandra.protocol import CUSTOM_TYPE, ResultMessage

    for driver_type in ResultMessage.type_codes.values():
        if driver_type is not CUSTOM_TYPE:
            assert driver_type.cassname in CQL_NAMES
