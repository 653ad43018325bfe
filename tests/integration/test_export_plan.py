"""Plans of real tables: every row once, few queries for small tables, clear refusals."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import check_ring
from airflow_provider_cqlai.engine.errors import (
    AccessDeniedError,
    OptionError,
    QueryError,
    TableMetadataError,
)
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from dev.server_address import ServerAddress
from tests.cassandra_versions import server_under_test
from tests.inserted_rows import insert_rows
from tests.integration.planned_rows import plan_table, read_rows
from tests.keyspaces import make_keyspace


@pytest.fixture(scope="module")
def readings(session: Session) -> str:
    """40 partition keys of 5 rows, with an indexed column and others; the tests only read it."""
    keyspace = make_keyspace(session)
    table = f"{keyspace}.readings"
    session.execute(
        f"CREATE TABLE {table} (site text, sensor int, n int, status text, level int, tags map<text, text>,"
        " PRIMARY KEY ((site, sensor), n))"
    )
    # The kind of index does not matter here, and 4.x has no SAI.
    kind = "USING 'sai'" if server_under_test().is_at_least("5.0") else ""
    session.execute(f"CREATE INDEX ON {table} (status) {kind}")
    rows = [
        (f"site {sensor % 4}", sensor, n, "it's on" if n else "off", n * 10, {"k": str(n)})
        for sensor in range(40)
        for n in range(5)
    ]
    insert = f"INSERT INTO {table} (site, sensor, n, status, level, tags) VALUES (?, ?, ?, ?, ?, ?)"
    insert_rows(session, insert, rows)
    return table


def test_whole_table_comes_once(session: Session, readings: str) -> None:
    plan = plan_table(session, readings)
    assert sorted(row[1:3] for row in read_rows(session, plan)) == [(s, n) for s in range(40) for n in range(5)]
    assert [column.name for column in plan.columns] == ["site", "sensor", "n", "level", "status", "tags"]
    assert [column.is_primary_key for column in plan.columns] == [True, True, True, False, False, False]
    assert [column.cql_text for column in plan.columns][-1] == "map<text, text>"
    assert "*" not in plan.reads[0].statement.query_string


def test_columns_come_in_the_order_of_select_star(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(
        f'CREATE TABLE {table} (z int, y int, b int static, a list<int>, zz int static, "Aa" int, k1 int, k0 int,'
        ' c int, "select" int, PRIMARY KEY ((z, y), k1, k0))'
    )
    names = session.execute(f"SELECT * FROM {table}").column_names
    assert [column.name for column in plan_table(session, table).columns] == names


def test_small_tables_get_one_query(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY)")
    assert len(plan_table(session, f"{keyspace}.t").reads) == 1
    for number in range(3):
        session.execute(f"INSERT INTO {keyspace}.t (id) VALUES ({number})")
    plan = plan_table(session, f"{keyspace}.t")
    assert len(plan.reads) == 1
    assert sorted(read_rows(session, plan)) == [(0,), (1,), (2,)]


def test_new_table_of_unknown_size_is_split_by_its_density(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    insert_rows(session, f"INSERT INTO {table} (id) VALUES (?)", ((n,) for n in range(30_000)), rows_a_request=200)
    plan = plan_table(session, table, concurrency=4)
    # About 6 ranges of 5,000 rows; the page that tells the density is off by some percent.
    assert 4 <= len(plan.reads) <= 9
    ranges = [read.token_range for read in plan.reads]
    check_ring([token_range for token_range in ranges if token_range is not None])
    assert ranges != sorted(ranges, key=lambda each: each.start if each else 0)
    assert ranges == [read.token_range for read in plan_table(session, table, concurrency=4).reads]
    assert sum(read.ring_share for read in plan.reads) == pytest.approx(1.0)
    assert sorted(read_rows(session, plan)) == [(n,) for n in range(30_000)]


def test_wide_rows_of_one_key_get_the_usual_number_of_queries(session: Session, keyspace: str) -> None:
    table = f"{keyspace}.t"
    session.execute(f"CREATE TABLE {table} (id int, n int, PRIMARY KEY (id, n))")
    insert_rows(session, f"INSERT INTO {table} (id, n) VALUES (1, ?)", ((n,) for n in range(3_000)))
    plan = plan_table(session, table, concurrency=2)
    assert len(plan.reads) == 8
    assert len(read_rows(session, plan)) == 3_000


@pytest.mark.parametrize("shard_count", [2, 7])
def test_shards_share_a_table(session: Session, readings: str, shard_count: int) -> None:
    parts = [
        read_rows(session, plan_table(session, readings, columns="sensor,n", shard_index=i, shard_count=shard_count))
        for i in range(shard_count)
    ]
    assert sorted(row for part in parts for row in part) == [(s, n) for s in range(40) for n in range(5)]
    assert sum(bool(part) for part in parts) > 1


WHERES: list[tuple[str, Any, bool, bool]] = [
    # where, which (site number, sensor, n) it means, is filtered, is one query
    ("site = 'site 1' AND sensor = 5", lambda site, sensor, n: sensor == 5, False, True),
    ("site = 'site 1' AND sensor IN (1, 5, 6)", lambda site, sensor, n: sensor in (1, 5), False, True),
    ("(site = 'site 1') AND sensor = 5 AND n >= 2", lambda site, sensor, n: sensor == 5 and n >= 2, False, True),
    ("site = 'site 1'", lambda site, sensor, n: site == 1, True, False),
    ("sensor >= 30", lambda site, sensor, n: sensor >= 30, True, False),
    ("n = 2", lambda site, sensor, n: n == 2, True, False),
    ("n IN (1, 3)", lambda site, sensor, n: n in (1, 3), True, False),
    ("level > 20", lambda site, sensor, n: n > 2, True, False),
    ("status = 'off'", lambda site, sensor, n: n == 0, False, False),
    ("status = 'it''s on' AND level < 20", lambda site, sensor, n: n == 1, True, False),
    ("status = $$it's on$$", lambda site, sensor, n: n > 0, False, False),
    ("tags CONTAINS '3'", lambda site, sensor, n: n == 3, True, False),
    ("tags['k'] = '3'", lambda site, sensor, n: n == 3, True, False),
    ('"level" = 20 -- twenty, no LIMIT', lambda site, sensor, n: n == 2, True, False),
    ("level /* no ; here */ = 20", lambda site, sensor, n: n == 2, True, False),
    ("token(site, sensor) > 0", None, False, True),
]


@pytest.mark.parametrize(("where", "is_meant", "is_filtered", "is_one_query"), WHERES, ids=[row[0] for row in WHERES])
@pytest.mark.parametrize("shard_count", [1, 2])
def test_where_is_combined_with_token_ranges_where_it_can_be(
    session: Session,
    readings: str,
    where: str,
    is_meant: Any,
    is_filtered: bool,
    is_one_query: bool,
    shard_count: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if is_meant is None:
        rows = session.execute(f"SELECT sensor, n FROM {readings} WHERE {where}")
        expected = sorted(tuple(row) for row in rows)
        assert 0 < len(expected) < 200
    else:
        expected = sorted((s, n) for s in range(40) for n in range(5) if is_meant(s % 4, s, n))
    found: list[tuple[Any, ...]] = []
    reads = []
    for shard in range(shard_count):
        plan = plan_table(
            session, readings, where=where, columns="sensor,n", shard_index=shard, shard_count=shard_count
        )
        found += read_rows(session, plan)
        reads += plan.reads
    assert sorted(found) == expected
    assert all(("ALLOW FILTERING" in read.statement.query_string) == is_filtered for read in reads)
    assert ("reads more rows than it returns" in caplog.text) == is_filtered
    assert [read.token_range for read in reads] == [None] if is_one_query else all(read.token_range for read in reads)


def test_filtering_is_refused_where_the_option_says_so(session: Session, readings: str) -> None:
    with pytest.raises(QueryError, match=r"allow_filtering=False.*ALLOW FILTERING"):
        plan_table(session, readings, where="level > 20", allow_filtering=False)
    for where in ("status = 'off'", "site = 'site 1' AND sensor = 5"):
        plan = plan_table(session, readings, where=where, allow_filtering=False)
        assert len(read_rows(session, plan)) in (40, 5)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nothing = 1", "Undefined column name nothing"),
        ("level = 'ten'", "Invalid STRING constant"),
        ("level = 1 OR level = 2", "(?i)syntax|mismatched|viable|expecting"),
        ("level = 1 USING TTL 5", "(?i)syntax|mismatched|viable|expecting|extraneous"),
        ("level = :level", "bind marker"),
    ],
)
def test_server_refuses_a_where_in_its_own_words(session: Session, readings: str, where: str, words: str) -> None:
    with pytest.raises(QueryError, match=words) as caught:
        plan_table(session, readings, where=where)
    assert where in caught.value.query


def test_where_and_window_that_contradict_are_refused(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (day date, n int, PRIMARY KEY (day, n))")
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    window = TimeWindow(start=start, end=start + datetime.timedelta(days=1))
    with pytest.raises(OptionError, match="where restricts what the window restricts through time_column"):
        plan_table(session, f"{keyspace}.t", window=window, time_column="day", where="day = '2024-01-01'")


class TestNames:
    def test_unquoted_names_fall_to_lower_case(self, session: Session, readings: str) -> None:
        plan = plan_table(session, readings.upper(), columns="SENSOR, n")
        assert [column.name for column in plan.columns if not column.is_hidden] == ["sensor", "n"]
        assert str(plan.table_metadata) == readings

    def test_mixed_case_and_reserved_words_are_quoted(self, session: Session, keyspace: str) -> None:
        session.execute(
            f'CREATE TABLE {keyspace}."Order" ("Select" int, "from" int, "a""b.c" int, PRIMARY KEY ("Select"))'
        )
        session.execute(f'INSERT INTO {keyspace}."Order" ("Select", "from", "a""b.c") VALUES (1, 2, 3)')
        plan = plan_table(session, f'"{keyspace}"."Order"', columns=['a"b.c', "FROM", '"Select"'])
        assert [column.name for column in plan.columns] == ['a"b.c', "from", "Select"]
        assert read_rows(session, plan) == [(3, 2, 1)]
        assert plan.table_metadata.qualified_name == f'{keyspace}."Order"'

    def test_table_of_another_case_is_named(self, session: Session, keyspace: str) -> None:
        session.execute(f'CREATE TABLE {keyspace}."Orders" (id int PRIMARY KEY)')
        with pytest.raises(TableMetadataError, match=r"no table 'orders' \(did you mean \"Orders\"\?\)"):
            plan_table(session, f"{keyspace}.Orders")

    def test_keyspace_of_the_session_is_used(self, cassandra: ServerAddress, readings: str) -> None:
        keyspace, name = readings.split(".")
        with cassandra.connect() as own_session:
            with pytest.raises(TableMetadataError, match=r"write keyspace\.table"):
                plan_table(own_session, name)
            own_session.set_keyspace(keyspace)
            assert str(plan_table(own_session, name).table_metadata) == readings

    def test_missing_ones_name_those_near(self, session: Session, readings: str) -> None:
        keyspace = readings.partition(".")[0]
        with pytest.raises(TableMetadataError, match=r"no keyspace 'sistem' \(did you mean .*system"):
            plan_table(session, "sistem.local")
        with pytest.raises(TableMetadataError, match=r"no table 'reading' \(did you mean readings\?\)"):
            plan_table(session, f"{keyspace}.reading")
        with pytest.raises(TableMetadataError, match=r"no column 'sensr' \(did you mean sensor\?\)"):
            plan_table(session, readings, columns="sensr")

    def test_column_named_twice_is_refused(self, session: Session, readings: str) -> None:
        with pytest.raises(OptionError, match="names sensor more than once"):
            plan_table(session, readings, columns=["sensor", "SENSOR"])


class TestKindsOfTables:
    def test_materialized_view_with_an_empty_key(self, session: Session, keyspace: str) -> None:
        # The empty key has the ring's minimum token, which no key of an ordinary table has.
        session.execute(f"CREATE TABLE {keyspace}.base (id int PRIMARY KEY, name text)")
        session.execute(
            f"CREATE MATERIALIZED VIEW {keyspace}.by_name AS SELECT * FROM {keyspace}.base"
            " WHERE name IS NOT NULL AND id IS NOT NULL PRIMARY KEY (name, id)"
        )
        for number in range(50):
            session.execute(f"INSERT INTO {keyspace}.base (id, name) VALUES ({number}, 'name {number % 7}')")
        session.execute(f"INSERT INTO {keyspace}.base (id, name) VALUES (50, '')")
        found: list[tuple[Any, ...]] = []
        for shard in range(3):
            plan = plan_table(session, f"{keyspace}.by_name", columns="id", shard_index=shard, shard_count=3)
            assert plan.table_metadata.is_view
            found += read_rows(session, plan)
        assert sorted(found) == [(n,) for n in range(51)]

    def test_counter_table(self, session: Session, keyspace: str) -> None:
        session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY, hits counter)")
        session.execute(f"UPDATE {keyspace}.t SET hits = hits + 3 WHERE id = 1")
        plan = plan_table(session, f"{keyspace}.t")
        assert read_rows(session, plan) == [(1, 3)]
        assert plan.table_metadata.is_counter

    def test_virtual_table_is_read_by_one_query(self, session: Session) -> None:
        plan = plan_table(session, "system_views.settings", columns="name")
        assert len(plan.reads) == 1
        assert {row[0] for row in read_rows(session, plan)} >= {"cluster_name", "partitioner"}
        assert plan_table(session, "system_views.settings", shard_index=1, shard_count=2).reads == ()

    def test_system_table_is_read_by_one_query(self, session: Session) -> None:
        plan = plan_table(session, "system.local", columns="key")
        assert read_rows(session, plan) == [("local",)]

    @pytest.mark.parametrize(
        ("columns", "values"),
        [
            ("a int, b int, PRIMARY KEY (a, b)", {"a": 1, "b": 2}),
            ("a int, b int, c int, PRIMARY KEY (a, b)", {"a": 1, "b": 2, "c": 3}),
            ("a int PRIMARY KEY, c int", {"a": 1, "c": 3}),
        ],
    )
    def test_compact_storage_shows_no_inner_columns(
        self, session: Session, keyspace: str, columns: str, values: dict[str, int]
    ) -> None:
        session.execute(f"CREATE TABLE {keyspace}.t ({columns}) WITH COMPACT STORAGE")
        names, numbers = ", ".join(values), ", ".join(str(value) for value in values.values())
        session.execute(f"INSERT INTO {keyspace}.t ({names}) VALUES ({numbers})")
        plan = plan_table(session, f"{keyspace}.t")
        assert [column.name for column in plan.columns] == list(values)
        assert read_rows(session, plan) == [tuple(values.values())]

    def test_added_column_is_seen_at_once(self, session: Session, cassandra: ServerAddress, keyspace: str) -> None:
        session.execute(f"CREATE TABLE {keyspace}.t (id int PRIMARY KEY)")
        with cassandra.connect() as other_session:
            other_session.cluster.schema_metadata_enabled = False
            plan_table(other_session, f"{keyspace}.t")
            session.execute(f"ALTER TABLE {keyspace}.t ADD later text")
            assert [column.name for column in plan_table(other_session, f"{keyspace}.t").columns] == ["id", "later"]

    def test_static_only_key_is_part_of_the_whole_table(self, session: Session, keyspace: str) -> None:
        session.execute(f"CREATE TABLE {keyspace}.t (id int, n int, s text static, PRIMARY KEY (id, n))")
        session.execute(f"INSERT INTO {keyspace}.t (id, s) VALUES (1, 'alone')")
        assert read_rows(session, plan_table(session, f"{keyspace}.t")) == [(1, None, "alone")]


@pytest.fixture
def reader(cassandra_with_auth: ServerAddress) -> Iterator[tuple[Session, Session, str]]:
    """A superuser's session, that of a role without any permission, and the role's name."""
    name = f"reader_{uuid.uuid4().hex}"
    with cassandra_with_auth.connect() as superuser:
        superuser.execute(
            "CREATE KEYSPACE IF NOT EXISTS guarded"
            " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        superuser.execute("CREATE TABLE IF NOT EXISTS guarded.t (id int PRIMARY KEY)")
        superuser.execute(f"CREATE ROLE {name} WITH PASSWORD = 'pw' AND LOGIN = true")
        address = dataclasses.replace(cassandra_with_auth, username=name, password="pw")
        with address.connect() as reading:
            # The server has guardrails.
            reading.default_fetch_size = 100
            yield superuser, reading, name


def test_refused_access_is_terminal(reader: tuple[Session, Session, str]) -> None:
    with pytest.raises(AccessDeniedError, match=r"SELECT permission.*guarded\.t"):
        plan_table(reader[1], "guarded.t")


def test_permission_to_select_the_table_is_enough(reader: tuple[Session, Session, str]) -> None:
    superuser, reading, name = reader
    superuser.execute("INSERT INTO guarded.t (id) VALUES (1)")
    superuser.execute(f"GRANT SELECT ON guarded.t TO {name}")
    assert read_rows(reading, plan_table(reading, "guarded.t")) == [(1,)]


def test_log_says_route_and_number_of_queries(
    session: Session, readings: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        plan_table(session, readings, where="site = 'secret' AND sensor = 5")
    assert "route whole table; 1 query" in caplog.text
    assert "secret" not in caplog.text


def test_dry_run_tells_the_plan_and_publishes_nothing(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.events"
    session.execute(f"CREATE TABLE {table} (device int, at timestamp, v text, PRIMARY KEY (device, at))")
    day = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
    insert = f"INSERT INTO {table} (device, at, v) VALUES (?, ?, 'v')"
    insert_rows(session, insert, [(number, day) for number in range(300)])
    options: dict[str, Any] = {"table": table, "path": f"{tmp_path}/{{table}}-{{window_start:%Y}}/", "dry_run": True}
    window = TimeWindow(start=day, end=day + datetime.timedelta(days=1))
    result = copy_to(session, CopyToOptions(**options, time_column="at", window=window))
    assert result.path == f"{tmp_path}/events-2024/"
    assert (result.is_published, result.is_dry_run, result.rows) == (False, True, 0)
    assert result.route == "2: bounds on a key column"
    assert result.query_count >= 1
    assert result.estimated_table_rows == 300
    assert result.to_dict()["estimated_table_rows"] == 300
    assert list(tmp_path.iterdir()) == []
    # What would be wrong at night is wrong now.
    with pytest.raises(TableMetadataError, match="nowhere"):
        copy_to(session, CopyToOptions(table=table, path=str(tmp_path), columns=["nowhere"], dry_run=True))
