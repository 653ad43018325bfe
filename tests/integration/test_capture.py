"""Captures of real queries: one result of all of them, or none. `test_capture_session` has those given one by one."""

import datetime
import logging
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CopyCancelledError,
    EmptyResultError,
    OptionError,
    OutputExistsError,
    QueryError,
    SourceMismatchError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.results import CaptureResult
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from tests.cql_values import ALL_TYPES, plain_values
from tests.inserted_rows import insert_rows
from tests.integration.all_types_table import create_all_types_table
from tests.keyspaces import make_keyspace

pytestmark = pytest.mark.usefixtures("codec")


@pytest.fixture(scope="module")
def users(session: Session) -> str:
    """A keyspace with 300 users of three countries."""
    keyspace = make_keyspace(session)
    session.execute(f"CREATE TABLE {keyspace}.users (country text, id int, name text, PRIMARY KEY (country, id))")
    insert_rows(
        session,
        f"INSERT INTO {keyspace}.users (country, id, name) VALUES (?, ?, ?)",
        [(("US", "UK", "DE")[number % 3], number, None if number % 7 == 0 else f"n{number}") for number in range(300)],
    )
    return keyspace


def run(session: Session, path: Path, *queries: str, **values: Any) -> CaptureResult:
    return capture(session, CaptureOptions(path=str(path), queries=queries, **values))


def count_rows(files: Path | str) -> int:
    return int(duckdb.sql(f"SELECT count(*) FROM '{files}'").fetchall()[0][0])


