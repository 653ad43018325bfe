"""Every CQL type against every Arrow type: refused when planned, or converted and encoded, never anything else."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import UnsupportedTypeError
from airflow_provider_cqlai.engine.types.cells.cells import CellError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.families.vectors import LEXICAL_UUID_CLASS
from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS
from airflow_provider_cqlai.engine.types.type_map import LEAF_ROWS
from tests.conversions import convert, cql
from tests.pyarrow_versions import skip_without_newer_types

skip_without_newer_types()

UNITS = ("s", "ms", "us", "ns")
NUMBERS = (
    pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(),
    pa.float32(), pa.float64(), pa.decimal32(5, 2), pa.decimal64(12, 2), pa.decimal128(20, 2), pa.decimal256(50, 2),
    pa.decimal128(10, -2),
)  # fmt: skip
TIMES = (
    *(pa.timestamp(unit, zone) for unit in UNITS for zone in (None, "UTC", "Europe/Berlin")),
    *(pa.duration(unit) for unit in UNITS),
    pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
    pa.month_day_nano_interval(),
)  # fmt: skip
TEXTS = (
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(12),
    pa.binary(16),
)  # fmt: skip
PLAIN = (*NUMBERS, *TIMES, *TEXTS, pa.bool_(), pa.null())
EXTENSIONS = (
    pa.uuid(),
    pa.json_(),
    pa.bool8(),
    pa.opaque(pa.int32(), "a", "b"),
    pa.fixed_shape_tensor(pa.int32(), [2]),
)
ELEMENTS = (
    pa.int8(), pa.uint64(), pa.float64(), pa.decimal64(12, 2), pa.timestamp("us"), pa.date32(), pa.duration("ms"),
    pa.large_string(), pa.binary(16), pa.null(),
)  # fmt: skip
NESTED = (
    *(make(element) for make in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view) for element in ELEMENTS),
    *(pa.list_(element, 2) for element in ELEMENTS),
    *(pa.map_(pa.string(), element) for element in ELEMENTS),
    *(pa.struct([("f0", element), ("f1", pa.int8())]) for element in ELEMENTS),
    *(pa.list_(pa.struct([("key", element), ("value", pa.string())])) for element in ELEMENTS if element != pa.null()),
    pa.struct([]),
)
DICTIONARIES = tuple(
    pa.dictionary(pa.int8(), value) for value in (pa.int32(), pa.large_string(), pa.binary(16), pa.date32())
)
INNER = ("int", "text", "uuid", "timestamp", "duration", "decimal")
CQL_TYPES = (
    *(CqlType(name) for name in LEAF_ROWS),
    CqlType("custom", custom_class=LEXICAL_UUID_CLASS),
    CqlType("custom", custom_class="com.acme.Other"),
    *(cql(name, inner) for name in ("list", "set") for inner in INNER),
    *(cql("vector", inner, dimension=2) for inner in INNER),
    *(cql("map", "text", inner) for inner in INNER),
    *(cql("tuple", inner, "int") for inner in INNER),
    *(cql("udt", f0=inner, f2="int") for inner in INNER),
)  # fmt: skip


def sample(arrow_type: Any) -> Any:
    """A null, and a value of zero bits where there is one; what it means does not matter."""
    if isinstance(arrow_type, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(arrow_type, sample(arrow_type.storage_type))
    if pa.types.is_dictionary(arrow_type):
        return pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), sample(arrow_type.value_type).slice(0, 1))
    return pa.concat_arrays([pa.array([value_of(arrow_type)], arrow_type), pa.nulls(1, arrow_type)])


def value_of(arrow_type: Any) -> Any:
    if pa.types.is_null(arrow_type):
        return None
    if pa.types.is_map(arrow_type):
        return [("a", value_of(arrow_type.item_type))]
    if pa.types.is_struct(arrow_type):
        return {field.name: value_of(field.type) for field in arrow_type}
    if hasattr(arrow_type, "value_field"):
        return [value_of(arrow_type.value_type)] * 2
    if pa.types.is_fixed_size_binary(arrow_type):
        return bytes(arrow_type.byte_width)
    if arrow_type == pa.month_day_nano_interval():
        return pa.MonthDayNano([0, 0, 0])
    if arrow_type in TEXTS:
        return "1" if arrow_type in TEXTS[:3] else b"1"
    return False if pa.types.is_boolean(arrow_type) else 0


@pytest.fixture(scope="module")
def samples() -> list[Any]:
    return [sample(arrow_type) for arrow_type in (*PLAIN, *EXTENSIONS, *NESTED, *DICTIONARIES)]


@pytest.mark.parametrize("cql_type", CQL_TYPES, ids=str)
def test_refused_when_planned_or_converted(cql_type: CqlType, samples: list[Any]) -> None:
    taken = 0
    for is_lossy_allowed in (False, True):
        for array in samples:
            try:
                convert(cql_type, array, is_lossy_allowed=is_lossy_allowed)
            except (UnsupportedTypeError, CellError, *CONVERSION_ERRORS):
                continue
            taken += 1
    assert taken
