"""The runs of ``dag.test()`` that the tests here look at, all in one process: starting Airflow is what costs."""

from __future__ import annotations

from typing import Any

from tests.dags.airflow_home import IS_AIRFLOW_3

# A date at noon: what a timetable aligns and what it takes as it is gives different windows.
EXPORTS: list[dict[str, Any]] = [
    {"dag_id": "trigger_window", "logical_date": "2024-01-03T00:00:00+00:00"},
    {"dag_id": "trigger_window_from_start", "logical_date": "2024-01-05T12:00:00+00:00"},
    {"dag_id": "trigger_window_without_period", "logical_date": "2024-01-05T00:00:00+00:00"},
    {"dag_id": "daily_window", "logical_date": "2024-01-05T00:00:00+00:00"},
    {"dag_id": "interval_window", "logical_date": "2024-01-03T00:00:00+00:00"},
    {"dag_id": "interval_window", "logical_date": "2024-01-03T00:00:00+00:00"},
    {"dag_id": "berlin_window", "logical_date": "2024-06-01T00:00:00+00:00", "has_lineage": True},
    *(
        {"dag_id": name}
        for name in (
            *("since_log", "mapped", "local_by_path", "unknown_column", "unknown_option_value"),
            *("unreachable_cluster", "empty_window", "s3_by_connection", "s3_by_path"),
            # On 2.11 a timeout ends `dag.test()` itself.
            *(("manual_window", "timed_out_export") if IS_AIRFLOW_3 else ()),
        )
    ),
]
IMPORTS: list[dict[str, Any]] = [
    *(
        {"dag_id": f"import_{name}"}
        for name in (
            *("all", "templates", "rejecting", "over_budget", "unknown_column", "bad_template"),
            *("failing_once", "counting"),
            *(("timed_out",) if IS_AIRFLOW_3 else ()),
        )
    ),
    {"dag_id": "import_lineage", "has_lineage": True},
]
CAPTURES: list[dict[str, Any]] = [
    *({"dag_id": f"capture_{name}"} for name in ("mapped", "file", "refused", "fails_in_the_second_query", "s3")),
    {"dag_id": "capture_lineage", "has_lineage": True},
]
SCRIPTS = [
    {"dag_id": "script_of_a_day", "logical_date": "2024-01-05T00:00:00+00:00"},
    {"dag_id": "script_refused"},
    {"dag_id": "script_without_a_window"},
]
SHARDED: list[dict[str, Any]] = [
    {"dag_id": "sharded_day", "logical_date": "2024-01-04T00:00:00+00:00"},
    *({"dag_id": f"sharded_{name}"} for name in ("with_a_retry", "failing", "failing_and_kept", "unplanned")),
]
KEYSPACES = [
    {"dag_id": "keyspace_of_a_day", "logical_date": "2024-01-04T00:00:00+00:00"},
    {"dag_id": "keyspace_with_a_failing_table"},
    {"dag_id": "keyspace_without_such_tables"},
]
BY_THE_HOOK = [{"dag_id": "by_the_hook", "logical_date": "2024-01-04T00:00:00+00:00"}]
SENSORS = [{"dag_id": "waiting"}, {"dag_id": "waiting_for_what_cannot_be"}]

EXAMPLE_DAY = ("2024-01-04T00:00:00+00:00", "2024-01-05T00:00:00+00:00")
ON_THE_COMMAND_LINE = "daily_events"
EXAMPLE_RUNS: list[dict[str, Any]] = [
    {"dag_id": "restore_events", "logical_date": EXAMPLE_DAY[1]},
    {"dag_id": "sharded_export", "logical_date": EXAMPLE_DAY[1]},
    {"dag_id": "keyspace_nightly", "logical_date": EXAMPLE_DAY[1]},
    {"dag_id": "table_snapshot", "logical_date": EXAMPLE_DAY[1]},
    {"dag_id": "incremental_backfill", "logical_date": "2024-01-04T11:00:00+00:00"},
    {"dag_id": "incremental_backfill", "logical_date": "2024-01-04T13:00:00+00:00"},
    {"dag_id": "order_archive", "conf": {"year": 2023, "smallest_total": 10}},
    {"dag_id": "export_to_s3", "logical_date": EXAMPLE_DAY[1]},
    {"dag_id": "vectors_for_ml"},
    {"dag_id": "cluster_migration"},
    {"dag_id": "load_foreign_dataset", "conf": {"country": "de"}},
    {"dag_id": "export_import_workflow"},
    {"dag_id": "capture_reports", "logical_date": EXAMPLE_DAY[1]},
    {"dag_id": "capture_workflow"},
    {"dag_id": "mixed_schema_report", "logical_date": EXAMPLE_DAY[1]},
]
