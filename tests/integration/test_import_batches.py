"""How rows share messages on a real server: no warnings of its own, and duplicates counted over all of them."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pytest
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType

from tests.integration.import_cases import import_files, rows_of, write_parquet

pytestmark = pytest.mark.usefixtures("codec")


def server_warnings(log: pytest.LogCaptureFixture) -> list[str]:
    """What the driver told of the server's warnings."""
    return [record.getMessage() for record in log.records if record.getMessage().startswith("Server warning")]


def test_rows_alone_in_their_partition_cause_no_warning(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"c{number}" for number in range(11)]
    declared = ", ".join(f"{name} text" for name in names)
    session.execute(f"CREATE TABLE {keyspace}.alone (k int PRIMARY KEY, {declared})")
    count = 5_000
    values = {name: [f"{row:022}" for row in range(count)] for name in names}
    path = write_parquet(tmp_path / "alone.parquet", k=list(range(count)), **values)
    with caplog.at_level(logging.WARNING, logger="cassandra"):
        result = import_files(session, keyspace, "alone", path)
        assert server_warnings(caplog) == []
        # The server does warn: of eleven partitions in one batch.
        batch = BatchStatement(batch_type=BatchType.UNLOGGED)
        for row in range(11):
            batch.add(f"INSERT INTO {keyspace}.alone (k) VALUES ({row})")
        session.execute(batch)
    assert len(server_warnings(caplog)) == 1
    assert result.rows == count
    assert session.execute(f"SELECT count(*) FROM {keyspace}.alone", timeout=60).one()[0] == count


def test_rows_of_one_partition_cause_no_warning(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.together (k int, c int, v text, PRIMARY KEY (k, c))")
    count = 4_000
    path = write_parquet(tmp_path / "t.parquet", k=[1] * count, c=list(range(count)), v=["x" * 200] * count)
    with caplog.at_level(logging.WARNING, logger="cassandra"):
        assert import_files(session, keyspace, "together", path).rows == count
    assert server_warnings(caplog) == []
    assert len(rows_of(session, keyspace, "together", "c")) == count


def test_duplicates_are_counted_over_record_batches_and_files(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int, c int, v int, PRIMARY KEY (k, c))")
    count = 6_000
    paths = [
        write_parquet(
            tmp_path / f"{file}.parquet",
            k=[number % 7 for number in range(count)],
            c=[number % 5_990 for number in range(count)],
            v=[file * count + number for number in range(count)],
        )
        for file in range(2)
    ]
    keys = {(number % 7, number % 5_990) for number in range(count)}
    result = import_files(session, keyspace, "d", paths)
    assert (result.rows, result.duplicate_rows) == (2 * count, 2 * count - len(keys))
    expected = {(number % 7, number % 5_990): count + number for number in range(count)}
    assert {(k, c): v for k, c, v in rows_of(session, keyspace, "d")} == expected


def test_duplicates_are_counted_across_rows_that_only_the_reference_encoder_takes(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.e (k int PRIMARY KEY, v varint)")
    paths = [
        write_parquet(tmp_path / f"{name}.parquet", k=pa.array([1, 2], pa.int32()), v=[value, value])
        for name, value in (("1", "5"), ("2", str(10**60)))
    ]
    result = import_files(session, keyspace, "e", paths)
    assert result.duplicate_rows == 2
    assert rows_of(session, keyspace, "e") == [(1, 10**60), (2, 10**60)]


def test_last_of_rows_wins_whose_clustering_keys_differ_in_scale_only(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (k decimal, c decimal, v int, PRIMARY KEY (k, c))")
    long = "0.12345678901234567890123456789012345"
    path = write_parquet(
        tmp_path / "s.parquet",
        k=["1", "1", "1.0", "1", "1", "1"],
        c=["1.5", "1.50", "1.5", f"{long}0", long, f"{long}6"],
        v=[9, 5, 7, 8, 4, 2],
    )
    result = import_files(session, keyspace, "s", path)
    assert result.duplicate_rows == 2
    assert sorted(v for _, _, v in rows_of(session, keyspace, "s")) == [2, 4, 5, 7]


def test_last_of_different_static_values_of_a_partition_wins(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(
        f"CREATE TABLE {keyspace}.static (k int, c int, s text static, x list<int> static, PRIMARY KEY (k, c))"
    )
    path = write_parquet(
        tmp_path / "static.parquet",
        k=[1, 2, 1, 2, 1, 3],
        c=pa.array([1, 1, 2, 2, 3, None], pa.int32()),
        s=["z", "same", "y", "same", None, "alone"],
        x=[[9], [1], [1, 2], [1], None, [3]],
    )
    result = import_files(session, keyspace, "static", path)
    assert (result.rows, result.duplicate_rows) == (6, 0)
    assert rows_of(session, keyspace, "static", "k, c, s, x") == [
        *((1, c, "y", [1, 2]) for c in (1, 2, 3)),
        *((2, c, "same", [1]) for c in (1, 2)),
        (3, None, "alone", [3]),
    ]
