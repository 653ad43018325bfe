"""Imports of the tests, on Airflow 2.11 and 3.x: arguments as templates, what becomes of errors, kills and clears."""

import datetime
import json
import os
import signal
from typing import Any

from airflow_provider_cqlai.airflow_compat import DAG, Asset
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.hooks.import_journal import VariableJournalStore
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator


class DyingJournalStore(VariableJournalStore):
    """Kills the task's process, as a machine that fails does, as soon as a row group is known to be finished."""

    def save(self, text: str) -> None:
        super().save(text)
        if json.loads(text)["finished"]:
            os.kill(os.getpid(), signal.SIGKILL)


class FailingJournalStore(VariableJournalStore):
    """The same without the end of the process, which ``dag.test()`` shares with Airflow itself."""

    def save(self, text: str) -> None:
        super().save(text)
        if json.loads(text)["finished"]:
            raise ConnectionError("the worker lost its network")


class EndsOnceOperator(ParquetToCassandraOperator):
    """An import whose first try ends midway."""

    store_type: type[VariableJournalStore] = DyingJournalStore

    def _open_journal(self, context: Any, options: CopyFromOptions) -> VariableJournalStore | None:
        is_first = context["ti"].try_number == 1
        return (self.store_type if is_first else VariableJournalStore)(context, is_counting=False)


class FailsOnceOperator(EndsOnceOperator):
    store_type = FailingJournalStore


def load(dag_id: str, operator: type[ParquetToCassandraOperator] = ParquetToCassandraOperator, **arguments: Any) -> Any:
    defaults: dict[str, Any] = {
        "task_id": "load",
        "table": dag_id,
        "path": "{{ var.value.lake }}/readings",
        "retries": 3,
        "retry_delay": datetime.timedelta(seconds=0),
    }
    return operator(**{**defaults, **arguments})


with DAG("import_all", schedule=None):
    load("import_all", inlets=[Asset("readings_files")], outlets=[Asset("readings_table")])

with DAG(
    "import_templates",
    schedule=None,
    params={"rows": 5, "budget": "50%", "yes": True, "no": False, "seconds": 5, "places": ["north", "south"]},
):
    load(
        "import_templates",
        table="{{ dag.dag_id }}",
        path=["{{ var.value.lake }}/readings"],
        partition_filter='[["place", "in", {{ params.places | tojson }}]]',
        where='[["sensor", ">=", {{ params.rows }}], ["sensor", "<", 100]]',
        skip_rows="{{ params.rows }}",
        max_rows="{{ params.rows * 10 }}",
        columns="id,place,value",
        column_mapping='{"sensor": "id"}',
        on_extra_column="{{ 'ignore' }}",
        on_missing_column="{{ 'ignore' }}",
        allow_lossy="{{ 'value' }}",
        use_run_window="{{ params.no }}",
        anchor="{{ 'end' }}",
        on_uncovered_window="{{ 'ignore' }}",
        mode="{{ 'upsert' }}",
        ttl="{{ params.seconds * 1000 }}",
        timestamp="{{ 1700000000000000 }}",
        allow_list_duplicates="{{ params.yes }}",
        cell_times="{{ 'ignore' }}",
        null_handling="{{ 'null' }}",
        max_batch_bytes="{{ '2KB' }}",
        max_bytes_in_flight="{{ '64KB' }}",
        max_requests_in_flight="{{ params.seconds }}",
        max_write_attempts="{{ params.seconds }}",
        rate_limit_rows_per_second="{{ 1000.5 }}",
        consistency_level="{{ 'ONE' }}",
        request_timeout_seconds="{{ params.seconds }}",
        max_errors="{{ params.budget }}",
        rejected_path="{{ var.value.lake }}/{{ dag.dag_id }}-rejected.parquet",
        verify="{{ params.no }}",
        verify_sample_rows="{{ params.seconds }}",
        dry_run="{{ params.no }}",
        progress_interval_seconds="{{ params.seconds }}",
        resume="{{ params.no }}",
        cassandra_conn_id="{{ 'cqlai_default' }}",
    )

with DAG("import_rejecting", schedule=None, params={"budget": 2}):
    load(
        "import_rejecting",
        path="{{ var.value.lake }}/with_bad_rows.parquet",
        max_errors="{{ params.budget }}",
        rejected_path="{{ var.value.lake }}/rejected.parquet",
    )

with DAG("import_over_budget", schedule=None):
    load(
        "import_rejecting",
        path="{{ var.value.lake }}/with_bad_rows.parquet",
        max_errors=1,
        rejected_path="{{ var.value.lake }}/over_budget.parquet",
    )

with DAG("import_unknown_column", schedule=None):
    load("import_rejecting", path="{{ var.value.lake }}/readings", columns=["nothing"])

with DAG("import_bad_template", schedule=None):
    load("import_all", max_rows="{{ params.get('missing', 'many') }}")

with DAG("import_lineage", schedule=None):
    load("import_lineage")

with DAG("import_failing_once", schedule=None):
    load("import_failing_once", FailsOnceOperator, rate_limit_rows_per_second=2_000)

with DAG("import_counting", schedule=None):
    load(
        "import_counting",
        FailsOnceOperator,
        path="{{ var.value.lake }}/hits.parquet",
        mode="counter_update",
        rate_limit_rows_per_second=500,
    )

with DAG("import_killed", schedule=None):
    load("import_killed", EndsOnceOperator, retries=1, rate_limit_rows_per_second=2_000)

with DAG("import_killed_and_cleared", schedule=None):
    load("import_killed_and_cleared", EndsOnceOperator, retries=0, rate_limit_rows_per_second=2_000)

with DAG("import_cleared_while_running", schedule=None):
    load("import_cleared_while_running", rate_limit_rows_per_second=700, progress_interval_seconds=1)

with DAG("slow_import", schedule=None):
    load("slow_import", rate_limit_rows_per_second=150, retries=0)

with DAG("import_timed_out", schedule=None):
    load(
        "import_timed_out",
        rate_limit_rows_per_second=50,
        max_batch_bytes=100,
        retries=0,
        execution_timeout=datetime.timedelta(seconds=2),
    )

# As docs/how-to/import-and-verify.md has it: what all events say that a run was triggered by.
TRIGGERED_WINDOWS = """
{%- set events = triggering_asset_events if triggering_asset_events is defined else triggering_dataset_events -%}
{%- set told = events.values() | sum(start=[]) | map(attribute="extra") -%}
{{ told | selectattr("window_start", "defined") | list | tojson }}"""

# The second asset tells when enough has gathered.
with DAG(
    "import_announced",
    schedule=[Asset("announced_dataset"), Asset("announced_end")],
    # Airflow 2.11 asks for one.
    start_date=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
):
    load("import_announced", path="{{ var.value.lake }}/announced_window", windows=TRIGGERED_WINDOWS, verify="all")
