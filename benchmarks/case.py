"""One case in a process of its own, so that its CPU seconds and peak memory are its own.

``python -m benchmarks.case CASE TABLE ROWS HOST PORT FOLDER`` prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.copy_to import copy_to
from airflow_provider_cqlai.engine.cql.connection_settings import ConnectionSettings
from airflow_provider_cqlai.engine.cql.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cql.export_plan import PlannedRead, plan_export
from airflow_provider_cqlai.engine.cql.page_reader import PageReader
from airflow_provider_cqlai.engine.cql.session import close_session, open_session
from airflow_provider_cqlai.engine.options import CopyToOptions
from airflow_provider_cqlai.engine.pipeline import stream_reads


def _options(table: str, folder: Path, **layout: str) -> CopyToOptions:
    return CopyToOptions(
        table=table, path=str(folder / "events.parquet" if not layout else folder / "events"), **layout
    )


def receive_only(session: Session, table: str, folder: Path) -> int:
    """The pages of the export, received as the export receives them and thrown away."""
    options = _options(table, folder)
    plan = plan_export(session, options)
    rows = 0
    lock = threading.Lock()
    with open_engine_session(session, options) as engine_session:
        reader = PageReader(engine_session, options)

        def drop_pages(read: PlannedRead, stop: Cancellation) -> Iterator[pa.RecordBatch]:
            nonlocal rows
            for page in reader.read_pages(read, stop):
                with lock:
                    rows += page.row_count
            yield from ()

        with closing(
            stream_reads(plan.reads, drop_pages, concurrency=options.concurrency, cancellation=Cancellation())
        ) as items:
            for _item in items:
                pass
    return rows


def export_file(session: Session, table: str, folder: Path) -> int:
    """Ours, to one Parquet file."""
    return copy_to(session, _options(table, folder)).rows


def export_by_day(session: Session, table: str, folder: Path) -> int:
    """Ours, to a hive dataset by day."""
    time_column = "at" if "metrics" in table else "event_id"
    return copy_to(session, _options(table, folder, partition_by=f"{time_column}.date")).rows


def driver_rows(session: Session, table: str, folder: Path) -> int:
    """As a user would write it: the driver's rows, collected, to pyarrow, to Parquet."""
    writer: pq.ParquetWriter | None = None
    rows = 0
    chunk: list[dict[str, object]] = []

    def write(chunk: list[dict[str, object]]) -> None:
        nonlocal writer, rows
        arrow_table = pa.Table.from_pylist(chunk) if writer is None else pa.Table.from_pylist(chunk, writer.schema)
        writer = writer or pq.ParquetWriter(folder / "driver.parquet", arrow_table.schema)
        writer.write_table(arrow_table)
        rows += len(chunk)

    for row in session.execute(f"SELECT * FROM {table}", timeout=120):
        plain = {
            name: str(value) if type(value).__name__ in ("UUID", "Date") else value
            for name, value in row._asdict().items()
        }
        if "attributes" in plain and plain["attributes"] is not None:
            plain["attributes"] = list(dict(plain["attributes"]).items())  # type: ignore[call-overload]
        chunk.append(plain)
        if len(chunk) == 100_000:
            write(chunk)
            chunk = []
    if chunk:
        write(chunk)
    if writer is not None:
        writer.close()
    return rows


CASES: dict[str, Callable[[Session, str, Path], int]] = {
    case.__name__: case for case in (receive_only, export_file, export_by_day, driver_rows)
}


def _rows_written(folder: Path) -> int | None:
    files = list(folder.glob("**/*.parquet"))
    return sum(pq.ParquetFile(file).metadata.num_rows for file in files) if files else None


def main(case: str, table: str, rows: str, host: str, port: str, folder: str) -> None:
    session = open_session(ConnectionSettings(hosts=(host,), port=int(port)))
    try:
        cpu, wall = time.process_time(), time.perf_counter()
        counted = CASES[case](session, table, Path(folder))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    finally:
        close_session(session)
    written = _rows_written(Path(folder))
    if counted != int(rows) or written not in (None, counted):
        raise SystemExit(f"{case}: {rows} rows in the table, {counted} counted, {written} in the files")
    print(json.dumps({"rows": counted, "wall_seconds": wall, "cpu_seconds": cpu, "peak_rss_bytes": _peak_rss_bytes(),
                      "bytes": sum(file.stat().st_size for file in Path(folder).glob("**/*.parquet"))}))  # fmt: skip


def _peak_rss_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # Linux keeps ru_maxrss over fork and exec: it would be the starter's peak where that is the larger one.
        [line] = [line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    # macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(*sys.argv[1:])
