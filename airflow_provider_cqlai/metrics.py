"""What tasks moved, as metrics of Airflow: StatsD or OpenTelemetry, where the installation sends them somewhere.

Each is there twice, as Airflow's own are: by name, ``cqlai.export.rows.<keyspace>.<table>``, and with a tag ``table``.
docs/operations.md lists them.
"""

from __future__ import annotations

import re

from airflow_provider_cqlai.airflow_compat import Stats
from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, ImportResult

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def count_moved(result: CopyResult | CaptureResult | ImportResult) -> None:
    """Rows, bytes and what else there is to count, and how long it took."""
    counts = {"rows": result.rows, "bytes": result.bytes, "files": len(result.files)}
    if isinstance(result, ImportResult):
        verb, table = "import", result.table
        counts["rejected_rows"] = result.rejected_rows
    elif isinstance(result, CopyResult):
        verb, table = "export", result.table
        counts["retried_pages"] = result.retried_pages
    else:
        verb, table = "capture", "-".join(result.tables)
    name = _NOT_IN_A_NAME.sub("_", table)
    for what, count in counts.items():
        Stats.incr(f"cqlai.{verb}.{what}.{name}", count)
        Stats.incr(f"cqlai.{verb}.{what}", count, tags={"table": table})
    milliseconds = result.elapsed_seconds * 1000
    Stats.timing(f"cqlai.{verb}.duration.{name}", milliseconds)
    Stats.timing(f"cqlai.{verb}.duration", milliseconds, tags={"table": table})
