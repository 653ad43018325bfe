"""Imports that are killed and go on from their journal, and one whose server restarts: nothing lost or doubled."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from dev.local_cassandra import LocalCassandra, ServerOptions, start_cassandra
from tests.faults.killed_process import finish, kill, start
from tests.faults.test_import_faults import KILLS, SAMPLE
from tests.waiting import wait_for_first_row

ROWS = 20_000
# Over 20 row groups; several have some, and some have none.
BAD_ROWS = frozenset(range(7, ROWS, 1_300))
COLUMNS = "k int, c int, v int, l list<int>, PRIMARY KEY (k, c)"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists would double if a retry wrote them at the write time of the first try; bad values fit no int column."""
    file = tmp_path_factory.mktemp("import") / "rows.parquet"
    numbers = range(ROWS)
    columns = {
        "k": pa.array([number % 100 for number in numbers], pa.int32()),
        "c": pa.array(numbers, pa.int32()),
        "v": [2**40 if number in BAD_ROWS else number for number in numbers],
        "l": [[number, number] for number in numbers],
    }
    pq.write_table(pa.table(columns), file, row_group_size=1_000)
    return file


@pytest.fixture
def table(module_session: Session, module_keyspace: str, request: pytest.FixtureRequest) -> str:
    name = f"{module_keyspace}.import_{abs(hash(request.node.name))}"
    module_session.execute(f"CREATE TABLE {name} ({COLUMNS})")
    return name


def read_keys(session: Session, table: str) -> set[int]:
    """Keys of the rows that are there; every cell of them is checked."""
    rows = list(session.execute(f"SELECT k, c, v, l FROM {table}", timeout=60))
    for row in rows:
        assert (row.k, row.v, row.l) == (row.c % 100, row.c, [row.c, row.c])
    return {row.c for row in rows}


def read_finished_rows(journal: Path) -> int:
    """Rows of the leading row groups that a journal tells as finished."""
    if not journal.exists():
        return 0
    finished = dict(json.loads(journal.read_text())["finished"].get("0", []))
    rows = 0
    for row_group in range(20):
        if row_group not in finished:
            break
        rows += finished[row_group]
    return rows


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.fault_full) for n in range(KILLS)]
)
def test_a_killed_import_goes_on_and_accounts_for_every_row(
    number: int, cassandra: Any, module_session: Session, table: str, path: Path, tmp_path: Path
) -> None:
    arguments = "resumed_import_process", cassandra, table, path, tmp_path
    # The rate limit makes an import take over three seconds; each number has its own slice of them.
    kill(*arguments, after_seconds=(number + random.Random(number).random()) / KILLS * 4)
    finished_rows = read_finished_rows(tmp_path / "journal")
    counts = json.loads(finish(start(*arguments)))
    # The leading row groups are the leading rows.
    assert counts["rows_resumed"] == finished_rows - sum(row < finished_rows for row in BAD_ROWS)
    assert counts["rows_rejected"] == len(BAD_ROWS)
    assert counts["rows"] + counts["rows_resumed"] + counts["rows_rejected"] == ROWS
    rejected = pq.read_table(tmp_path / "rejected.parquet").to_pylist()
    assert sorted(row["rejected_row"] for row in rejected) == sorted(BAD_ROWS)
    assert read_keys(module_session, table) == set(range(ROWS)) - BAD_ROWS
    assert not (tmp_path / "journal").exists()


# It starts a server of its own twice.
@pytest.mark.slow
def test_a_server_that_restarts_midway_costs_time_only(path: Path, tmp_path: Path) -> None:
    with start_cassandra(ServerOptions(heap="512M")) as server:
        with server.address.connect() as session:
            session.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
            session.execute(f"CREATE TABLE k.t ({COLUMNS})")
            restarter = threading.Thread(target=lambda: (wait_for_first_row(session, "k.t"), restart(server)))
            own_session = open_session(ConnectionSettings(hosts=(server.address.host,), port=server.address.port))
            try:
                restarter.start()
                options = CopyFromOptions(
                    table="k.t",
                    path=str(path),
                    max_batch_bytes="2KB",
                    rate_limit_rows_per_second=4_000,
                    max_write_attempts=15,
                    max_errors="1%",
                    rejected_path=str(tmp_path / "rejected.parquet"),
                )
                result = copy_from(own_session, options)
            finally:
                restarter.join()
                close_session(own_session)
        with server.address.connect() as session:
            assert read_keys(session, "k.t") == set(range(ROWS)) - BAD_ROWS
    assert (result.rows, result.rejected_rows) == (ROWS - len(BAD_ROWS), len(BAD_ROWS))


def restart(server: LocalCassandra) -> None:
    """As an operator of a cluster does it: the node is asked to end, which makes durable what it confirmed."""
    [supervisor] = server.supervisors
    [java] = psutil.Process(supervisor.pid).children()
    java.terminate()
    supervisor.wait(60)
    server.start_again()
