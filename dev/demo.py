"""``make demo``: a real Cassandra, a table of 100,000 events that the import fills, three daily exports and one of them
again, a capture of queries, and a day imported into a second table and read back; then all counts are compared.

Everything happens below ``.local/demo``, which is emptied first. Ends with an error where a count differs; stops what
it started in any case and leaves the dataset to look at.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.demo_airflow import DemoAirflow
from dev.demo_events import KEYSPACE, RESTORED, TABLE, count_in_cassandra, create_and_fill, day_start
from dev.demo_report import count_in_dataset, count_rows, data_files, print_counts, print_tree
from dev.local_cassandra import ServerOptions, start_cassandra
from dev.server_jars import LOCAL_STATE

_DIRECTORY = LOCAL_STATE / "demo"
_EXPORTED_DAYS = 3
_DAY_RUN_AGAIN = 1
# Of the devices whose events the DAG "capture_reports" asks for.
_CAPTURED = " AND device IN ('device-0', 'device-1', 'device-2')"


def main() -> int:
    shutil.rmtree(_DIRECTORY, ignore_errors=True)
    lake = _DIRECTORY / "lake"
    dataset = lake / "events"
    with _step("Starting Cassandra 5"):
        cassandra = start_cassandra(ServerOptions(is_short_lived=True))
    with cassandra, cassandra.address.connect() as session:
        airflow = DemoAirflow(_DIRECTORY / "airflow", cassandra.address, keyspace=KEYSPACE, lake=lake)
        with _step(f"Creating {TABLE} and importing 100,000 rows"):
            create_and_fill(session, _DIRECTORY)
        with _step("Preparing Airflow"):
            airflow.migrate()
        # As a user types it; the others in one process, since it is Airflow that takes the time.
        _run(airflow.test_dag, "daily_events", 0, "exports", command="airflow dags test ")
        with airflow.one_process() as run:
            for number in range(1, _EXPORTED_DAYS):
                _run(run, "daily_events", number, "exports")
            files_before = data_files(dataset)
            print("The same day once more: its files are replaced, the others stay")
            _run(run, "daily_events", _DAY_RUN_AGAIN, "exports")
            files_after = data_files(dataset)
            _run(run, "capture_reports", 0, "captures three queries about")
            _run(run, "restore_events", 0, f"imports into {RESTORED}, and reads back,")
        in_cassandra = [count_in_cassandra(session, number) for number in range(_EXPORTED_DAYS)]
        captured = count_in_cassandra(session, 0, where=_CAPTURED)
        restored = count_in_cassandra(session, 0, RESTORED)
    print(f"\nThe dataset in {dataset}")
    print_tree(dataset)
    days = [str(day_start(number).date()) for number in range(_EXPORTED_DAYS)]
    counts = [
        *(
            (f"{TABLE}, {day}", rows, count_in_dataset(dataset, day))
            for day, rows in zip(days, in_cassandra, strict=True)
        ),
        (f"queries, {days[0]}", captured, count_rows(lake / "views")),
        (f"{RESTORED}, {days[0]}", restored, count_in_dataset(dataset, days[0])),
    ]
    print()
    print_counts(counts)
    again = f"event_id.day={day_start(_DAY_RUN_AGAIN):%d}"
    replaced = {file.parent.name for file in files_before ^ files_after}
    if any(expected != found for _, expected, found in counts) or replaced != {again}:
        print("The dataset is not what it should be", file=sys.stderr)
        return 1
    print(f"\nEvery count is the same. The second run of {days[_DAY_RUN_AGAIN]} replaced files in {again} only.")
    return 0


def _run(run: Callable[[str, str], None], dag: str, number: int, what: str, command: str = "") -> None:
    # A run of @daily is about the day before its logical date.
    day, logical_date = day_start(number).date(), day_start(number + 1).date()
    with _step(f"{command}{dag} {logical_date}, which {what} {day}"):
        run(dag, str(logical_date))


@contextmanager
def _step(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{what} ...", end="", flush=True)
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f" {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    sys.exit(main())
