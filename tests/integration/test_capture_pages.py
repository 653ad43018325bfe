"""Captures whose pages are of a kind of their own: aggregates, paging off, queries that the server does not go on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.errors import CqlaiError, QueryError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from dev.server_address import ServerAddress
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import options
from tests.keyspaces import make_keyspace

ROWS = 3_000


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, c int, v int, PRIMARY KEY (k, c))")
    insert = f"INSERT INTO {keyspace}.t (k, c, v) VALUES (?, ?, ?)"
    insert_rows(session, insert, ((number % 3, number, number) for number in range(ROWS)))
    return f"{keyspace}.t"


@pytest.fixture(scope="module")
def limited(cassandra: ServerAddress) -> str:
    """The same rows, for tests that only read."""
    with cassandra.connect() as session:
        table = f"{make_keyspace(session)}.t"
        session.execute(f"CREATE TABLE {table} (k int, c int, v int, PRIMARY KEY (k, c))")
        insert = f"INSERT INTO {table} (k, c, v) VALUES (?, ?, ?)"
        insert_rows(session, insert, ((number % 3, number, number) for number in range(ROWS)))
    return table


@pytest.fixture
def asked_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each page was asked for with."""
    asked: list[int] = []
    request_page = PageReader._request_page

    def note(self: PageReader, read: Any, paging_state: Any, rows: int, cancellation: Any) -> Any:
        asked.append(rows)
        return request_page(self, read, paging_state, rows, cancellation)

    monkeypatch.setattr(PageReader, "_request_page", note)
    return asked


def run(session: Session, path: Path, query: str, **values: Any) -> Any:
    capture(session, CaptureOptions(queries=query, path=str(path), **values))
    return pq.read_table(path)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT count(*) AS n FROM {t}", 1),
        ("SELECT k, MAX(v) AS m FROM {t} GROUP BY k", 3),
        ("SELECT DISTINCT k FROM {t}", 3),
        ("SELECT {ks}.last_of(v) AS l FROM {t}", 1),
    ],
)
def test_rows_made_of_others_are_asked_for_in_pages_of_full_size(
    query: str, rows: int, session: Session, keyspace: str, table: str, asked_rows: list[int], tmp_path: Path
) -> None:
    session.execute(
        f"CREATE FUNCTION {keyspace}.take(state int, v int) CALLED ON NULL INPUT RETURNS int"
        " LANGUAGE java AS 'return v;'"
    )
    session.execute(f"CREATE AGGREGATE {keyspace}.last_of(int) SFUNC take STYPE int")
    found = run(session, tmp_path / "t.parquet", query.format(t=table, ks=keyspace), page_size=1_000)
    assert found.num_rows == rows
    assert set(asked_rows) == {1_000}
    if "count" in query:
        assert found["n"].to_pylist() == [ROWS]


def test_rows_of_the_table_are_not(session: Session, table: str, asked_rows: list[int], tmp_path: Path) -> None:
    assert (
        run(session, tmp_path / "t.parquet", f"SELECT k, toJson(v) AS j FROM {table}", page_size=1_000).num_rows == ROWS
    )
    assert asked_rows[0] == 1
    assert max(asked_rows) == 1_000


@pytest.mark.parametrize(
    ("rest", "limit"),
    [
        *(("", limit) for limit in (1, 2, 9, 33, 100, 2_999, 3_000, 4_000)),
        *((" WHERE k = 1", limit) for limit in (100, 1_000)),
        *((" WHERE k IN (0, 1)", limit) for limit in (100, 1_500)),
        *((" WHERE v > 0 ALLOW FILTERING", limit) for limit in (100, 2_000)),
    ],
)
def test_a_limit_is_kept_while_pages_grow(
    rest: str, limit: int, session: Session, limited: str, tmp_path: Path
) -> None:
    """The server forgets where it was when it is asked for a page of at least as many rows as LIMIT allows."""
    there = {"": 3_000, " WHERE k = 1": 1_000, " WHERE k IN (0, 1)": 2_000}.get(rest, 2_999)
    where, _, filtering = rest.partition(" ALLOW")
    tail = f" ALLOW{filtering}" if filtering else ""
    found = run(session, tmp_path / "t.parquet", f"SELECT c FROM {limited}{where} LIMIT {limit}{tail}")
    assert found.num_rows == len(set(found["c"].to_pylist())) == min(limit, there)


