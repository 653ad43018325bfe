"""Write times and expiries kept across export and import: every cell of the copy has those of the original."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.cassandra_versions import NEEDS_ELEMENT_TIMES

pytestmark = pytest.mark.usefixtures("codec")

DAY = 86_400
# Two reads of a TTL some seconds apart, each rounded to whole seconds.
TTL_SECONDS_APART = 2


def create_tables(session: Session, keyspace: str, definition: str, options: str = "") -> None:
    for table in ("source", "copy"):
        session.execute(f"CREATE TABLE {keyspace}.{table} ({definition}) {options}")


def copy_table(session: Session, keyspace: str, path: Path, **options: Any) -> Any:
    file = str(path / "rows.parquet")
    exported = copy_to(
        session, CopyToOptions(table=f"{keyspace}.source", path=file, include_writetime=True, include_ttl=True)
    )
    imported = copy_from(session, CopyFromOptions(table=f"{keyspace}.copy", path=file, **options))
    assert imported.files[0].rows_read == exported.rows
    return imported


def cells_of(session: Session, keyspace: str, table: str, key: str, *columns: str) -> dict[Any, Any]:
    """Value, write time and moment of expiry of each cell, by primary key."""
    selected = ", ".join(f"{name}, writetime({name}), ttl({name})" for name in columns)
    rows = session.execute(f"SELECT {key}, {selected} FROM {keyspace}.{table}")
    now = time.time()
    key_length = len(key.split(","))
    found = {}
    for row in rows:
        cells = [row[start : start + 3] for start in range(key_length, len(row), 3)]
        found[tuple(row[:key_length])] = [
            (value, writetime, None if ttl is None else now + ttl) for value, writetime, ttl in cells
        ]
    return found


def assert_same_cells(session: Session, keyspace: str, key: str, *columns: str) -> None:
    source = cells_of(session, keyspace, "source", key, *columns)
    copy = cells_of(session, keyspace, "copy", key, *columns)
    assert copy.keys() == source.keys()
    for place, cells in source.items():
        for (value, writetime, expiry), copied in zip(cells, copy[place], strict=True):
            assert copied[:2] == (value, writetime), place
            assert (copied[2] is None) == (expiry is None), place
            if expiry is not None:
                assert abs(copied[2] - expiry) <= TTL_SECONDS_APART, place


def test_each_cell_keeps_its_write_time_and_expiry(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_tables(session, keyspace, "k int, c int, a int, b text, d frozen<list<int>>, PRIMARY KEY (k, c)")
    for c in range(50):
        session.execute(f"INSERT INTO {keyspace}.source (k, c, a) VALUES (1, {c}, {c}) USING TIMESTAMP {1000 + c}")
        if c % 2:
            session.execute(
                f"UPDATE {keyspace}.source USING TIMESTAMP {2000 + c} AND TTL {DAY} SET b = 'b{c}'"
                f" WHERE k = 1 AND c = {c}"
            )
        if c % 3 == 0:
            session.execute(
                f"UPDATE {keyspace}.source USING TIMESTAMP {1500 + c} AND TTL {2 * DAY} SET d = [{c}], a = 7"
                f" WHERE k = 1 AND c = {c}"
            )
    result = copy_table(session, keyspace, tmp_path)
    assert result.rows == 50
    assert_same_cells(session, keyspace, "k, c", "a", "b", "d")


def test_static_cells_and_partitions_without_rows(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_tables(session, keyspace, "k int, c int, s text static, t int static, v int, PRIMARY KEY (k, c)")
    for k in range(5):
        session.execute(f"INSERT INTO {keyspace}.source (k, s) VALUES ({k}, 's{k}') USING TIMESTAMP {10 + k}")
        session.execute(f"UPDATE {keyspace}.source USING TIMESTAMP 77 AND TTL {DAY} SET t = {k} WHERE k = {k}")
    for c in range(20):
        session.execute(f"INSERT INTO {keyspace}.source (k, c, v) VALUES (1, {c}, {c}) USING TIMESTAMP {100 + c}")
    result = copy_table(session, keyspace, tmp_path)
    assert result.rows == 24
    assert_same_cells(session, keyspace, "k, c", "s", "t", "v")


@NEEDS_ELEMENT_TIMES
def test_collections_keep_the_times_that_their_elements_share(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_tables(session, keyspace, "k int PRIMARY KEY, m map<text, int>, e set<int>, v int")
    session.execute(
        f"INSERT INTO {keyspace}.source (k, m, e, v) VALUES (1, {{'a': 1, 'b': 2}}, {{1, 2}}, 3)"
        f" USING TIMESTAMP 55 AND TTL {DAY}"
    )
    copy_table(session, keyspace, tmp_path)
    query = "SELECT m, writetime(m) AS w, ttl(m) AS t, e, writetime(e) AS x, v, writetime(v) AS y FROM {}.{}"
    source, copy = (session.execute(query.format(keyspace, table)).one() for table in ("source", "copy"))
    assert copy._replace(t=None) == source._replace(t=None)
    assert all(abs(ours - theirs) <= TTL_SECONDS_APART for ours, theirs in zip(copy.t, source.t, strict=True))


def test_a_restored_cell_loses_to_what_was_written_after_it(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_tables(session, keyspace, "k int PRIMARY KEY, v int")
    session.execute(f"INSERT INTO {keyspace}.source (k, v) VALUES (1, 1) USING TIMESTAMP 1000")
    session.execute(f"INSERT INTO {keyspace}.copy (k, v) VALUES (1, 2) USING TIMESTAMP 1001")
    copy_table(session, keyspace, tmp_path)
    assert session.execute(f"SELECT v FROM {keyspace}.copy").one().v == 2


def test_expired_cells_are_left_out_and_rows_of_them_counted(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_tables(session, keyspace, "k int PRIMARY KEY, a int, b int")
    for k in (1, 2):
        session.execute(f"INSERT INTO {keyspace}.source (k, a, b) VALUES ({k}, 1, 2) USING TIMESTAMP 5")
    path = str(tmp_path / "rows.parquet")
    options = CopyToOptions(table=f"{keyspace}.source", path=path, include_writetime=True, include_ttl=True)
    copy_to(session, options)
    # As if the files had waited until a cell of the first row, and both of the second, had expired.
    table = pq.read_table(path).sort_by("k")
    past = pa.scalar(int(time.time()) * 1000 - 1000, pa.timestamp("ms", "UTC"))
    for column, expiries in (("a", [past, past]), ("b", [None, past])):
        place = table.schema.get_field_index(f"expiry({column})")
        array = pa.array(
            [None if expiry is None else expiry.as_py() for expiry in expiries], table.schema.field(place).type
        )
        table = table.set_column(place, table.schema.field(place), array)
    pq.write_table(table, path)
    result = copy_from(session, CopyFromOptions(table=f"{keyspace}.copy", path=path))
    assert (result.rows, result.files[0].rows_expired) == (1, 1)
    assert [tuple(row) for row in session.execute(f"SELECT * FROM {keyspace}.copy")] == [(1, None, 2)]


def test_the_row_marker_lives_as_long_as_the_longest_lived_cell(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    create_tables(session, keyspace, "k int PRIMARY KEY, a int, b int", "WITH default_time_to_live = 1000")
    session.execute(f"INSERT INTO {keyspace}.source (k, a) VALUES (1, 1) USING TIMESTAMP 10 AND TTL {DAY}")
    session.execute(f"UPDATE {keyspace}.source USING TIMESTAMP 11 AND TTL 0 SET b = 1 WHERE k = 1")
    copy_table(session, keyspace, tmp_path)
    # The table's default must not shorten what never expires.
    assert_same_cells(session, keyspace, "k", "a", "b")
    session.execute(f"UPDATE {keyspace}.copy USING TIMESTAMP 12 SET a = null, b = null WHERE k = 1")
    # Only a marker keeps a row without cells.
    assert [tuple(row) for row in session.execute(f"SELECT * FROM {keyspace}.copy")] == [(1, None, None)]


def test_rows_of_nothing_but_their_key_come_back(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_tables(session, keyspace, "k int, c int, v int, PRIMARY KEY (k, c)")
    for c in range(3):
        session.execute(f"INSERT INTO {keyspace}.source (k, c) VALUES (1, {c})")
    assert copy_table(session, keyspace, tmp_path).rows == 3
    assert [row.c for row in session.execute(f"SELECT c FROM {keyspace}.copy")] == [0, 1, 2]


@NEEDS_ELEMENT_TIMES
def test_times_can_be_ignored_and_are_refused_where_they_cannot_be_written(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    create_tables(session, keyspace, "k int PRIMARY KEY, l list<int>")
    session.execute(f"INSERT INTO {keyspace}.source (k, l) VALUES (1, [1, 2]) USING TIMESTAMP 5")
    with pytest.raises(OptionError, match="allow_list_duplicates"):
        copy_table(session, keyspace, tmp_path)
    for options in ({"mode": "insert_if_not_exists"}, {"timestamp": 5}, {"null_handling": "null"}):
        with pytest.raises(OptionError, match="cell_times='ignore'"):
            copy_table(session, keyspace, tmp_path, allow_list_duplicates=True, **options)
    copy_table(session, keyspace, tmp_path, cell_times="ignore")
    row = session.execute(f"SELECT l, writetime(l) AS w FROM {keyspace}.copy").one()
    assert row.l == [1, 2]
    assert all(writetime > 5 for writetime in row.w)


def test_two_pairs_of_times_are_two_statements(session: Session, keyspace: str, tmp_path: Path) -> None:
    """Ten columns written by two statements need two statements: bytes tell of more."""
    columns = [f"c{number}" for number in range(10)]
    create_tables(session, keyspace, f"k int PRIMARY KEY, {', '.join(f'{name} int' for name in columns)}")
    for k in range(10):
        for part, timestamp in ((columns[:5], 10), (columns[5:], 20)):
            names, values = ", ".join(part), ", ".join("1" for _ in part)
            session.execute(
                f"INSERT INTO {keyspace}.source (k, {names}) VALUES ({k}, {values}) USING TIMESTAMP {timestamp}"
            )
    result = copy_table(session, keyspace, tmp_path)
    assert_same_cells(session, keyspace, "k", *columns)
    # Each statement binds 13 values of 4 bytes of length, and has some 30 bytes before them.
    assert result.bytes < 10 * 2 * (13 * 12 + 40)


def test_write_times_follow_a_column_that_is_mapped_to_another_name(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.source (k int PRIMARY KEY, v int, w int)")
    session.execute(f"CREATE TABLE {keyspace}.copy (k int PRIMARY KEY, renamed int, w int)")
    session.execute(f"INSERT INTO {keyspace}.source (k, v, w) VALUES (1, 2, 3) USING TIMESTAMP 1000 AND TTL {DAY}")
    copy_table(session, keyspace, tmp_path, column_mapping={"v": "renamed"}, verify="all")
    row = session.execute(f"SELECT renamed, writetime(renamed), writetime(w), ttl(renamed) FROM {keyspace}.copy").one()
    assert tuple(row)[:3] == (2, 1000, 1000)
    assert row[3] is not None


def test_table_without_regular_columns_gets_its_static_cells_back(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    create_tables(session, keyspace, "k int, c int, s text static, PRIMARY KEY (k, c)")
    session.execute(f"INSERT INTO {keyspace}.source (k, c, s) VALUES (1, 1, 'a') USING TIMESTAMP 1000 AND TTL {DAY}")
    session.execute(f"INSERT INTO {keyspace}.source (k, s) VALUES (2, 'b') USING TIMESTAMP 2000")
    copy_table(session, keyspace, tmp_path, verify="all")
    assert_same_cells(session, keyspace, "k, c", "s")


@pytest.mark.parametrize("column", ["text", pytest.param("map<text, int>", marks=NEEDS_ELEMENT_TIMES)])
@pytest.mark.parametrize("has_writetimes", [True, False])
def test_newer_static_cells_of_a_partition_win_within_a_file(
    session: Session, keyspace: str, tmp_path: Path, column: str, *, has_writetimes: bool
) -> None:
    create_tables(session, keyspace, f"k int, c int, s {column} static, v int, PRIMARY KEY (k, c)")
    values = ("'old'", "'new'") if column == "text" else ("{'old': 1}", "{'new': 1}")
    parts = []
    for number, value in enumerate(values, 1):
        session.execute(f"DELETE FROM {keyspace}.source USING TIMESTAMP {number * 1000 - 1} WHERE k = 1")
        session.execute(
            f"INSERT INTO {keyspace}.source (k, c, s, v) VALUES (1, {number}, {value}, 1)"
            f" USING TIMESTAMP {number * 1000} AND TTL {DAY}"
        )
        file = str(tmp_path / f"{number}.parquet")
        options = {"include_writetime": has_writetimes, "include_ttl": True}
        copy_to(session, CopyToOptions(table=f"{keyspace}.source", path=file, **options))
        parts.append(pq.read_table(file))
    pq.write_table(pa.concat_tables(parts), tmp_path / "both.parquet")
    options = CopyFromOptions(table=f"{keyspace}.copy", path=str(tmp_path / "both.parquet"), verify="all")
    assert copy_from(session, options).rows == 2
    expected = session.execute(f"SELECT s FROM {keyspace}.source").one()[0]
    assert {
        row.s if column == "text" else tuple(row.s.items()) for row in session.execute(f"SELECT s FROM {keyspace}.copy")
    } == {expected if column == "text" else tuple(expected.items())}


def test_rejected_rows_keep_their_write_times(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.source (k int PRIMARY KEY, v int)")
    session.execute(f"CREATE TABLE {keyspace}.copy (k smallint PRIMARY KEY, v int)")
    session.execute(f"CREATE TABLE {keyspace}.wide (k int PRIMARY KEY, v int)")
    session.execute(f"INSERT INTO {keyspace}.source (k, v) VALUES (100000, 1) USING TIMESTAMP 1000")
    rejected_path = str(tmp_path / "rejected.parquet")
    copy_table(session, keyspace, tmp_path, max_errors="all", rejected_path=rejected_path)
    copy_from(session, CopyFromOptions(table=f"{keyspace}.wide", path=rejected_path, on_extra_column="ignore"))
    assert tuple(session.execute(f"SELECT k, writetime(v) FROM {keyspace}.wide").one()) == (100000, 1000)
