"""kill -9 of a shard and of the publication at random moments, then their retry: exactly the window, nothing else."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from .events_table import day_window, leftovers, rows_by_glob, rows_in_cassandra, rows_on_disk
from .killed_process import finish, kill, start
from .sharded_process import SHARDS

KILLS = 20
SAMPLE = {5, 16}
MODULE = "sharded_process"


class Steps:
    """The steps of a group over one table, each in a process."""

    def __init__(self, cassandra: Any, table: str) -> None:
        self._cassandra = cassandra
        self._table = table

    def run(self, root: Path, step: str, *arguments: object) -> str:
        return finish(start(MODULE, self._cassandra, self._table, root, step, *arguments))

    def kill(self, root: Path, step: str, *arguments: object, after_seconds: float) -> None:
        kill(MODULE, self._cassandra, self._table, root, step, *arguments, after_seconds=after_seconds)

    def seconds(self, root: Path, step: str, *arguments: object) -> float:
        """How long the step works here."""
        process = start(MODULE, self._cassandra, self._table, root, step, *arguments)
        started = time.monotonic()
        finish(process)
        return time.monotonic() - started


@pytest.fixture(scope="module")
def steps(cassandra: Any, two_days: str) -> Steps:
    return Steps(cassandra, two_days)


@pytest.fixture(scope="module")
def seconds(steps: Steps, tmp_path_factory: pytest.TempPathFactory) -> tuple[float, float]:
    """Of a shard and of the publication, so that kills fall into all of their phases."""
    root = tmp_path_factory.mktemp("timing") / "data"
    plan = steps.run(root, "plan")
    shards = [steps.seconds(root, "export", plan, index) for index in range(SHARDS)]
    return max(shards), steps.seconds(root, "publish", plan)


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.fault_full) for n in range(KILLS)]
)
def test_a_killed_shard_and_a_killed_publication_are_made_good_by_their_retry(
    number: int, steps: Steps, seconds: tuple[float, float], module_session: Session, two_days: str, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    chance = random.Random(number)
    share = (number + chance.random()) / KILLS
    if number % 2:
        # Over a generation that is there.
        plan = steps.run(root, "plan")
        for index in range(SHARDS):
            steps.run(root, "export", plan, index)
        steps.run(root, "publish", plan)
    plan = steps.run(root, "plan")
    killed = chance.randrange(SHARDS)
    steps.kill(root, "export", plan, killed, after_seconds=share * seconds[0])
    for index in range(SHARDS):
        steps.run(root, "export", plan, index)
    steps.kill(root, "publish", plan, after_seconds=share * seconds[1])
    if number % 3 == 0:
        steps.run(root, "export", plan, killed)
    expected = rows_in_cassandra(module_session, two_days, day_window(1))
    assert int(steps.run(root, "publish", plan)) == len(expected)
    assert rows_by_glob(root) == rows_on_disk(root) == expected
    assert leftovers(root) == []
    assert json.loads(plan)["shard_count"] == SHARDS
