"""Runs the cases side by side, interleaved, and prints a JSON line for each and a table of medians.

``python -m benchmarks [--rows N] [--repeat N] [--tables events,metrics,large_rows] [--cases ...]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_cqlai.engine.cql.connection_settings import ConnectionSettings
from airflow_provider_cqlai.engine.cql.session import close_session, open_session
from benchmarks.case import CASES
from benchmarks.tables import TABLES, create_and_fill

MEASURES = ("wall_seconds", "rows_per_second", "client_cpu_seconds_per_million_rows", "peak_rss_megabytes")


@contextmanager
def _cassandra() -> Iterator[tuple[str, int]]:
    """The server that ``CQLAI_TEST_CASSANDRA`` names, or one of the project's own for this run."""
    named = os.environ.get("CQLAI_TEST_CASSANDRA")
    if named:
        host, port = named.rsplit(":", 1)
        yield host, int(port)
        return
    from dev.local_cassandra import ServerOptions, start_cassandra

    with start_cassandra(ServerOptions(heap="4G")) as started:
        yield started.address.host, started.address.port


def run_case(case: str, table: str, rows: int, host: str, port: int) -> dict[str, Any]:
    """What one case took, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        finished = subprocess.run(
            [sys.executable, "-m", "benchmarks.case", case, table, str(rows), host, str(port), folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    measured: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return {
        "rows": rows,
        "wall_seconds": measured["wall_seconds"],
        "rows_per_second": rows / measured["wall_seconds"],
        "client_cpu_seconds_per_million_rows": measured["cpu_seconds"] / rows * 1e6,
        "peak_rss_megabytes": measured["peak_rss_bytes"] / 1e6,
        "bytes": measured["bytes"],
    }


def _measure(table: str, rows: int, cases: list[str], repeat: int, host: str, port: int) -> list[dict[str, Any]]:
    runs: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
    # Interleaved, so that a slower moment of the machine meets all cases alike.
    for _ in range(repeat):
        for case in cases:
            runs[case].append(run_case(case, table, rows, host, port))
    medians = [
        {"case": case, "table": table.split(".")[1]}
        | {name: statistics.median(run[name] for run in runs[case]) for name in ("rows", *MEASURES, "bytes")}
        for case in cases
    ]
    receiving = next((line["wall_seconds"] for line in medians if line["case"] == "receive_only"), None)
    for line in medians:
        line["wall_ratio_to_receiving"] = line["wall_seconds"] / receiving if receiving else None
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tables", default="events,metrics,large_rows")
    parser.add_argument("--cases", default=",".join(CASES))
    arguments = parser.parse_args()
    lines: list[dict[str, Any]] = []
    with _cassandra() as (host, port):
        session = open_session(ConnectionSettings(hosts=(host,), port=port))
        try:
            for name in arguments.tables.split(","):
                table = TABLES[name]
                rows = min(arguments.rows, table.default_rows)
                qualified_name = create_and_fill(session, table, rows)
                cases = [
                    case
                    for case in arguments.cases.split(",")
                    if not (name == "large_rows" and case == "export_by_day")
                ]
                for line in _measure(qualified_name, rows, cases, arguments.repeat, host, port):
                    print(json.dumps(line), flush=True)
                    lines.append(line)
        finally:
            close_session(session)
    print(f"\n{'table':22}{'case':16}{'wall s':>9}{'rows/s':>11}{'CPU s/M rows':>14}{'peak MB':>9}{'x receiving':>13}")
    for line in lines:
        print(
            f"{line['table']:22}{line['case']:16}{line['wall_seconds']:9.2f}{line['rows_per_second']:11,.0f}"
            f"{line['client_cpu_seconds_per_million_rows']:14.2f}{line['peak_rss_megabytes']:9.0f}"
            f"{line['wall_ratio_to_receiving'] or 0:13.2f}"
        )


if __name__ == "__main__":
    main()
