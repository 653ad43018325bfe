"""Every CQL type from a real server through the codec into Parquet and back: exact, whatever the value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from dev.server_address import ServerAddress
from tests.cassandra_versions import has_vectors
from tests.cql_values import ALL_TYPES, plain_values
from tests.integration.all_types_table import column_parameters, create_all_types_table, expected_rows
from tests.keyspaces import make_keyspace
from tests.raw_reader import connect, read_arrow_table

pytestmark = pytest.mark.twin_codecs

TABLE = "all_types"


@pytest.fixture(scope="module")
def types_keyspace(session: Session) -> str:
    name = make_keyspace(session)
    create_all_types_table(session, name, TABLE, ALL_TYPES)
    return name


@pytest.fixture(scope="module", params=[5, 4], ids=["protocol 5", "protocol 4"])
def all_types(request: pytest.FixtureRequest, cassandra: ServerAddress, types_keyspace: str, codec: str) -> Any:
    """The table of all types, read through the codec."""
    with connect(cassandra.host, cassandra.port, request.param) as session:
        table, zero_length_cells = read_arrow_table(session, types_keyspace, TABLE)
    assert zero_length_cells == {}
    return table


@pytest.fixture(scope="module")
def parquet_file(all_types: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("types") / "all_types.parquet"
    pq.write_table(all_types, path)
    return path


def values_by_row(table: Any, column: str) -> dict[int, Any]:
    return dict(zip(table.column("id").to_pylist(), plain_values(table.column(column)), strict=True))


ALL_COLUMNS = column_parameters(ALL_TYPES)
EXPECTED = expected_rows(ALL_TYPES)


@pytest.mark.parametrize("column", ALL_COLUMNS)
def test_every_value_arrives_exactly(all_types: Any, column: str) -> None:
    assert values_by_row(all_types, column) == {row: values.get(column) for row, values in enumerate(EXPECTED)}


def test_every_type_has_the_arrow_type_of_the_type_map(all_types: Any) -> None:
    arrow_schema = all_types.schema
    for number, types in enumerate(ALL_TYPES):
        plain = types.arrow_type
        assert arrow_schema.field(f"v{number}").type == plain
        assert arrow_schema.field(f"l{number}").type == pa.list_(pa.field("element", plain))
        assert arrow_schema.field(f"n{number}").type == pa.map_(pa.int32(), pa.list_(pa.field("element", plain)))
        assert arrow_schema.field(f"t{number}").type == pa.struct([("f0", plain), ("f1", pa.string()), ("f2", plain)])
        if has_vectors():
            assert arrow_schema.field(f"e{number}").type == pa.list_(pa.field("element", plain), 2)
        if types.is_comparable:
            assert arrow_schema.field(f"s{number}").type == pa.list_(pa.field("element", plain))
            assert arrow_schema.field(f"m{number}").type == pa.map_(plain, pa.int32())


def test_parquet_keeps_every_value(all_types: Any, parquet_file: Path) -> None:
    read_back = pq.read_table(parquet_file)
    assert read_back.column_names == all_types.column_names
    for name in all_types.column_names:
        assert plain_values(read_back.column(name)) == plain_values(all_types.column(name)), name


def test_parquet_keeps_arrow_types_and_cql_types(session: Session, types_keyspace: str, parquet_file: Path) -> None:
    arrow_schema = pq.read_schema(parquet_file)
    rows = session.execute(
        "SELECT column_name, type FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s",
        (types_keyspace, TABLE),
    )
    found = {row.column_name: row.type for row in rows}
    assert {field.name: field.metadata[b"cql_type"].decode() for field in arrow_schema} == found
    everything = arrow_schema.field("u").type
    assert {everything.field(f"a{number}").metadata[b"cql_type"].decode() for number in range(len(ALL_TYPES))} == {
        "text" if types.cql_type == "varchar" else types.cql_type for types in ALL_TYPES
    }
    assert arrow_schema.field("n5").type.item_field.metadata[b"cql_type"] == b"list<int>"
