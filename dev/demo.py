"""``make demo``: a real Cassandra, a table of 100,000 events, three daily runs of a DAG, and the comparison of the two.

Everything happens below ``.local/demo``, which is emptied first. Ends with an error where a count differs; stops what
it started in any case and leaves the dataset to look at.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.demo_airflow import DemoAirflow
from dev.demo_events import KEYSPACE, TABLE, count_in_cassandra, create_and_fill, day_start
from dev.demo_report import count_in_dataset, data_files, print_counts, print_tree
from dev.local_cassandra import start_cassandra
from dev.server_jars import LOCAL_STATE

_DIRECTORY = LOCAL_STATE / "demo"
_DAG = "daily_events"
_EXPORTED_DAYS = 3
_DAY_RUN_AGAIN = 1


def main() -> int:
    shutil.rmtree(_DIRECTORY, ignore_errors=True)
    lake = _DIRECTORY / "lake"
    dataset = lake / "events"
    with _step("Starting Cassandra 5"):
        cassandra = start_cassandra()
    with cassandra, cassandra.address.connect() as session:
        with _step(f"Creating and filling {TABLE}"):
            rows = create_and_fill(session)
        print(f"  {rows:,} rows")
        airflow = DemoAirflow(_DIRECTORY / "airflow", cassandra.address, keyspace=KEYSPACE, lake=lake)
        with _step("Preparing Airflow"):
            airflow.migrate()
        for number in range(_EXPORTED_DAYS):
            _run_day(airflow, number)
        files_before = data_files(dataset)
        print("The same day once more: its files are replaced, the others stay")
        _run_day(airflow, _DAY_RUN_AGAIN)
        files_after = data_files(dataset)
        in_cassandra = [count_in_cassandra(session, number) for number in range(_EXPORTED_DAYS)]
    print(f"\nThe dataset in {dataset}")
    print_tree(dataset)
    in_dataset = [count_in_dataset(dataset, day_start(number).date()) for number in range(_EXPORTED_DAYS)]
    days = [str(day_start(number).date()) for number in range(_EXPORTED_DAYS)]
    print()
    print_counts(days, in_cassandra, in_dataset)
    again = f"event_id.day={day_start(_DAY_RUN_AGAIN):%d}"
    replaced = {file.parent.name for file in files_before ^ files_after}
    if in_cassandra != in_dataset or replaced != {again}:
        print("The dataset is not what it should be", file=sys.stderr)
        return 1
    print(f"\nEvery count is the same. The second run of {days[_DAY_RUN_AGAIN]} replaced files in {again} only.")
    return 0


def _run_day(airflow: DemoAirflow, number: int) -> None:
    # A run of @daily is about the day before its logical date.
    day, logical_date = day_start(number).date(), day_start(number + 1).date()
    with _step(f"airflow dags test {_DAG} {logical_date}, which exports {day}"):
        airflow.test_dag(_DAG, str(logical_date))


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
