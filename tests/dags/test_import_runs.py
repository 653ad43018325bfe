"""Imports through ``dag.test()``, on Airflow 2.11 and 3.x: templates, results, rejected rows, errors and a retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from tests.dags.airflow_home import IS_AIRFLOW_3, AirflowHome, TaskState
from tests.dags.readings import PLACES, ROWS, is_whole

if TYPE_CHECKING:
    from cassandra.cluster import Session


def test_a_result_counts_what_is_in_the_table(home: AirflowHome, session: Session, shared_keyspace: str) -> None:
    [returned] = home.returned("import_all", "load")
    assert (returned["table"], returned["rows"], returned["file_count"]) == (
        f"{shared_keyspace}.import_all",
        ROWS,
        len(PLACES),
    )
    assert returned["rejected_path"] is None
    assert is_whole(session, shared_keyspace, "import_all")


def test_an_asset_event_says_what_was_written(home: AirflowHome, shared_keyspace: str) -> None:
    [event] = home.asset_events("readings_table")
    assert (event["table"], event["rows"]) == (f"{shared_keyspace}.import_all", ROWS)
    assert len(event["files"]) == len(PLACES)
    # An inlet is what the task reads: it causes no event.
    assert home.asset_events("readings_files") == []


def test_every_argument_works_as_a_template(home: AirflowHome, session: Session, shared_keyspace: str) -> None:
    assert home.task_states("import_templates", "load") == [TaskState("success", 1)]
    [returned] = home.returned("import_templates", "load")
    # 95 rows of each of two places pass the filters; 5 are skipped, 50 written.
    rows = list(session.execute(f"SELECT place, id, value, ttl(value) AS t, writetime(value) AS w FROM "
                                f"{shared_keyspace}.import_templates"))  # fmt: skip
    assert {(row.place, row.id) for row in rows} == {("north", number) for number in range(10, 60)}
    assert all(4_000 < row.t <= 5_000 and row.w == 1_700_000_000_000_000 for row in rows)
    assert (returned["rows"], returned["is_dry_run"], returned["file_count"]) == (50, False, 2)


def test_rejected_rows_are_in_file_and_result(home: AirflowHome) -> None:
    [returned] = home.returned("import_rejecting", "load")
    assert (returned["rows"], returned["rows_rejected"]) == (8, 2)
    rejected = pq.read_table(returned["rejected_path"]).to_pylist()
    assert [row["rejected_row"] for row in rejected] == [3, 4]


def test_too_many_rejected_rows_fail_without_retries_and_leave_their_file(home: AirflowHome) -> None:
    assert home.task_states("import_over_budget", "load") == [TaskState("failed", 1)]
    assert len(pq.read_table(home.lake / "over_budget.parquet")) == 2


@pytest.mark.parametrize("dag_id", ["import_unknown_column", "import_bad_template"])
def test_a_terminal_error_is_not_retried(home: AirflowHome, dag_id: str) -> None:
    assert home.task_states(dag_id, "load") == [TaskState("failed", 1)]
    assert home.returned(dag_id, "load") == []


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="on 2.11 a timeout ends dag.test() itself")
def test_an_import_that_takes_too_long_ends(home: AirflowHome, session: Session, shared_keyspace: str) -> None:
    assert home.task_states("import_timed_out", "load") == [TaskState("failed", 1)]
    assert home.returned("import_timed_out", "load") == []
    rows = session.execute(f"SELECT count(*) AS n FROM {shared_keyspace}.import_timed_out").one()
    assert rows.n < ROWS


def test_a_retry_goes_on_from_the_variable_and_removes_it(
    home: AirflowHome, session: Session, shared_keyspace: str
) -> None:
    assert home.task_states("import_failing_once", "load") == [TaskState("success", 2)]
    [returned] = home.returned("import_failing_once", "load")
    assert 0 < returned["rows_resumed"] < ROWS
    assert returned["rows"] + returned["rows_resumed"] == ROWS
    assert is_whole(session, shared_keyspace, "import_failing_once")
    # What failed for good keeps its own until the task is run again.
    described = {text.split(" of ")[0] for text in home.variables("cqlai_import_")}
    failed_for_good = ("over_budget", "counting", "timed_out")
    assert described <= {f"What the import import_{name}.load" for name in failed_for_good}


def test_a_retry_of_counters_is_refused_and_counts_nothing_twice(
    home: AirflowHome, session: Session, shared_keyspace: str
) -> None:
    # Three retries would be left: the refusal is final until somebody clears the task.
    assert home.task_states("import_counting", "load") == [TaskState("failed", 2)]
    counted = [row.hits for row in session.execute(f"SELECT hits FROM {shared_keyspace}.import_counting")]
    assert 0 < len(counted) < 2_000
    assert set(counted) == {2}
