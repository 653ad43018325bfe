"""Write times and expiries beside the cells that they are about, as a real server tells them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import OptionError, SourceMismatchError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.types.companions import Companion, read_companion
from airflow_provider_cqlai.engine.types.handlers import register_type_handler, unregister_type_handler
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.cassandra_versions import NEEDS_ELEMENT_TIMES, has_vectors, several_cells
from tests.inserted_rows import insert_rows

pytestmark = pytest.mark.usefixtures("codec")

BOTH = {"include_writetime": True, "include_ttl": True}
# What the server takes to answer one page, and more.
CLOCK_SLACK = datetime.timedelta(seconds=1)


def export(session: Session, table: str, path: Path, **values: Any) -> pa.Table:
    """The one file that the export makes."""
    copy_to(session, CopyToOptions(**{"table": table, "path": str(path), **BOTH, **values}))
    return pq.read_table(path)


def rows_by(table: pa.Table, *key: str) -> dict[Any, dict[str, Any]]:
    found = {tuple(row[name] for name in key) if len(key) > 1 else row[key[0]]: row for row in table.to_pylist()}
    assert len(found) == table.num_rows
    return found


@contextmanager
def expiring_in(seconds: int) -> Iterator[list[Any]]:
    """Puts the earliest and the latest moment at which what the block wrote can expire into the list."""
    bounds: list[Any] = []
    ttl = datetime.timedelta(seconds=seconds)
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    yield bounds
    bounds += [before + ttl, datetime.datetime.now(datetime.timezone.utc) + ttl + CLOCK_SLACK]


def server_second(session: Session) -> int:
    return int(session.execute("SELECT toUnixTimestamp(now()) FROM system.local").one()[0]) // 1000


def is_within(moment: datetime.datetime, bounds: list[Any]) -> bool:
    return bool(bounds[0] <= moment <= bounds[1]) and moment.microsecond == 0


def test_every_cell_has_its_own_write_time_and_expiry(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.events"
    weights = "vector<float, 2>" if has_vectors() else "frozen<list<float>>"
    session.execute(
        f"CREATE TABLE {table} (k int, c int, shared text static, v text, n int, tags frozen<list<int>>,"
        f" spot frozen<tuple<int, text>>, weights {weights}, PRIMARY KEY (k, c))"
    )
    with expiring_in(5000) as first:
        session.execute(
            f"INSERT INTO {table} (k, c, v, tags) VALUES (1, 1, 'a', [1]) USING TIMESTAMP 1700000000000001 AND TTL 5000"
        )
    session.execute(f"UPDATE {table} USING TIMESTAMP 1700000000000002 SET n = 7, spot = (1, 'x') WHERE k = 1 AND c = 1")
    with expiring_in(9000) as second:
        session.execute(
            f"UPDATE {table} USING TIMESTAMP 3 AND TTL 9000 SET weights = [1, 2], shared = 's' WHERE k = 1 AND c = 1"
        )
    exported = export(session, table, tmp_path / "events.parquet")
    ordinary = ["shared", "n", "spot", "tags", "v", "weights"]
    companions = [f"{kind}({name})" for name in ordinary for kind in ("writetime", "expiry")]
    assert exported.column_names == ["k", "c", *ordinary, *companions]
    (row,) = exported.to_pylist()
    assert {name: row[f"writetime({name})"] for name in ordinary} == {
        "shared": 3,
        "n": 1700000000000002,
        "spot": 1700000000000002,
        "tags": 1700000000000001,
        "v": 1700000000000001,
        "weights": 3,
    }
    assert row["expiry(n)"] is None
    assert row["expiry(spot)"] is None
    assert all(is_within(row[f"expiry({name})"], first) for name in ("v", "tags"))
    assert all(is_within(row[f"expiry({name})"], second) for name in ("shared", "weights"))


def test_companions_say_in_their_metadata_what_they_tell_about(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.named"
    session.execute(f'CREATE TABLE {table} (id int PRIMARY KEY, v text, "Naïve, ""a.b""" int)')
    session.execute(f"INSERT INTO {table} (id, v) VALUES (1, 'x') USING TIMESTAMP 5")
    arrow_schema = export(session, table, tmp_path / "named.parquet").schema
    odd = 'Naïve, "a.b"'
    assert [read_companion(field) for field in arrow_schema] == [
        None,
        None,
        None,
        Companion("writetime", odd),
        Companion("expiry", odd),
        Companion("writetime", "v"),
        Companion("expiry", "v"),
    ]
    assert arrow_schema.field("writetime(v)").type == pa.int64()
    assert arrow_schema.field("expiry(v)").type == pa.timestamp("ms", tz="UTC")
    assert arrow_schema.field("expiry(v)").metadata == {b"cql_companion": b"expiry", b"cql_companion_of": b"v"}


