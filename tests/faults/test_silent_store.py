"""An object store that falls silent in the middle: a stop is obeyed, a time-out ends the try, a retry is right."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import fsspec
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, StorageError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files
from tests.keyspaces import make_keyspace
from tests.object_store import S3Server

from .fault_proxy import FaultProxy, fault_proxy

ROWS = 300
# Of the bytes that the store sends in an untroubled run; the last answers are those after the commit point.
SAMPLE = [("export", 0.5), ("export to a file", 0.7), ("import", 0.3)]
CASES = [
    pytest.param(verb, moment, marks=() if (verb, moment) in SAMPLE else pytest.mark.fault_full)
    for verb in ("export", "export to a file", "capture", "import")
    for moment in (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
]


@pytest.fixture(scope="module")
def table(session: Session) -> str:
    name = f"{make_keyspace(session)}.events"
    session.execute(f"CREATE TABLE {name} (day int, n int, name text, PRIMARY KEY (day, n))")
    for number in range(ROWS):
        session.execute(f"INSERT INTO {name} (day, n, name) VALUES ({number % 3}, {number}, 'event {number}')")
    return name


@pytest.fixture
def store(s3_server: S3Server) -> Iterator[FaultProxy]:
    address = urlsplit(s3_server.endpoint_url)
    assert address.hostname is not None
    assert address.port is not None
    with fault_proxy(address.hostname, address.port) as proxy:
        yield proxy


Run = Callable[..., int]


def _make_run(verb: str, session: Session, table: str, server: S3Server) -> Run:
    """The verb on a path and file system, with other options: how many rows it tells."""

    def run(path: str, filesystem: Any, cancellation: Cancellation | None = None, **options: Any) -> int:
        opened: dict[str, Any] = {"filesystem": filesystem, "cancellation": cancellation}
        if verb == "export":
            export = CopyToOptions(table=table, path=f"{path}/", partition_by="day", **options)
            return copy_to(session, export, **opened).rows
        if verb == "export to a file":
            return copy_to(session, CopyToOptions(table=table, path=f"{path}.parquet", **options), **opened).rows
        if verb == "capture":
            queries = f"SELECT * FROM {table}"
            return capture(session, CaptureOptions(queries=queries, path=f"{path}/", **options), **opened).rows
        source = f"{server.uri}/{table}/"
        return copy_from(session, CopyFromOptions(table=table, path=source, **options), **opened).rows

    return run


def _rows_at(verb: str, path: str, filesystem: Any) -> int:
    name = f"{path}.parquet" if verb == "export to a file" else f"{path}/"
    files = dataset_files(name, filesystem=filesystem)
    with_store = [filesystem.open(file) for file in files]
    return sum(pq.ParquetFile(file).metadata.num_rows for file in with_store)


def _through(server: S3Server, store: FaultProxy) -> Any:
    return fsspec.filesystem(
        "s3", **dataclasses.replace(server, endpoint_url=f"http://127.0.0.1:{store.port}").fsspec_options()
    )


@pytest.mark.parametrize(("verb", "moment"), CASES)
def test_store_that_falls_silent(
    session: Session, table: str, s3_server: S3Server, store: FaultProxy, verb: str, moment: float
) -> None:
    direct = fsspec.filesystem("s3", **s3_server.fsspec_options())
    run = _make_run(verb, session, table, s3_server)
    if verb == "import":
        copy_to(session, CopyToOptions(table=table, path=f"{s3_server.uri}/{table}/"), filesystem=direct)
    before = store.bytes_from_server
    assert run(f"{s3_server.uri}/untroubled", _through(s3_server, store)) == ROWS
    place = max(1, int((store.bytes_from_server - before) * moment))

    # Stopped two seconds into the silence.
    cancellation = Cancellation()
    stopped_at: list[float] = []

    def stop() -> None:
        assert store.wait_until_stalled(60)
        time.sleep(0.5)
        stopped_at.append(time.monotonic())
        cancellation.cancel()

    store.stall_at(place)
    stopper = threading.Thread(target=stop)
    stopper.start()
    path = f"{s3_server.uri}/troubled"
    with pytest.raises(CopyCancelledError, match="stopped on request"):
        run(path, _through(s3_server, store), cancellation)
    ended = time.monotonic()
    stopper.join()
    assert ended - stopped_at[0] < 2
    store.resume()

    # Left alone: the time-out ends it, as an error that a retry is for.
    store._stalled.clear()
    store.stall_at(place)
    started = time.monotonic()
    with pytest.raises(StorageError, match=r"(?s)s3://.*did not answer within .* s \(storage_timeout_seconds=0\.2\)"):
        run(path, _through(s3_server, store), storage_timeout_seconds=0.2)
    assert time.monotonic() - started < 20
    store.resume()

    assert run(path, direct) == ROWS
    if verb != "import":
        assert _rows_at(verb, path, direct) == ROWS
