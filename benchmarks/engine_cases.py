"""The cases made with Python: receiving and writing only, our export in its forms, and what a user would write.

Each takes a session and a `Target` and returns the number of rows that came out; where there is a file, they are
counted in it. `PREPARED_CASES` return what is to be measured instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import CODEC_VARIABLE
from airflow_provider_cqlai.engine.cassandra.connect import session as session_module
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import PlannedRead, plan_export
from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.files.formats.bloom_filters import BloomFilters
from airflow_provider_cqlai.engine.files.formats.parquet_writer import ParquetSettings
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.pipeline import stream_reads
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from benchmarks.tables import time_column
from benchmarks.target import Target, connect

DRIVER_ROWS_PER_WRITE = 100_000


def receive_only(session: Session, target: Target) -> int:
    """The pages of the export, received as the export receives them and thrown away."""
    options = CopyToOptions(table=target.table, path=str(target.folder / "unused.parquet"), **target.options)
    rows = 0
    lock = threading.Lock()
    plan = plan_export(session, options)
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


def receive_driver(_session: Session, target: Target) -> Callable[[], int]:
    """As `receive_only`, read by the driver's own code for protocol 5: tells of the machine, not of the export."""
    with mock.patch.object(session_module, "read_segments_leanly", lambda connection_class: connection_class):
        own_session = connect(target.host, target.port)

    def receive() -> int:
        with own_session.cluster:
            return receive_only(own_session, target)

    return receive


def write_only(session: Session, target: Target) -> Callable[[], int]:
    """The rows of the export, decoded before the measurement, as pyarrow alone writes them with the export's settings.

    With `receive_only` this is what no decoder can save: an export does both.
    """
    return _write_again(target, export_file(session, target))


def write_only_uuid_bytes(session: Session, target: Target) -> Callable[[], int]:
    """As `write_only`, with uuids as 16 bytes."""
    return _write_again(target, export_file_uuid_bytes(session, target))


def _write_again(target: Target, exported_rows: int) -> Callable[[], int]:
    path = target.folder / "rows.parquet"
    rows = pq.read_table(path)
    if rows.num_rows != exported_rows:
        raise SystemExit(f"{exported_rows} rows were exported, {rows.num_rows} were read")
    options = CopyToOptions(table=target.table, path=str(path), **target.options)
    settings = ParquetSettings(rows.schema, options, {})
    dictionary = settings.choose_dictionary(rows)

    def write() -> int:
        with settings.open_writer(path, dictionary, BloomFilters({}, rows, 0)) as writer:
            writer.write_table(rows, row_group_size=settings.row_group_rows)
        return target.rows_in_parquet()

    return write


def export_file(session: Session, target: Target) -> int:
    """Ours, to one Parquet file."""
    return _export(session, target, path=str(target.folder / "rows.parquet"))


def export_by_day(session: Session, target: Target) -> int:
    """Ours, to a hive dataset by day."""
    return _export(session, target, path=str(target.folder / "rows"), partition_by=f"{time_column(target.table)}.date")


def export_dataset(session: Session, target: Target) -> int:
    """Ours, to a hive dataset as the options say."""
    return _export(session, target, path=str(target.folder / "rows"))


def export_file_uuid_bytes(session: Session, target: Target) -> int:
    """Ours, to one Parquet file, with uuids as 16 bytes rather than as text."""
    return _export(session, target, path=str(target.folder / "rows.parquet"), types={"id": "uuid", "event_id": "uuid"})


def export_file_python_codec(session: Session, target: Target) -> int:
    """Ours, to one Parquet file, decoded by the reference codec."""
    os.environ[CODEC_VARIABLE] = "python"
    return export_file(session, target)


def _export(session: Session, target: Target, **layout: object) -> int:
    options: dict[str, Any] = {"table": target.table, **layout, **target.options}
    reported = copy_to(session, CopyToOptions(**options)).rows
    written = target.rows_in_parquet()
    if reported != written:
        raise SystemExit(f"{reported} rows were reported, {written} are in the files")
    return written


def driver_rows(session: Session, target: Target) -> int:
    """As a user would write it: the driver's rows, collected, to pyarrow, to Parquet."""
    writer: pq.ParquetWriter | None = None
    chunk: list[dict[str, Any]] = []

    def write(chunk: list[dict[str, Any]]) -> None:
        nonlocal writer
        arrow_table = pa.Table.from_pylist(chunk) if writer is None else pa.Table.from_pylist(chunk, writer.schema)
        writer = writer or pq.ParquetWriter(target.folder / "driver.parquet", arrow_table.schema)
        writer.write_table(arrow_table)

    for row in session.execute(f"SELECT * FROM {target.table}", timeout=120):
        plain: dict[str, Any] = {
            name: str(value) if type(value).__name__ in ("UUID", "Date") else value
            for name, value in row._asdict().items()
        }
        if plain.get("attributes") is not None:
            plain["attributes"] = list(dict(plain["attributes"]).items())
        chunk.append(plain)
        if len(chunk) == DRIVER_ROWS_PER_WRITE:
            write(chunk)
            chunk = []
    if chunk:
        write(chunk)
    if writer is not None:
        writer.close()
    return target.rows_in_parquet()


CASES: dict[str, Callable[[Session, Target], Any]] = {
    case.__name__: case
    for case in (
        receive_only,
        receive_driver,
        write_only,
        write_only_uuid_bytes,
        export_file,
        export_by_day,
        export_dataset,
        export_file_uuid_bytes,
        export_file_python_codec,
        driver_rows,
    )
}
# Those that return what is to be measured.
PREPARED_CASES = (receive_driver.__name__, write_only.__name__, write_only_uuid_bytes.__name__)
