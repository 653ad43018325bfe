"""The cases that write: our import, its limit, and what a user would write with the driver.

Each imports the rows of the target's table, exported beforehand and outside of the measurement, into an empty table of
the same definition, and returns the number of rows that a count over the token ring finds there.
"""

from __future__ import annotations

import itertools
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import BatchStatement, BatchType

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import load_table_metadata
from airflow_provider_cqlai.engine.cassandra.write.messages import Outcome
from airflow_provider_cqlai.engine.cassandra.write.row_writer import RowWriter
from airflow_provider_cqlai.engine.errors import CqlaiError
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.plan.plan import plan_import
from airflow_provider_cqlai.engine.importing.prepare.rows import RowPreparation
from airflow_provider_cqlai.engine.importing.read.reading import read_source_rows
from airflow_provider_cqlai.engine.importing.row_types import SourceRows
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from benchmarks import foreign_tools

# What a user would choose: the driver's default for concurrent statements, and batches below the server's warning.
DRIVER_CONCURRENCY = 100
DRIVER_ROWS_PER_BATCH = 50


def import_file(session: Session, path: str, table: str) -> None:
    """Ours."""
    copy_from(session, CopyFromOptions(table=table, path=path))


def import_encoded(session: Session, path: str, table: str) -> Callable[[], None]:
    """The limit: the same rows as bodies that were encoded before the measurement begins."""
    options = CopyFromOptions(table=table, path=path)
    own_session = session.cluster.connect()
    metadata = load_table_metadata(session, table)
    plan = plan_import(own_session, metadata, find_source_files((path,), None, StorageAccess()), options)
    preparation = RowPreparation(plan, None)
    encoded = [
        part
        for source in read_source_rows(plan)
        if isinstance(source, SourceRows)
        for prepared in preparation.prepare(source)
        for part in prepared.parts
    ]
    writer = RowWriter(
        own_session, options, table=table, keyspace=metadata.keyspace, has_multi_cell_lists=False,
        cancellation=Cancellation(),
    )  # fmt: skip
    receipt = _Receipt()

    def send() -> None:
        for part in encoded:
            writer.write(part.rows, part.statement, receipt)
        writer.drain()

    return send


class _Receipt:
    """Takes note of nothing: the table is counted."""

    def sent(self, message_count: int) -> None: ...

    def confirmed(self, row_count: int, byte_count: int, outcome: Outcome) -> None: ...

    def refused(self, row_number: int, error: CqlaiError) -> None:
        raise error


def import_driver_concurrent(session: Session, path: str, table: str) -> None:
    """As a user would write it: ``execute_concurrent_with_args``."""
    statement, rows = _driver_rows(session, path, table)
    while chunk := list(itertools.islice(rows, 10_000)):
        execute_concurrent_with_args(session, statement, chunk, concurrency=DRIVER_CONCURRENCY)


def import_driver_batches(session: Session, path: str, table: str) -> None:
    """As a user would write it: unlogged batches of the driver, one after the other in flight with others."""
    statement, rows = _driver_rows(session, path, table)
    futures: list[Any] = []
    while chunk := list(itertools.islice(rows, DRIVER_ROWS_PER_BATCH)):
        batch = BatchStatement(BatchType.UNLOGGED)
        for row in chunk:
            batch.add(statement, row)
        futures.append(session.execute_async(batch))
        if len(futures) == DRIVER_CONCURRENCY:
            futures.pop(0).result()
    for future in futures:
        future.result()


def import_cqlai(session: Session, path: str, table: str) -> None:
    """COPY FROM of cqlai; its start is part of what is measured."""
    foreign_tools.import_with_cqlai(*_server_of(session), path, table)


def import_dsbulk(session: Session, path: str, table: str) -> Callable[[], None]:
    """DSBulk's load of the same rows as CSV, made before the measurement; its start is part of it."""
    host, port = _server_of(session)
    folder = Path(path).parent
    foreign_tools.unload_with_dsbulk(host, port, table.removesuffix("_imported"), folder)
    return lambda: foreign_tools.import_with_dsbulk(host, port, table, folder)


def _server_of(session: Session) -> tuple[str, int]:
    endpoint = session.cluster.metadata.all_hosts()[0].endpoint
    return endpoint.address, endpoint.port


def _driver_rows(session: Session, path: str, table: str) -> tuple[Any, Iterator[tuple[Any, ...]]]:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    statement = session.prepare(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})")
    readers = [_READERS.get(column.type.typename, _same) for column in statement.column_metadata]

    def rows() -> Iterator[tuple[Any, ...]]:
        for record_batch in file.iter_batches(10_000):
            columns = [column.to_pylist() for column in record_batch.columns]
            for row in zip(*columns, strict=True):
                yield tuple(None if value is None else read(value) for read, value in zip(readers, row, strict=True))

    return statement, rows()


def _same(value: Any) -> Any:
    return value


_READERS: dict[str, Callable[[Any], Any]] = {"uuid": uuid.UUID, "timeuuid": uuid.UUID, "map": dict}


def count_rows(session: Session, table: str) -> int:
    """Rows that are there, counted through an export of the primary key."""
    with tempfile.TemporaryDirectory() as folder:
        metadata = load_table_metadata(session, table)
        path = str(Path(folder) / "keys.parquet")
        copy_to(session, CopyToOptions(table=table, path=path, columns=list(metadata.primary_key)))
        return int(pq.read_metadata(path).num_rows)


CASES: dict[str, Callable[[Session, str, str], Any]] = {
    case.__name__: case
    for case in (
        import_file,
        import_encoded,
        import_driver_concurrent,
        import_driver_batches,
        import_cqlai,
        import_dsbulk,
    )
}
# Those that return what is to be measured.
PREPARED_CASES = (import_encoded.__name__, import_dsbulk.__name__)
# Those that need another program.
FOREIGN_CASES = {import_cqlai.__name__: "cqlai", import_dsbulk.__name__: "dsbulk"}
