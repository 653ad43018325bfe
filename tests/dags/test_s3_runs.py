"""Exports to an S3-compatible server, with the credentials of an Airflow connection and of the environment."""

from __future__ import annotations

import pyarrow.parquet as pq
import s3fs

from tests.dags.airflow_home import AirflowHome
from tests.dags.event_rows import Events
from tests.object_store import S3Server


def test_credentials_come_from_the_connection_or_from_the_profile(
    home: AirflowHome, events: Events, lake_bucket: S3Server
) -> None:
    [returned] = home.returned("s3_by_profile")
    assert returned["path"] == f"s3://{lake_bucket.bucket}/by_profile"
    assert _read_ids(lake_bucket, f"by_profile/{returned['files'][0]['path']}") == sorted(events.ticks)
    [returned] = home.returned("s3_by_connection")
    assert returned["path"] == f"s3://{lake_bucket.bucket}/by_connection.parquet"
    assert _read_ids(lake_bucket, "by_connection.parquet") == sorted(events.ticks)
    [returned] = home.returned("s3_by_path")
    assert returned["path"] == f"s3://{lake_bucket.bucket}/s3_by_path.parquet"
    assert _read_ids(lake_bucket, "s3_by_path.parquet") == sorted(events.ticks)


def _read_ids(server: S3Server, key: str) -> list[str]:
    filesystem = s3fs.S3FileSystem(**server.fsspec_options())
    with filesystem.open(f"{server.bucket}/{key}") as file:
        return sorted(pq.read_table(file, columns=["event_id"])["event_id"].to_pylist())
