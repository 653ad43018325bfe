"""kill -9 of captures into text at random moments, then a retry: every row once a query, and nothing left over."""

import csv
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from .events_table import create_events, leftovers, rows_in_cassandra
from .killed_process import finish, kill, start

ROWS = 6_000
KILLS = 12
SAMPLE = (8,)


@pytest.fixture(scope="module")
def events(module_keyspace: str, module_session: Session) -> str:
    return create_events(module_session, module_keyspace, days=1, rows_per_day=ROWS)


def capture(cassandra: Any, table: str, path: Path) -> None:
    assert int(finish(start("capture_process", cassandra, table, path))) == 2 * ROWS


def event_ids(path: Path) -> Counter[tuple[int, str]]:
    """How often each event of each query is there; none where nothing is."""
    if path.suffix == ".json":
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter((line["_query"], line["event_id"]) for line in map(json.loads, lines))
    found: Counter[tuple[int, str]] = Counter()
    for file in path.glob("*/*.jsonl"):
        found.update((line["_query"], line["event_id"]) for line in map(json.loads, file.read_text().splitlines()))
    for file in path.glob("*/query-*.csv"):
        number = int(file.name.split("-")[1])
        with file.open(newline="") as opened:
            found.update((number, row["event_id"]) for row in csv.DictReader(opened))
    return found


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.fault_full) for n in range(KILLS)]
)
# A directory of JSON is published as one of CSV is.
@pytest.mark.parametrize("name", ["events.json", pytest.param("json", marks=pytest.mark.fault_full), "csv"])
def test_a_killed_capture_and_its_retry_are_the_table(
    number: int, name: str, cassandra: Any, events: str, module_session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "data" / name
    started = time.monotonic()
    capture(cassandra, events, path)
    seconds = time.monotonic() - started
    expected = Counter((query, event) for event, _ in rows_in_cassandra(module_session, events) for query in (1, 2))
    assert event_ids(path) == expected

    # Each number has its own slice of the capture's time, and a random moment within it.
    share = (number + random.Random(number).random()) / KILLS
    kill("capture_process", cassandra, events, path, after_seconds=share * seconds)
    if name.endswith(".json"):
        assert event_ids(path) == expected
    capture(cassandra, events, path)
    assert event_ids(path) == expected
    if name.endswith(".json"):
        account, file = sorted(each.name for each in path.parent.iterdir())
        assert (file, account.rpartition(".")[2]) == (name, "account")
    else:
        assert leftovers(path) == []
