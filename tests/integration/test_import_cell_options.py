"""``ttl`` and ``timestamp`` on a real server: for all rows or by row, read back from the cells themselves."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.write import MAX_TTL_SECONDS
from tests.integration.import_cases import import_files, rows_of, write_parquet

pytestmark = pytest.mark.usefixtures("codec")
HOUR = 3_600
MOMENT = datetime.datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc)
MICROSECONDS = 1_704_164_645_678_901


def ttls(session: Session, keyspace: str, table: str) -> dict[int, int | None]:
    return dict(session.execute(f"SELECT k, TTL(v) FROM {keyspace}.{table}"))


def write_times(session: Session, keyspace: str, table: str) -> dict[int, int]:
    return dict(session.execute(f"SELECT k, WRITETIME(v) FROM {keyspace}.{table}"))


@pytest.mark.parametrize("ttl", [HOUR, "3600", " 3600 "])
def test_ttl_for_all_rows(session: Session, keyspace: str, tmp_path: Path, ttl: Any) -> None:
    session.execute(f"CREATE TABLE {keyspace}.c (k int PRIMARY KEY, v int)")
    import_files(session, keyspace, "c", write_parquet(tmp_path / "c.parquet", k=[1], v=[1]), ttl=ttl)
    found = ttls(session, keyspace, "c")[1]
    assert found is not None
    assert HOUR - 600 < found <= HOUR


def test_ttl_zero_switches_the_default_of_the_table_off(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.z (k int PRIMARY KEY, v int) WITH default_time_to_live = {HOUR}")
    path = write_parquet(tmp_path / "z.parquet", k=[1], v=[1])
    import_files(session, keyspace, "z", path)
    assert ttls(session, keyspace, "z")[1] is not None
    import_files(session, keyspace, "z", path, ttl=0)
    assert ttls(session, keyspace, "z")[1] is None


@pytest.mark.parametrize(
    "arrow_type", [pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64(), pa.float64()]
)
def test_ttl_by_row_of_any_width(session: Session, keyspace: str, tmp_path: Path, arrow_type: Any) -> None:
    session.execute(f"CREATE TABLE {keyspace}.w (k int PRIMARY KEY, v int) WITH default_time_to_live = {HOUR}")
    seconds = pa.array([120, 0, None], arrow_type)
    path = write_parquet(tmp_path / "w.parquet", k=[1, 2, 3], v=[1, 1, 1], seconds=seconds)
    import_files(session, keyspace, "w", path, ttl="seconds")
    found = ttls(session, keyspace, "w")
    assert found[2] is None
    assert found[3] is not None
    assert HOUR - 600 < found[3] <= HOUR
    # The first may have expired on a slow machine.
    assert found.get(1) is None or 0 < found[1] <= 120


def test_ttl_that_is_none_is_an_error_or_a_rejected_row(session: Session, keyspace: str, tmp_path: Path) -> None:
    for ttl in (-1, MAX_TTL_SECONDS + 1, "-1", True, 1.5):
        with pytest.raises(OptionError, match="ttl"):
            CopyFromOptions(table="t", path="p", ttl=ttl)
    session.execute(f"CREATE TABLE {keyspace}.n (k int PRIMARY KEY, v int)")
    path = write_parquet(
        tmp_path / "n.parquet",
        k=[1, 2, 3, 4],
        v=[1] * 4,
        s=pa.array([-1, MAX_TTL_SECONDS + 1, 2**40, HOUR], pa.int64()),
    )
    result = import_files(
        session, keyspace, "n", path, ttl="s", max_errors=3, rejected_path=str(tmp_path / "r" / "rejected.parquet")
    )
    assert (result.rows, result.rejected_rows) == (1, 3)
    assert [k for k, _ in rows_of(session, keyspace, "n")] == [4]


@pytest.mark.parametrize("timestamp", [MICROSECONDS, str(MICROSECONDS), 0, -5])
def test_timestamp_for_all_rows(session: Session, keyspace: str, tmp_path: Path, timestamp: Any) -> None:
    session.execute(f"CREATE TABLE {keyspace}.a (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "a.parquet", k=[1, 2], v=[1, 2])
    import_files(session, keyspace, "a", path, timestamp=timestamp)
    assert write_times(session, keyspace, "a") == dict.fromkeys((1, 2), int(timestamp))


@pytest.mark.parametrize("timestamp", [2**63, -(2**63), True, 1.5])
def test_timestamp_beyond_64_bits_is_an_error(timestamp: Any) -> None:
    with pytest.raises(OptionError, match="timestamp"):
        CopyFromOptions(table="t", path="p", timestamp=timestamp)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([MICROSECONDS, None], pa.int64()), MICROSECONDS),
        (pa.array([MICROSECONDS, None], pa.uint64()), MICROSECONDS),
        (pa.array([1_000_000, None], pa.int32()), 1_000_000),
        (pa.array([MOMENT, None], pa.timestamp("us", "UTC")), MICROSECONDS),
        (pa.array([MOMENT.replace(tzinfo=None), None], pa.timestamp("us")), MICROSECONDS),
        (pa.array([MICROSECONDS * 1_000, None], pa.timestamp("ns", "Europe/Berlin")), MICROSECONDS),
        (pa.array([MICROSECONDS // 1_000, None], pa.timestamp("ms")), MICROSECONDS // 1_000 * 1_000),
        (pa.array([MICROSECONDS // 10**6, None], pa.timestamp("s", "UTC")), MICROSECONDS // 10**6 * 10**6),
    ],
)
def test_timestamp_by_row_of_any_unit(
    session: Session, keyspace: str, tmp_path: Path, values: Any, expected: int
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.u (k int PRIMARY KEY, v int)")
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    path = write_parquet(tmp_path / "u.parquet", k=[1, 2], v=[1, 2], at=values)
    import_files(session, keyspace, "u", path, timestamp="at")
    found = write_times(session, keyspace, "u")
    assert found[1] == expected
    assert found[2] > before.timestamp() * 10**6


def test_timestamp_finer_than_microseconds_is_a_rejected_row(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.f (k int PRIMARY KEY, v int)")
    at = pa.array([MICROSECONDS * 1_000 + 1, MICROSECONDS * 1_000], pa.timestamp("ns"))
    path = write_parquet(tmp_path / "f.parquet", k=[1, 2], v=[1, 2], at=at)
    options = {"max_errors": 1, "rejected_path": str(tmp_path / "r" / "rejected.parquet")}
    result = import_files(session, keyspace, "f", path, timestamp="at", **options)
    assert result.rejected_rows == 1
    assert write_times(session, keyspace, "f") == {2: MICROSECONDS}


def test_column_that_is_also_written_gives_the_ttl_and_the_timestamp(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.b (k int PRIMARY KEY, v int, ttl int, at timestamp)")
    at = pa.array([MICROSECONDS // 1_000], pa.timestamp("ms", "UTC"))
    path = write_parquet(tmp_path / "b.parquet", k=[1], v=[1], ttl=pa.array([0], pa.int32()), at=at)
    import_files(session, keyspace, "b", path, ttl="ttl", timestamp="at")
    row = session.execute(f"SELECT ttl, at, TTL(v), WRITETIME(v) FROM {keyspace}.b").one()
    assert row.ttl == 0
    assert (row[2], row[3]) == (None, MICROSECONDS // 1_000 * 1_000)
    with pytest.raises(ImportPlanError, match="lacks column absent"):
        import_files(session, keyspace, "b", path, ttl="absent", timestamp="at")


def test_text_column_is_no_timestamp(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.x (k int PRIMARY KEY)")
    path = write_parquet(tmp_path / "x.parquet", k=[1], at=["2024-01-01"])
    for option in ("ttl", "timestamp"):
        with pytest.raises(ImportPlanError, match=f"{option}=at"):
            import_files(session, keyspace, "x", path, **{option: "at"})


def test_timestamp_and_lists_need_a_word(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.l (k int PRIMARY KEY, v list<int>, f frozen<list<int>>)")
    path = write_parquet(tmp_path / "l.parquet", k=[1], v=[[1, 2]], f=[[3]])
    with pytest.raises(OptionError, match="v: a list that is not frozen"):
        import_files(session, keyspace, "l", path, timestamp=MICROSECONDS)
    import_files(session, keyspace, "l", path, timestamp=MICROSECONDS, columns="f")
    import_files(session, keyspace, "l", path, timestamp=MICROSECONDS, allow_list_duplicates=True)
    assert rows_of(session, keyspace, "l", "k, v, f") == [(1, [1, 2], [3])]


def test_rows_older_than_a_delete_stay_deleted(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.g (k int PRIMARY KEY, v int)")
    session.execute(f"DELETE FROM {keyspace}.g USING TIMESTAMP {MICROSECONDS} WHERE k = 1")
    path = write_parquet(tmp_path / "g.parquet", k=[1, 2], v=[1, 2], at=[MICROSECONDS - 1, MICROSECONDS - 1])
    assert import_files(session, keyspace, "g", path, timestamp="at").rows == 2
    assert rows_of(session, keyspace, "g") == [(2, 2)]
