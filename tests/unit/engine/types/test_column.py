from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.errors import OptionError, UnsupportedTypeError
from airflow_provider_cqlai.engine.types.arrow_type_text import read_arrow_type
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import ResultColumn, check_overrides, result_column
from airflow_provider_cqlai.engine.types.type_map import LEAF_ROWS
from tests.cql_pages import list_of, map_of, tuple_of, udt, vector_of

DECIMAL, TEXT = cqltypes.DecimalType, cqltypes.UTF8Type


def column(name: str, driver_type: Any, *, is_primary_key: bool = False, **options: Any) -> ResultColumn:
    options.setdefault("overrides", {})
    return result_column(name, CqlType.from_driver_type(driver_type), is_primary_key=is_primary_key, **options)


def test_an_override_leads_into_nested_values() -> None:
    driver_type = map_of(DECIMAL, list_of(udt("price", amount=DECIMAL, pair=tuple_of(DECIMAL, DECIMAL))))
    overrides = {
        "m.key": "string",
        "m.value.element.amount": "decimal128(12,2)",
        "m.value.element.pair.f1": "decimal256(50, 3)",
    }
    found = column("m", driver_type, overrides=overrides)
    price = pa.struct(
        [
            ("amount", pa.decimal128(12, 2)),
            ("pair", pa.struct([("f0", pa.decimal128(38, 18)), ("f1", pa.decimal256(50, 3))])),
        ]
    )
    assert found.arrow_field.type == pa.map_(pa.string(), pa.list_(pa.field("element", price)))
    check_overrides(overrides, [found])


def test_the_elements_of_a_vector_can_be_overridden() -> None:
    found = column("v", vector_of(cqltypes.UUIDType, 2), overrides={"v.element": "uuid"})
    assert found.arrow_field.type == pa.list_(pa.field("element", pa.uuid()), 2)


def test_a_decimal_in_the_primary_key_is_a_text_at_any_depth_unless_overridden() -> None:
    assert column("k", DECIMAL, is_primary_key=True).arrow_field.type == pa.string()
    nested = column("k", list_of(DECIMAL), is_primary_key=True)
    assert nested.arrow_field.type.value_type == pa.string()
    overridden = column("k", DECIMAL, is_primary_key=True, overrides={"k": "decimal128(9, 2)"})
    assert overridden.arrow_field.type == pa.decimal128(9, 2)


def test_the_metadata_has_the_cql_text_of_the_column_and_of_what_is_inside() -> None:
    field = column("m", map_of(TEXT, list_of(DECIMAL)), cql_text="map<text, frozen<list<decimal>>>").arrow_field
    assert field.nullable
    assert field.metadata == {b"cql_type": b"map<text, frozen<list<decimal>>>"}
    assert field.type.key_field.metadata == {b"cql_type": b"text"}
    assert field.type.item_field.metadata == {b"cql_type": b"list<decimal>"}
    assert column("n", DECIMAL).arrow_field.metadata == {b"cql_type": b"decimal"}


def test_the_exact_name_of_a_column_comes_before_a_path() -> None:
    overrides = {"a.b": "uuid"}
    inside = column("a", udt("u", b=DECIMAL), overrides=overrides, other_columns=["a", "a.b"])
    assert inside.arrow_field.type == pa.struct([("b", pa.decimal128(38, 18))])
    assert (
        column("a.b", cqltypes.UUIDType, overrides=overrides, other_columns=["a", "a.b"]).arrow_field.type == pa.uuid()
    )


@pytest.mark.parametrize(
    ("driver_type", "override", "allowed"),
    [
        (cqltypes.LongType, "int32", "it can be: int64, binary"),
        (cqltypes.UUIDType, "uuid4", "it can be: string, uuid, binary"),
        (DECIMAL, "double", "string, binary, decimal128(p, s) with 0 <= s <= p <= 38"),
        (DECIMAL, "decimal128(39, 0)", "decimal256(p, s)"),
        (DECIMAL, "decimal128(5, 6)", "decimal128(p, s)"),
        (DECIMAL, "decimal128(0, 0)", "decimal128(p, s)"),
        (cqltypes.TimeType, "timestamp[ms, UTC]", "time32[ms], time64[us], time64[ns], string, int64, binary"),
        (cqltypes.DurationType, "int64", "it can be: string, binary"),
        (list_of(DECIMAL), "string", "what is inside it: c.element"),
        (udt("u", x=DECIMAL, y=TEXT), "string", "what is inside it: c.x, c.y"),
    ],
)
def test_an_override_that_a_type_cannot_have_is_an_error_that_lists_those_it_can(
    driver_type: Any, override: str, allowed: str
) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        column("c", driver_type, overrides={"c": override})
    assert allowed in str(caught.value)
    assert repr(override) in str(caught.value)


@pytest.mark.parametrize("path", ["pric", "prices.elements", "prices.element.x", "key.x", "prices.key"])
def test_an_override_of_something_that_is_not_there_is_an_error(path: str) -> None:
    columns = [column("prices", list_of(DECIMAL)), column("key", TEXT)]
    with pytest.raises(OptionError, match="known: "):
        check_overrides({path: "string"}, columns)


def test_an_override_below_one_that_ends_the_path_is_an_error() -> None:
    overrides = {"c": "binary", "c.element": "string"}
    with pytest.raises(OptionError, match=r"c\.element"):
        check_overrides(overrides, [column("c", list_of(DECIMAL), overrides=overrides)])


@pytest.mark.parametrize(
    ("text", "arrow_type"),
    [
        ("Decimal128( 12 , 2 )", pa.decimal128(12, 2)),
        ("timestamp[us, tz=UTC]", pa.timestamp("us", "UTC")),
        ("TIMESTAMP[NS,utc]", pa.timestamp("ns", "UTC")),
        ("uuid", pa.uuid()),
        ("decimal(12, 2)", None),
        ("decimal128(12, -2)", None),
        ("", None),
    ],
)
def test_arrow_types_are_read_as_people_write_them(text: str, arrow_type: Any) -> None:
    assert read_arrow_type(text) == arrow_type


def test_every_row_of_the_type_map_names_arrow_types_that_exist() -> None:
    for name, row in LEAF_ROWS.items():
        if name != "duration":
            assert all(read_arrow_type(text) is not None for text in row.arrow_types), name
