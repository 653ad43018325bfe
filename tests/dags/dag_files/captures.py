"""DAGs of the capture tests, on Airflow 2.11 and 3.x. None has a schedule."""

import datetime
from typing import Any

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.capture_queries import CaptureQueriesOperator

OF_A_DEVICE = "SELECT device, event_id, kind FROM events WHERE device = :device AND day = :window_start"
DEFAULTS: dict[str, Any] = {
    "task_id": "export",
    "path": "{{ var.value.lake }}/{{ dag.dag_id }}",
    "start": "2024-01-02",
    "end": "2024-01-03",
    "retries": 3,
    "retry_delay": datetime.timedelta(seconds=0),
}


def capture(queries: str | list[str], **arguments: Any) -> CaptureQueriesOperator:
    return CaptureQueriesOperator(queries=queries, **{**DEFAULTS, **arguments})


with DAG("capture_mapped", schedule=None):
    CaptureQueriesOperator.partial(
        queries=[OF_A_DEVICE],
        **{**DEFAULTS, "path": "{{ var.value.lake }}/{{ dag.dag_id }}/{{ ti.map_index }}.parquet"},
    ).expand(parameters=[{"device": f"device-{number}"} for number in range(3)])

with DAG("capture_file", schedule=None):
    capture("captures.cql", partition_by="event_id.date", outlets=[Asset("capture_file_dataset")])

with DAG("capture_refused", schedule=None):
    capture([OF_A_DEVICE, "DELETE FROM events WHERE device = 'device-0' AND day = '2024-01-02'"])

# Four bytes are an int; the names of devices have eight. The server notices when it has the row.
with DAG("capture_fails_in_the_second_query", schedule=None):
    capture(
        [
            "SELECT device, kind AS number FROM events WHERE device = 'device-0' AND day = :window_start",
            "SELECT device, CAST(blob_as_int(text_as_blob(device)) AS text) AS number FROM events"
            " WHERE device = 'device-0' AND day = :window_start",
        ]
    )

with DAG("capture_lineage", schedule=None):
    capture(
        [
            "SELECT device AS name FROM events WHERE device = 'device-0' AND day = :window_start",
            "SELECT keyspace_name AS name FROM system_schema.keyspaces",
        ]
    )

with DAG("capture_s3", schedule=None):
    capture(
        [OF_A_DEVICE],
        parameters={"device": "device-1"},
        path="s3://{{ var.value.lake_bucket }}/capture",
        storage_conn_id="my_aws",
    )

with DAG("slow_capture", schedule=None):
    capture("SELECT * FROM events", start=None, end=None, rate_limit_rows_per_second=2, page_size=1)