@pytest.mark.parametrize("limit", ["LIMIT :n", 'LIMIT :"n"', "limit 100"])
def test_a_limit_is_found_in_any_spelling(limit: str, session: Session, limited: str, tmp_path: Path) -> None:
    parameters = {"n": 100} if ":" in limit else {}
    found = run(session, tmp_path / "t.parquet", f"SELECT c FROM {limited} {limit}", parameters=parameters)
    assert found.num_rows == len(set(found["c"].to_pylist())) == 100


def test_a_limit_by_partition_is_another(session: Session, limited: str, tmp_path: Path) -> None:
    query = f"SELECT c FROM {limited} PER PARTITION LIMIT 200"
    assert run(session, tmp_path / "t.parquet", query).num_rows == 600
    assert run(session, tmp_path / "limited.parquet", f"{query} LIMIT 300").num_rows == 300


def test_paging_is_switched_off_for_an_order_over_several_partitions(
    session: Session, table: str, tmp_path: Path
) -> None:
    query = f"SELECT c FROM {table} WHERE k IN (0, 1, 2) ORDER BY c DESC"
    with pytest.raises(QueryError, match="page_size=0 of the capture switches paging off"):
        run(session, tmp_path / "t.parquet", query)
    found = run(session, tmp_path / "t.parquet", query, page_size=0)
    assert found["c"].to_pylist() == list(range(ROWS - 1, -1, -1))
    assert run(session, tmp_path / "t.parquet", query, page_size="0").num_rows == ROWS


def test_groups_of_single_rows_are_read_in_one_page(session: Session, keyspace: str, tmp_path: Path) -> None:
    """The server loses its way after a page of them, for every driver."""
    session.execute(f"CREATE TABLE {keyspace}.g (k int PRIMARY KEY, v int)")
    insert_rows(session, f"INSERT INTO {keyspace}.g (k, v) VALUES (?, ?)", ((n, n) for n in range(200)))
    query = f"SELECT k, count(v) AS n FROM {keyspace}.g GROUP BY k"
    assert run(session, tmp_path / "t.parquet", query).num_rows == 200
    with pytest.raises(QueryError, match="page_size=0"):
        run(session, tmp_path / "t.parquet", query, page_size=50)
    assert run(session, tmp_path / "t.parquet", query, page_size=0).num_rows == 200


@pytest.mark.parametrize("where", ["v = null", "k = 1 AND c IN (1, null)"])
def test_a_where_that_fails_only_when_it_runs_is_quoted_and_not_tried_again(
    where: str, session: Session, table: str, tmp_path: Path
) -> None:
    with pytest.raises(CqlaiError) as caught:
        copy_to(session, options(table, tmp_path / "t", where=where))
    assert not caught.value.is_retryable
    assert where in str(caught.value)
    assert "altered" not in str(caught.value)


def test_too_many_tombstones_are_named_soon(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = f"{keyspace}.tombs"
    session.execute(f"CREATE TABLE {table} (k int, c int, v int, PRIMARY KEY (k, c))")
    insert_rows(
        session, f"DELETE FROM {table} WHERE k = ? AND c = ?", ((1, n) for n in range(110_000)), rows_a_request=1_000
    )
    with caplog.at_level(logging.WARNING), pytest.raises(QueryError, match=r"compact the table.*tombstones") as caught:
        copy_to(session, options(table, tmp_path / "t"))
    assert table in str(caught.value)
    assert "try 2" not in caplog.text
