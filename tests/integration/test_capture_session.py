"""A capture as a session: queries one by one, published at the end of ``with``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from airflow_provider_cqlai.engine.errors import OptionError, PublishError, QueryError
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress


@pytest.fixture
def hook(
    cassandra: ServerAddress, session: Session, keyspace: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CqlaiHook]:
    """Connected to a keyspace with a table of 20 users of two countries."""
    session.execute(f"CREATE TABLE {keyspace}.users (country text, id int, PRIMARY KEY (country, id))")
    for number in range(20):
        country = "UK" if number % 4 else "US"
        session.execute(f"INSERT INTO {keyspace}.users (country, id) VALUES ('{country}', {number})")
    connection = {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": keyspace}
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", json.dumps(connection))
    with CqlaiHook() as opened:
        yield opened


def read(path: Path) -> list[Any]:
    return sorted(duckdb.sql(f"SELECT * FROM '{path}'").fetchall())


def test_queries_one_by_one_are_published_at_the_end(hook: CqlaiHook, tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    with hook.capture(str(path), compression="zstd") as capture:
        # In the connection's keyspace.
        assert capture.execute("SELECT id FROM users WHERE country = 'US';") == 5
        assert capture.status() == f"capturing to {path}: 1 query, 5 rows, nothing is published yet"
        assert capture.execute("SELECT id FROM users WHERE country = :country", {"country": "UK"}) == 15
        assert not path.exists()
        assert capture.result is None
    assert capture.status() == f"captured 20 rows to {path}"
    assert capture.result is not None
    assert capture.result.rows == 20
    assert read(path) == [(number,) for number in range(20)]


def test_a_query_of_other_columns_is_refused_and_the_capture_can_go_on(hook: CqlaiHook, tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    with hook.capture(str(path)) as capture:
        capture.execute("SELECT id FROM users WHERE country = 'US'")
        with pytest.raises(OptionError, match="query 1 and query 2 do not return the same columns"):
            capture.execute("SELECT id, country FROM users")
        for refused, error in [
            ("TRUNCATE users", OptionError),
            ("SELECT id FROM users; SELECT id FROM users", OptionError),
            ("SELECT id FROM nowhere", QueryError),
        ]:
            with pytest.raises(error):
                capture.execute(refused)
        with pytest.raises(OptionError, match="has no marker :country"):
            capture.execute("SELECT id FROM users", {"country": "UK"})
    assert len(read(path)) == 5


def test_an_error_inside_publishes_nothing(hook: CqlaiHook, tmp_path: Path) -> None:
    capture = hook.capture(str(tmp_path / "users.parquet"))

    def fail_inside() -> None:
        with capture:
            assert capture.execute("SELECT id FROM users") == 20
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert capture.result is None
    assert not list(tmp_path.iterdir())


def test_a_query_that_was_not_read_to_its_end_publishes_nothing_though_its_error_was_caught(
    hook: CqlaiHook, tmp_path: Path
) -> None:
    failing = "SELECT id FROM users WHERE country IN ('US', 'UK') ORDER BY id"

    def catch_inside() -> None:
        with hook.capture(str(tmp_path / "users.parquet")) as capture:
            capture.execute("SELECT id FROM users")
            for query, error in ((failing, QueryError), ("SELECT id FROM users", PublishError)):
                with pytest.raises(error):
                    capture.execute(query)

    with pytest.raises(PublishError, match="query 2 was not read to its end"):
        catch_inside()
    assert not list(tmp_path.iterdir())


def test_a_capture_that_is_not_open_or_is_over_takes_no_query(hook: CqlaiHook, tmp_path: Path) -> None:
    capture = hook.capture(str(tmp_path / "users.parquet"))
    with pytest.raises(RuntimeError, match="not open"):
        capture.execute("SELECT id FROM users")
    with capture:
        capture.execute("SELECT id FROM users")
    with pytest.raises(RuntimeError, match="not open"):
        capture.execute("SELECT id FROM users")
    with pytest.raises(RuntimeError, match="used once"):
        capture.__enter__()
    assert len(read(tmp_path / "users.parquet")) == 20


def test_a_capture_without_a_query_is_an_error(hook: CqlaiHook, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no query was run"), hook.capture(str(tmp_path / "users.parquet")):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compresion": "zstd"}, "did you mean 'compression'"),
        ({"queries": ["SELECT id FROM users"]}, "queries are given to the capture's execute"),
        ({"parameters": {}}, "parameters are given to the capture's execute"),
        ({"partition_by": "id"}, "partition_by makes several files"),
    ],
)
def test_options_that_a_session_does_not_take_are_refused(
    hook: CqlaiHook, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        hook.capture(str(tmp_path / "users.parquet"), **options)


def test_queries_of_other_columns_are_taken_one_by_one_into_json(hook: CqlaiHook, tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    with hook.capture(str(path), types={"n": "string"}) as capture:
        assert capture.execute("SELECT id FROM users WHERE country = 'US'") == 5
        assert capture.execute("SELECT CAST(count(*) AS varint) AS n FROM users") == 1
        assert not path.exists()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["_query"] for line in lines] == [1] * 5 + [2]
    assert lines[-1] == {"_query": 2, "n": "20"}


def test_a_type_of_no_column_is_told_at_the_end_and_nothing_is_published(hook: CqlaiHook, tmp_path: Path) -> None:
    def misspell() -> None:
        with hook.capture(str(tmp_path / "users.json"), types={"idd": "string"}) as capture:
            capture.execute("SELECT id FROM users")

    with pytest.raises(OptionError, match="types: 'idd'"):
        misspell()
    assert not list(tmp_path.iterdir())