def test_several_queries_append_into_one_file(session: Session, users: str, tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    result = run(
        session,
        path,
        f"SELECT id, name FROM {users}.users WHERE country = 'US'",
        f"SELECT id, name FROM {users}.users WHERE country = 'UK' LIMIT 7;",
        f"SELECT id, name FROM {users}.users WHERE country = 'DE' AND id < 10",
        page_size=10,
    )
    assert [query.rows for query in result.queries] == [100, 7, 3]
    assert result.queries[0].pages >= 10
    assert (result.rows, result.tables) == (110, (f"{users}.users",))
    assert count_rows(path) == 110
    expected = [(n, None if n % 7 == 0 else f"n{n}") for n in (*range(0, 300, 3), *range(1, 22, 3), 2, 5, 8)]
    assert [tuple(row.values()) for row in pq.read_table(path).to_pylist()] == expected
    assert [each.name for each in tmp_path.iterdir()] == ["users.parquet"]


def test_one_text_with_semicolons_is_several_queries(session: Session, users: str, tmp_path: Path) -> None:
    text = f"""
        -- Users; of one country
        SELECT id FROM {users}.users WHERE country = 'a;b';  /* nobody; */
        // everybody
        SELECT id FROM {users}.users;
    """
    result = capture(session, CaptureOptions(path=str(tmp_path / "u.parquet"), queries=text))
    assert [query.rows for query in result.queries] == [0, 300]


@pytest.mark.parametrize(
    ("second", "difference"),
    [
        ("SELECT id, country FROM {}.users", "name text and country text"),
        ("SELECT name, id FROM {}.users", "id int and name text"),
        ("SELECT CAST(id AS bigint) AS id, name FROM {}.users", "id int and id bigint"),
        ("SELECT id FROM {}.users", "2 columns and 1"),
    ],
)
def test_queries_of_other_columns_are_refused_before_the_first_runs(
    session: Session, users: str, tmp_path: Path, second: str, difference: str
) -> None:
    first = f"SELECT id, name FROM {users}.users"
    with pytest.raises(OptionError) as raised:
        run(session, tmp_path / "data", first, second.format(users))
    message = raised.value.message
    assert difference in message
    assert first in message
    assert second.format(users) in message
    assert "query 1 of 2 and query 2 of 2" in message
    assert not list(tmp_path.iterdir())


def test_a_missing_table_is_found_before_the_first_query_runs(
    session: Session, users: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(QueryError, match=r"query 2 of 2, SELECT id FROM .*nowhere"):
        run(session, tmp_path / "u.parquet", f"SELECT id FROM {users}.users", f"SELECT id FROM {users}.nowhere")
    assert "query 1 of 2:" not in caplog.text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO {}.users (country, id) VALUES ('XX', 1)",
        "TRUNCATE {}.users",
        "/* SELECT */ DELETE FROM {}.users WHERE country = 'US'",
        "selection",
    ],
)
def test_what_is_no_select_is_refused_before_the_first_query_runs(
    session: Session, users: str, tmp_path: Path, query: str
) -> None:
    with pytest.raises(OptionError, match="query 2 of 2 is not a SELECT"):
        run(session, tmp_path / "u.parquet", f"SELECT id FROM {users}.users", query.format(users))
    assert session.execute(f"SELECT count(*) FROM {users}.users").one()[0] == 300
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("queries", "message"), [([], "queries is empty"), ([" ; -- none"], "no statement in item 1")])
def test_no_query_is_an_error(session: Session, tmp_path: Path, queries: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        run(session, tmp_path / "u.parquet", *queries)


def test_a_text_that_is_not_closed_names_its_line(session: Session, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="queries: line 2: a text in") as raised:
        run(session, tmp_path / "u.parquet", "SELECT a\nFROM t WHERE b = 'x")
    assert raised.value.option == "queries"


def test_a_result_name_twice_asks_for_an_alias(session: Session, users: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"returns id more than once.*SELECT id AS other_name"):
        run(session, tmp_path / "u.parquet", f"SELECT id, name, id FROM {users}.users")
    run(session, tmp_path / "u.parquet", f"SELECT id, name, id AS again FROM {users}.users")
    assert pq.read_schema(tmp_path / "u.parquet").names == ["id", "name", "again"]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("SELECT count(*) FROM {}.users", [{"count": 300}]),
        ("SELECT max(id) AS greatest, min(id) AS least FROM {}.users", [{"greatest": 299, "least": 0}]),
        ("SELECT CAST(id AS text) AS t FROM {}.users WHERE country = 'US' AND id < 4", [{"t": "0"}, {"t": "3"}]),
        ("SELECT JSON id, name FROM {}.users WHERE country = 'UK' LIMIT 1", [{"[json]": '{"id": 1, "name": "n1"}'}]),
        ("SELECT toJson(name) AS j FROM {}.users WHERE country = 'UK' LIMIT 1", [{"j": '"n1"'}]),
        ("SELECT sum(id) FROM {}.users WHERE country = 'US' AND id < 4", [{"system.sum(id)": 3}]),
    ],
)
def test_a_result_may_be_anything_that_select_returns(
    session: Session, users: str, tmp_path: Path, select: str, expected: list[dict[str, Any]]
) -> None:
    path = tmp_path / "r.parquet"
    run(session, path, select.format(users))
    assert pq.read_table(path).to_pylist() == expected
    assert duckdb.sql(f"SELECT * FROM '{path}'").fetchall() == [tuple(row.values()) for row in expected]


