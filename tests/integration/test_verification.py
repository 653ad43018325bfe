"""What was imported is read back from a real server: equal values in any form are equal, everything else is named."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra import OperationTimedOut
from cassandra.cluster import Session
from hypothesis import HealthCheck, given, settings

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect import waiting
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import load_table_metadata
from airflow_provider_cqlai.engine.errors import CopyCancelledError, PageReadError, QueryError, VerificationError
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.plan.plan import plan_import
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, ReadOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from airflow_provider_cqlai.engine.verify import differences as differences_module
from airflow_provider_cqlai.engine.verify import key_lookup
from airflow_provider_cqlai.engine.verify.differences import Verification, raise_if_different
from airflow_provider_cqlai.engine.verify.row_verifier import RowVerifier
from dev.server_address import ServerAddress
from tests.cassandra_versions import has_vectors
from tests.cql_values import ALL_TYPES
from tests.integration.all_types_table import FULL_ROW, create_all_types_table
from tests.integration.random_cql import RandomType
from tests.integration.test_random_tables import expected_value, random_tables
from tests.raw_reader import connect

pytestmark = pytest.mark.usefixtures("codec")


def verify(
    session: Session,
    table: str,
    path: str,
    *,
    sample_rows: int | None = None,
    record_batch_rows: int = 5_000,
    cancellation: Cancellation | None = None,
    **options: Any,
) -> Verification:
    """Read ``path`` again as an import reads it, and ``table`` back."""
    metadata = load_table_metadata(session, table)
    files = find_source_files((path,), None, StorageAccess(), ())
    plan = plan_import(session, metadata, files, CopyFromOptions(table=table, path=path, **options))
    with open_engine_session(session, ReadOptions()) as engine_session:
        verifier = RowVerifier(
            engine_session,
            metadata,
            columns=plan.columns,
            total_rows=plan.rows,
            sample_rows=sample_rows,
            cancellation=cancellation or Cancellation(),
        )
        for file in plan.files:
            with file.file.open() as parquet_file:
                for record_batch in parquet_file.iter_batches(record_batch_rows):
                    arrays = [column.read(record_batch) for column in file.columns]
                    names = [column.bound.name for column in file.columns]
                    verifier.check(pa.record_batch(arrays, names=names), [column.bound for column in file.columns])
        return verifier.finish()


def import_and_verify(session: Session, table: str, path: str, **options: Any) -> Verification:
    copy_from(session, CopyFromOptions(table=table, path=path, **options))
    return verify(session, table, path, **options)


def write_parquet(path: Path, **columns: Any) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def assert_equal(verification: Verification, *, rows: int, cells: int) -> None:
    assert verification.differences == ()
    assert (verification.rows_checked, verification.rows_found, verification.cells_compared) == (rows, rows, cells)
    assert verification.difference_count == verification.cells_undecided == 0
    assert verification.is_complete


def named(verification: Verification) -> list[tuple[dict[str, str], str | None]]:
    return [(dict(difference.primary_key), difference.column) for difference in verification.differences]


@pytest.fixture
def numbers(session: Session, keyspace: str, tmp_path: Path) -> tuple[str, str]:
    """A table of 3 partitions with 40 rows each, and the file that it was imported from."""
    table = f"{keyspace}.numbers"
    session.execute(f"CREATE TABLE {table} (k int, c int, v int, t text, PRIMARY KEY (k, c))")
    path = write_parquet(
        tmp_path / "numbers.parquet",
        k=pa.array([row % 3 for row in range(120)], pa.int32()),
        c=pa.array([row // 3 for row in range(120)], pa.int32()),
        v=pa.array(range(120), pa.int32()),
        t=[f"text {row}" for row in range(120)],
    )
    copy_from(session, CopyFromOptions(table=table, path=path))
    return table, path


@pytest.mark.parametrize("protocol_version", [5, 4])
def test_every_type_is_found_as_it_was_exported(
    cassandra: ServerAddress, session: Session, keyspace: str, tmp_path: Path, protocol_version: int
) -> None:
    for table in ("source", "copy"):
        create_all_types_table(session, keyspace, table, ALL_TYPES)
    session.execute(f"TRUNCATE {keyspace}.copy", timeout=60)
    path = str(tmp_path / "all.parquet")
    exported = copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=path))
    with connect(cassandra.host, cassandra.port, protocol_version) as own_session:
        verification = import_and_verify(own_session, f"{keyspace}.copy", path, null_handling="null")
        columns = len(exported.columns)
        assert_equal(verification, rows=exported.rows, cells=exported.rows * (columns - 1))
        # Every column at once: whatever is deleted must be missed.
        names = [name for name in exported.columns if name != "id"]
        own_session.execute(f"DELETE {', '.join(names)} FROM {keyspace}.copy WHERE id = {FULL_ROW}", timeout=60)
        verification = verify(own_session, f"{keyspace}.copy", path, null_handling="null")
    full = pq.read_table(path).filter(pa.compute.field("id") == FULL_ROW)
    filled = {name for name in names if not full.column(name).null_count}
    assert {column for _, column in named(verification)} <= filled
    assert verification.difference_count == len(filled) >= 100


def test_changed_cell_deleted_row_and_deleted_cell_are_named_by_key(session: Session, numbers: tuple[str, str]) -> None:
    table, path = numbers
    assert_equal(verify(session, table, path), rows=120, cells=240)
    session.execute(f"UPDATE {table} SET v = -1 WHERE k = 1 AND c = 7")
    session.execute(f"DELETE FROM {table} WHERE k = 2 AND c = 39")
    session.execute(f"DELETE t FROM {table} WHERE k = 0 AND c = 0")
    session.execute(f"INSERT INTO {table} (k, c, v) VALUES (2, 40, 1)")
    session.execute(f"INSERT INTO {table} (k, c, v) VALUES (3, 0, 1)")
    verification = verify(session, table, path)
    assert sorted(named(verification), key=str) == [
        ({"k": "0", "c": "0"}, "t"),
        ({"k": "1", "c": "7"}, "v"),
        ({"k": "2", "c": "39"}, None),
    ]
    [changed] = [difference for difference in verification.differences if difference.column == "v"]
    assert (changed.expected, changed.found) == ("22", "-1")
    assert (verification.rows_checked, verification.rows_found, verification.rows_missing) == (120, 119, 1)
    with pytest.raises(
        VerificationError, match=r"3 differences in 120 rows(?s:.*)k=1, c=7: column v differs"
    ) as raised:
        raise_if_different(verification, table)
    assert raised.value.differences == verification.differences
    assert "-1" not in str(raised.value)


def test_sample_compares_some_rows_and_looks_for_every_key(session: Session, numbers: tuple[str, str]) -> None:
    table, path = numbers
    verification = verify(session, table, path, sample_rows=12, record_batch_rows=7)
    assert (verification.rows_found, verification.cells_compared, verification.is_complete) == (120, 24, False)
    session.execute(f"DELETE FROM {table} WHERE k = 1")
    session.execute(f"UPDATE {table} SET v = -1 WHERE k IN (0, 2) AND c = 3")
    verification = verify(session, table, path, sample_rows=12)
    assert verification.rows_missing == 40
    assert verification.difference_count < 42
    assert verify(session, table, path, sample_rows=0).cells_compared == 0
    assert verify(session, table, path, sample_rows=1_000).difference_count == 42


def test_differences_are_counted_beyond_those_that_are_listed(session: Session, numbers: tuple[str, str]) -> None:
    table, path = numbers
    session.execute(f"TRUNCATE {table}", timeout=60)
    verification = verify(session, table, path)
    assert (verification.difference_count, len(verification.differences)) == (120, 100)
    with pytest.raises(VerificationError, match="120 differences"):
        raise_if_different(verification, table)


def test_unset_null_says_nothing_of_a_cell_and_null_deletes_it(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.nulls"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v int, l list<int>)")
    session.execute(f"INSERT INTO {table} (k, v, l) VALUES (1, 5, [1])")
    path = write_parquet(tmp_path / "n.parquet", k=[1, 2], v=pa.array([None, 2]), l=pa.array([None, [2]]))
    assert_equal(import_and_verify(session, table, path), rows=2, cells=2)
    assert named(verify(session, table, path, null_handling="null")) == [({"k": "1"}, "l"), ({"k": "1"}, "v")]
    assert_equal(import_and_verify(session, table, path, null_handling="null"), rows=2, cells=4)


@pytest.mark.parametrize("record_batch_rows", [5_000, 2])
def test_last_row_of_a_key_that_says_something_counts(
    session: Session, keyspace: str, tmp_path: Path, record_batch_rows: int
) -> None:
    table = f"{keyspace}.duplicates"
    session.execute(f"CREATE TABLE {table} (k int, c int, v int, w int, PRIMARY KEY (k, c))")
    path = write_parquet(
        tmp_path / "d.parquet", k=[1, 1, 1, 1, 2], c=[1, 1, 2, 1, 1], v=[9, 5, 7, 1, 1], w=[None, 3, None, None, 4]
    )
    copy_from(session, CopyFromOptions(table=table, path=path))
    verification = verify(session, table, path, record_batch_rows=record_batch_rows)
    assert (verification.differences, verification.rows_missing, verification.is_complete) == ((), 0, True)
    session.execute(f"UPDATE {table} SET v = 9 WHERE k = 1 AND c = 1")
    verification = verify(session, table, path, record_batch_rows=record_batch_rows)
    assert named(verification) == [({"k": "1", "c": "1"}, "v")]


def test_too_many_open_differences_are_told_as_undecided(
    session: Session, keyspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences_module, "MAX_OPEN_DIFFERENCES", 3)
    table = f"{keyspace}.twice"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v int)")
    path = write_parquet(tmp_path / "t.parquet", k=[*range(10), *range(10)], v=[*range(10), *range(10, 20)])
    copy_from(session, CopyFromOptions(table=table, path=path))
    verification = verify(session, table, path, record_batch_rows=10)
    assert (verification.difference_count, verification.cells_undecided) == (0, 7)
    assert not verification.is_complete
    raise_if_different(verification, table)


def test_equal_values_in_other_forms_are_equal(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.forms"
    session.execute(f"CREATE TYPE {keyspace}.pair (a int, b int)")
    session.execute(
        f"CREATE TABLE {table} (k int PRIMARY KEY, s set<int>, fs frozen<set<text>>, m map<text, int>, el set<int>,"
        " em map<int, int>, fl frozen<list<int>>, d double, u uuid, i inet, n decimal, nt decimal, nl list<decimal>,"
        " p pair, fp frozen<pair>, t tuple<int, text>, ll list<int>, ns list<frozen<set<int>>>,"
        f" vs {'vector<text, 2>' if has_vectors() else 'list<text>'}, z text)"
    )
    pair = pa.struct([("a", pa.int32()), ("b", pa.int32())])
    path = write_parquet(
        tmp_path / "f.parquet",
        k=[1],
        s=[[3, 1, 2, 1, -5]],
        fs=[["b", "a", "b"]],
        m=pa.array([[("z", 1), ("a", 2), ("z", 3)]], pa.map_(pa.string(), pa.int32())),
        el=pa.array([[]], pa.list_(pa.int32())),
        em=pa.array([[]], pa.map_(pa.int32(), pa.int32())),
        ll=pa.array([[]], pa.list_(pa.int32())),
        fl=pa.array([[]], pa.list_(pa.int32())),
        d=[float("nan")],
        u=["{00000001-0000-1000-8000-00000000000A}"],
        i=["2001:DB8:0:0:0:0:0:1"],
        n=pa.array(["1.5"]).cast(pa.decimal128(10, 4)),
        nt=["1.50"],
        nl=[["1.0", "2"]],
        p=pa.array([{"a": None, "b": None}], pair),
        fp=pa.array([{"a": 1, "b": None}], pair),
        t=pa.array([{"f0": 1, "f1": None}], pa.struct([("f0", pa.int32()), ("f1", pa.string())])),
        ns=[[[2, 1], [1, 2]]],
        vs=[["x", ""]],
        z=[""],
    )
    assert_equal(import_and_verify(session, table, path), rows=1, cells=19)
    session.execute(
        f"INSERT INTO {table} (k, s, n, nt, nl, fp, t) VALUES (1, {{-5, 1, 2}}, 1.50000, 1.5, [1.00, 2], {{a: 1}}, (1))"
    )
    assert named(verify(session, table, path)) == [({"k": "1"}, column) for column in ("nl", "nt", "s")]


def test_floats_are_compared_by_their_bits(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.floats"
    session.execute(f"CREATE TABLE {table} (k double, c float, v double, PRIMARY KEY (k, c))")
    values = [0.0, -0.0, float("nan"), float("inf")]
    path = write_parquet(
        tmp_path / "f.parquet", k=values * 4, c=pa.array(np.repeat(values, 4), pa.float32()), v=values * 4
    )
    assert_equal(import_and_verify(session, table, path), rows=16, cells=16)
    session.execute(f"UPDATE {table} SET v = -0.0 WHERE k = 0.0 AND c = NaN")
    assert named(verify(session, table, path)) == [({"k": "0.0", "c": "nan"}, "v")]


def test_composite_keys_in_mixed_orders_are_found(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f'{keyspace}."Mixed"'
    session.execute(
        f'CREATE TABLE {table} (a text, "B" bigint, c timeuuid, d decimal, e inet, v int,'
        ' PRIMARY KEY ((a, "B"), c, d, e)) WITH CLUSTERING ORDER BY (c DESC, d ASC, e DESC)'
    )
    count = 600
    path = write_parquet(
        tmp_path / "m.parquet",
        a=["" if row % 3 else "ä" for row in range(count)],
        B=pa.array([row % 2 - 1 for row in range(count)], pa.int64()),
        c=[str(uuid.UUID(int=(row // 2 << 96) | (1 << 76) | (2 << 62) | row % 5)) for row in range(count)],
        d=["1.50" if row % 4 else "-20" for row in range(count)],
        e=["10.0.0.1" if row % 2 else "::1" for row in range(count)],
        v=pa.array(range(count), pa.int32()),
    )
    assert_equal(import_and_verify(session, table, path), rows=count, cells=count)
    session.execute(f"DELETE FROM {table} WHERE a = 'ä' AND \"B\" = -1")
    assert verify(session, table, path).rows_missing == 100


def test_keys_in_other_forms_are_found(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.keys"
    session.execute(
        f"CREATE TABLE {table} (s frozen<set<int>>, d decimal, m frozen<map<int, int>>, n varint, v int,"
        " PRIMARY KEY ((s, n), d, m))"
    )
    for value in (1, 2):
        session.execute(f"INSERT INTO {table} (s, n, d, m, v) VALUES ({{1, 2}}, 7, 1.5, {{1: 1, 2: {value}}}, {value})")
    maps = [[(2, 1), (1, 1)], [(2, 2), (1, 1)], [(2, 3)], [(1, 1), (2, 2)]]
    path = write_parquet(
        tmp_path / "k.parquet",
        s=[[2, 1], [1, 2], [2, 1, 2], [1, 2]],
        n=["7"] * 4,
        d=["1.50", "1.5", "1.5", "1.500"],
        m=pa.array(maps, pa.map_(pa.int32(), pa.int32())),
        v=[1, 7, 3, 2],
    )
    verification = verify(session, table, path)
    assert (verification.rows_checked, verification.rows_found, verification.cells_compared) == (3, 2, 2)
    assert [difference.column for difference in verification.differences] == [None]


def test_static_columns_are_compared_once_for_their_partition(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.statics"
    session.execute(f"CREATE TABLE {table} (k int, c int, s text static, v int, PRIMARY KEY (k, c))")
    path = write_parquet(
        tmp_path / "s.parquet",
        k=[1, 1, 2, 3, 3, 4],
        c=[1, 2, None, None, 1, 1],
        s=["one", "one", "two", "three", "three", None],
        v=[1, 2, None, None, 4, 5],
    )
    # Partition 2 has a static cell and no row; that of partition 3 is told twice.
    assert_equal(import_and_verify(session, table, path), rows=6, cells=4 + 3)
    session.execute(f"UPDATE {table} SET s = 'changed' WHERE k = 1")
    session.execute(f"DELETE s FROM {table} WHERE k = 2")
    session.execute(f"DELETE s FROM {table} WHERE k = 3")
    verification = verify(session, table, path)
    assert sorted(named(verification), key=str) == [({"k": "1"}, "s"), ({"k": "2"}, None), ({"k": "3"}, "s")]


@pytest.mark.parametrize("record_batch_rows", [5_000, 1])
def test_last_static_value_of_a_partition_counts(
    session: Session, keyspace: str, tmp_path: Path, record_batch_rows: int
) -> None:
    table = f"{keyspace}.statics"
    session.execute(f"CREATE TABLE {table} (k int, c int, s text static, v int, PRIMARY KEY (k, c))")
    path = write_parquet(
        tmp_path / "s.parquet",
        k=[1, 1, 1, 2, 2],
        c=[1, None, 2, 1, None],
        s=["a", "b", "c", "d", "e"],
        v=[1, None, 2, 3, None],
    )
    session.execute(f"INSERT INTO {table} (k, c, s, v) VALUES (1, 1, 'c', 1)")
    session.execute(f"INSERT INTO {table} (k, c, s, v) VALUES (1, 2, 'c', 2)")
    session.execute(f"INSERT INTO {table} (k, c, s, v) VALUES (2, 1, 'd', 3)")
    assert named(verify(session, table, path, record_batch_rows=record_batch_rows)) == [({"k": "2"}, "s")]


def test_partitions_of_any_size_are_read_whole(session: Session, keyspace: str, tmp_path: Path) -> None:
    wide, single = f"{keyspace}.wide", f"{keyspace}.single"
    session.execute(f"CREATE TABLE {wide} (k int, c int, v text, PRIMARY KEY (k, c))")
    session.execute(f"CREATE TABLE {single} (k text PRIMARY KEY, v blob)")
    wide_path = write_parquet(
        tmp_path / "w.parquet",
        k=[row % 2 for row in range(10_000)],
        c=list(range(10_000)),
        v=[f"value {row}" for row in range(10_000)],
    )
    assert_equal(import_and_verify(session, wide, wide_path), rows=10_000, cells=10_000)
    single_path = write_parquet(
        tmp_path / "s.parquet",
        k=[f"key {row}" for row in range(3_000)],
        v=[bytes(row % 7 * 1_000) for row in range(3_000)],
    )
    assert_equal(import_and_verify(session, single, single_path), rows=3_000, cells=3_000)


def test_answers_of_several_pages_are_read_to_their_end(
    session: Session, numbers: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, path = numbers
    sizes: list[int] = []
    send = key_lookup.KeyLookup._send

    def send_small_page(lookup: Any, request: Any, answers: Any) -> int:
        lookup._page_rows = 7
        sizes.append(7)
        return send(lookup, request, answers)

    monkeypatch.setattr(key_lookup.KeyLookup, "_send", send_small_page)
    assert_equal(verify(session, table, path), rows=120, cells=240)
    assert len(sizes) >= 18


def test_requests_that_time_out_are_sent_again(
    session: Session, numbers: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "RETRY_PAUSE", lambda _state: 0.0)
    send = key_lookup.KeyLookup._send
    timeouts = [OperationTimedOut()] * 7

    def fail_first(lookup: Any, request: Any, answers: Any) -> int:
        if not timeouts:
            return send(lookup, request, answers)
        answers.put((request, timeouts.pop()))
        return 1

    monkeypatch.setattr(key_lookup.KeyLookup, "_send", fail_first)
    assert_equal(verify(session, *numbers), rows=120, cells=240)
    assert not timeouts
    timeouts.extend([OperationTimedOut()] * 1_000)
    with pytest.raises(PageReadError, match=r"gave up reading .*numbers back after 8 tries"):
        verify(session, *numbers)


def test_table_that_is_gone_is_a_terminal_error(
    session: Session, numbers: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = key_lookup.KeyLookup._send

    def send_after_drop(*arguments: Any) -> int:
        session.execute(f"DROP TABLE IF EXISTS {numbers[0]}", timeout=60)
        return send(*arguments)

    monkeypatch.setattr(key_lookup.KeyLookup, "_send", send_after_drop)
    with pytest.raises(QueryError, match="numbers"):
        verify(session, *numbers)


def test_cancelled_check_ends(session: Session, numbers: tuple[str, str]) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(CopyCancelledError):
        verify(session, *numbers, cancellation=cancellation)


def test_only_columns_that_were_imported_are_compared(session: Session, numbers: tuple[str, str]) -> None:
    table, path = numbers
    session.execute(f"UPDATE {table} SET t = 'other' WHERE k = 1 AND c = 1")
    assert_equal(verify(session, table, path, columns=("v",)), rows=120, cells=120)
    assert verify(session, table, path).difference_count == 1


@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(random_tables())
def test_random_tables_are_equal_to_their_export(
    session: Session,
    keyspace: str,
    tmp_path: Path,
    random_table: tuple[list[RandomType], list[list[tuple[str, Any] | None]]],
) -> None:
    columns, rows = random_table
    table = f"{keyspace}.random_{uuid.uuid4().hex}"
    declared = ", ".join(f"c{number} {column.cql_type}" for number, column in enumerate(columns))
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, {declared})", timeout=60)
    for row_id, row in enumerate(rows):
        literals = {f"c{number}": value[0] for number, value in enumerate(row) if value is not None}
        names, values = ", ".join(["id", *literals]), ", ".join([str(row_id), *literals.values()])
        session.execute(f"INSERT INTO {table} ({names}) VALUES ({values})")
    path = str(tmp_path / f"{uuid.uuid4().hex}.parquet")
    copy_to(session, CopyToOptions(table=table, path=path))
    assert_equal(verify(session, table, path, null_handling="null"), rows=len(rows), cells=len(rows) * len(columns))
    names = ", ".join(f"c{number}" for number in range(len(columns)))
    session.execute(f"DELETE {names} FROM {table} WHERE id = 0")
    filled = sum(
        value is not None and expected_value(column, value) is not None
        for column, value in zip(columns, rows[0], strict=True)
    )
    assert verify(session, table, path).difference_count == filled
