"""Encoded rows on a real server: they are the rows that were decoded, and routing keys are the driver's."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pyarrow as pa
import pytest
from cassandra.cluster import Session
from cassandra.query import BoundStatement

from airflow_provider_cqlai.engine.cassandra.codec.encoder import BoundColumn, EncodedRows, open_row_encoder
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from dev.server_address import ServerAddress
from tests.cql_values import ALL_TYPES, plain_values
from tests.integration.all_types_table import create_all_types_table
from tests.keyspaces import make_keyspace
from tests.raw_reader import connect, read_arrow_table

pytestmark = [pytest.mark.usefixtures("codec"), pytest.mark.twin_codecs]


def bound_values(rows: EncodedRows, row: int) -> list[bytes | None]:
    values, found = bytes(rows.rows(row, row + 1)), []
    while values:
        (length,) = struct.unpack_from(">i", values)
        found.append(None if length < 0 else values[4 : 4 + length])
        values = values[4 + max(0, length) :]
    return found


def insert(session: Session, keyspace: str, table: str, columns: Sequence[str], rows: EncodedRows) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    markers = ", ".join("?" for _ in columns)
    statement = session.prepare(f'INSERT INTO "{keyspace}"."{table}" ({names}) VALUES ({markers})')
    for row in range(len(rows)):
        bound = BoundStatement(statement)
        # Past the driver's own serializers: the bytes go to the server as they are.
        bound.values = bound_values(rows, row)
        session.execute(bound)


@pytest.mark.parametrize("protocol_version", [5, 4])
def test_every_type_that_was_exported_is_inserted_as_it_was(
    cassandra: ServerAddress, session: Session, protocol_version: int
) -> None:
    keyspace = make_keyspace(session)
    with connect(cassandra.host, cassandra.port, protocol_version) as own_session:
        for table in ("source", "copy"):
            create_all_types_table(session, keyspace, table, ALL_TYPES)
        session.execute(f'TRUNCATE "{keyspace}"."copy"', timeout=60)
        exported, _ = read_arrow_table(own_session, keyspace, "source")
        described = session.prepare(f'SELECT * FROM "{keyspace}"."source"').result_metadata
        types = {column[2]: CqlType.from_driver_type(column[3]) for column in described}
        columns = [
            BoundColumn(
                field.name, types[field.name], field.type, null_handling="null", is_primary_key=field.name == "id"
            )
            for field in exported.schema
        ]
        encoder = open_row_encoder(columns, table=f"{keyspace}.copy", partition_key=["id"])
        [record_batch] = exported.combine_chunks().to_batches()
        insert(own_session, keyspace, "copy", exported.column_names, encoder.encode(record_batch, is_grouped=True))
        copied, _ = read_arrow_table(own_session, keyspace, "copy")
    by_id = [("id", "ascending")]
    assert copied.num_rows == exported.num_rows > 0
    for name in exported.column_names:
        expected = plain_values(exported.sort_by(by_id).column(name))
        assert plain_values(copied.sort_by(by_id).column(name)) == expected, name


def test_routing_keys_are_those_of_the_driver(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (a text, b bigint, c int, d int, PRIMARY KEY ((a, b), c))")
    statement = session.prepare(f"INSERT INTO {keyspace}.t (d, c, b, a) VALUES (?, ?, ?, ?)")
    record_batch = pa.record_batch(
        {
            "d": pa.array([1, 2, 3], pa.int32()),
            "c": pa.array([1, 2, 3], pa.int32()),
            "b": pa.array([5, -6, 5], pa.int64()),
            "a": ["ä", "", "ä"],
        }
    )
    columns = [
        BoundColumn(field.name, CqlType(name), field.type)
        for field, name in zip(record_batch.schema, ("int", "int", "bigint", "text"), strict=True)
    ]
    rows = open_row_encoder(columns, table="t", partition_key=["a", "b"]).encode(record_batch, is_grouped=True)
    assert list(rows.routing_keys or []) == [
        statement.bind((1, 1, 5, "ä")).routing_key,
        statement.bind((2, 2, -6, "")).routing_key,
    ]
