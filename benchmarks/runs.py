"""Runs cases in processes of their own, interleaved, and tells the medians of what each took."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import capture_cases

MEASURES = ("wall_seconds", "rows_per_second", "client_cpu_seconds_per_million_rows", "peak_rss_megabytes", "bytes")


@dataclass(frozen=True)
class Run:
    """One case with options of `CopyToOptions`."""

    case: str
    options: Mapping[str, Any] = field(default_factory=dict)


def run_case(
    case: str, table: str, rows: int, host: str, port: int, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What one case took, in a process of its own.

    Args:
        case: see `engine_cases` and `foreign_tools`.
        table: qualified; it must have ``rows`` rows.
        rows: compared with those that came out.
        host: of the server.
        port: of the server.
        options: of `CopyToOptions`, beside table and path.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = [case, table, str(rows), host, str(port), folder, json.dumps(dict(options or {}))]
        finished = subprocess.run(
            [sys.executable, "-m", "benchmarks.case", *arguments],
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


def measure(
    table: str, name: str, rows: int, runs: Sequence[Run], repeat: int, host: str, port: int
) -> list[dict[str, Any]]:
    """A line of medians for each of ``runs`` on ``table``, which is called ``name`` in the lines."""
    taken: list[list[dict[str, Any]]] = [[] for _ in runs]
    # Interleaved, so that a slower moment of the machine meets all cases alike.
    for _ in range(repeat):
        for run, measured in zip(runs, taken, strict=True):
            measured.append(run_case(run.case, table, rows, host, port, run.options))
    lines: list[dict[str, Any]] = [
        {"case": run.case, "table": name, "rows": rows, "options": dict(run.options)}
        | {measure: statistics.median(one[measure] for one in measured) for measure in MEASURES}
        for run, measured in zip(runs, taken, strict=True)
    ]
    for run, line in zip(runs, lines, strict=True):
        receiving = _receiving_seconds(runs, lines, run)
        line["wall_ratio_to_receiving"] = line["wall_seconds"] / receiving if receiving else None
    return lines


def _receiving_seconds(runs: Sequence[Run], lines: Sequence[Mapping[str, Any]], run: Run) -> float | None:
    """Wall seconds of receiving the same pages as ``run`` does, None where that was not measured."""
    concurrency = run.options.get("concurrency")
    receiving = "receive_query" if run.case in capture_cases.CASES else "receive_only"
    for other, line in zip(runs, lines, strict=True):
        if other.case == receiving and other.options.get("concurrency") == concurrency:
            return float(line["wall_seconds"])
    return None
