"""Captures through ``dag.test()``: mapped, from a file, into S3, failing; on Airflow 2.11 and 3.x."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import s3fs

from tests.dags.airflow_home import AirflowHome, TaskState
from tests.dags.event_rows import Events
from tests.object_store import S3Server

if TYPE_CHECKING:
    from cassandra.cluster import Session

START, END = "2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"


@pytest.fixture(scope="module")
def ids_by_device(session: Session, shared_keyspace: str, events: Events) -> dict[str, list[str]]:
    """Ids of the window's rows by device, read by the driver."""
    found: dict[str, list[str]] = {}
    for row in session.execute(f"SELECT device, event_id FROM {shared_keyspace}.events"):
        if str(row.event_id) in events.between(START, END):
            found.setdefault(row.device, []).append(str(row.event_id))
    return {device: sorted(ids) for device, ids in found.items()}


def read_ids(*files: Path) -> list[str]:
    return sorted(event_id for file in files for event_id in pq.read_table(file)["event_id"].to_pylist())


def test_mapped_captures_share_the_window_and_have_each_its_values(
    home: AirflowHome, ids_by_device: dict[str, list[str]]
) -> None:
    assert home.task_states("capture_mapped") == [TaskState("success", 1)] * 3
    assert home.windows("capture_mapped") == [(START, END)] * 3
    for number in range(3):
        file = home.lake / "capture_mapped" / f"{number}.parquet"
        assert read_ids(file) == ids_by_device[f"device-{number}"]


def test_queries_come_from_a_file_that_is_a_template(home: AirflowHome, ids_by_device: dict[str, list[str]]) -> None:
    [returned] = home.returned("capture_file")
    expected = sorted(ids_by_device["device-0"] + ids_by_device["device-2"])
    assert read_ids(*(home.lake / "capture_file").glob("event_id.date=*/*.parquet")) == expected
    assert [query["rows"] for query in returned["queries"]] == [
        len(ids_by_device["device-0"]),
        len(ids_by_device["device-2"]),
    ]


def test_an_asset_event_says_what_was_captured(home: AirflowHome, ids_by_device: dict[str, list[str]]) -> None:
    [event] = home.asset_events("capture_file_dataset")
    assert (event["window_start"], event["window_end"]) == (START, END)
    assert event["rows"] == len(ids_by_device["device-0"]) + len(ids_by_device["device-2"])


@pytest.mark.parametrize("dag_id", ["capture_refused", "capture_fails_in_the_second_query"])
def test_a_query_that_cannot_run_fails_without_retries_and_publishes_nothing(home: AirflowHome, dag_id: str) -> None:
    assert home.task_states(dag_id) == [TaskState("failed", 1)]
    assert not list((home.lake / dag_id).rglob("*.parquet"))


def test_a_capture_reaches_s3(home: AirflowHome, lake_bucket: S3Server, ids_by_device: dict[str, list[str]]) -> None:
    [returned] = home.returned("capture_s3")
    [file] = returned["files"]
    filesystem = s3fs.S3FileSystem(**lake_bucket.fsspec_options())
    with filesystem.open(f"{lake_bucket.bucket}/capture/{file['path']}") as opened:
        ids = pq.read_table(opened, columns=["event_id"])["event_id"].to_pylist()
    assert sorted(ids) == ids_by_device["device-1"]
