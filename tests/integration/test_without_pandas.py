"""No verb imports pandas, though it is installed, and pyarrow knows it again as soon as somebody else does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress

ROOT = Path(__file__).parents[2]
_SCRIPT = """
import datetime, sys
from airflow_provider_cqlai.engine import *

def told(what):
    assert "pandas" not in sys.modules, what

host, port, keyspace = sys.argv[1:]
session = open_session(ConnectionSettings(hosts=host, port=int(port), keyspace=keyspace))
day = datetime.datetime(2026, 1, 15, tzinfo=datetime.timezone.utc)
window = TimeWindow(start=day, end=day + datetime.timedelta(days=1))
exported = copy_to(session, CopyToOptions(
    table="events", path="lake", window=window, time_column="at", partition_by="at.date",
    include_writetime=True, include_ttl=True))
assert exported.rows == 3
told("an export")
imported = copy_from(session, CopyFromOptions(
    table="copies", path="lake", where=[("id", ">=", 1)], partition_filter=[("at.date", ">=", "2026-01-01")],
    verify="all"))
assert imported.rows == 2, imported
told("an import of a hive dataset with its write times, a filter and verification")
for number, (format_name, partition_by) in enumerate((("parquet", "at.date"), ("json", None), ("csv", None))):
    captured = capture(session, CaptureOptions(
        queries=["SELECT id, at, note, tags FROM events"], path=f"captured-{number}", format=format_name,
        partition_by=partition_by))
    assert captured.rows == 3
    told(f"a capture as {format_name}")
run_script(session, "COPY events TO 'script.parquet'; COPY copies FROM 'script.parquet';")
told("a script")
assert check_dataset("lake").problems == () and len(dataset_files("lake")) == 1
told("the tools of datasets")
close_session(session)

import pandas, pyarrow
assert pyarrow.array(pandas.Series([1.0, float("nan")])).null_count == 1
"""


def test_no_verb_imports_pandas(cassandra: ServerAddress, session: Session, keyspace: str, tmp_path: Path) -> None:
    for table in ("events", "copies"):
        session.execute(
            f"CREATE TABLE {keyspace}.{table} (id int, at timestamp, note text, tags frozen<set<text>>,"
            " PRIMARY KEY (id, at))"
        )
    for number in range(3):
        session.execute(
            f"INSERT INTO {keyspace}.events (id, at, note, tags)"
            f" VALUES ({number}, '2026-01-15T0{number}:00:00Z', 'note', {{'b', 'a'}}) USING TTL 100000"
        )
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, cassandra.host, str(cassandra.port), keyspace],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
