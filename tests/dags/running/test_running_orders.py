"""Trigger, backfill, clear and the nightly run of a daily DAG, in every order of two: none breaks another.

All orders are pressed side by side, a press of each at a time while no scheduler runs, and the next ones when what the
last ones made has ended.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_cqlai.engine import check_dataset, dataset_windows
from tests.dags.airflow_home import IS_AIRFLOW_3
from tests.dags.button_orders import (
    BACKFILL,
    CLEAR,
    NIGHT,
    ORDERS,
    SAMPLE,
    TRIGGER,
    TRIGGER_LONG_AGO,
    TRIGGER_WITHOUT_DATE,
    ButtonOrder,
)
from tests.dags.event_rows import create_events
from tests.dags.published_ids import read_ids
from tests.dags.running_airflow import RunningAirflow

if TYPE_CHECKING:
    from cassandra.cluster import Session

pytestmark = [
    pytest.mark.skipif(not IS_AIRFLOW_3, reason="presses the buttons of Airflow 3"),
    # Three presses, each followed by the start of a scheduler and by runs of all orders.
    pytest.mark.timeout(1200),
]

DAY = datetime.timedelta(days=1)
# Not at midnight, as nobody triggers at midnight.
LONG_AGO = datetime.timedelta(days=3, hours=5, minutes=17)


@pytest.fixture(scope="module", autouse=True)
def recent_events(session: Session, shared_keyspace: str) -> str:
    """A table with rows of every day that a run here is about, of those around them, and of today; its name."""
    create_events(session, shared_keyspace, "recent_events", last_midnight(now()) - 7 * DAY, days=9)
    return f"{shared_keyspace}.recent_events"


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param(SAMPLE, id="a trigger before the night"),
        pytest.param([order for order in ORDERS if order not in SAMPLE], id="all others", marks=pytest.mark.slow),
    ],
)
def test_what_is_pressed_breaks_nothing_that_was_pressed_before(
    airflow: RunningAirflow, session: Session, recent_events: str, orders: list[ButtonOrder]
) -> None:
    for order in orders:
        airflow.home.postpone_next_run(order.dag_id)
        airflow.call("PATCH", f"/dags/{order.dag_id}", {"is_paused": False})
    for presses_left in range(max(len(order.presses) for order in orders), 0, -1):
        pressed = [order for order in orders if len(order.presses) >= presses_left]
        with airflow.without_scheduler():
            for order in pressed:
                press(airflow, order.dag_id, order.presses[-presses_left])
        for order in pressed:
            wait_for_runs(airflow, order.dag_id)
            if presses_left > 1 and order.presses[1 - presses_left] == BACKFILL:
                # One that goes on is in the way of the next, for half a minute after its runs have ended.
                airflow.wait_for_backfills(order.dag_id, order.presses[:-1].count(BACKFILL))
    failed = {order.dag_id: failed_runs(airflow, order) for order in orders}
    logs = [airflow.home.logs(dag_id)[-5_000:] for dag_id, runs in failed.items() if runs]
    assert not logs, "\n".join([str(failed), *logs])
    for order in orders:
        check_rows(airflow, session, recent_events, order.dag_id)


def press(airflow: RunningAirflow, dag_id: str, button: str) -> None:
    run_id = f"{button}_{len(runs_of(airflow, dag_id))}"
    if button == TRIGGER:
        # What the form of the page is filled with.
        airflow.trigger(dag_id, run_id, logical_date=now().isoformat())
    elif button == TRIGGER_LONG_AGO:
        airflow.trigger(dag_id, run_id, logical_date=(now() - LONG_AGO).isoformat())
    elif button == TRIGGER_WITHOUT_DATE:
        airflow.trigger(dag_id, run_id)
    elif button == BACKFILL:
        # The runs that are about yesterday and the day before.
        today = last_midnight(now()).date()
        airflow.backfill(dag_id, (today - DAY).isoformat(), today.isoformat())
    elif button == CLEAR:
        last = max(runs_of(airflow, dag_id), key=lambda run: run["logical_date"])
        body = {"dag_run_id": last["dag_run_id"], "dry_run": False, "only_failed": False, "reset_dag_runs": True}
        assert airflow.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)["total_entries"] == 1
    else:
        assert button == NIGHT
        airflow.home.make_next_run_due(dag_id)


def wait_for_runs(airflow: RunningAirflow, dag_id: str) -> None:
    """Until all runs have ended, those too that are due and not made yet."""

    def have_ended() -> bool:
        states = airflow.home.run_states(dag_id).values()
        return not airflow.home.is_run_due(dag_id) and not set(states) & {"queued", "running"}

    airflow.wait_until(have_ended, "end of all runs", dag_id)


def failed_runs(airflow: RunningAirflow, order: ButtonOrder) -> set[str]:
    """The runs that did not succeed, but for one that cannot know its day, which says so."""
    states = airflow.home.run_states(order.dag_id)
    # More if the test runs over midnight.
    assert len(states) >= order.runs, f"{order.dag_id}: {states}"
    failed = {run_id for run_id, state in states.items() if state != "success"}
    if order.first == TRIGGER_WITHOUT_DATE:
        failed.remove(f"{TRIGGER_WITHOUT_DATE}_0")
        assert "or trigger the run with a logical date" in airflow.home.logs(order.dag_id)
    return failed


def check_rows(airflow: RunningAirflow, session: Session, table: str, dag_id: str) -> None:
    """The dataset has the day before each run's last midnight, as one window, and each of its rows once."""
    root = airflow.home.lake / dag_id
    ends = {
        last_midnight(datetime.datetime.fromisoformat(run["logical_date"]))
        for run in runs_of(airflow, dag_id)
        if run["logical_date"]
    }
    days = [(end - DAY, end) for end in sorted(ends)]
    published = [one.window for one in dataset_windows(root)]
    assert [window and (window.start, window.end) for window in published] == days, dag_id
    assert check_dataset(root).problems == (), dag_id
    rows = (
        f"SELECT event_id FROM {table} WHERE event_id >= minTimeuuid(%s) AND event_id < minTimeuuid(%s) ALLOW FILTERING"
    )
    ids = [str(row.event_id) for day in days for row in session.execute(rows, day)]
    assert len(ids) > 7 * len(days)
    assert sorted(read_ids(root)) == sorted(ids), dag_id


def runs_of(airflow: RunningAirflow, dag_id: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = airflow.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
    return runs


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def last_midnight(moment: datetime.datetime) -> datetime.datetime:
    return moment.astimezone(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
