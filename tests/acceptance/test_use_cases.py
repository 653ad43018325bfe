"""The specification's sections "File Detection", "Use Cases" and "Troubleshooting"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.airflow_compat import AirflowFailException
from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from tests.acceptance.conftest import Scripts, compressions, read_with_duckdb
from tests.object_store import S3Server
from tests.specification import EXAMPLES

if TYPE_CHECKING:
    from dev.server_address import ServerAddress

DETECTION = "Advanced Features / File Detection"
ANALYTICS = "Use Cases / 1. Data Analytics Pipeline"
ARCHIVAL = "Use Cases / 2. Data Archival"
MACHINE_LEARNING = "Use Cases / 3. Machine Learning Workflows"
MIGRATION = "Use Cases / 4. Data Migration"
CLOUD_STORAGE = "Planned Features / Near-term (v0.1.x) / S3/Cloud Storage Integration"
TROUBLESHOOTING = "Troubleshooting / Common Issues"
USERS = "CREATE TABLE users (id int PRIMARY KEY, name text)"


@pytest.mark.specification(DETECTION, 1)
def test_the_extension_tells_the_format(scripts: Scripts) -> None:
    scripts.cql(USERS)
    scripts.insert("users", "id, name", [(1, "Ada")])
    pd.DataFrame({"id": [2], "name": ["Bob"]}).to_parquet(scripts.path("data.parquet"))
    exported, imported = scripts.run_example(DETECTION)
    assert (exported["rows"], imported["rows"]) == (1, 1)
    assert read_with_duckdb(f"SELECT * FROM '{scripts.path('users.parquet')}'") == [(1, "Ada")]
    assert scripts.rows("SELECT id, name FROM users") == [(1, "Ada"), (2, "Bob")]


@pytest.mark.specification(ANALYTICS, 1)
def test_a_table_goes_to_s3_and_pandas_reads_it(
    scripts: Scripts, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from s3fs import S3FileSystem

    server = S3Server(endpoint_url=s3_endpoint, bucket="bucket")
    server.make_bucket()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    scripts.cql("CREATE TABLE events (id int PRIMARY KEY, kind text)")
    scripts.insert("events", "id, kind", [(number, "click") for number in range(50)])
    [exported] = scripts.run_example(ANALYTICS)
    assert exported["path"] == "s3://bucket/events.parquet"
    assert server.keys() == ["events.parquet"]
    frame = pd.read_parquet("s3://bucket/events.parquet", storage_options=server.fsspec_options())
    assert sorted(frame["id"]) == list(range(50))
    server.client().download_file(Bucket="bucket", Key="events.parquet", Filename=str(scripts.path("local")))
    assert compressions(scripts.path("local")) == {"SNAPPY"}
    S3FileSystem.clear_instance_cache()


def test_a_table_goes_to_s3_with_an_aws_profile(
    scripts: Scripts, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from s3fs import S3FileSystem

    server = S3Server(endpoint_url=s3_endpoint, bucket="bucket")
    server.make_bucket()
    # A profile is all that the worker has.
    environment = server.aws_profile(tmp_path)
    config = Path(environment["AWS_CONFIG_FILE"])
    config.write_text(config.read_text().replace("[profile lake]", "[default]"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    S3FileSystem.clear_instance_cache()
    scripts.cql("CREATE TABLE users (id int PRIMARY KEY, name text)")
    scripts.insert("users", "id, name", [(number, "n") for number in range(50)])
    first = next(iter(split_statements(EXAMPLES[CLOUD_STORAGE][0])))
    [exported] = scripts.run(first.text)
    assert exported["path"] == "s3://bucket/path/users.parquet"
    assert [key for key in server.keys() if key.startswith("path/")] == ["path/users.parquet"]  # noqa: SIM118
    frame = pd.read_parquet("s3://bucket/path/users.parquet", storage_options=server.fsspec_options())
    assert sorted(frame["id"]) == list(range(50))
    with pytest.raises(AirflowFailException, match=r"no permission to .*nobody"):
        scripts.run(first.text.replace("'default'", "'nobody'"))
    S3FileSystem.clear_instance_cache()


@pytest.mark.specification(ARCHIVAL, 1)
def test_the_rows_of_a_year_are_archived(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE historical_data (year int, id int, PRIMARY KEY (year, id))")
    scripts.insert("historical_data", "year, id", [(2022 + number % 3, number) for number in range(30)])
    [exported] = scripts.run_example(ARCHIVAL)
    assert exported["rows"] == 10
    file = scripts.path("/archive/data_2023.parquet")
    assert compressions(file) == {"ZSTD"}
    assert read_with_duckdb(f"SELECT DISTINCT year, count(*) FROM '{file}' GROUP BY ALL") == [(2023, 10)]


@pytest.mark.specification(MACHINE_LEARNING, 1)
def test_vectors_are_stacked_into_a_matrix(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE ml_features (id int PRIMARY KEY, vector vector<float, 3>, label text)")
    for number in range(6):
        scripts.cql(f"INSERT INTO ml_features (id, vector, label) VALUES ({number}, [{number}, 0.5, -1], 'l')")
    scripts.run_example(MACHINE_LEARNING)
    features = pd.read_parquet("training_data.parquet").sort_values("id")
    matrix = np.stack(features["vector"].values)
    assert (matrix.shape, matrix.dtype) == ((6, 3), np.float32)
    assert matrix[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert compressions(scripts.path("training_data.parquet")) == {"SNAPPY"}


@pytest.mark.specification(MIGRATION, 1)
def test_a_table_moves_to_another_cluster(
    scripts: Scripts, cassandra: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{scripts.keyspace}_target"
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    scripts.cql(
        USERS,
        f"CREATE KEYSPACE {target} WITH replication = {replication}",
        USERS.replace("users", f"{target}.users"),
    )
    scripts.insert("users", "id, name", [(number, f"name {number}") for number in range(30)])
    statements = scripts.run_each(MIGRATION)
    assert next(statements)["rows"] == 30
    # Another keyspace stands for the target cluster: it is reached by what the connection says.
    connection = {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": target}
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", json.dumps(connection))
    imported = next(statements)
    moved = scripts.rows(f"SELECT id, name FROM {target}.users")
    scripts.cql(f"DROP KEYSPACE {target}")
    assert (imported["rows"], imported["table"]) == (30, f"{target}.users")
    assert moved == sorted(((number, f"name {number}") for number in range(30)), key=repr)


@pytest.mark.specification(TROUBLESHOOTING, 1)
def test_describe_is_answered_by_the_server(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE your_table (id int PRIMARY KEY, odd duration)")
    [described] = scripts.run_example(TROUBLESHOOTING, 1)
    assert described == {"line": 2, "statement": "DESCRIBE", "rows": 1}


def test_cassandra_refuses_to_describe_a_table_that_there_is_not(scripts: Scripts) -> None:
    with pytest.raises(AirflowFailException, match=r"QueryError: line 2, DESCRIBE: .*'your_table' not found"):
        scripts.run_example(TROUBLESHOOTING, 1)


@pytest.mark.specification(TROUBLESHOOTING, 2)
def test_a_small_chunk_size_exports_every_row(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE large_table (id int PRIMARY KEY)")
    scripts.insert("large_table", "id", [(number,) for number in range(2_500)])
    assert scripts.run_example(TROUBLESHOOTING, 2)[0]["rows"] == 2_500
    assert sorted(pq.read_table("data.parquet")["id"].to_pylist()) == list(range(2_500))


@pytest.mark.specification(TROUBLESHOOTING, 3)
def test_a_table_named_table_is_exported(scripts: Scripts) -> None:
    scripts.cql('CREATE TABLE "table" (id int PRIMARY KEY)')
    scripts.insert('"table"', "id", [(number,) for number in range(100)])
    assert scripts.run_example(TROUBLESHOOTING, 3)[0]["rows"] == 100
    assert compressions(scripts.path("data.parquet")) == {"LZ4"}
    assert read_with_duckdb("SELECT count(*) FROM 'data.parquet'") == [(100,)]
