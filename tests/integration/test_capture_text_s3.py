"""Captures into JSON lines and CSV on an S3-compatible server: as atomic as Parquet is."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from airflow_provider_cqlai.engine.errors import PublishError, QueryError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.verbs.capture.run import capture

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from airflow_provider_cqlai.engine.results import CaptureResult
    from tests.object_store import S3Server


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    """100 rows of two kinds."""
    session.execute(f"CREATE TABLE {keyspace}.rows (kind text, id int, PRIMARY KEY (kind, id))")
    for number in range(100):
        session.execute(f"INSERT INTO {keyspace}.rows (kind, id) VALUES ('{'ab'[number % 2]}', {number})")
    return f"{keyspace}.rows"


def run(session: Session, server: S3Server, path: str, *queries: str, **values: Any) -> CaptureResult:
    filesystem = fsspec.filesystem("s3", **server.fsspec_options())
    return capture(
        session, CaptureOptions(path=f"{server.uri}/{path}", queries=queries, **values), filesystem=filesystem
    )


def read(server: S3Server, key: str) -> bytes:
    return bytes(server.client().get_object(Bucket=server.bucket, Key=key)["Body"].read())


def test_a_single_file_has_its_account_is_replaced_and_a_foreign_one_refused(
    session: Session, s3_server: S3Server, table: str
) -> None:
    queries = [f"SELECT id FROM {table} WHERE kind = 'a'", f"SELECT count(*) AS n FROM {table}"]
    for expected in (51, 52):
        run(session, s3_server, "reports/mixed.json.gz", *queries)
        account, file = s3_server.keys()
        assert file == "reports/mixed.json.gz"
        assert account.startswith("reports/.mixed.json.gz.")
        lines = [json.loads(line) for line in gzip.decompress(read(s3_server, file)).splitlines()]
        assert len(lines) == expected
        assert lines[-1]["n"] == expected + 49
        session.execute(f"INSERT INTO {table} (kind, id) VALUES ('a', 1000)")
    s3_server.client().put_object(Bucket=s3_server.bucket, Key=file, Body=b"{}")
    with pytest.raises(PublishError, match="delete the file"):
        run(session, s3_server, "reports/mixed.json.gz", *queries)
    assert read(s3_server, file) == b"{}"


def test_a_capture_that_fails_leaves_nothing(session: Session, s3_server: S3Server, table: str) -> None:
    failing = f"SELECT id FROM {table} WHERE kind IN ('a', 'b') ORDER BY id"
    for path, values in (("r.json", {}), ("r", {"format": "csv"})):
        with pytest.raises(QueryError):
            run(session, s3_server, path, f"SELECT id FROM {table}", failing, **values)
    assert s3_server.keys() == []
    assert not s3_server.client().list_multipart_uploads(Bucket=s3_server.bucket).get("Uploads")


def test_a_directory_of_csv_is_replaced(session: Session, s3_server: S3Server, table: str) -> None:
    queries = [f"SELECT kind, id FROM {table}", f"SELECT kind, count(*) AS n FROM {table} GROUP BY kind"]
    for _ in range(2):
        result = run(session, s3_server, "report", *queries, format="csv", partition_by="kind")
        data = [key for key in s3_server.keys("report/") if "_cqlai" not in key]
        assert sorted(f"report/{file.path}" for file in result.files) == data
        assert [key.split("-part-")[0] for key in data] == [
            f"report/kind={kind}/query-{number}" for kind in "ab" for number in (1, 2)
        ]
        rows = [list(csv.reader(io.StringIO(read(s3_server, key).decode(), newline=""))) for key in data]
        assert [(len(each), each[0]) for each in rows] == [(51, ["id"]), (2, ["n"])] * 2
