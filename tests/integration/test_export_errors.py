"""Exports that cannot be: the error names what is to be changed."""

import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    OptionError,
    PageReadError,
    TableChangedError,
    TableMetadataError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import data_files, options


def test_a_value_that_does_not_fit_names_table_column_key_and_override(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.prices (id int PRIMARY KEY, amount decimal)")
    insert_rows(session, f"INSERT INTO {keyspace}.prices (id, amount) VALUES (?, ?)", ((n, n) for n in range(100)))
    session.execute(f"INSERT INTO {keyspace}.prices (id, amount) VALUES (77, 1E+30)")
    with pytest.raises(ValueDoesNotFitError) as caught:
        copy_to(session, options(f"{keyspace}.prices", tmp_path / "prices"))
    for word in (f"{keyspace}.prices", "amount", "77"):
        assert word in str(caught.value)
    assert 'types={"amount": "string"} holds ' in str(caught.value)[:150]
    # The key is named though it was not asked for.
    with pytest.raises(ValueDoesNotFitError, match="77"):
        copy_to(session, options(f"{keyspace}.prices", tmp_path / "prices", columns=["amount"]))
    assert data_files(tmp_path / "prices") == []
    copy_to(session, options(f"{keyspace}.prices", tmp_path / "prices", types={"amount": "string"}))
    assert sum(pq.read_metadata(file).num_rows for file in data_files(tmp_path / "prices")) == 100


@pytest.mark.parametrize("columns", [None, ["kind", "v"]])
def test_a_value_that_no_directory_can_carry_names_table_column_key_and_option(
    columns: list[str] | None, session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.kinds"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, kind text, v int)")
    insert_rows(
        session, f"INSERT INTO {table} (id, kind, v) VALUES (?, ?, ?)", ((n, f"kind {n}", n) for n in range(50))
    )
    asked = options(table, tmp_path / "kinds", columns=columns, partition_by="kind")
    copy_to(session, asked)
    published = data_files(tmp_path / "kinds")
    assert pq.read_schema(published[0]).names == (["id", "v"] if columns is None else ["v"])
    session.execute(f"INSERT INTO {table} (id, kind, v) VALUES (77, '{'x' * 300}', 1)")
    with pytest.raises(ValueDoesNotFitError, match=r"partition_by.*column kind, row id=77: .*305 bytes") as caught:
        copy_to(session, asked)
    assert (caught.value.table, caught.value.primary_key) == (table, {"id": "77"})
    assert data_files(tmp_path / "kinds") == published


def test_consistency_level_that_no_attempt_can_reach_fails_at_once(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.users (id int PRIMARY KEY, name text)")
    session.execute(f"INSERT INTO {keyspace}.users (id, name) VALUES (1, 'Ada')")
    for level in ("TWO", "THREE"):
        with pytest.raises(OptionError, match=f"consistency_level='{level}' needs") as caught:
            copy_to(session, options(f"{keyspace}.users", tmp_path / "users", consistency_level=level))
        assert caught.value.option == "consistency_level"
    assert "follows in" not in caplog.text


def test_level_that_the_keyspaces_replicas_could_reach_is_tried_again(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(
        f"ALTER KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 3}}"
    )
    session.execute(f"CREATE TABLE {keyspace}.users (id int PRIMARY KEY, name text)")
    with pytest.raises(PageReadError, match="after 2 tries"):
        copy_to(session, options(f"{keyspace}.users", tmp_path / "users", consistency_level="TWO", max_page_attempts=2))


def test_missing_things_are_named(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.users (id int PRIMARY KEY, name text)")
    with pytest.raises(TableMetadataError, match="usrs"):
        copy_to(session, options(f"{keyspace}.usrs", tmp_path / "x"))
    with pytest.raises((TableMetadataError, OptionError), match="nmae"):
        copy_to(session, options(f"{keyspace}.users", tmp_path / "x", columns=["id", "nmae"]))
    with pytest.raises(OptionError, match="nmae"):
        copy_to(session, options(f"{keyspace}.users", tmp_path / "x", types={"nmae": "string"}))
    with pytest.raises(OptionError, match="nmae"):
        copy_to(session, options(f"{keyspace}.users", tmp_path / "x", partition_by="nmae"))
    assert not (tmp_path / "x").exists() or data_files(tmp_path / "x") == []


@pytest.mark.parametrize("alteration", ["ALTER TABLE {table} DROP gone", "ALTER TYPE {keyspace}.place ADD floor int"])
def test_a_table_altered_while_it_is_read_is_an_error_that_a_retry_cures(
    alteration: str, session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.altered"
    session.execute(f"CREATE TYPE {keyspace}.place (street text)")
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, at frozen<place>, gone text)")
    insert_rows(
        session, f"INSERT INTO {table} (id, at, gone) VALUES (?, ?, ?)", ((n, (f"s{n}",), "x") for n in range(2000))
    )
    altered = threading.Event()

    class AlterOnce(Cancellation):
        """Polled by the export between items, which is where the table is altered."""

        def raise_if_cancelled(self) -> None:
            if not altered.is_set():
                altered.set()
                session.execute(alteration.format(table=table, keyspace=keyspace))

    asked = options(table, tmp_path / "altered", page_size=10, concurrency=1, rate_limit_rows_per_second=1_000)
    with pytest.raises(TableChangedError, match="altered"):
        copy_to(session, asked, cancellation=AlterOnce())
    assert data_files(tmp_path / "altered") == []
    assert copy_to(session, options(table, tmp_path / "altered")).rows == 2000
