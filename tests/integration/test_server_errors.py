"""Errors that a server can be made to give: each is told once, with the server's words, and not tried again in vain."""

from __future__ import annotations

from pathlib import Path

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.errors import QueryError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.script.run import run_script


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    session.execute(f"INSERT INTO {keyspace}.t (k, v) VALUES (1, 1)")
    session.execute(
        f"CREATE FUNCTION {keyspace}.fails(v int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java"
        " AS 'return v / (v - 1);'"
    )
    return f"{keyspace}.t"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT k FROM {table} WHERE", "no viable alternative|line 1"),
        ("SELECT nope FROM {table}", "nope"),
        ("SELECT {keyspace}.fails(v) AS f FROM {table}", "fails"),
    ],
    ids=["0x2000", "0x2200", "0x1400"],
)
def test_query_that_the_server_refuses_fails_at_once(
    session: Session,
    keyspace: str,
    table: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    words: str,
) -> None:
    def refuse_retry(*_: object) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr(PageReader, "_before_retry", refuse_retry)
    text = query.format(table=table, keyspace=keyspace)
    with pytest.raises(QueryError, match=words) as raised:
        capture(session, CaptureOptions(queries=text, path=str(tmp_path / "f.parquet")))
    assert not raised.value.is_retryable
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TABLE {keyspace}.u (k int PRIMARY KEY) WITH compaction = {{'class': 'Nope'}}", "Nope"),
        ("CREATE TABLE {table} (k int PRIMARY KEY)", "already exist"),
    ],
    ids=["0x2300", "0x2400"],
)
def test_statement_that_the_server_refuses_names_its_line(
    session: Session, keyspace: str, table: str, statement: str, words: str
) -> None:
    script = f"SELECT k FROM {table};\n{statement.format(table=table, keyspace=keyspace)};"
    with pytest.raises(QueryError, match=f"line 2.*{words}") as raised:
        run_script(session, script)
    assert not raised.value.is_retryable
