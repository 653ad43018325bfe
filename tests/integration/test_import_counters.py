"""``mode="counter_update"`` on a real server: values are added, exactly as often as the files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CounterOutcomeError, OptionError, StorageError
from airflow_provider_cqlai.engine.importing.read import reading
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from tests.integration.import_cases import import_files, rows_of, write_parquet
from tests.journal_files import CancellingJournal

pytestmark = pytest.mark.usefixtures("codec")
MODE = "counter_update"


def test_values_are_added_each_time(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int, c int, n counter, m counter, PRIMARY KEY (k, c))")
    path = write_parquet(
        tmp_path / "c.parquet", k=[1, 1, 2], c=[1, 2, 1], n=[5, -3, 2**40], m=pa.array([None, 1, None], pa.int64())
    )
    for times in (1, 2):
        result = import_files(session, keyspace, "c", path, mode=MODE)
        assert result.rows == 3
        assert rows_of(session, keyspace, "c", "k, c, n, m") == [
            (1, 1, 5 * times, None),
            (1, 2, -3 * times, times),
            (2, 1, 2**40 * times, None),
        ]


def test_rows_with_one_key_add_up(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int PRIMARY KEY, n counter)")
    path = write_parquet(tmp_path / "d.parquet", k=[1, 2, 1, 1], n=pa.array([1, 10, 2, 4], pa.int16()))
    result = import_files(session, keyspace, "d", path, mode=MODE)
    assert (result.rows, result.duplicate_rows) == (4, 2)
    assert rows_of(session, keyspace, "d") == [(1, 7), (2, 10)]


@pytest.mark.parametrize("options", [{}, {"null_handling": "null"}])
def test_null_adds_nothing_and_deletes_nothing(
    session: Session, keyspace: str, tmp_path: Path, options: dict[str, str]
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.n (k int PRIMARY KEY, n counter)")
    session.execute(f"UPDATE {keyspace}.n SET n = n + 9 WHERE k = 1")
    path = write_parquet(tmp_path / "n.parquet", k=[1, 2], n=pa.array([None, None], pa.int64()))
    assert import_files(session, keyspace, "n", path, mode=MODE, **options).rows == 2
    assert [row for row in rows_of(session, keyspace, "n") if row[1] is not None] == [(1, 9)]


def test_many_counters_of_one_partition_and_of_many(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.m (k int, c int, n counter, PRIMARY KEY (k, c))")
    count = 6_000
    keys = [0 if number < 4_000 else number for number in range(count)]
    path = write_parquet(tmp_path / "m.parquet", k=keys, c=list(range(count)), n=list(range(1, count + 1)))
    assert import_files(session, keyspace, "m", path, mode=MODE).rows == count
    found = {c: n for _, c, n in rows_of(session, keyspace, "m", "k, c, n")}
    assert found == {number: number + 1 for number in range(count)}


def test_static_counters_are_refused_and_left_out_by_columns(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (k int, c int, s counter static, n counter, PRIMARY KEY (k, c))")
    path = write_parquet(tmp_path / "s.parquet", k=[1, 1], c=[1, 2], s=[5, 5], n=[1, 2])
    with pytest.raises(OptionError, match="static counters s"):
        import_files(session, keyspace, "s", path, mode=MODE)
    import_files(session, keyspace, "s", path, mode=MODE, columns="n")
    assert rows_of(session, keyspace, "s", "k, c, s, n") == [(1, 1, None, 1), (1, 2, None, 2)]


def test_mode_and_table_must_fit(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.counted (k int PRIMARY KEY, n counter)")
    session.execute(f"CREATE TABLE {keyspace}.plain (k int PRIMARY KEY, n bigint)")
    path = write_parquet(tmp_path / "p.parquet", k=[1], n=[1])
    with pytest.raises(OptionError, match="has no counters"):
        import_files(session, keyspace, "plain", path, mode=MODE)
    for mode in ("upsert", "insert_if_not_exists"):
        with pytest.raises(OptionError, match="mode='counter_update' does"):
            import_files(session, keyspace, "counted", path, mode=mode)
    for option in ("ttl", "timestamp"):
        with pytest.raises(OptionError, match=f"{option} and mode='counter_update'"):
            import_files(session, keyspace, "counted", path, mode=MODE, **{option: 1})
    assert rows_of(session, keyspace, "counted") == rows_of(session, keyspace, "plain") == []


def test_failure_before_anything_was_sent_leaves_a_retry_possible(
    session: Session, keyspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StorageError("the disk fails")

    session.execute(f"CREATE TABLE {keyspace}.r (k int PRIMARY KEY, n counter)")
    journal = CancellingJournal(Cancellation())
    path = write_parquet(tmp_path / "r.parquet", k=list(range(1_000)), n=list(range(1_000)))
    options = CopyFromOptions(table=f"{keyspace}.r", path=path, mode=MODE)
    with monkeypatch.context() as patch:
        # Planning succeeds, reading does not.
        patch.setattr(reading, "read_record_batches", fail)
        with pytest.raises(StorageError) as raised:
            copy_from(session, options, journal_store=journal)
    assert raised.value.is_retryable
    assert journal.text is None
    assert copy_from(session, options, journal_store=journal).rows == 1_000


def test_second_try_after_some_were_counted_is_refused(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.j (k int PRIMARY KEY, n counter)")
    cancellation = Cancellation()
    journal = CancellingJournal(cancellation)
    path = write_parquet(tmp_path / "j.parquet", row_group_size=100, k=list(range(5_000)), n=[1] * 5_000)
    options = CopyFromOptions(table=f"{keyspace}.j", path=path, mode=MODE, rate_limit_rows_per_second=1_000)
    with pytest.raises(CounterOutcomeError, match="counted before the import ended"):
        copy_from(session, options, journal_store=journal, cancellation=cancellation)
    counted = rows_of(session, keyspace, "j")
    with pytest.raises(CounterOutcomeError, match="clear the task"):
        copy_from(session, options, journal_store=journal)
    assert rows_of(session, keyspace, "j") == counted
    assert {n for _, n in counted} == {1}
    assert 0 < len(counted) < 5_000
