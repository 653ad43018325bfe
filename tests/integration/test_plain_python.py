"""The script of docs/python.md, run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_documented_script_runs_without_airflow(
    cassandra: ServerAddress, session: Session, keyspace: str, tmp_path: Path
) -> None:
    for table in ("events", "events_copy"):
        session.execute(
            f"CREATE TABLE {keyspace}.{table} (id int, event_time timestamp, note text, PRIMARY KEY (id, event_time))"
        )
    moments = ["2026-01-14T23:59:59.999Z", "2026-01-15T00:00:00Z", "2026-01-15T23:59:59.999Z", "2026-01-16T00:00:00Z"]
    for number, moment in enumerate(moments):
        session.execute(
            f"INSERT INTO {keyspace}.events (id, event_time, note) VALUES ({number}, '{moment}', 'note {number}')"
        )
    (script,) = _BLOCK.findall((ROOT / "docs" / "python.md").read_text("utf-8"))
    script = script.replace(
        'hosts="127.0.0.1", port=9042, keyspace="shop"',
        f'hosts="{cassandra.host}", port={cassandra.port}, keyspace="{keyspace}"',
    )
    script += "\nimport sys\nassert 'airflow' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = session.execute(f"SELECT id, note FROM {keyspace}.events_copy")
    assert sorted(tuple(row) for row in rows) == [(1, "note 1"), (2, "note 2")]
    assert done.stdout.startswith("2 ['")
