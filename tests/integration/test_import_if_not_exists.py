"""``mode="insert_if_not_exists"`` on a real server: rows that are there stay as they are, and each row is counted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CopyCancelledError, OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.integration.import_cases import check_counts, import_files, rows_of, write_parquet
from tests.journal_files import CancellingJournal

pytestmark = pytest.mark.usefixtures("codec")
MODE = "insert_if_not_exists"


def test_existing_rows_stay_and_are_counted_apart(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.e (k int, c int, v text, PRIMARY KEY (k, c))")
    for k in range(0, 300, 3):
        session.execute(f"INSERT INTO {keyspace}.e (k, c, v) VALUES (%s, 0, 'old')", (k,))
    path = write_parquet(tmp_path / "e.parquet", k=list(range(300)), c=[0] * 300, v=["new"] * 300)
    result = import_files(session, keyspace, "e", path, mode=MODE)
    assert (result.rows, result.files[0].rows_not_applied, result.files[0].rows_unknown) == (200, 100, 0)
    assert rows_of(session, keyspace, "e") == sorted(
        ((k, 0, "old" if k % 3 == 0 else "new") for k in range(300)), key=str
    )
    again = import_files(session, keyspace, "e", path, mode=MODE)
    assert (again.rows, again.files[0].rows_not_applied) == (0, 300)


def test_first_of_rows_with_one_key_wins_over_files(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.f (k int, c int, v int, PRIMARY KEY (k, c))")
    paths = [
        write_parquet(tmp_path / "1.parquet", k=[1, 1, 1, 2], c=[1, 1, 2, 1], v=[5, 9, 1, 7]),
        write_parquet(tmp_path / "2.parquet", k=[1, 2, 3], c=[1, 1, 1], v=[0, 0, 0]),
    ]
    result = import_files(session, keyspace, "f", paths, mode=MODE)
    assert (result.rows, [file.rows_not_applied for file in result.files]) == (4, [1, 2])
    assert rows_of(session, keyspace, "f") == [(1, 1, 5), (1, 2, 1), (2, 1, 7), (3, 1, 0)]


def test_static_only_rows_leave_a_partition_with_statics_alone(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (k int, c int, s text static, v int, PRIMARY KEY (k, c))")
    session.execute(f"INSERT INTO {keyspace}.s (k, s) VALUES (1, 'old')")
    path = write_parquet(
        tmp_path / "s.parquet",
        k=[1, 2, 3],
        c=pa.array([None, None, 5], pa.int32()),
        s=["new", "new", "new"],
        v=pa.array([None, None, 7], pa.int32()),
    )
    result = import_files(session, keyspace, "s", path, mode=MODE)
    assert (result.rows, result.files[0].rows_not_applied) == (2, 1)
    assert rows_of(session, keyspace, "s") == [(1, None, "old", None), (2, None, "new", None), (3, 5, "new", 7)]


@pytest.mark.parametrize("count", [500, pytest.param(2_000, marks=pytest.mark.slow)])
def test_many_rows_of_one_partition_end(session: Session, keyspace: str, tmp_path: Path, count: int) -> None:
    session.execute(f"CREATE TABLE {keyspace}.p (k int, c int, v text, PRIMARY KEY (k, c))")
    path = write_parquet(tmp_path / "p.parquet", k=[1] * count, c=list(range(count)), v=["x" * 20] * count)
    started = time.monotonic()
    result = import_files(session, keyspace, "p", path, mode=MODE, max_requests_in_flight=4)
    elapsed = time.monotonic() - started
    assert (result.rows, result.files[0].rows_unknown) == (count, 0)
    assert len(rows_of(session, keyspace, "p")) == count
    # One Paxos round after the other; a wait of a poll interval for each would take minutes.
    assert elapsed < count * 0.03


def test_constant_ttl_goes_with_it_and_a_timestamp_does_not(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "t.parquet", k=[1], v=[1])
    import_files(session, keyspace, "t", path, mode=MODE, ttl=5_000)
    found = session.execute(f"SELECT TTL(v) FROM {keyspace}.t").one()[0]
    assert 4_000 < found <= 5_000
    for timestamp in (1, "at"):
        with pytest.raises(OptionError, match="timestamp and mode='insert_if_not_exists'"):
            CopyFromOptions(table="t", path=path, mode=MODE, timestamp=timestamp)


def test_ttl_by_row_goes_with_it(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.r (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "r.parquet", k=[1, 2], v=[1, 1], seconds=pa.array([9_000, None], pa.int16()))
    import_files(session, keyspace, "r", path, mode=MODE, ttl="seconds")
    found = dict(session.execute(f"SELECT k, TTL(v) FROM {keyspace}.r"))
    assert found[2] is None
    assert 8_000 < found[1] <= 9_000


def test_a_row_that_the_server_refuses_does_not_stop_those_behind_it(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.b (k int, c text, v int, PRIMARY KEY (k, c))")
    path = write_parquet(
        tmp_path / "b.parquet", k=[1] * 4, c=["a", "x", "b", "a"], v=[1, 2, 3, 4], ttl=[None, -1, None, None]
    )
    rejected = str(tmp_path / "rejected" / "r.parquet")
    result = import_files(session, keyspace, "b", path, mode=MODE, max_errors=1, rejected_path=rejected, ttl="ttl")
    assert (result.rows, result.rejected_rows, result.files[0].rows_not_applied) == (2, 1, 1)
    assert rows_of(session, keyspace, "b") == [(1, "a", 1), (1, "b", 3)]


def test_rows_that_an_earlier_try_did_not_apply_do_not_count_as_written(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.r (k int PRIMARY KEY, v int)")
    count, there = 1_000, 100
    write_parquet(tmp_path / "there.parquet", k=list(range(there)), v=[0] * there)
    import_files(session, keyspace, "r", str(tmp_path / "there.parquet"))
    path = write_parquet(tmp_path / "r.parquet", row_group_size=100, k=list(range(count)), v=[1] * count)
    cancellation = Cancellation()
    journal = CancellingJournal(cancellation)
    options = CopyFromOptions(table=f"{keyspace}.r", path=path, mode=MODE, rate_limit_rows_per_second=300)
    with pytest.raises(CopyCancelledError):
        copy_from(session, options, journal_store=journal, cancellation=cancellation)
    finished = len(json.loads(journal.text or "")["finished"]["0"])
    result = copy_from(session, options, journal_store=journal)
    check_counts(result)
    file = result.files[0]
    assert file.rows_resumed == finished * 100 - there
    # What the first try wrote of row groups that it did not finish is there already for the second one, too.
    assert file.rows_not_applied >= there
