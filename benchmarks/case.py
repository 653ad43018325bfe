"""One case in a process of its own, so that its CPU seconds and peak memory are its own.

``python -m benchmarks.case CASE TABLE ROWS HOST PORT FOLDER [OPTIONS]`` prints one JSON object. OPTIONS is another one,
of options of `CopyToOptions`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from airflow_provider_cqlai.engine.cassandra.connect.session import Session, close_session
from benchmarks import capture_cases, engine_cases, foreign_tools, import_cases, sharded_cases
from benchmarks.target import Target, connect


def main(case: str, table: str, rows: str, host: str, port: str, folder: str, options: str = "{}") -> None:
    target = Target(host, int(port), table, Path(folder), json.loads(options))
    if case in foreign_tools.CASES:
        counted, wall, cpu = _measured(lambda: foreign_tools.CASES[case](target))
    else:
        session = connect(target.host, target.port)
        try:
            if case in import_cases.CASES:
                counted, wall, cpu = _measured_import(session, case, target)
            else:
                cases = {**engine_cases.CASES, **capture_cases.CASES, **sharded_cases.CASES}
                run: Callable[[], Any] = partial(cases[case], session, target)
                is_prepared = case in (*engine_cases.PREPARED_CASES, *sharded_cases.PREPARED_CASES)
                counted, wall, cpu = _measured(run() if is_prepared else run)
        finally:
            close_session(session)
    if counted != int(rows):
        raise SystemExit(f"{case}: {rows} rows in the table, {counted} came out")
    print(
        json.dumps(
            {
                "rows": counted,
                "wall_seconds": wall,
                "cpu_seconds": cpu,
                "peak_rss_bytes": _peak_rss_bytes(),
                "bytes": sum(file.stat().st_size for file in target.folder.rglob("*") if file.is_file()),
            }
        )
    )


def _measured(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """What ``run`` returned, wall seconds, CPU seconds."""
    cpu, wall = _cpu_seconds(), time.perf_counter()
    counted = run()
    return counted, time.perf_counter() - wall, _cpu_seconds() - cpu


def _measured_import(session: Session, case: str, target: Target) -> tuple[int, float, float]:
    """As `_measured`; the file is made before, and the table is counted after the measurement."""
    # In a process of its own: the export's memory is none of the import's.
    command = [sys.executable, "-m", "benchmarks.import_preparation", target.host, str(target.port), target.table]
    prepared = subprocess.run([*command, str(target.folder)], check=True, stdout=subprocess.PIPE, text=True)
    path, table = json.loads(prepared.stdout.splitlines()[-1])
    session.cluster.refresh_schema_metadata()
    run = partial(import_cases.CASES[case], session, path, table)
    _, wall, cpu = _measured(run() if case in import_cases.PREPARED_CASES else run)
    return import_cases.count_rows(session, table), wall, cpu


def _cpu_seconds() -> float:
    """Of this process and of those it started and waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_rss_bytes() -> int:
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _MAXRSS_UNIT
    status = Path("/proc/self/status")
    if status.exists():
        # Linux keeps ru_maxrss over fork and exec: it would be the starter's peak where that is the larger one.
        [line] = [line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:")]
        return max(int(line.split()[1]) * 1024, children)
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT, children)


# Linux counts in KiB, macOS in bytes.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
