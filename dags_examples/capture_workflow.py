"""Captures as scripts: what queries of one kind return, together in a file, or in directories that readers prune by.

``capture_by_month`` runs a script from a file, and the task after it asks DuckDB about one month: only that month's
files are opened. ``capture_reports`` has three captures of one script, each published at its CAPTURE OFF.

Needs the tables ``members``, ``readings`` and ``events`` in the keyspace of the connection ``cqlai_default`` (it
creates ``tracked_events`` itself), the Variable ``lake``, a directory, and DuckDB on the worker. To try it: trigger it,
with another ``day`` if you like, or ``airflow dags test capture_workflow``.
"""

import pendulum

from airflow_provider_cqlai.airflow_compat import DAG, task
from airflow_provider_cqlai.operators.cqlai_script import CqlaiScriptOperator

with DAG(
    dag_id="capture_workflow",
    tags=["cqlai", "capture", "script"],
    doc_md=__doc__,
    default_args={"owner": "data-engineering"},
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    params={"day": "2024-01-04"},
):
    capture = CqlaiScriptOperator(task_id="capture_by_month", script="capture_workflow.cql")

    @task
    def count_january(captured: dict) -> dict:
        import duckdb

        [capture] = [each for each in captured["statements"] if each["statement"] == "CAPTURE"]
        query = (
            f"SELECT event_type, count(*) FROM '{capture['path']}/**/*.parquet'"
            ' WHERE "event_id.year" = 2024 AND "event_id.month" = 1 GROUP BY ALL'
        )
        [(_, plan)] = duckdb.sql(f"EXPLAIN ANALYZE {query}").fetchall()
        return {"counts": dict(duckdb.sql(query).fetchall()), "plan": plan}

    count_january(capture.output)

    CqlaiScriptOperator(
        task_id="capture_reports",
        script="""
            -- Results of one table append, since their columns are the same.
            CAPTURE '{{ var.value.lake }}/active_members.parquet' FORMAT='PARQUET';
            SELECT * FROM members WHERE country='US' AND status='active';
            SELECT * FROM members WHERE country='UK' AND status='active';
            SELECT * FROM members WHERE country='CA' AND status='active';
            CAPTURE OFF;

            -- Hourly snapshots.
            CAPTURE '{{ var.value.lake }}/readings_snapshot.parquet' FORMAT='PARQUET';
            {% for hour in ("10", "11", "12") %}
            SELECT device, at, degrees FROM readings WHERE device='d'
                AND at >= '{{ params.day }} {{ hour }}:00:00+0000' AND at < '{{ params.day }} {{ hour }}:59:00+0000';
            {% endfor %}
            CAPTURE OFF;

            -- A large table in manageable pieces, a day at a time.
            CAPTURE '{{ var.value.lake }}/device_days/' WITH PARTITION='day' AND MAX_FILE_SIZE='100MB';
            {% for day in ("2024-01-04", "2024-01-05", "2024-01-06") %}
            SELECT * FROM events WHERE device='device-0' AND day='{{ day }}' LIMIT 100000;
            {% endfor %}
            CAPTURE OFF;
        """,
    )
