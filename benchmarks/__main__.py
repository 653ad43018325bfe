"""Runs the cases side by side, interleaved, and prints a JSON line for each and a table of medians.

``python -m benchmarks [--rows N] [--repeat N] [--tables events,metrics,points,large_rows] [--cases ...]``; with
``--scale`` the plan of `scale` instead: rows, hive partitions, concurrency and row sizes.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name
from airflow_provider_cqlai.engine.cassandra.connect.session import close_session, open_session
from airflow_provider_cqlai.engine.cassandra.connect.settings import ConnectionSettings
from benchmarks import capture_cases, engine_cases, foreign_tools, import_cases, scale, sharded_cases
from benchmarks.runs import Run, measure
from benchmarks.tables import TABLES, create_and_fill

# Cases that need columns which the other tables do not have.
_EVENTS_ONLY = ("export_file_uuid_bytes", "write_only_uuid_bytes")
# Tables that are about one thing only.
_CASES = {"large_rows": ("receive_only", "export_file"), "points": tuple(import_cases.CASES)}
_DEFAULT_CASES = (
    "receive_only",
    "receive_driver",
    "write_only",
    "write_only_uuid_bytes",
    "export_file",
    "export_file_uuid_bytes",
    "export_by_day",
    "export_dataset",
    "sharded",
    "sharded_steps",
    "export_file_python_codec",
    "driver_rows",
    "receive_query",
    "capture_file",
    "capture_queries",
    "import_file",
    "import_encoded",
    "import_driver_batches",
    "import_driver_concurrent",
)


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


def _side_by_side(table: str, wanted: list[str]) -> tuple[Run, ...]:
    return tuple(
        Run(case)
        for case in wanted
        if (table == "events" or case not in _EVENTS_ONLY) and (table in ("events", "metrics") or case in _CASES[table])
    )


def _print_table(lines: list[dict[str, Any]]) -> None:
    print(
        f"\n{'table':22}{'case':26}{'options':28}{'rows':>10}{'wall s':>9}{'rows/s':>11}{'CPU s/M rows':>14}"
        f"{'peak MB':>9}{'MB':>8}{'x receiving':>13}"
    )
    for line in lines:
        options = ", ".join(f"{name}={value}" for name, value in line["options"].items())
        ratio = line["wall_ratio_to_receiving"]
        print(
            f"{line['table']:22}{line['case']:26}{options:28}{line['rows']:10,}{line['wall_seconds']:9.2f}"
            f"{line['rows_per_second']:11,.0f}{line['client_cpu_seconds_per_million_rows']:14.2f}"
            f"{line['peak_rss_megabytes']:9.0f}{line['bytes'] / 1e6:8.0f}{f'{ratio:.2f}' if ratio else '-':>13}"
        )


def main() -> None:
    installed = [case for case in foreign_tools.CASES if foreign_tools.program(case)]
    installed += [case for case, tool in import_cases.FOREIGN_CASES.items() if foreign_tools.program(tool)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, help="the largest number of rows of a table; 1,000,000, or as --scale says")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each case; medians are printed")
    parser.add_argument("--tables", default="events,metrics,points,large_rows")
    parser.add_argument("--cases", default=",".join((*_DEFAULT_CASES, *installed)))
    parser.add_argument("--scale", action="store_true", help=scale.__doc__.splitlines()[0] if scale.__doc__ else None)
    arguments = parser.parse_args()
    cases = arguments.cases.split(",")
    known = (engine_cases, capture_cases, foreign_tools, import_cases, sharded_cases)
    if unknown := set(cases) - {case for module in known for case in module.CASES}:
        parser.error(f"unknown cases {sorted(unknown)}")
    plan: Sequence[tuple[str, int, Sequence[Run]]]
    if arguments.scale:
        plan = [(name, rows, runs) for name, rows, runs in scale.PLAN if rows <= (arguments.rows or rows)]
    else:
        most = arguments.rows or 1_000_000
        plan = [
            (name, min(most, TABLES[name].default_rows), _side_by_side(name, cases))
            for name in arguments.tables.split(",")
        ]
    print(f"codec: {codec_name()}", flush=True)
    lines: list[dict[str, Any]] = []
    with _cassandra() as (host, port):
        session = open_session(ConnectionSettings(hosts=(host,), port=port))
        try:
            for name, rows, runs in plan:
                qualified_name = create_and_fill(session, TABLES[name], rows)
                for line in measure(qualified_name, name, rows, runs, arguments.repeat, host, port):
                    print(json.dumps(line), flush=True)
                    lines.append(line)
                session.execute(f"DROP TABLE {qualified_name}", timeout=60)
        finally:
            close_session(session)
    _print_table(lines)


if __name__ == "__main__":
    main()
