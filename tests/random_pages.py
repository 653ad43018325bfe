"""Random result pages: types of any depth, cells that are values of them or are not, overrides, and damaged bytes."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from cassandra import cqltypes
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import ResultColumn, result_column
from airflow_provider_cqlai.engine.types.families.vectors import fixed_length
from airflow_provider_cqlai.engine.types.type_map import leaf_row
from tests.cql_pages import (
    decimal_cell,
    list_cell,
    list_of,
    map_cell,
    map_of,
    page_of,
    tuple_cell,
    tuple_of,
    udt,
    varint_cell,
    vector_of,
)

Cells: TypeAlias = st.SearchStrategy[bytes | None]


@dataclasses.dataclass(frozen=True)
class RandomColumn:
    driver_type: Any
    cells: Cells
    is_well_formed: Cells
    """Cells that are values of the type and fit its default Arrow type."""


def _fixed(driver_type: Any, length: int) -> RandomColumn:
    return _leaf(driver_type, st.binary(min_size=length, max_size=length))


def _leaf(driver_type: Any, well_formed: st.SearchStrategy[bytes]) -> RandomColumn:
    some = st.one_of(st.none(), well_formed)
    return RandomColumn(driver_type, st.one_of(some, some, some, st.just(b""), st.binary(max_size=20)), some)


def _unsigned_vint(value: int) -> bytes:
    for extra_bytes in range(9):
        if extra_bytes == 8 or value < 1 << (7 * (extra_bytes + 1)):
            body = value.to_bytes(extra_bytes + 1 if extra_bytes < 8 else 9, "big")
            ones = (0xFF << (8 - extra_bytes)) & 0xFF
            return bytes([body[0] | ones]) + body[1:]
    raise AssertionError(value)


def _duration(parts: tuple[int, int, int]) -> bytes:
    return b"".join(_unsigned_vint(part * 2 if part >= 0 else -part * 2 - 1) for part in parts)


int32 = st.integers(-(2**31), 2**31 - 1)
LEAVES = [
    _leaf(cqltypes.AsciiType, st.text(st.characters(max_codepoint=127)).map(str.encode)),
    _leaf(cqltypes.UTF8Type, st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)),
    _leaf(cqltypes.BytesType, st.binary()),
    _fixed(cqltypes.ByteType, 1),
    _fixed(cqltypes.ShortType, 2),
    _fixed(cqltypes.Int32Type, 4),
    _fixed(cqltypes.LongType, 8),
    _fixed(cqltypes.FloatType, 4),
    _fixed(cqltypes.DoubleType, 8),
    _fixed(cqltypes.BooleanType, 1),
    _fixed(cqltypes.DateType, 8),
    _fixed(cqltypes.SimpleDateType, 4),
    _leaf(cqltypes.TimeType, st.integers(0, 86_399_999).map(lambda value: struct.pack(">q", value * 1_000_000))),
    _fixed(cqltypes.UUIDType, 16),
    _fixed(cqltypes.TimeUUIDType, 16),
    _leaf(
        cqltypes.DecimalType,
        st.builds(decimal_cell, st.integers(-(10**20) + 1, 10**20 - 1), st.integers(0, 18)),
    ),
    _leaf(cqltypes.IntegerType, st.integers(-(10**38) + 1, 10**38 - 1).map(varint_cell)),
    _leaf(cqltypes.DurationType, st.tuples(int32, int32, st.integers(-(2**63), 2**63 - 1)).map(_duration)),
    _leaf(
        cqltypes.InetAddressType,
        st.one_of(
            st.ip_addresses().map(lambda address: address.packed),
            st.lists(st.sampled_from([b"\0\0", b"\xff\xff", b"\0\1"]), min_size=8, max_size=8).map(b"".join),
        ),
    ),
]
ODD_NUMBERS = st.one_of(
    st.builds(decimal_cell, st.integers(-(10**90), 10**90), st.integers(-100, 100)),
    st.builds(decimal_cell, st.sampled_from([0, 1, -1, 10**30, 15]), st.sampled_from([2**31 - 1, -(2**31), 7, -7])),
    st.builds(
        lambda unscaled, more: bytes([0, 0, 0, 2]) + bytes(more) + b"\1" + unscaled, st.binary(), st.integers(0, 20)
    ),
)

NUMBERS = [_leaf(cqltypes.DecimalType, ODD_NUMBERS), _leaf(cqltypes.IntegerType, ODD_NUMBERS)]


def _either(column: RandomColumn, build: Callable[[Cells], Cells]) -> tuple[Cells, Cells]:
    return build(column.cells), build(column.is_well_formed)


def columns(depth: int = 2) -> st.SearchStrategy[RandomColumn]:
    leaves = st.sampled_from(LEAVES)
    if depth == 0:
        return leaves
    inner = columns(depth - 1)
    return st.one_of(
        leaves,
        inner.map(_list),
        st.builds(_map, inner, inner),
        st.lists(inner, min_size=1, max_size=3).map(_tuple),
        st.lists(inner, min_size=1, max_size=3).map(_udt),
        st.builds(_vector, inner, st.integers(1, 3)),
    )


def _nested(driver_type: Any, cells: Cells, well_formed: Cells) -> RandomColumn:
    junk = st.one_of(st.just(b""), st.binary(max_size=20))
    return RandomColumn(driver_type, st.one_of(st.none(), cells, cells, cells, junk), st.one_of(st.none(), well_formed))


def _list(element: RandomColumn) -> RandomColumn:
    cells, well_formed = _either(element, lambda cell: st.lists(cell, max_size=3).map(lambda found: list_cell(*found)))
    return _nested(list_of(element.driver_type), cells, well_formed)


def _map(key: RandomColumn, value: RandomColumn) -> RandomColumn:
    def build(keys: Cells, values: Cells) -> Cells:
        return st.lists(st.tuples(keys, values), max_size=3).map(lambda found: map_cell(*found))

    present = key.is_well_formed.filter(lambda cell: cell is not None)
    return _nested(
        map_of(key.driver_type, value.driver_type),
        build(key.cells, value.cells),
        build(present, value.is_well_formed),
    )


def _fields(fields: Sequence[RandomColumn]) -> tuple[Cells, Cells]:
    def build(kept: Sequence[Cells]) -> Cells:
        # A value may have fewer fields than its type, and a lying one more.
        whole = st.tuples(*kept)
        return st.tuples(whole, st.integers(0, len(kept))).map(lambda found: tuple_cell(*found[0][: found[1]]))

    more = st.tuples(*[field.cells for field in fields], fields[0].cells).map(lambda found: tuple_cell(*found))
    return st.one_of(build([field.cells for field in fields]), more), build([field.is_well_formed for field in fields])


def _tuple(fields: Sequence[RandomColumn]) -> RandomColumn:
    cells, well_formed = _fields(fields)
    # A tuple of no fields is a cell of zero bytes, which is another thing.
    present = well_formed.filter(bool)
    return _nested(tuple_of(*(field.driver_type for field in fields)), cells, present)


def _udt(fields: Sequence[RandomColumn]) -> RandomColumn:
    cells, well_formed = _fields(fields)
    names = {f"f{number}": field.driver_type for number, field in enumerate(fields)}
    return _nested(udt("random", **names), cells, well_formed.filter(bool))


def _vector(element: RandomColumn, dimension: int) -> RandomColumn:
    length = fixed_length(CqlType.from_driver_type(element.driver_type))

    def build(cells: Cells) -> Cells:
        def join(found: list[bytes | None]) -> bytes:
            present = [cell or b"" for cell in found]
            return b"".join(present if length else [_unsigned_vint(len(cell)) + cell for cell in present])

        return st.lists(cells, min_size=dimension, max_size=dimension).map(join)

    def is_sound(cell: bytes | None) -> bool:
        return cell is not None and (length is None or len(cell) == length)

    well_formed = build(element.is_well_formed.filter(is_sound))
    return _nested(vector_of(element.driver_type, dimension), build(element.cells), well_formed)


def _overrides(draw: st.DrawFn, cql_type: CqlType, path: str) -> dict[str, str]:
    if draw(st.booleans()):
        return {}
    if not cql_type.children:
        row = leaf_row(cql_type)
        allowed = ["binary"] if cql_type.name == "duration" else [*row.arrow_types, "binary"]
        if row.takes_decimals:
            allowed += ["decimal128(10, 2)", "decimal128(38, 38)", "decimal256(76, 30)", "decimal256(40, 0)"]
        return {path: draw(st.sampled_from(allowed))}
    chosen: dict[str, str] = {}
    for name, child in cql_type.children:
        chosen |= _overrides(draw, child, f"{path}.{name}")
    return chosen


@dataclasses.dataclass(frozen=True)
class Result:
    """A page and the columns to decode it with."""

    columns: list[ResultColumn]
    page: RawPage


@st.composite
def results(
    draw: st.DrawFn,
    *,
    is_well_formed: bool = False,
    column: st.SearchStrategy[RandomColumn] | None = None,
    repeated: int = 1,
) -> Result:
    """Up to five rows, ``repeated`` times."""
    chosen = draw(st.lists(columns() if column is None else column, min_size=1, max_size=3))
    driver_columns = [(f"c{number}", found.driver_type) for number, found in enumerate(chosen)]
    row = st.tuples(*(found.is_well_formed if is_well_formed else found.cells for found in chosen))
    rows = draw(st.lists(row, max_size=5)) * repeated
    result_columns = []
    for name, driver_type in driver_columns:
        cql_type = CqlType.from_driver_type(driver_type)
        overrides = {} if is_well_formed else _overrides(draw, cql_type, name)
        is_primary_key = not is_well_formed and draw(st.booleans())
        result_columns.append(result_column(name, cql_type, overrides=overrides, is_primary_key=is_primary_key))
    return Result(result_columns, page_of(driver_columns, rows))


def damage(draw: st.DrawFn, page: RawPage) -> RawPage:
    body = bytearray(page.body)
    positions = st.integers(page.rows_offset, max(page.rows_offset, len(body) - 1))
    for _ in range(draw(st.integers(0, 4))):
        position = draw(positions)
        if position < len(body):
            body[position] = draw(st.sampled_from([0, 1, 2, 4, 8, 16, 0x7F, 0x80, 0xFE, 0xFF]))
    if draw(st.booleans()):
        del body[draw(positions) :]
    row_counts = st.sampled_from([page.row_count, page.row_count, page.row_count + 1, 0, -1, 2**31 - 1])
    return dataclasses.replace(page, body=bytes(body), row_count=draw(row_counts))


@st.composite
def damaged_results(draw: st.DrawFn) -> Result:
    result = draw(results())
    return dataclasses.replace(result, page=damage(draw, result.page))
