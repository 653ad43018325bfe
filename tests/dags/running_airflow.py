"""Airflow 3 as it runs in production, small: scheduler and API server of an `AirflowHome`.

Only on 127.0.0.1; each process is ended by its own id, with the processes it started. Two tasks at once: SQLite locks
under more. A backfill is created while no scheduler runs: on SQLite its runs are visible one by one, and a scheduler
that takes one up between locks the others out, or dies of a run that is rolled back. The DAG files are read once, by a
command: a DAG processor writes to the database whenever it has read one, which ends a backfill's transaction with
"database is locked", at once and whatever the timeout.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from dev.free_ports import free_ports
from tests.dags.airflow_home import AirflowHome

# Longer than its database waits for a lock, which is 60 seconds.
_ANSWER_SECONDS = 180
_START_SECONDS = 120
# A task takes 3 s on a quiet machine, and two run at once.
_RUN_SECONDS = 300
_LOCKED_TRIES = 5
_POLL_SECONDS = 0.5
_BACKFILL = {"reprocess_behavior": "completed", "max_active_runs": 4}
_WATCHER = "import os, signal, sys; sys.stdin.read(); os.killpg(int(sys.argv[1]), signal.SIGKILL)"


class RunningAirflow:
    """A home whose processes run."""

    def __init__(self, home: AirflowHome, url: str) -> None:
        self.home = home
        self._url = url
        self._token = ""
        self._scheduler = ExitStack()

    def start_scheduler(self) -> None:
        """From here on runs are created and their tasks started."""
        self._scheduler.enter_context(_process(self.home, "scheduler", "--skip-serve-logs"))

    def stop_scheduler(self) -> None:
        """Ends the scheduler, where one runs; tasks that run end with it."""
        self._scheduler.close()

    @contextmanager
    def without_scheduler(self) -> Iterator[None]:
        """No scheduler runs in the block, one runs after it."""
        self.stop_scheduler()
        try:
            yield
        finally:
            self.start_scheduler()

    def backfill(self, dag_id: str, first: str, last: str) -> None:
        """Creates a backfill, as people do on its pages; runs that ended before run again."""
        days = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
        self.call("POST", "/backfills", {"dag_id": dag_id, **days, **_BACKFILL})

    def backfill_on_the_command_line(self, dag_id: str, first: str, last: str) -> None:
        """The same, a dozen CPU seconds slower."""
        options = (f"--{name.replace('_', '-')}={value}" for name, value in _BACKFILL.items())
        days = (f"--from-date={first}", f"--to-date={last}")
        done = self.home.run_airflow("backfill", "create", f"--dag-id={dag_id}", *days, *options)
        assert done.returncode == 0, done.stdout + done.stderr

    def wait_for_backfills(self, dag_id: str, count: int) -> None:
        """Until a DAG has ``count`` backfills, all of them done."""

        def are_done() -> bool:
            backfills = self.call("GET", f"/backfills?dag_id={dag_id}")["backfills"]
            return len(backfills) == count and all(backfill["completed_at"] for backfill in backfills)

        self.wait_until(are_done, f"{count} backfills done", dag_id)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the REST API; its JSON answer."""
        if not self._token:
            self._token = self._request("GET", "/auth/token", None)["access_token"]
        return self._request(method, f"/api/v2{path}", body)

    def trigger(self, dag_id: str, run_id: str, **body: Any) -> str:
        """A run started through the REST API; its id."""
        self.call("POST", f"/dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None, **body})
        return run_id

    def wait_for_window(self, dag_id: str, run_id: str) -> tuple[str, str]:
        """The window that a run exported, once it has."""
        self.wait_until(lambda: bool(self.home.windows(dag_id, run_id)), f"window of {run_id}", dag_id)
        [window] = self.home.windows(dag_id, run_id)
        return window

    def wait_until(self, is_done: Callable[[], bool], what: str, dag_id: str) -> None:
        """Until something is true; fails with the DAG's logs when that takes too long."""
        deadline = time.monotonic() + _RUN_SECONDS
        while not is_done():
            if time.monotonic() > deadline:
                runs = self.home.run_states(dag_id)
                raise AssertionError(f"no {what} after {_RUN_SECONDS} s: {runs}\n{self.home.logs(dag_id)[-20_000:]}")
            time.sleep(_POLL_SECONDS)

    def _request(self, method: str, path: str, body: Any) -> Any:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data=content, method=method, headers=headers)
        for tries_left in reversed(range(_LOCKED_TRIES)):
            try:
                with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                said = error.read().decode()
                # SQLite's lock, which the scheduler held: the transaction is rolled back, and nothing was made.
                if not tries_left or "Database error" not in said:
                    raise AssertionError(f"{method} {path}: {error.code} {said}") from error
            time.sleep(_POLL_SECONDS)
        raise AssertionError("unreachable")


@contextmanager
def run_airflow(home: AirflowHome) -> Iterator[RunningAirflow]:
    """The home's processes for the length of the block, but for the scheduler, which the block starts."""
    [port] = free_ports(["127.0.0.1"], 1)
    url = f"http://127.0.0.1:{port}"
    home.environment |= {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": "a-secret-of-the-tests",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a-secret-of-the-tests-that-is-long-enough-for-its-algorithm-of-512-bits",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
    read = home.run_airflow("dags", "reserialize")
    assert read.returncode == 0, read.stdout + read.stderr
    with ExitStack() as processes:
        processes.enter_context(
            _process(home, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
        )
        running = RunningAirflow(home, url)
        _wait_for_health(url, home)
        processes.callback(running.stop_scheduler)
        yield running


@contextmanager
def _process(home: AirflowHome, *arguments: str) -> Iterator[None]:
    with (home.directory / f"{arguments[0]}.log").open("ab") as log:
        # A session of its own: what it starts ends with it.
        started = subprocess.Popen(
            [sys.executable, "-m", "airflow", *arguments],
            env=home.environment,
            cwd=home.directory,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _ended_with_this_process(started.pid):
            try:
                yield
            finally:
                # Not asked to end, which takes some of them 10 s: what they hold is thrown away, or is in the database.
                with suppress(ProcessLookupError):
                    os.killpg(started.pid, signal.SIGKILL)
                started.wait()


@contextmanager
def _ended_with_this_process(group: int) -> Iterator[None]:
    """Kills a process group when this process is gone, however it ended: the pipe to the watcher closes then."""
    watcher = subprocess.Popen(
        [sys.executable, "-c", _WATCHER, str(group)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        # The group is gone already.
        watcher.kill()
        watcher.communicate()


def _wait_for_health(url: str, home: AirflowHome) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/v2/version", timeout=5):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                log = (home.directory / "api-server.log").read_text()
                raise AssertionError(f"the API server does not answer: {error}\n{log[-5_000:]}") from error
            time.sleep(_POLL_SECONDS)
