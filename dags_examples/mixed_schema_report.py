"""Each night, a report about yesterday in one compressed file of JSON lines, from queries of differing columns.

Each line tells its query in ``_query``, from 1 in the order below. The file is replaced when the day runs again. The
second task gives the same answers as CSV, a file for each query.

Needs the tables ``events`` and ``embeddings`` in the keyspace of the connection ``cqlai_default``, and the Variable
``lake``, a directory or a URL. To try it: ``airflow dags test mixed_schema_report 2024-01-05`` reports of 2024-01-04.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.operators.capture_queries import CaptureQueriesOperator

QUERIES = [
    "SELECT device, event_id, kind, amount FROM events WHERE device = 'device-0' AND day = :window_start",
    "SELECT count(*) AS views FROM events WHERE device = 'device-0' AND day = :window_start",
    "SELECT id, content, embedding FROM embeddings LIMIT 3",
]

with DAG(
    dag_id="mixed_schema_report",
    tags=["cqlai", "capture"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule="@daily",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
):
    CaptureQueriesOperator(
        task_id="capture_json",
        queries=QUERIES,
        path="{{ var.value.lake }}/report-{window_start:%Y-%m-%d}.json.gz",
        period="1 day",
        # JSON has no number for NaN and the infinities; without this they are an error.
        non_finite="string",
        outlets=[Asset("report")],
    )
    CaptureQueriesOperator(
        task_id="capture_csv",
        queries=QUERIES,
        path="{{ var.value.lake }}/report",
        format="csv",
        period="1 day",
        # What stands for null; an empty text is "".
        csv_null="NULL",
    )
