"""The verbs on the command line: in processes of their own, with rows counted by others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.__main__ import main
from airflow_provider_cqlai.command_line import verbs
from dev.server_address import ServerAddress
from tests.integration.import_cases import rows_of


@pytest.fixture
def host(cassandra: ServerAddress, session: Session, keyspace: str) -> list[str]:
    """The arguments that name a server with ten orders of three days."""
    session.execute(f"CREATE TABLE {keyspace}.orders (id int PRIMARY KEY, at timestamp, name text)")
    session.execute(f"CREATE TABLE {keyspace}.back (id int PRIMARY KEY, at timestamp, name text)")
    for number in range(10):
        at = f"2024-03-0{number % 3 + 1} 12:00:00Z"
        session.execute(f"INSERT INTO {keyspace}.orders (id, at, name) VALUES ({number}, '{at}', 'order {number}')")
    return ["--host", cassandra.host, "--port", str(cassandra.port), "--keyspace", keyspace, "--quiet"]


@pytest.fixture(autouse=True)
def _the_processs_own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of runs within the process of the tests; those in processes of their own have the command's."""
    monkeypatch.setattr(verbs, "_log_to_stderr", lambda _given: None)


def test_a_table_goes_there_and_back(
    host: list[str], session: Session, keyspace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = f"{tmp_path}/{{table}}/"
    assert main(["copy-to", "orders", root, *host, "-o", "partition_by=at.date", "-o", "compression=zstd"]) == 0
    assert "10 rows, 3 files" in capsys.readouterr().out
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/orders/*/*.parquet'").fetchall() == [(10,)]
    assert main(["copy-from", "back", f"{tmp_path}/orders/", *host, "--json", "-o", "verify=all"]) == 0
    # Airflow's log, where another test of this process has set it up, is on standard output.
    printed = capsys.readouterr().out
    assert json.JSONDecoder().raw_decode(printed[printed.index("{\n") :])[0]["rows"] == 10
    assert rows_of(session, keyspace, "back") == rows_of(session, keyspace, "orders")


def test_a_slice_of_time_is_exported(host: list[str], tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    window = ["--start", "2024-03-02", "--end", "2024-03-03T00:00:00Z"]
    assert main(["copy-to", "orders", str(path), *host, *window, "-o", "time_column=at"]) == 0
    assert sorted(pq.read_table(path)["id"].to_pylist()) == [1, 4, 7]


def test_queries_are_captured(host: list[str], tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    queries = ["-q", "SELECT id FROM orders WHERE id = 1", "-q", "SELECT id FROM orders WHERE id = :id"]
    assert main(["capture", str(path), *host, *queries, "-o", 'parameters={"id": 2}']) == 0
    assert path.read_text("utf-8").splitlines() == ["id", "1", "2"]
    each = ["-q", "SELECT id FROM orders WHERE id = :id", "-q", "SELECT id FROM orders WHERE id = :id"]
    path = tmp_path / "each.csv"
    assert main(["capture", str(path), *host, *each, "-o", 'parameters=[{"id": 3}, {"id": "4"}]']) == 0
    assert path.read_text("utf-8").splitlines() == ["id", "3", "4"]


def test_digits_of_parameters_stay_what_they_are(
    host: list[str], session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.prices (price decimal PRIMARY KEY)")
    session.execute(f"INSERT INTO {keyspace}.prices (price) VALUES (12345678901234567890.123456789)")
    path = tmp_path / "price.json"
    query = ["-q", "SELECT price FROM prices WHERE price = :price"]
    assert (
        main(["capture", str(path), *host, *query, "-o", 'parameters={"price": 12345678901234567890.123456789}']) == 0
    )
    assert "12345678901234567890.123456789" in path.read_text("utf-8")


def test_a_script_runs(host: list[str], session: Session, keyspace: str, tmp_path: Path) -> None:
    script = tmp_path / "nightly.cql"
    script.write_text(
        f"COPY orders TO '{tmp_path}/day.parquet' WITH TIME_COLUMN='at' AND START='2024-03-02' AND END='2024-03-03';\n"
        f"COPY back FROM '{tmp_path}/day.parquet';",
        "utf-8",
    )
    assert main(["script", str(script), *host]) == 0
    assert [row[0] for row in rows_of(session, keyspace, "back", "id")] == [1, 4, 7]
    script.write_text(f"COPY orders TO '{tmp_path}/x.parquet' WITH TIME_COLUMN='at' AND PERIOD='1 day';", "utf-8")
    assert main(["script", str(script), *host]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["copy-to", "orders", "x.parquet", "-o", "compresion=zstd"], 1, "compression"),
        (["copy-to", "orders", "x.parquet", "-o", "concurrency=many"], 1, "expected a whole number"),
        (["copy-to", "orders", "x.parquet", "-o", "concurrency"], 1, "expected NAME=VALUE"),
        (["copy-to", "orders", "x.parquet", "--start", "2024-03-02"], 1, "together"),
        (["copy-to", "nowhere", "x.parquet"], 1, "nowhere"),
        (["copy-to", "orders", "x.parquet", "--conn-id", "mine"], 1, "one of them"),
        (["copy-to", "orders", "x.parquet", "-o", "table=back"], 1, "it is the argument TABLE"),
        (["copy-to", "orders", "x.parquet", "-o", "path=y.parquet"], 1, "it is the argument PATH"),
        (["copy-to", "orders", "x.parquet", "-o", "window=x"], 1, "--start and --end"),
        (["copy-to", "orders", "x.parquet", "-o", 'types={"id": "string", "id": "int32"}'], 1, "'id' is there twice"),
        (["script", "nowhere.cql"], 1, "the script nowhere.cql cannot be read"),
    ],
)
def test_what_is_wrong_is_told(
    host: list[str], arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, *host]) == code
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_passes_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    assert main(["copy-to", "ks.t", str(tmp_path / "x.parquet"), "--host", "127.0.0.1", "--port", "1"]) == 75


def test_airflows_connection_is_taken(
    cassandra: ServerAddress, host: list[str], keyspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": keyspace}
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(connection))
    assert main(["copy-to", "orders", str(tmp_path / "x.parquet"), "--conn-id", "mine"]) == 0
    assert pq.read_metadata(tmp_path / "x.parquet").num_rows == 10
    command = [sys.executable, "-m", "airflow_provider_cqlai", "copy-to", "orders", str(tmp_path / "y.parquet")]
    done = subprocess.run([*command, "--conn-id", "mine", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["rows"] == 10
    assert "published 10 rows" in done.stderr
    assert main(["copy-to", "orders", str(tmp_path / "z.parquet"), "--conn-id", "mine", "--keyspace", "other"]) == 1
    assert not (tmp_path / "z.parquet").exists()


def test_a_stopped_export_leaves_nothing(host: list[str], session: Session, keyspace: str, tmp_path: Path) -> None:
    arguments: list[Any] = ["copy-to", "orders", f"{tmp_path}/orders/", *host, "-o", "rate_limit_rows_per_second=0.2"]
    arguments += ["-o", "page_size=1"]
    command = [sys.executable, "-m", "airflow_provider_cqlai", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("_cqlai/**")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "CopyCancelledError" in errors
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
