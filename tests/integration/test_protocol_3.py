"""Protocol 3, which a connection may ask for: it has no value that leaves a cell as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from dev.server_address import ServerAddress


@pytest.fixture(scope="module")
def old_session(cassandra: ServerAddress) -> Iterator[Session]:
    settings = ConnectionSettings(hosts=(cassandra.host,), port=cassandra.port, protocol_version=3)
    session = open_session(settings)
    yield session
    close_session(session)


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY, v text)")
    session.execute(f"INSERT INTO {keyspace}.t (id, v) VALUES (1, 'there before')")
    return f"{keyspace}.t"


def write(path: Path, **columns: list[object]) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_a_null_that_would_delete_a_cell_is_refused(
    session: Session, old_session: Session, table: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.parquet", id=[1, 2], v=[None, "new"])
    with pytest.raises(OptionError, match=r"null_handling='null'.*protocol_version 4 or 5.*to write v of"):
        copy_from(old_session, CopyFromOptions(table=table, path=path))
    assert [tuple(row) for row in session.execute(f"SELECT id, v FROM {table}")] == [(1, "there before")]


def test_a_null_that_is_to_delete_does(session: Session, old_session: Session, table: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", id=[1, 2], v=[None, "new"])
    asked = CopyFromOptions(table=table, path=path, null_handling="null", verify="all")
    assert copy_from(old_session, asked).rows == 2
    assert sorted(tuple(row) for row in session.execute(f"SELECT id, v FROM {table}")) == [(1, None), (2, "new")]


def test_keys_alone_leave_nothing_unset(session: Session, old_session: Session, table: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", id=[1, 3])
    asked = CopyFromOptions(table=table, path=path, on_missing_column="ignore")
    assert copy_from(old_session, asked).rows == 2
    assert sorted(tuple(row) for row in session.execute(f"SELECT id, v FROM {table}")) == [
        (1, "there before"),
        (3, None),
    ]
