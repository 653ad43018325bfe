"""The specification's section "COPY FROM Parquet", with files that pandas and DuckDB wrote."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from airflow_provider_cqlai.airflow_compat import AirflowFailException
from tests.acceptance.conftest import Scripts, spoil

BASIC = "COPY FROM Parquet / Basic Usage"
PARTITIONED = "COPY FROM Parquet / Importing Partitioned Datasets"
OPTIONS = "COPY FROM Parquet / Import Options"


def write_users(scripts: Scripts, name: str, count: int, **columns: str) -> None:
    """Users as pandas writes them; ``columns`` gives other names to ``id`` and ``name``."""
    file = scripts.path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"id": range(count), "name": [f"name {number}" for number in range(count)]})
    frame = frame.astype({"id": "int32"}).assign(email="a@x", status="active")
    frame.rename(columns=columns)[[columns.get(n, n) for n in ("id", "name", "email", "status")]].to_parquet(file)


@pytest.mark.specification(BASIC, 1)
def test_a_file_its_columns_and_columns_under_other_names(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE users (id int PRIMARY KEY, name text, email text, status text)")
    write_users(scripts, "/path/to/users.parquet", 10)
    statements = scripts.run_each(BASIC)
    assert next(statements)["rows"] == 10
    assert scripts.rows("SELECT id, name, email, status FROM users") == [
        (number, f"name {number}", "a@x", "active") for number in range(10)
    ]

    scripts.cql("TRUNCATE users")
    assert next(statements)["rows"] == 10
    assert scripts.rows("SELECT id, name, email, status FROM users WHERE id = 7") == [(7, "name 7", "a@x", None)]

    scripts.cql("DROP TABLE users", "CREATE TABLE users (user_id int PRIMARY KEY, full_name text)")
    pd.DataFrame({"full_name": ["Ada"], "user_id": [1]}).to_parquet(scripts.path("data.parquet"))
    assert next(statements)["rows"] == 1
    assert scripts.rows("SELECT user_id, full_name FROM users") == [(1, "Ada")]


def test_columns_of_a_file_are_found_by_name_and_mapped_by_an_option(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE users (user_id int PRIMARY KEY, full_name text)")
    pd.DataFrame({"id": [1], "name": ["Ada"]}).to_parquet(scripts.path("data.parquet"))
    statement = "COPY users (user_id, full_name) FROM 'data.parquet' WITH FORMAT='PARQUET'"
    with pytest.raises(AirflowFailException, match="primary key column user_id is missing"):
        scripts.run(statement)
    scripts.run(f"""{statement} AND COLUMN_MAPPING='{{"id": "user_id", "name": "full_name"}}'""")
    assert scripts.rows("SELECT user_id, full_name FROM users") == [(1, "Ada")]


@pytest.mark.specification(PARTITIONED, 1)
def test_directories_are_columns_and_a_filter_opens_no_other_file(scripts: Scripts) -> None:
    key = "year int, month int, id int, kind text, PRIMARY KEY ((year, month), id)"
    scripts.cql(f"CREATE TABLE events ({key})", f"CREATE TABLE metrics ({key})")
    for root in ("/data/events", "/data/metrics"):
        scripts.path(root).mkdir(parents=True)
        duckdb.sql(
            "COPY (SELECT 2023 + n % 2 AS year, lpad((1 + n // 2 % 2)::text, 2, '0') AS month, n::int AS id,"
            " CASE WHEN n % 3 = 0 THEN NULL ELSE 'click' END AS kind FROM range(40) numbers(n))"
            f" TO '{scripts.path(root)}' (FORMAT parquet, PARTITION_BY (year, month), OVERWRITE_OR_IGNORE)"
        )
    rows = [(2023 + n % 2, 1 + n // 2 % 2, n, None if n % 3 == 0 else "click") for n in range(40)]
    select = "SELECT year, month, id, kind FROM {}"
    statements = scripts.run_each(PARTITIONED)

    assert next(statements)["rows"] == 40
    assert scripts.rows(select.format("events")) == sorted(rows, key=repr)

    scripts.cql("TRUNCATE events")
    january = scripts.path("/data/events/year=2024/month=01")
    spoil(file for file in scripts.path("/data/events").glob("**/*.parquet") if file.parent != january)
    assert next(statements)["rows"] == 10
    assert scripts.rows(select.format("events")) == sorted((row for row in rows if row[:2] == (2024, 1)), key=repr)

    spoil(scripts.path("/data/metrics/year=2023").glob("**/*.parquet"))
    assert next(statements)["rows"] == 20
    assert scripts.rows(select.format("metrics")) == sorted((row for row in rows if row[0] == 2024), key=repr)


@pytest.mark.specification(OPTIONS, 1)
def test_rows_are_left_out_at_the_beginning_and_after_a_number(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE users (id int PRIMARY KEY, name text, email text, status text)")
    scripts.cql("CREATE TABLE events (date date, id int, PRIMARY KEY (date, id))")
    write_users(scripts, "users.parquet", 10_500)
    directory = scripts.path("/data/events/date=2024-01-01")
    directory.mkdir(parents=True)
    pd.DataFrame({"id": range(30)}).to_parquet(directory / "part-0.parquet")
    statements = scripts.run_each(OPTIONS)
    for wanted in (range(1, 10_500), range(10_000), range(1, 5_001)):
        scripts.cql("TRUNCATE users")
        assert next(statements)["rows"] == len(wanted)
        assert {number for (number,) in scripts.rows("SELECT id FROM users")} == set(wanted)
    assert next(statements)["rows"] == 30
    assert len(scripts.rows("SELECT date, id FROM events WHERE date = '2024-01-01'")) == 30
