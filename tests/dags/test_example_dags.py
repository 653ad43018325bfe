"""Every DAG of ``dags_examples``, run through Airflow on real tables, and its result read back."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from tests.dags.airflow_home import EXAMPLES, IS_AIRFLOW_3, AirflowHome, TaskState
from tests.dags.event_rows import Events
from tests.dags.example_tables import CUSTOMERS
from tests.dags.nightly_tables import USERS, VISITS_PER_DAY
from tests.dags.published_ids import read_ids
from tests.dags.tested_runs import EXAMPLE_DAY as DAY
from tests.dags.tested_runs import EXAMPLE_RUNS, ON_THE_COMMAND_LINE
from tests.object_store import S3Server

if TYPE_CHECKING:
    from cassandra.cluster import Session

# The first test waits for the runs of all examples.
pytestmark = pytest.mark.timeout(600)


def test_every_example_is_run_by_a_test() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {
        ON_THE_COMMAND_LINE,
        *(run["dag_id"] for run in EXAMPLE_RUNS),
    }


def test_daily_events_go_into_a_directory_a_day(home: AirflowHome, events: Events) -> None:
    root = home.lake / "events"
    assert sorted(read_ids(root)) == sorted(events.between(*DAY))
    directories = {str(path.parent.relative_to(root)) for path in root.glob("**/*.parquet")}
    assert directories == {"event_id.year=2024/event_id.month=01/event_id.day=04"}
    if IS_AIRFLOW_3:
        # The command line of 2.11 runs a DAG that its database does not know, whose datasets have no events.
        [event] = home.asset_events("events")
        assert (event["window_start"], event["window_end"]) == DAY


def test_three_queries_become_one_dataset_of_the_day(home: AirflowHome, events: Events) -> None:
    root = home.lake / "views"
    assert sorted(read_ids(root)) == sorted(events.between(*DAY))
    assert {path.parent.name for path in root.glob("*/*.parquet")} == {"event_id.date=2024-01-04"}
    [returned] = home.returned("capture_reports", "capture_views")
    assert [query["rows"] > 0 for query in returned["queries"]] == [True] * 3
    assert sum(query["rows"] for query in returned["queries"]) == returned["rows"] == len(events.between(*DAY))
    [event] = home.asset_events("views")
    assert (event["window_start"], event["window_end"], event["query_count"]) == (*DAY, 3)
    assert [table.partition(".")[2] for table in event["tables"]] == ["events"]


def test_a_script_captures_by_month_and_duckdb_opens_one_month_only(home: AirflowHome) -> None:
    root = home.lake / "tracked_events"
    assert sorted(str(path.parent.relative_to(root)) for path in root.glob("**/*.parquet")) == [
        "event_id.year=2024/event_id.month=01",
        "event_id.year=2024/event_id.month=02",
    ]
    [returned] = home.returned("capture_workflow", "capture_by_month")
    *_, captured, counted = returned["statements"]
    assert [query["rows"] for query in captured["queries"]] == [2, 1, 3]
    assert (counted["count"], returned["rows_published"]) == (4, 6)
    [asked] = home.returned("capture_workflow", "count_january")
    # The user's events are in two results each.
    assert asked["counts"] == {"login": 2, "purchase": 2}
    assert "Scanning Files: 1/2" in asked["plan"]


def test_captures_of_one_script_are_three_results(home: AirflowHome, events: Events) -> None:
    [returned] = home.returned("capture_workflow", "capture_reports")
    members, readings, days = returned["statements"]
    assert sorted(pq.read_table(members["path"])["id"].to_pylist()) == [0, 1, 2, 8, 9, 10, 16, 17, 18]
    assert [query["rows"] for query in readings["queries"]] == [59, 0, 0]
    assert pq.read_metadata(readings["path"]).num_rows == 59
    root = home.lake / "device_days"
    assert {path.parent.name for path in root.glob("*/*.parquet")} == {f"day=2024-01-0{day}" for day in (4, 5, 6)}
    assert set(read_ids(root)) < events.between(DAY[0], "2024-01-07T00:00:00+00:00")
    assert sum(query["rows"] for query in days["queries"]) == len(read_ids(root)) == days["rows"] > 0


def test_a_report_of_differing_queries_is_one_json_file_or_a_csv_file_each(home: AirflowHome, events: Events) -> None:
    with gzip.open(home.lake / "report-2024-01-04.json.gz", "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    by_query = {number: [line for line in lines if line["_query"] == number] for number in (1, 2, 3)}
    ids = {line["event_id"] for line in by_query[1]}
    assert ids
    assert ids < events.between(*DAY)
    assert by_query[1][0] | {"event_id": ""} == {
        "_query": 1, "device": "device-0", "event_id": "", "kind": "view", "amount": None,
    }  # fmt: skip
    assert by_query[2] == [{"_query": 2, "views": len(ids)}]
    assert all(line["embedding"] == [line["id"], 0.5, -1.0] for line in by_query[3])
    rows = {}
    for number in (1, 2, 3):
        [path] = (home.lake / "report").glob(f"query-{number}-part-*.csv")
        with path.open(newline="", encoding="utf-8") as file:
            rows[number] = list(csv.DictReader(file))
    assert {row["event_id"] for row in rows[1]} == ids
    assert {row["amount"] for row in rows[1]} == {"NULL"}
    assert rows[2] == [{"views": str(len(ids))}]
    assert {row["content"] for row in rows[3]} == {""}
    [event] = home.asset_events("report")
    assert (event["rows"], event["query_count"]) == (len(lines), 3)


def test_a_restored_day_is_the_day_cell_by_cell(
    home: AirflowHome, session: Session, shared_keyspace: str, events: Events
) -> None:
    restored = {row.event_id: row for row in session.execute(f"SELECT * FROM {shared_keyspace}.restored_events")}
    assert {str(event_id) for event_id in restored} == events.between(*DAY)
    for row in session.execute(f"SELECT * FROM {shared_keyspace}.events"):
        assert restored.get(row.event_id, row) == row
    [returned] = home.returned("restore_events", "import_events")
    assert returned["rows"] == len(restored)
    [event] = home.asset_events("restored_events")
    assert event["rows"] == len(restored)


def test_a_snapshot_is_the_whole_table_from_four_tasks(home: AirflowHome) -> None:
    assert len(home.returned("table_snapshot", "export_customers")) == 4
    exported = read_ids(home.lake / "customers", column="id")
    assert sorted(exported, key=str) == sorted(CUSTOMERS, key=str)
    file = next((home.lake / "customers").glob("**/*.parquet"))
    assert pq.read_schema(file).field("id").type in (pa.uuid(), pa.binary(16))


def test_a_day_from_four_tasks_is_published_once(home: AirflowHome, events: Events) -> None:
    assert len(home.returned("sharded_export", "export_events.export")) == 4
    assert sorted(read_ids(home.lake / "sharded_events")) == sorted(events.between(*DAY))
    [event] = home.asset_events("sharded_events")
    assert (event["window_start"], event["window_end"]) == DAY


def test_the_tables_of_a_keyspace_are_a_dataset_each(home: AirflowHome, nightly_keyspace: str) -> None:
    root = home.lake / "nightly" / nightly_keyspace
    counts = {path.name: len(read_ids(path, column="id")) for path in root.iterdir()}
    assert counts == {"users": USERS, "visits": VISITS_PER_DAY, "Readings": VISITS_PER_DAY}
    [summary] = home.returned("keyspace_nightly", "export_shop.publish")
    assert summary["rows"] == sum(counts.values())


def test_an_increment_is_its_hour_and_an_empty_hour_is_skipped(home: AirflowHome) -> None:
    [returned] = home.returned("incremental_backfill", "export_readings")
    assert (returned["window_start"], returned["rows"]) == ("2024-01-04T10:00:00+00:00", 60)
    states = home.task_states("incremental_backfill", "export_readings")
    assert states == [TaskState("success", 1), TaskState("skipped", 1)]


def test_an_archive_is_one_zstd_file_of_the_orders_asked_for(home: AirflowHome) -> None:
    file = pq.ParquetFile(home.lake / "orders-2023.parquet")
    assert sorted(file.read(columns=["order_id"])["order_id"].to_pylist()) == [0, 1]
    assert file.schema_arrow.names == ["order_id", "customer", "status", "total", "placed"]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert (
        file.schema_arrow.metadata[b"retention"] == b"10 years" or file.metadata.metadata[b"retention"] == b"10 years"
    )


def test_a_day_reaches_s3_with_the_connections_credentials(
    home: AirflowHome, events: Events, lake_bucket: S3Server
) -> None:
    keys = [key for key in lake_bucket.keys("events/") if key.endswith(".parquet")]
    assert {str(Path(key).parent) for key in keys} == {"events/event_id.date=2024-01-04"}
    filesystem = s3fs.S3FileSystem(**lake_bucket.fsspec_options())
    ids: list[str] = []
    for key in keys:
        with filesystem.open(f"{lake_bucket.bucket}/{key}") as file:
            ids += pq.ParquetFile(file).read(columns=["event_id"])["event_id"].to_pylist()
    assert sorted(ids) == sorted(events.between(*DAY))


def test_vectors_are_one_matrix(home: AirflowHome) -> None:
    [described] = home.returned("vectors_for_ml", "describe_matrix")
    assert (described["shape"], described["type"]) == ([5, 3], "float32")
    assert described["mean"] == pytest.approx((2.0 + 0.5 - 1.0) / 3)


def test_a_migrated_table_is_the_same_in_the_new_cluster(
    home: AirflowHome, session: Session, shared_keyspace: str, new_keyspace: str
) -> None:
    cells = "id, name, email, tags, writetime(name) AS w"
    old, new = (
        {row.id: row for row in session.execute(f"SELECT {cells} FROM {keyspace}.accounts")}
        for keyspace in (shared_keyspace, new_keyspace)
    )
    assert new == old
    assert len(new) == 300
    expiries = {row.id: row.t for row in session.execute(f"SELECT id, ttl(name) AS t FROM {new_keyspace}.accounts")}
    assert all((expiries[number] is not None) == bool(number % 3) for number in range(300))
    [returned] = home.returned("cluster_migration", "import_accounts")
    assert returned["rows"] == 300
    assert returned["verification"]["rows_checked"] == 300


def test_a_dataset_of_pandas_is_loaded_under_the_tables_names(
    home: AirflowHome, session: Session, shared_keyspace: str
) -> None:
    rows = list(session.execute(f"SELECT * FROM {shared_keyspace}.measurements"))
    wanted = [number for number in range(300) if number % 4 != 3 and number != 10]
    assert sorted((row.country, row.station, row.degrees) for row in rows) == sorted(
        ("de", f"station {number % 3}", number / 4) for number in wanted
    )
    [returned] = home.returned("load_foreign_dataset", "load_measurements")
    assert (returned["rows"], returned["rows_rejected"]) == (len(wanted), 1)
    [rejected] = pq.read_table(returned["rejected_path"]).to_pylist()
    assert (rejected["deg_C"], rejected["country"]) == (2.5, "de")
    [event] = home.asset_events("measurements")
    assert event["rows"] == len(wanted)


def test_an_archived_table_equals_its_source(home: AirflowHome, session: Session, shared_keyspace: str) -> None:
    source, archive = (
        sorted(session.execute(f"SELECT * FROM {shared_keyspace}.{table}"), key=str)
        for table in ("user_events", "user_events_archive")
    )
    assert source == archive
    assert home.returned("export_import_workflow", "compare_counts") == [{"rows": 20}]
    file = pq.ParquetFile(home.lake / "user_events.parquet")
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
