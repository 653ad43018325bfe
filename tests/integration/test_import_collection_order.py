"""Sets and maps of foreign files, in any order and with repeats: the table has them as the server has its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.cassandra_versions import NEEDS_VECTORS, has_vectors

pytestmark = pytest.mark.usefixtures("codec")

NESTED_MAP = pa.map_(pa.int32(), pa.int32())
PAIR = pa.struct([("f0", pa.int32()), ("f1", pa.string())])
# By CQL type of an element: the Arrow type of a file, and elements in no order; some are equal to others.
ELEMENTS: dict[str, tuple[Any, list[Any]]] = {
    "tinyint": (pa.int8(), [5, -1, 127, -128, 5, 0]),
    "smallint": (pa.int16(), [300, -1, 32767, -32768, 300]),
    "int": (pa.int32(), [2, 1, 1, -5, 2**31 - 1, -(2**31)]),
    "bigint": (pa.int64(), [2**40, -1, 0, -(2**63), 2**63 - 1, -1]),
    "varint": (pa.string(), ["99999999999999999999999", "-1", "0", "256", "-99999999999999999999999", "255", "256"]),
    "decimal": (pa.string(), ["1.5", "-2", "10", "9.99", "1E+10", "-1E-10", "0", "0.0", "1.50"]),
    "float": (pa.float32(), [1.5, float("nan"), 0.0, -0.0, float("-inf"), -2.5, float("inf"), 1.5]),
    "double": (pa.float64(), [1.5, float("nan"), 0.0, -0.0, float("-inf"), -2.5, float("inf"), -1e-300]),
    "boolean": (pa.bool_(), [True, False, True]),
    "text": (pa.string(), ["ö", "b", "", "a", "ab", "\U0001f600", "\uffff", "b"]),
    "ascii": (pa.string(), ["b", "", "a", "B", "b"]),
    "blob": (pa.binary(), [b"\xff", b"", b"\x00", b"\x7f\x00", b"\x7f", b"\xff"]),
    "inet": (pa.string(), ["127.0.0.1", "::1", "255.0.0.1", "1.2.3.4", "ff02::1", "::1"]),
    "date": (pa.string(), ["2024-01-01", "1969-12-31", "1970-01-01", "9999-12-31", "0001-01-01"]),
    "time": (pa.string(), ["12:00:00", "00:00:00", "23:59:59.999", "12:00:00"]),
    "timestamp": (pa.timestamp("ms", "UTC"), [1, -1, 0, 2**40, -(2**40), 1]),
    "uuid": (
        pa.string(),
        [
            "f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
            "0b257fff-a514-11ee-8000-000000000000",
            "ffffffff-a513-11ee-ffff-ffffffffffff",
            "00000000-0000-4000-8000-000000000000",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "0b257fff-a514-11ee-7f00-000000000000",
            "00000000-0000-4000-8000-000000000000",
        ],
    ),
    "timeuuid": (
        pa.string(),
        [
            "0b257fff-a514-11ee-8000-000000000000",
            "ffffffff-a513-11ee-bfff-ffffffffffff",
            "0b257fff-a514-11ee-bf7f-7f7f7f7f7f7f",
            "0b257fff-a514-11ee-bf80-808080808080",
            "0b257fff-a514-11ee-8000-0000000000ff",
            "0b257fff-a514-11ee-8000-00000000007f",
            "0b257fff-a514-11ee-8000-000000000000",
        ],
    ),
    "frozen<list<int>>": (pa.list_(pa.int32()), [[2, 1], [1, 2], [1], [], [-1, 5], [2, 1]]),
    "frozen<set<int>>": (pa.list_(pa.int32()), [[3, 1], [1, 2], [2, 1, 1], [], [-1, 5]]),
    "frozen<map<int, int>>": (NESTED_MAP, [[(2, 1), (1, 1)], [(1, 1)], [(1, 1), (2, 0)], [(1, -1)], []]),
    "frozen<tuple<int, text>>": (PAIR, [(1, None), (None, "a"), (1, "a"), (0, "b"), (1, "a"), (-1, "")]),
    "frozen<vector<int, 2>>": (pa.list_(pa.int32(), 2), [[1, 2], [-1, 5], [1, -2], [1, 2]]),
    "frozen<vector<text, 2>>": (pa.list_(pa.string(), 2), [["b", "a"], ["a", "bb"], ["a", "b"], ["b", "a"]]),
}


def import_rows(session: Session, table: str, folder: Path, rows: Any, **options: Any) -> Any:
    path = str(folder / "foreign.parquet")
    pq.write_table(rows, path)
    return copy_from(session, CopyFromOptions(table=table, path=path, verify="all", **options))


def export_rows(session: Session, table: str, folder: Path) -> Any:
    path = str(folder / "exported.parquet")
    copy_to(session, CopyToOptions(table=table, path=path))
    return pq.read_table(path)


def test_a_set_or_map_inside_a_tuple_is_what_the_server_makes_of_one_that_is_not(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.ordered"
    elements_here = [element for element in ELEMENTS if has_vectors() or "vector<" not in element]
    names = {element: f"column{number}" for number, element in enumerate(elements_here)}
    definitions = ", ".join(
        f"{name}_s set<{element}>, {name}_m map<{element}, int>,"
        f" {name}_inside tuple<frozen<set<{element}>>, frozen<map<{element}, int>>>"
        for element, name in names.items()
    )
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, {definitions})", timeout=60)
    rows: dict[str, Any] = {"id": pa.array([0, 1, 2], pa.int32())}
    for element, name in names.items():
        arrow_type, elements = ELEMENTS[element]
        pairs = [(key, number) for number, key in enumerate(elements)]
        sets = pa.array([None, elements, elements[::-1]], pa.list_(arrow_type))
        maps = pa.array([None, pairs, pairs[::-1]], pa.map_(arrow_type, pa.int32()))
        inside = pa.StructArray.from_arrays([sets, maps], names=["f0", "f1"])
        rows |= {f"{name}_s": sets, f"{name}_m": maps, f"{name}_inside": inside}
    import_rows(session, table, tmp_path, pa.table(rows))
    exported = export_rows(session, table, tmp_path).sort_by("id")
    for element, name in names.items():
        inside = exported[f"{name}_inside"].combine_chunks()
        expected = [exported[f"{name}_{kind}"].combine_chunks().to_string() for kind in "sm"]
        assert [inside.field(number).to_string() for number in (0, 1)] == expected, element


@pytest.mark.parametrize("clustering", ["c ASC", "c DESC"])
def test_a_set_of_a_primary_key_is_the_row_that_its_literal_finds(
    session: Session, keyspace: str, tmp_path: Path, clustering: str
) -> None:
    table = f"{keyspace}.keyed"
    session.execute(
        f"CREATE TABLE {table} (p frozen<set<int>>, c frozen<set<text>>, v int, PRIMARY KEY (p, c))"
        f" WITH CLUSTERING ORDER BY ({clustering})"
    )
    session.execute(f"INSERT INTO {table} (p, c, v) VALUES ({{1, 2}}, {{'a', 'b'}}, 0)")
    rows = {
        "p": pa.array([[1, 2], [2, 1, 1]], pa.list_(pa.int32())),
        "c": pa.array([["a", "b"], ["b", "a"]], pa.list_(pa.string())),
        "v": pa.array([9, 1], pa.int32()),
    }
    result = import_rows(session, table, tmp_path, pa.table(rows))
    assert [row.v for row in session.execute(f"SELECT v FROM {table}")] == [1]
    assert session.execute(f"SELECT v FROM {table} WHERE p = {{2, 1}} AND c = {{'b', 'a'}}").one().v == 1
    assert (result.rows, result.duplicate_rows) == (2, 1)


def test_a_map_of_a_tuple_in_a_partition_key_is_found_by_its_literal(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.keyed_by_tuple"
    session.execute(f"CREATE TABLE {table} (p frozen<tuple<frozen<map<int, text>>>>, v int, PRIMARY KEY (p))")
    key = pa.struct([("f0", pa.map_(pa.int32(), pa.string()))])
    rows = {
        "p": pa.array([{"f0": [(2, "b"), (1, "a")]}, {"f0": [(1, "x"), (2, "b"), (1, "a")]}], key),
        "v": pa.array([9, 1], pa.int32()),
    }
    import_rows(session, table, tmp_path, pa.table(rows))
    assert [row.v for row in session.execute(f"SELECT v FROM {table} WHERE p = ({{1: 'a', 2: 'b'}})")] == [1]
    assert export_rows(session, table, tmp_path).num_rows == 1


@NEEDS_VECTORS
def test_a_set_of_a_vector_with_an_element_that_does_not_fit_is_rejected_alone(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.rejecting"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v vector<frozen<set<int>>, 1>)")
    rows = {
        "id": pa.array(range(20), pa.int32()),
        "v": pa.array([[[2, 1, None] if row == 7 else [2, 1]] for row in range(20)], pa.list_(pa.list_(pa.int32()))),
    }
    result = import_rows(
        session, table, tmp_path, pa.table(rows), max_errors=1, rejected_path=str(tmp_path / "rejected.parquet")
    )
    assert (result.rows, result.rejected_rows) == (19, 1)
    assert pq.read_table(tmp_path / "rejected.parquet")["id"].to_pylist() == [7]
    exported = export_rows(session, table, tmp_path)
    assert exported["v"].to_pylist() == [[[1, 2]]] * 19
