"""The specification's section "COPY TO Parquet", statement by statement."""

from __future__ import annotations

from tests.acceptance.conftest import Scripts, read_with_duckdb


def test_first(scripts: Scripts) -> None:
    scripts.cql("CREATE TABLE users (id int PRIMARY KEY, name text)", "INSERT INTO users (id, name) VALUES (1, 'a')")
    scripts.run("COPY users TO '/path/to/users.parquet' WITH FORMAT='PARQUET';")
    assert read_with_duckdb(f"SELECT * FROM '{scripts.path('path/to/users.parquet')}'") == [(1, "a")]
