"""Rows that cannot be written: counted, kept with place and reason, and no more than ``max_errors`` accepts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CopyCancelledError,
    OptionError,
    QueryError,
    TooManyRejectedRowsError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from dev.server_address import ServerAddress
from tests.integration.import_cases import check_counts, import_files, rows_of, write_parquet
from tests.journal_files import CancellingJournal
from tests.object_store import S3Server
from tests.raw_reader import connect

pytestmark = pytest.mark.usefixtures("codec")


@pytest.fixture
def rejected_path(tmp_path: Path) -> str:
    return str(tmp_path / "rejected" / "rows.parquet")


def rejected_rows(path: Any, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in columns) for row in pq.read_table(path).to_pylist()]


def test_first_bad_row_ends_an_import_and_is_named(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.d (k int, c text, v tinyint, w int, PRIMARY KEY (k, c))")
    path = write_parquet(
        tmp_path / "d.parquet", k=list(range(9)), c=["x"] * 9, v=[1] * 6 + [300, 1, 400], w=[1.0] * 8 + [0.5]
    )
    with pytest.raises(ValueDoesNotFitError, match=f"row 6 of {path}") as raised:
        import_files(session, keyspace, "d", path)
    assert (raised.value.table, raised.value.column) == (f"{keyspace}.d", "v")
    assert raised.value.primary_key == {"k": "6", "c": "x"}
    assert not {8, 6} & {k for k, *_ in rows_of(session, keyspace, "d")}


def test_row_that_the_server_refuses_ends_an_import_and_is_named(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.q (k text PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "q.parquet", k=["a", "x" * 70_000, "b"], v=[1, 2, 3])
    with pytest.raises(QueryError, match=rf"70000 .*row 1 of {path}, primary key"):
        import_files(session, keyspace, "q", path)


def test_each_bad_row_is_kept_with_its_place_and_reason(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.b (k text, c int, v tinyint, w int, PRIMARY KEY (k, c))")
    count = 12_000
    keys: list[str | None] = [f"key {number}" for number in range(count)]
    values: list[int | None] = [number % 100 for number in range(count)]
    others = [float(number) for number in range(count)]
    keys[5], keys[7_000] = None, "x" * 70_000
    values[0], values[11_999] = 300, -129
    others[4_999], others[0] = 0.5, 0.5
    path = write_parquet(tmp_path / "b.parquet", row_group_size=5_500, k=keys, c=list(range(count)), v=values, w=others)
    result = import_files(session, keyspace, "b", path, max_errors=5, rejected_path=rejected_path)
    assert (result.rows, result.rejected_rows, result.rejected_path) == (count - 5, 5, rejected_path)
    bad = [0, 5, 4_999, 7_000, 11_999]
    found = sorted(rejected_rows(rejected_path, "rejected_row", "rejected_file", "rejected_row_group", "c", "k", "v"))
    assert found == [(row, path, row // 5_500, row, keys[row], values[row]) for row in bad]
    reasons = dict(rejected_rows(rejected_path, "rejected_row", "rejected_reason"))
    assert "300" in reasons[0]
    assert "null" in reasons[5]
    assert "QueryError" in reasons[7_000]
    written = {c for _, c, *_ in rows_of(session, keyspace, "b")}
    assert written == set(range(count)) - set(bad)


def test_corrected_file_is_imported_and_the_next_import_removes_it(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.r (year int, k int, v tinyint, x list<int>, PRIMARY KEY (year, k))")
    write_parquet(tmp_path / "in" / "year=2024" / "a.parquet", k=[1, 2], v=[1, 300], x=[[1], [2, 3]])
    write_parquet(tmp_path / "in" / "year=2025" / "b.parquet", k=[3, 4], v=pa.array([400, 4], pa.int32()))
    source = str(tmp_path / "in")
    options = {"max_errors": "50%", "rejected_path": rejected_path, "on_missing_column": "ignore"}
    result = import_files(session, keyspace, "r", source, **options)
    assert (result.rows, result.rejected_rows) == (2, 2)
    rejected = pq.read_table(rejected_path)
    assert sorted(rejected["year"].to_pylist()) == [2024, 2025]
    assert rejected["x"].to_pylist() == [[2, 3], None]
    corrected = rejected.set_column(rejected.schema.get_field_index("v"), "v", pa.array([30, 40]))
    again = tmp_path / "corrected.parquet"
    pq.write_table(corrected, again)
    again_options = {"rejected_path": rejected_path, "on_extra_column": "ignore"}
    result = import_files(session, keyspace, "r", str(again), **again_options)
    assert (result.rows, result.rejected_path) == (2, None)
    assert not Path(rejected_path).exists()
    assert rows_of(session, keyspace, "r") == [
        (2024, 1, 1, [1]), (2024, 2, 30, [2, 3]), (2025, 3, 40, None), (2025, 4, 4, None)
    ]  # fmt: skip


def test_rejected_file_is_replaced_by_the_next_import(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.n (k int PRIMARY KEY, v tinyint)")
    for value in (300, 400):
        path = write_parquet(tmp_path / f"{value}.parquet", k=[1], v=[value])
        import_files(session, keyspace, "n", path, max_errors="all", rejected_path=rejected_path)
        assert rejected_rows(rejected_path, "v") == [(value,)]
    assert sorted(file.name for file in Path(rejected_path).parent.iterdir()) == ["rows.parquet"]


def test_rejected_path_that_is_read_is_refused(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.o (k int PRIMARY KEY)")
    path = write_parquet(tmp_path / "o.parquet", k=[1])
    with pytest.raises(OptionError, match="is one of the files"):
        import_files(session, keyspace, "o", str(tmp_path), rejected_path=path)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OptionError, match="is one of the files"):
        import_files(session, keyspace, "o", str(tmp_path / "link" / "o.parquet"), rejected_path=path)
    left_out = write_parquet(tmp_path / "in" / "y=2" / "x.parquet", k=[1])
    write_parquet(tmp_path / "in" / "y=1" / "x.parquet", k=[1])
    with pytest.raises(OptionError, match="next import would read it"):
        import_files(session, keyspace, "o", str(tmp_path / "in"), partition_filter="y=1", rejected_path=left_out)
    assert (pq.read_table(path).num_rows, Path(left_out).exists()) == (1, True)
    for directory in (str(tmp_path), f"{tmp_path}/"):
        with pytest.raises(OptionError, match="names a directory"):
            import_files(session, keyspace, "o", path, rejected_path=directory)
    assert rows_of(session, keyspace, "o") == []


def test_place_of_a_rejected_row_is_its_own_behind_filters(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.p (k int PRIMARY KEY, v tinyint)")
    count = 12_000
    path = write_parquet(
        tmp_path / "p.parquet",
        row_group_size=5_500,
        k=list(range(count)),
        v=[300 if number % 1_001 == 0 else 1 for number in range(count)],
    )
    options = {"max_errors": 100, "rejected_path": rejected_path}
    import_files(session, keyspace, "p", path, where=[("k", ">=", 3_000)], skip_rows=10, max_rows=8_000, **options)
    expected = [number for number in range(3_010, 11_010) if number % 1_001 == 0]
    assert rejected_rows(rejected_path, "rejected_row", "k") == [(number, number) for number in expected]
    import_files(session, keyspace, "p", path, skip_rows=6_000, **options)
    expected = [number for number in range(6_000, count) if number % 1_001 == 0]
    assert rejected_rows(rejected_path, "rejected_row", "k") == [(number, number) for number in expected]


@pytest.mark.parametrize(
    ("max_errors", "is_accepted"), [(2, False), (3, True), ("3", True), ("29%", False), ("30%", True)]
)
def test_budget_is_a_number_or_a_share(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str, max_errors: Any, is_accepted: bool
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.m (k int PRIMARY KEY, v tinyint)")
    path = write_parquet(tmp_path / "m.parquet", k=list(range(10)), v=[1, 1, 300, 1, 300, 1, 300, 1, 1, 1])
    options = {"max_errors": max_errors, "rejected_path": rejected_path}
    if is_accepted:
        assert import_files(session, keyspace, "m", path, **options).rejected_rows == 3
        return
    with pytest.raises(TooManyRejectedRowsError, match=rf"row 6 of {path}.* rows were written, .* in {rejected_path}"):
        import_files(session, keyspace, "m", path, **options)
    assert rejected_rows(rejected_path, "rejected_row") == [(2,), (4,), (6,)]


def test_share_is_of_the_rows_that_where_selects(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.w (k int PRIMARY KEY, v tinyint)")
    path = write_parquet(tmp_path / "w.parquet", k=list(range(1_000)), v=[1] * 990 + [300] * 10)
    options = {"where": [("k", ">=", 980)], "rejected_path": rejected_path}
    with pytest.raises(TooManyRejectedRowsError, match="10 of 20 rows"):
        import_files(session, keyspace, "w", path, max_errors="10%", **options)
    assert import_files(session, keyspace, "w", path, max_errors="50%", **options).rejected_rows == 10
    with pytest.raises(TooManyRejectedRowsError):
        import_files(session, keyspace, "w", path, max_errors="10%", skip_rows=980, rejected_path=rejected_path)


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_bad_rows_end_in_reasonable_time(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str, count: int
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v tinyint, w text)")
    path = write_parquet(tmp_path / "t.parquet", k=list(range(count)), v=[300] * count, w=["x"] * count)
    started = time.process_time()
    result = import_files(session, keyspace, "t", path, max_errors="all", rejected_path=rejected_path)
    elapsed = time.process_time() - started
    assert (result.rows, result.rejected_rows) == (0, count)
    assert [row for (row,) in rejected_rows(rejected_path, "rejected_row")] == list(range(count))
    assert elapsed < count / 500, elapsed


@pytest.mark.parametrize("max_errors", ["100%", 2, 5])
def test_that_every_row_is_rejected_is_a_failure_unless_it_is_asked_for(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str, max_errors: int | str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v tinyint)")
    path = write_parquet(tmp_path / "t.parquet", k=[1, 2], v=[300, 400])
    with pytest.raises(TooManyRejectedRowsError, match=r"max_errors='all'.*every one of 2"):
        import_files(session, keyspace, "t", path, max_errors=max_errors, rejected_path=rejected_path)
    assert len(rejected_rows(rejected_path, "rejected_row")) == 2
    assert import_files(session, keyspace, "t", path, max_errors="ALL", rejected_path=rejected_path).rejected_rows == 2


def test_dry_run_counts_bad_rows_and_touches_no_file(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.dry (k int PRIMARY KEY, v tinyint)")
    path = write_parquet(tmp_path / "dry.parquet", k=[1, 2, 3], v=[1, 300, 400])
    options = {"dry_run": True, "rejected_path": rejected_path}
    parts = Path(rejected_path).parent / ".rows.parquet.parts"
    parts.mkdir(parents=True)
    (parts / "00000.parquet").write_bytes(b"of an import that is tried again")
    names = ("rejected_file", "rejected_row_group", "rejected_row", "rejected_reason")
    write_parquet(Path(rejected_path), **{name: [1] for name in names})
    content = Path(rejected_path).read_bytes()
    result = import_files(session, keyspace, "dry", path, max_errors=2, **options)
    assert (result.rows, result.rejected_rows, result.rejected_path) == (1, 2, None)
    with pytest.raises(TooManyRejectedRowsError):
        import_files(session, keyspace, "dry", path, max_errors=1, **options)
    assert Path(rejected_path).read_bytes() == content
    assert (parts / "00000.parquet").read_bytes() == b"of an import that is tried again"
    assert rows_of(session, keyspace, "dry") == []


def test_rejected_rows_of_files_with_different_types(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.f (k int PRIMARY KEY, v tinyint, at timestamp, kind text)")
    paths = [
        write_parquet(
            tmp_path / "1.parquet", k=pa.array([1], pa.int16()), v=pa.array([300], pa.int32()),
            at=pa.array([10**17], pa.timestamp("ms", "UTC")), kind=pa.array(["a"]).dictionary_encode(),
        ),
        write_parquet(
            tmp_path / "2.parquet", k=pa.array([2], pa.int64()), v=pa.array([400], pa.int64()),
            at=["2024-01-01"], kind=pa.array(["b"]).dictionary_encode(),
        ),
        write_parquet(
            tmp_path / "3.parquet", k=pa.array([3], pa.int64()), v=pa.array([0.5], pa.float64()),
            at=pa.array([1], pa.timestamp("ns")), kind=pa.array(["b"]).dictionary_encode(),
        ),
    ]  # fmt: skip
    options = {"max_errors": "all", "rejected_path": rejected_path}
    import_files(session, keyspace, "f", paths[:2], **options)
    assert rejected_rows(rejected_path, "k", "v", "kind") == [(1, 300, "a"), (2, 400, "b")]
    import_files(session, keyspace, "f", paths, **options)
    assert rejected_rows(rejected_path, "k", "v", "kind") == [(1, "300", "a"), (2, "400", "b"), (3, "0.5", "b")]


def test_rejected_rows_of_a_file_without_a_value_are_imported_again(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.e (k int PRIMARY KEY, v int, x list<bigint>, b blob, d double)")
    write_parquet(tmp_path / "in" / "1.parquet", k=[2**40], v=pa.nulls(1), x=pa.nulls(1), b=pa.nulls(1), d=pa.nulls(1))
    write_parquet(
        tmp_path / "in" / "2.parquet", k=[2**41], v=pa.array([5], pa.uint32()), x=pa.array([[6]], pa.list_(pa.int8())),
        b=pa.array([b"\xff"], pa.binary(1)), d=pa.array([0.1], pa.float32()),
    )  # fmt: skip
    write_parquet(
        tmp_path / "in" / "3.parquet", k=[2**42], v=pa.array([-5], pa.int32()), x=[[-6, None]], b=[b"\xfe\xff"], d=[0.1]
    )
    result = import_files(session, keyspace, "e", str(tmp_path / "in"), max_errors="all", rejected_path=rejected_path)
    assert (result.rows, result.rejected_rows) == (0, 3)
    rejected = pq.read_table(rejected_path)
    values = [(None, None, None, None), (5, [6], b"\xff", float(np.float32(0.1))), (-5, [-6, None], b"\xfe\xff", 0.1)]
    assert rejected_rows(rejected_path, "v", "x", "b", "d") == values
    again = str(tmp_path / "corrected.parquet")
    pq.write_table(rejected.set_column(0, "k", pa.array([1, 2, 3])).slice(0, 2), again)
    assert import_files(session, keyspace, "e", again, on_extra_column="ignore").rows == 2
    found = rows_of(session, keyspace, "e", "k, v, x, b, d")
    assert found == [(number, *row) for number, row in enumerate(values[:2], start=1)]


def test_key_that_python_cannot_show_is_rejected_like_others(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.y (k timestamp PRIMARY KEY, v tinyint, w ascii)")
    path = write_parquet(
        tmp_path / "y.parquet", k=pa.array([10**17, 10**16], pa.timestamp("ms", "UTC")), v=[300, 1], w=["a", "ü"]
    )
    result = import_files(session, keyspace, "y", path, max_errors="all", rejected_path=rejected_path)
    assert result.rejected_rows == 2


def test_rejected_rows_in_an_object_store(session: Session, keyspace: str, s3_server: S3Server) -> None:
    session.execute(f"CREATE TABLE {keyspace}.s (k int PRIMARY KEY, v tinyint)")
    filesystem = fsspec.filesystem("s3", **s3_server.fsspec_options())
    for name, value in (("bad", 300), ("good", 3)):
        with filesystem.open(f"{s3_server.bucket}/{name}.parquet", "wb") as stream:
            pq.write_table(pa.table({"k": [1, 2], "v": [1, value]}), stream)
    options = {"filesystem": filesystem, "max_errors": 1, "rejected_path": f"{s3_server.uri}/out/rejected.parquet"}
    result = import_files(session, keyspace, "s", f"{s3_server.uri}/bad.parquet", **options)
    assert (result.rows, result.rejected_rows) == (1, 1)
    assert s3_server.keys("out/") == ["out/rejected.parquet"]
    with filesystem.open(f"{s3_server.bucket}/out/rejected.parquet", "rb") as stream:
        assert rejected_rows(stream, "v", "rejected_row") == [(300, 1)]
    import_files(session, keyspace, "s", f"{s3_server.uri}/good.parquet", **options)
    assert s3_server.keys("out/") == []


@pytest.mark.needs_cassandra("4.1", "the server's refusal of a row that is too large")
@pytest.mark.parametrize("protocol_version", [5, 4])
def test_value_that_is_too_large_for_the_server_is_a_rejected_row(
    cassandra: ServerAddress, session: Session, keyspace: str, tmp_path: Path, rejected_path: str, protocol_version: int
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.l (k int, c int, v blob, PRIMARY KEY (k, c))")
    path = write_parquet(tmp_path / "l.parquet", k=[1] * 3, c=[1, 2, 3], v=[b"a", b"x" * (17 * 2**20), b"b"])
    with connect(cassandra.host, cassandra.port, protocol_version) as own_session:
        result = import_files(own_session, keyspace, "l", path, max_errors=1, rejected_path=rejected_path)
    assert (result.rows, result.rejected_rows) == (2, 1)
    assert rows_of(session, keyspace, "l", "k, c") == [(1, 1), (1, 3)]


def test_batch_that_is_too_large_for_the_server_is_written_row_by_row(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.z (k int, c int, v blob, PRIMARY KEY (k, c))")
    path = write_parquet(tmp_path / "z.parquet", k=[1] * 20, c=list(range(20)), v=[b"x" * 2**20] * 20)
    result = import_files(session, keyspace, "z", path, max_batch_bytes="30MB", max_bytes_in_flight="64MB")
    assert result.rows == 20
    assert len(rows_of(session, keyspace, "z", "k, c")) == 20


def test_value_that_an_index_refuses_is_a_rejected_row(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.i (k int PRIMARY KEY, v text)")
    session.execute(f"CREATE INDEX ON {keyspace}.i (v)")
    path = write_parquet(tmp_path / "i.parquet", k=[1, 2, 3], v=["a", "x" * 70_000, "b"])
    result = import_files(session, keyspace, "i", path, max_errors=1, rejected_path=rejected_path)
    assert (result.rows, result.rejected_rows) == (2, 1)
    assert rows_of(session, keyspace, "i") == [(1, "a"), (3, "b")]


def test_retry_keeps_the_rows_that_the_first_try_rejected(
    session: Session, keyspace: str, tmp_path: Path, rejected_path: str
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.again (k int PRIMARY KEY, v tinyint, w text)")
    count = 3_000
    bad = set(range(0, count, 150))
    path = write_parquet(
        tmp_path / "a.parquet",
        row_group_size=200,
        k=list(range(count)),
        v=[300 if number in bad else 1 for number in range(count)],
        w=pa.array(["x"] * count).dictionary_encode(),
    )
    options = {"max_errors": len(bad), "rejected_path": rejected_path, "rate_limit_rows_per_second": 1_000}
    cancellation = Cancellation()
    journal = CancellingJournal(cancellation)
    first = CopyFromOptions(table=f"{keyspace}.again", path=path, **options)
    with pytest.raises(CopyCancelledError):
        copy_from(session, first, journal_store=journal, cancellation=cancellation)
    dry = CopyFromOptions(table=f"{keyspace}.again", path=path, dry_run=True, **options)
    assert copy_from(session, dry, journal_store=journal).rejected_rows == len(bad)
    result = copy_from(session, first, journal_store=journal)
    check_counts(result)
    assert 0 < result.resumed_rows < count
    assert result.rejected_rows == len(bad)
    assert sorted(row for (row,) in rejected_rows(rejected_path, "rejected_row")) == sorted(bad)
    assert {k for k, *_ in rows_of(session, keyspace, "again")} == set(range(count)) - bad
    assert sorted(file.name for file in Path(rejected_path).parent.iterdir()) == ["rows.parquet"]
