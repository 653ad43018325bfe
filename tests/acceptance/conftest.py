"""Runs the specification's own statements through the operator, on a keyspace and in a directory of the test's."""

from __future__ import annotations

import datetime
import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import pytest
from cassandra.util import uuid_from_time

from airflow_provider_cqlai.engine.cassandra.cql_text import split_statements
from airflow_provider_cqlai.hooks import import_journal
from airflow_provider_cqlai.operators.cqlai_script import CqlaiScriptOperator
from tests.inserted_rows import insert_rows
from tests.specification import EXAMPLES

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress

# The directories that the specification's absolute paths begin with.
_ABSOLUTE = re.compile("'/(?=(?:path/to|data|tmp|archive)/)")


@dataclass(frozen=True)
class Scripts:
    """Runs scripts in the test's keyspace; relative paths and the specification's absolute ones are below ``root``."""

    session: Session
    keyspace: str
    root: Path

    def run(self, script: str, **context: Any) -> list[dict[str, Any]]:
        """What the operator returns of each statement."""
        script = _ABSOLUTE.sub(f"'{self.root}/", script)
        instance = SimpleNamespace(
            dag_id="specification", task_id="script", run_id="manual", map_index=-1, try_number=1, max_tries=0
        )
        operator = CqlaiScriptOperator(task_id="script", script=script, base_path=str(self.root))
        context = {"ti": instance, "task": SimpleNamespace(outlets=[]), **context}
        returned = operator.execute(context)  # type: ignore[arg-type]
        # As it is in Airflow's database.
        statements: list[dict[str, Any]] = json.loads(json.dumps(returned))["statements"]
        return statements

    def run_example(self, section: str, block: int = 1) -> list[dict[str, Any]]:
        """The specification's own text, verbatim but for the paths."""
        return self.run(EXAMPLES[section][block - 1])

    def run_each(self, section: str, block: int = 1) -> Iterator[dict[str, Any]]:
        """The same, each statement when it is asked for, as a script of its own."""
        for statement in split_statements(EXAMPLES[section][block - 1]):
            yield from self.run(statement.text)

    def cql(self, *statements: str) -> None:
        """Prepares tables and rows, not through the package."""
        for statement in statements:
            self.session.execute(statement)

    def insert(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Writes rows, each with a value for each of ``columns``."""
        markers = ", ".join("?" * (columns.count(",") + 1))
        insert_rows(self.session, f"INSERT INTO {table} ({columns}) VALUES ({markers})", rows)

    def index(self, *columns: str) -> None:
        """SAI indexes, ``"users(country)"``, built when this returns."""
        for column in columns:
            name = f"{column.strip(')').replace('(', '_')}_index"
            self.session.execute(f"CREATE INDEX {name} ON {column} USING 'sai'")
            query = "SELECT is_queryable FROM system_views.sai_column_indexes WHERE keyspace_name = %s"
            deadline = time.monotonic() + 60
            while not self.session.execute(f"{query} AND index_name = %s", (self.keyspace, name)).one()[0]:
                assert time.monotonic() < deadline, f"{name} is not built"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the table holds, asked of the server."""
        return sorted((tuple(row) for row in self.session.execute(query)), key=repr)

    def path(self, name: str) -> Path:
        """Where the specification's ``/data/events`` is here."""
        return self.root / name.removeprefix("/")

    def tree(self, name: str) -> list[str]:
        """The Parquet files below a directory."""
        root = self.path(name)
        return sorted(str(file.relative_to(root)) for file in root.glob("**/*.parquet"))


class KeptVariables:
    """Airflow's Variables, in memory: `execute` is called without a running Airflow here."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def get(self, key: str, default: str | None = None) -> str | None:
        return self._texts.get(key, default)

    def keys(self, prefix: str = "") -> list[str]:
        return [key for key in self._texts if key.startswith(prefix)]

    def set(self, key: str, value: str, **_: Any) -> None:
        self._texts[key] = value

    def delete(self, key: str) -> None:
        self._texts.pop(key, None)


@pytest.fixture
def scripts(
    cassandra: ServerAddress, session: Session, keyspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scripts]:
    """A runner whose connection has a fresh keyspace."""
    connection = {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": keyspace}
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", json.dumps(connection))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_journal, "Variable", KeptVariables())
    own_session = session.cluster.connect(keyspace)
    yield Scripts(own_session, keyspace, tmp_path)
    own_session.shutdown()


def timeuuid(year: int, month: int, number: int) -> uuid.UUID:
    """A timeuuid of the first seconds of a month."""
    moment = datetime.datetime(year, month, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=number)
    return uuid_from_time(moment, node=number, clock_seq=number)


def spoil(files: Iterable[Path]) -> None:
    """Whoever opens one of ``files`` from now on fails."""
    for file in files:
        file.write_bytes(b"no Parquet")


def compressions(file: Path) -> set[str]:
    """The codecs that a file's footer names."""
    metadata = pq.ParquetFile(file).metadata
    return {
        metadata.row_group(group).column(column).compression
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    }


def read_with_duckdb(query: str) -> list[tuple[Any, ...]]:
    """Rows that a reader that is not ours finds, sorted."""
    return sorted(duckdb.sql(query).fetchall(), key=repr)