def test_distinct_group_by_and_per_partition_limit(session: Session, users: str, tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    run(session, path, f"SELECT DISTINCT country FROM {users}.users")
    assert sorted(pq.read_table(path)["country"].to_pylist()) == ["DE", "UK", "US"]
    grouped = tmp_path / "g.parquet"
    run(session, grouped, f"SELECT country, count(*) AS n FROM {users}.users GROUP BY country", page_size=1)
    assert sorted(duckdb.sql(f"SELECT * FROM '{grouped}'").fetchall()) == [("DE", 100), ("UK", 100), ("US", 100)]
    limited = tmp_path / "l.parquet"
    run(session, limited, f"SELECT id FROM {users}.users PER PARTITION LIMIT 2")
    assert sorted(pq.read_table(limited)["id"].to_pylist()) == [0, 1, 2, 3, 4, 5]


def test_columns_become_directories_and_leave_the_files(session: Session, users: str, tmp_path: Path) -> None:
    root = tmp_path / "users"
    result = run(session, root, *([f"SELECT * FROM {users}.users"] * 2), partition_by="country", compression="zstd")
    assert {path.parent.name for path in root.glob("*/*.parquet")} == {"country=US", "country=UK", "country=DE"}
    assert all(pq.ParquetFile(path).schema_arrow.names == ["id", "name"] for path in root.glob("*/*.parquet"))
    counted = duckdb.sql(f"SELECT country, count(*) FROM '{root}/*/*.parquet' GROUP BY ALL").fetchall()
    assert sorted(counted) == [("DE", 200), ("UK", 200), ("US", 200)]
    assert result.rows == sum(file.rows for file in result.files) == 600
    metadata = pq.ParquetFile(next(root.glob("*/*.parquet"))).metadata
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def timeuuid(moment: datetime.datetime, *, ticks: int = 0, low: int = 0x8080808080808080) -> uuid.UUID:
    """The timeuuid ``ticks`` of 100 ns after ``moment``."""
    epoch = datetime.datetime(1582, 10, 15, tzinfo=datetime.timezone.utc)
    count = (moment - epoch) // datetime.timedelta(microseconds=1) * 10 + ticks
    high = (count & 0xFFFFFFFF) << 32 | (count >> 32 & 0xFFFF) << 16 | 0x1000 | count >> 48
    return uuid.UUID(int=high << 64 | low)


def test_parts_of_a_timeuuid_become_directories_that_duckdb_prunes_by(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.events (event_id timeuuid PRIMARY KEY, event_value int)")
    months = [datetime.datetime(2024, month, 1, tzinfo=datetime.timezone.utc) for month in (1, 2, 3)]
    rows = [(timeuuid(month, ticks=number), number) for month in months for number in range(50)]
    insert_rows(session, f"INSERT INTO {keyspace}.events (event_id, event_value) VALUES (?, ?)", rows)
    root = tmp_path / "events"
    run(session, root, f"SELECT * FROM {keyspace}.events", partition_by="event_id.year,event_id.month")
    directories = {str(path.parent.relative_to(root)) for path in root.glob("**/*.parquet")}
    assert directories == {f"event_id.year=2024/event_id.month=0{number}" for number in (1, 2, 3)}
    files = f"read_parquet('{root}/**/*.parquet', hive_partitioning = true)"
    query = f"SELECT event_value FROM {files} WHERE \"event_id.month\" = '02'"
    assert sorted(duckdb.sql(query).fetchall()) == [(number,) for number in range(50)]
    assert all(
        pq.ParquetFile(path).schema_arrow.names == ["event_id", "event_value"] for path in root.rglob("*.parquet")
    )


def test_a_file_that_is_full_goes_on_in_the_next_part(session: Session, users: str, tmp_path: Path) -> None:
    root = tmp_path / "users"
    result = run(
        session, root, *([f"SELECT * FROM {users}.users"] * 4), max_file_size=4000, row_group_size=50, page_size=50
    )
    assert len(result.files) >= 3
    assert count_rows(f"{root}/*.parquet") == result.rows == 1200


def test_every_type_is_captured_as_it_is_exported(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_all_types_table(session, keyspace, "things", ALL_TYPES)
    query = f"SELECT * FROM {keyspace}.things"
    run(session, tmp_path / "captured.parquet", query, f"{query} WHERE id = 1")
    copy_to(session, CopyToOptions(table=f"{keyspace}.things", path=str(tmp_path / "exported.parquet")))
    captured, exported = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("captured", "exported"))
    assert captured.schema.equals(exported.schema)
    assert captured.num_rows == exported.num_rows + 1
    numbers = captured["id"].to_pylist()
    assert sorted(numbers) == sorted([*exported["id"].to_pylist(), 1])
    for name in captured.column_names:
        wanted = dict(zip(exported["id"].to_pylist(), plain_values(exported[name]), strict=True))
        # As texts, in which NaN equals itself.
        found = [repr(value) for value in plain_values(captured[name])]
        assert found == [repr(wanted[number]) for number in numbers], name


def test_one_query_that_fails_publishes_nothing(session: Session, keyspace: str, users: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.amounts (id int PRIMARY KEY, amount decimal)")
    insert_rows(session, f"INSERT INTO {keyspace}.amounts (id, amount) VALUES (?, ?)", [(1, 10**30), (2, 1)])
    queries = [f"SELECT amount FROM {keyspace}.amounts WHERE id = {number}" for number in (2, 1)]
    path = tmp_path / "a.parquet"
    with pytest.raises(ValueDoesNotFitError, match=r"query 2 of 2.*amount"):
        run(session, path, *queries, types={"amount": "decimal128(10,2)"})
    assert not list(tmp_path.iterdir())
    assert run(session, path, *queries, types={"amount": "string"}).rows == 2


def test_a_query_that_is_refused_only_when_it_runs_is_a_terminal_error(
    session: Session, users: str, tmp_path: Path
) -> None:
    query = f"SELECT id FROM {users}.users WHERE country IN ('US', 'UK') ORDER BY id"
    with pytest.raises(QueryError, match=r"query 2 of 2: .*ORDER BY"):
        run(session, tmp_path / "u.parquet", f"SELECT id FROM {users}.users", query)
    assert not list(tmp_path.iterdir())


def test_a_cancelled_capture_publishes_nothing(session: Session, users: str, tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    options = CaptureOptions(path=str(tmp_path / "u.parquet"), queries=[f"SELECT id FROM {users}.users"])
    with pytest.raises(CopyCancelledError):
        capture(session, options, cancellation=cancellation)
    assert not list(tmp_path.iterdir())


def test_no_row_is_an_empty_file_nothing_or_an_error(session: Session, users: str, tmp_path: Path) -> None:
    queries = [f"SELECT id, name FROM {users}.users WHERE country = '{country}'" for country in ("XX", "YY")]
    with pytest.raises(EmptyResultError):
        run(session, tmp_path / "u.parquet", *queries, on_empty="fail")
    skipped = run(session, tmp_path / "u.parquet", *queries, on_empty="skip")
    assert (skipped.is_published, skipped.rows, len(skipped.queries)) == (False, 0, 2)
    assert not list(tmp_path.iterdir())
    assert run(session, tmp_path / "u.parquet", *queries).is_published
    assert pq.read_table(tmp_path / "u.parquet").column_names == ["id", "name"]
    assert count_rows(tmp_path / "u.parquet") == 0
    run(session, tmp_path / "hive", *queries, partition_by="name")
    assert not list((tmp_path / "hive").glob("**/part*"))


def test_a_second_owner_is_refused_and_the_first_may_replace_its_own(
    session: Session, users: str, tmp_path: Path
) -> None:
    query = f"SELECT id FROM {users}.users"
    run(session, tmp_path / "u.parquet", query, if_exists="error", owner="one")
    again = run(session, tmp_path / "u.parquet", query, if_exists="error", owner="one")
    assert again.rows == 300
    with pytest.raises(OutputExistsError):
        run(session, tmp_path / "u.parquet", query, if_exists="error", owner="two")


def test_warnings_of_the_server_reach_the_log(
    session: Session, users: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(session, tmp_path / "c.parquet", f"SELECT count(*) FROM {users}.users")
    assert "Aggregation query used without partition key" in caplog.text


def test_the_log_tells_query_page_rows_and_rate(
    session: Session, users: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    queries = [f"SELECT id FROM {users}.users"] * 2
    run(session, tmp_path / "u.parquet", *queries, page_size=1, progress_interval_seconds=0.01)
    assert "query 2 of 2, page " in caplog.text
    assert "rows/s" in caplog.text
    assert "published 600 rows of 2 queries in 1 file" in caplog.text


def test_the_same_query_in_another_keyspace_is_another_source(session: Session, users: str, tmp_path: Path) -> None:
    path, other = tmp_path / "u.parquet", make_keyspace(session)
    session.execute(f"CREATE TABLE {other}.users (id int PRIMARY KEY)")
    for keyspace in (users, other):
        connected = session.cluster.connect(keyspace)
        try:
            if keyspace == users:
                before = run(connected, path, "SELECT id FROM users").rows
            else:
                with pytest.raises(SourceMismatchError, match=f"keyspace is '{other}' here and '{users}' there"):
                    run(connected, path, "SELECT id FROM users")
        finally:
            connected.shutdown()
    assert pq.read_metadata(path).num_rows == before > 0


@pytest.mark.parametrize("nothing", ["", " ", "-- only a comment"])
def test_an_item_without_a_statement_is_an_error(session: Session, users: str, tmp_path: Path, nothing: str) -> None:
    with pytest.raises(OptionError, match="no statement in item 2"):
        run(session, tmp_path / "u.parquet", f"SELECT * FROM {users}.users", nothing)
    assert not list(tmp_path.iterdir())
