"""The specification's section "Data Type Support", and "Streaming Large Datasets"."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from tests.acceptance.conftest import Scripts, compressions
from tests.specification import EXAMPLES

COLLECTIONS = "Data Type Support / Collection Types"
UDTS = "Data Type Support / User-Defined Types (UDTs)"
VECTORS = "Data Type Support / Vector Types (Cassandra 5.0+)"
STREAMING = "Advanced Features / Streaming Large Datasets"


def statements_of(section: str) -> list[str]:
    return [statement.text for statement in split_statements(EXAMPLES[section][0])]


@pytest.mark.specification(COLLECTIONS, 1)
def test_collections_are_lists_and_maps_and_come_back(scripts: Scripts) -> None:
    scripts.run_example(COLLECTIONS)
    scripts.insert(
        "products", "id, tags, prices", [(1, ["a", "b", "a"], [Decimal("1.50"), Decimal("2")]), (2, None, None)]
    )
    scripts.insert("users", "id, emails, roles", [(1, {"x", "y"}, {"admin"}), (2, None, {"user"})])
    scripts.insert("settings", "user_id, preferences, scores", [(1, {"k": "v"}, {"s": 3}), (2, {"l": ""}, None)])
    types = {
        "products": {"tags": pa.list_(pa.string()), "prices": pa.list_(pa.decimal128(38, 18))},
        "users": {"emails": pa.list_(pa.string()), "roles": pa.list_(pa.string())},
        "settings": {"preferences": pa.map_(pa.string(), pa.string()), "scores": pa.map_(pa.string(), pa.int32())},
    }
    for table, columns in types.items():
        before = scripts.rows(f"SELECT * FROM {table}")
        scripts.run(f"COPY {table} TO '{table}.parquet'; TRUNCATE {table}; COPY {table} FROM '{table}.parquet'")
        schema = pq.read_schema(scripts.path(f"{table}.parquet"))
        for column, arrow_type in columns.items():
            assert schema.field(column).type.equals(arrow_type), column
        assert scripts.rows(f"SELECT * FROM {table}") == before
        assert len(before) == 2


@pytest.mark.specification(UDTS, 1)
def test_a_user_defined_type_is_a_struct_and_comes_back(scripts: Scripts) -> None:
    create_type, create_table, export, load = statements_of(UDTS)
    scripts.run(f"{create_type}; {create_table}")
    address = "{street: 'Main St', city: 'Springfield', zip_code: '12345', country: 'US'}"
    scripts.cql(
        f"INSERT INTO customers (id, name, home_address, work_address) VALUES (1, 'Ada', {address}, {{city: 'Bonn'}})",
        "INSERT INTO customers (id, name) VALUES (2, 'Bob')",
    )
    before = scripts.rows("SELECT * FROM customers")
    scripts.run(export)
    struct = pq.read_schema(scripts.path("customers.parquet")).field("home_address").type
    assert [(field.name, str(field.type)) for field in struct] == [
        (name, "string") for name in ("street", "city", "zip_code", "country")
    ]
    ada = pd.read_parquet(scripts.path("customers.parquet")).set_index("id").loc[1]
    assert ada["work_address"] == {"street": None, "city": "Bonn", "zip_code": None, "country": None}
    scripts.cql("TRUNCATE customers")
    assert scripts.run(load)[0]["rows"] == 2
    assert scripts.rows("SELECT * FROM customers") == before


@pytest.mark.specification(VECTORS, 1)
def test_vectors_are_lists_that_numpy_stacks(scripts: Scripts) -> None:
    create, export = statements_of(VECTORS)
    scripts.run(create)
    vectors = [[0.5 * number, 1.0, -2.0] for number in range(5)]
    scripts.insert("embeddings", "id, content, vector, metadata", [(n, "c", v, "m") for n, v in enumerate(vectors)])
    assert scripts.run(export)[0]["rows"] == 5
    assert pa.types.is_list(pq.read_schema(scripts.path("embeddings.parquet")).field("vector").type)
    frame = pd.read_parquet(scripts.path("embeddings.parquet")).sort_values("id")
    matrix = np.stack(frame["vector"].values)
    assert matrix.dtype == np.float32
    assert matrix.tolist() == vectors


def test_a_column_of_cassandras_vector_type_is_a_list_of_fixed_size(scripts: Scripts) -> None:
    scripts.run("CREATE TABLE embeddings (id int PRIMARY KEY, vector vector<float, 3>)")
    scripts.cql("INSERT INTO embeddings (id, vector) VALUES (1, [0.5, 1, -2])")
    scripts.run(statements_of(VECTORS)[1])
    vector = pq.read_schema(scripts.path("embeddings.parquet")).field("vector").type
    assert (pa.types.is_fixed_size_list(vector), vector.list_size) == (True, 3)
    frame = pd.read_parquet(scripts.path("embeddings.parquet"))
    assert np.stack(frame["vector"].values).tolist() == [[0.5, 1.0, -2.0]]


@pytest.mark.specification(STREAMING, 1)
def test_a_large_table_is_streamed_whole(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE large_events_table (day int, id int, PRIMARY KEY (day, id))")
    scripts.insert("large_events_table", "day, id", [(number % 50, number) for number in range(5_000)])
    assert scripts.run_example(STREAMING)[0]["rows"] == 5_000
    assert compressions(scripts.path("events.parquet")) == {"ZSTD"}
    assert sorted(pd.read_parquet(scripts.path("events.parquet"))["id"]) == list(range(5_000))