@pytest.mark.parametrize("written", [0, -1, -(2**63) + 1, 2**63 - 1])
def test_any_timestamp_comes_out_as_it_was_written(
    written: int, session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.odd_times"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text, m {several_cells('map<text, int>')})")
    session.execute(f"INSERT INTO {table} (id, v, m) VALUES (1, 'x', {{'a': 1}}) USING TIMESTAMP {written}")
    (row,) = export(session, table, tmp_path / "odd.parquet").to_pylist()
    # A map that is inserted whole first deletes the older one, one microsecond earlier.
    assert (row["writetime(v)"], row["writetime(m)"]) == (written, written)


@NEEDS_ELEMENT_TIMES
def test_null_cells_have_neither_time(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TYPE {keyspace}.address (street text, number int)")
    table = f"{keyspace}.holes"
    session.execute(
        f"CREATE TABLE {table} (k int, c int, s int static, v text, n int, l list<int>, u address, PRIMARY KEY (k, c))"
    )
    # A row marker alone, a partition of a static column alone, empty collections, cells that were deleted.
    session.execute(f"INSERT INTO {table} (k, c) VALUES (1, 1) USING TIMESTAMP 10")
    session.execute(f"INSERT INTO {table} (k, s) VALUES (2, 7) USING TIMESTAMP 11")
    session.execute(f"INSERT INTO {table} (k, c, l, u) VALUES (3, 1, [], {{street: null}}) USING TIMESTAMP 12")
    session.execute(f"INSERT INTO {table} (k, c, v, n) VALUES (4, 1, 'x', 1) USING TIMESTAMP 13")
    session.execute(f"DELETE v FROM {table} USING TIMESTAMP 14 WHERE k = 4 AND c = 1")
    rows = rows_by(export(session, table, tmp_path / "holes.parquet"), "k", "c")
    told = {
        key: {name: value for name, value in row.items() if "(" in name and value is not None}
        for key, row in rows.items()
    }
    assert told == {(1, 1): {}, (2, None): {"writetime(s)": 11}, (3, 1): {}, (4, 1): {"writetime(n)": 13}}


def test_a_cell_of_zero_bytes_that_is_exported_as_null_has_neither_time(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.zero"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, n int, v text)")
    session.execute(f"INSERT INTO {table} (id, n, v) VALUES (1, blobAsInt(0x), '') USING TIMESTAMP 10 AND TTL 1000")
    (row,) = export(session, table, tmp_path / "zero.parquet").to_pylist()
    assert [row[name] for name in ("n", "writetime(n)", "expiry(n)")] == [None, None, None]
    assert (row["v"], row["writetime(v)"]) == ("", 10)
    assert row["expiry(v)"] is not None


def create_collections(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TYPE {keyspace}.address (street text, number int, extra text)")
    table = f"{keyspace}.collections"
    session.execute(
        f"CREATE TABLE {table} (id int PRIMARY KEY, l list<int>, s set<text>, m map<text, int>, u address,"
        " f frozen<address>)"
    )
    return table


@NEEDS_ELEMENT_TIMES
def test_elements_that_agree_give_one_time(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = create_collections(session, keyspace)
    values = "[1, 2, 3], {'a', 'b'}, {'x': 1, 'y': 2}, {street: 'High', extra: 'e'}, {street: 'Low'}"
    with expiring_in(5000) as bounds:
        session.execute(f"INSERT INTO {table} (id, l, s, m, u, f) VALUES (1, {values}) USING TIMESTAMP 20 AND TTL 5000")
    session.execute(f"INSERT INTO {table} (id, l, s, m, u, f) VALUES (2, {values}) USING TIMESTAMP 21")
    # A field that was deleted is a null one.
    session.execute(f"UPDATE {table} USING TIMESTAMP 22 SET u.extra = null WHERE id = 2")
    rows = rows_by(export(session, table, tmp_path / "agree.parquet"), "id")
    for name in ("l", "s", "m", "u", "f"):
        assert rows[1][f"writetime({name})"] == 20, name
        assert is_within(rows[1][f"expiry({name})"], bounds), name
        assert (rows[2][f"writetime({name})"], rows[2][f"expiry({name})"]) == (21, None), name


MIXED = [
    ("l", "l = l + [9]"),
    ("s", "s = s + {'z'}"),
    ("m", "m['y'] = 5"),
    ("u", "u.number = 5"),
]


@NEEDS_ELEMENT_TIMES
@pytest.mark.parametrize(("column", "change"), MIXED)
def test_elements_of_different_times_are_refused_or_give_the_latest(
    column: str, change: str, session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = create_collections(session, keyspace)
    values = "[1], {'a'}, {'x': 1}, {street: 'High'}"
    for number in range(5):
        session.execute(f"INSERT INTO {table} (id, l, s, m, u) VALUES ({number}, {values}) USING TIMESTAMP 30")
    session.execute(f"UPDATE {table} USING TIMESTAMP 31 SET {change} WHERE id = 3")
    with pytest.raises(ValueDoesNotFitError, match="on_mixed_cell_times='max'") as raised:
        export(session, table, tmp_path / "mixed.parquet")
    assert (raised.value.table, raised.value.column) == (table, column)
    assert raised.value.primary_key == {"id": "3"}
    assert raised.value.option == "on_mixed_cell_times"
    assert f"{table}, column {column}, row id=3: its elements have different write times" in str(raised.value)
    assert not (tmp_path / "mixed.parquet").exists()
    # Nobody asks for the column.
    others = [name for name, _ in MIXED if name != column]
    assert export(session, table, tmp_path / "others.parquet", columns=["id", *others]).num_rows == 5
    # All of them expire alike: never.
    assert export(session, table, tmp_path / "ttl.parquet", include_writetime=False).num_rows == 5
    rows = rows_by(export(session, table, tmp_path / "max.parquet", on_mixed_cell_times="max"), "id")
    for name, _ in MIXED:
        assert [rows[number][f"writetime({name})"] for number in range(5)] == [
            31 if (name, number) == (column, 3) else 30 for number in range(5)
        ]


@NEEDS_ELEMENT_TIMES
@pytest.mark.parametrize(("column", "change"), MIXED)
def test_elements_that_expire_at_different_times_are_refused_or_give_the_latest(
    column: str, change: str, session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = create_collections(session, keyspace)
    values = "[1], {'a'}, {'x': 1}, {street: 'High'}"
    session.execute(f"INSERT INTO {table} (id, l, s, m, u) VALUES (1, {values}) USING TIMESTAMP 40 AND TTL 5000")
    with expiring_in(9000) as later:
        session.execute(f"UPDATE {table} USING TIMESTAMP 40 AND TTL 9000 SET {change} WHERE id = 1")
    session.execute(f"INSERT INTO {table} (id, l, s, m, u) VALUES (2, {values}) USING TIMESTAMP 40 AND TTL 5000")
    session.execute(f"UPDATE {table} USING TIMESTAMP 40 SET {change} WHERE id = 2")
    only_ttl = {"include_writetime": False}
    with pytest.raises(ValueDoesNotFitError, match=f"column {column}, row id=.: its elements have different times to"):
        export(session, table, tmp_path / "mixed.parquet", columns=["id", column], **only_ttl)
    for number in (1, 2):
        with pytest.raises(ValueDoesNotFitError, match=f"row id={number}:"):
            export(session, table, tmp_path / "one.parquet", where=f"id = {number}", **only_ttl)
    # Written at one time, whatever becomes of them.
    assert export(session, table, tmp_path / "w.parquet", include_ttl=False).num_rows == 2
    rows = rows_by(export(session, table, tmp_path / "max.parquet", on_mixed_cell_times="max", **only_ttl), "id")
    assert is_within(rows[1][f"expiry({column})"], later)
    # One element of it never expires, and neither does the value.
    assert rows[2][f"expiry({column})"] is None


@NEEDS_ELEMENT_TIMES
def test_an_error_names_the_whole_key_of_the_row_where_it_was_not_asked_for(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.keyed"
    session.execute(f"CREATE TABLE {table} (k text, at timestamp, l list<int>, PRIMARY KEY (k, at))")
    session.execute(f"INSERT INTO {table} (k, at, l) VALUES ('a', '2024-05-06 07:08:09Z', [1]) USING TIMESTAMP 1")
    session.execute(f"UPDATE {table} SET l = l + [2] WHERE k = 'a' AND at = '2024-05-06 07:08:09Z'")
    with pytest.raises(ValueDoesNotFitError) as raised:
        export(session, table, tmp_path / "keyed.parquet", columns=["l"])
    assert raised.value.primary_key == {"k": "a", "at": "2024-05-06T07:08:09+00:00"}


def test_each_flag_adds_its_own_companions_only(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.flags"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, a int, l {several_cells('list<int>')})")
    session.execute(f"INSERT INTO {table} (id, a, l) VALUES (1, 1, [1]) USING TIMESTAMP 50 AND TTL 1000")
    neither = export(session, table, tmp_path / "0.parquet", include_writetime=False, include_ttl=False)
    assert neither.column_names == ["id", "a", "l"]
    writetimes = export(session, table, tmp_path / "1.parquet", include_ttl=False)
    assert writetimes.column_names == ["id", "a", "l", "writetime(a)", "writetime(l)"]
    assert writetimes["writetime(l)"].to_pylist() == [50]
    expiries = export(session, table, tmp_path / "2.parquet", include_writetime=False)
    assert expiries.column_names == ["id", "a", "l", "expiry(a)", "expiry(l)"]
    assert expiries["expiry(l)"].null_count == 0
    some = export(session, table, tmp_path / "3.parquet", columns=["l", "id"])
    assert some.column_names == ["l", "id", "writetime(l)", "expiry(l)"]


def test_a_table_of_nothing_but_keys_has_no_companions(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.keys (a int, b int, PRIMARY KEY (a, b))")
    session.execute(f"INSERT INTO {keyspace}.keys (a, b) VALUES (1, 2)")
    assert export(session, f"{keyspace}.keys", tmp_path / "keys.parquet").to_pylist() == [{"a": 1, "b": 2}]


def test_an_empty_table_has_companions_in_its_file(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.empty (id int PRIMARY KEY, l {several_cells('list<int>')})")
    exported = export(session, f"{keyspace}.empty", tmp_path / "empty.parquet")
    assert exported.num_rows == 0
    assert exported.column_names == ["id", "l", "writetime(l)", "expiry(l)"]


@pytest.mark.parametrize("flag", ["include_writetime", "include_ttl"])
def test_counters_and_virtual_tables_are_refused(flag: str, session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.hits (id int PRIMARY KEY, n counter)")
    for table, words in ((f"{keyspace}.hits", "has counters"), ("system_views.settings", "virtual table")):
        with pytest.raises(OptionError, match=words) as raised:
            copy_to(session, CopyToOptions(table=table, path=str(tmp_path / "x.parquet"), **{flag: True}))
        assert raised.value.option == flag
        assert table in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_column_that_is_called_like_a_companion_is_refused(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.confusing"
    session.execute(f'CREATE TABLE {table} (id int PRIMARY KEY, v int, "expiry(v)" int)')
    session.execute(f'INSERT INTO {table} (id, v, "expiry(v)") VALUES (1, 2, 3) USING TIMESTAMP 60')
    with pytest.raises(OptionError, match=r"include_ttl: .* has a column that is called 'expiry\(v\)'"):
        export(session, table, tmp_path / "x.parquet")
    exported = export(session, table, tmp_path / "y.parquet", include_ttl=False)
    assert exported["writetime(expiry(v))"].to_pylist() == [60]
    assert export(session, table, tmp_path / "z.parquet", columns=["id", "expiry(v)"]).num_rows == 1


def test_names_of_the_hidden_columns_are_free_for_the_table(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.taken"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, cqlai_server_clock int, cqlai_cell_ttl_0 int)")
    session.execute(
        f"INSERT INTO {table} (id, cqlai_server_clock, cqlai_cell_ttl_0) VALUES (1, 2, 3) USING TIMESTAMP 70"
    )
    (row,) = export(session, table, tmp_path / "taken.parquet").to_pylist()
    assert (row["cqlai_server_clock"], row["cqlai_cell_ttl_0"]) == (2, 3)
    assert (row["writetime(cqlai_server_clock)"], row["expiry(cqlai_cell_ttl_0)"]) == (70, None)


def test_expiry_does_not_move_with_the_time_of_the_export(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.fading"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
    with expiring_in(100_000) as bounds:
        insert_rows(
            session, f"INSERT INTO {table} (id, v) VALUES (?, 'x') USING TTL 100000", ((n,) for n in range(3000))
        )
    first = rows_by(export(session, table, tmp_path / "1.parquet", page_size=100), "id")
    assert len(first) == 3000
    assert all(is_within(row["expiry(v)"], bounds) for row in first.values())
    exported_at = server_second(session)
    while server_second(session) == exported_at:
        pass
    second = rows_by(export(session, table, tmp_path / "2.parquet", page_size=100), "id")
    differences = [abs(row["expiry(v)"] - first[number]["expiry(v)"]) for number, row in second.items()]
    assert max(differences) <= datetime.timedelta(seconds=1)
    assert sum(bool(difference) for difference in differences) < 1500


def test_a_hive_dataset_keeps_companions_in_its_files(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.regional"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, region text, v int)")
    for number in range(20):
        session.execute(
            f"INSERT INTO {table} (id, region, v) VALUES ({number}, 'r{number % 3}', {number}) USING TIMESTAMP {number}"
        )
    root = tmp_path / "regional"
    arguments = {"table": table, "path": str(root), "columns": ["region", "v"], "partition_by": ["region"], **BOTH}
    assert copy_to(session, CopyToOptions(**arguments)).rows == 20
    files = sorted(root.glob("**/*.parquet"))
    assert {file.parent.name for file in files} == {"region=r0", "region=r1", "region=r2"}
    assert pq.read_schema(files[0]).names == ["v", "writetime(region)", "expiry(region)", "writetime(v)", "expiry(v)"]
    rows = ds.dataset(root, partitioning="hive").to_table().to_pylist()
    assert all(row["writetime(region)"] == row["writetime(v)"] == row["v"] for row in rows)
    assert len(rows) == 20
    with pytest.raises(OptionError, match=r"partition_by: 'writetime\(v\)'"):
        copy_to(session, CopyToOptions(**{**arguments, "partition_by": ["writetime(v)"]}))
    with pytest.raises(OptionError, match="types"):
        copy_to(session, CopyToOptions(**{**arguments, "types": {"writetime(v)": "string"}}))


@pytest.mark.parametrize("flag", ["include_writetime", "include_ttl"])
def test_a_dataset_with_companions_and_one_without_do_not_mix(
    flag: str, session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.plain"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v int)")
    for path in (tmp_path / "dataset", tmp_path / "single.parquet"):
        arguments = {"table": table, "path": str(path)}
        copy_to(session, CopyToOptions(**arguments))
        with pytest.raises(SourceMismatchError, match=f"{flag} is True here and False there"):
            copy_to(session, CopyToOptions(**arguments, **{flag: True}))


@NEEDS_ELEMENT_TIMES
def test_companions_come_with_every_route_of_a_window(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.windowed"
    session.execute(f"CREATE TABLE {table} (day date, n int, at timestamp, v int, l list<int>, PRIMARY KEY (day, n))")
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    for number in range(48):
        at = start + datetime.timedelta(hours=number)
        session.execute(
            f"INSERT INTO {table} (day, n, at, v, l) VALUES (%s, %s, %s, %s, [1, 2]) USING TIMESTAMP %s",
            (at.date(), number, at, number, int(at.timestamp()) * 1_000_000),
        )
    # Outside of the window, so that its mixed times are nobody's concern.
    session.execute(f"UPDATE {table} USING TIMESTAMP 0 SET l = l + [3] WHERE day = '2024-01-02' AND n = 47")
    window = TimeWindow(start=start, end=start + datetime.timedelta(days=1))
    for index, how in enumerate(
        ({"time_column": "day"}, {"time_column": "at"}, {"window_by": "writetime"}, {"where": "day = '2024-01-01'"})
    ):
        slice_of_time = {} if "where" in how else {"window": window}
        rows = export(session, table, tmp_path / f"{index}.parquet", **how, **slice_of_time).to_pylist()
        assert sorted(row["v"] for row in rows) == list(range(24)), how
        for row in rows:
            microseconds = int(row["at"].timestamp()) * 1_000_000
            assert [row[f"writetime({name})"] for name in ("at", "v", "l")] == [microseconds] * 3


def test_a_registered_handler_does_not_touch_the_hidden_columns(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    table = f"{keyspace}.handled"
    session.execute(f"CREATE TABLE {table} (id text PRIMARY KEY, n int, l {several_cells('list<int>')})")
    session.execute(f"INSERT INTO {table} (id, n, l) VALUES ('a', 1, [1]) USING TIMESTAMP 80 AND TTL 1000")
    register_type_handler("int", pa.string(), lambda cell: f"<{cell[-1]}>")
    register_type_handler("bigint", pa.string(), lambda cell: "no number")
    try:
        (row,) = export(session, table, tmp_path / "handled.parquet").to_pylist()
    finally:
        unregister_type_handler("int")
        unregister_type_handler("bigint")
    assert (row["n"], row["l"]) == ("<1>", ["<1>"])
    assert (row["writetime(n)"], row["writetime(l)"]) == (80, 80)
    assert row["expiry(n)"] == row["expiry(l)"]
    assert row["expiry(n)"] is not None


def test_duckdb_reads_companions(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.ducks"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
    with expiring_in(3600) as bounds:
        session.execute(f"INSERT INTO {table} (id, v) VALUES (1, 'x') USING TIMESTAMP -9 AND TTL 3600")
    session.execute(f"INSERT INTO {table} (id) VALUES (2)")
    path = tmp_path / "ducks.parquet"
    export(session, table, path)
    found = duckdb.sql(
        f"""SELECT id, "writetime(v)", epoch("expiry(v)") FROM read_parquet('{path}') ORDER BY id"""
    ).fetchall()
    assert found[0][:2] == (1, -9)
    assert is_within(datetime.datetime.fromtimestamp(found[0][2], datetime.timezone.utc), bounds)
    assert found[1] == (2, None, None)
