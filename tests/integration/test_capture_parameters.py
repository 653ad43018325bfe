"""Values of a capture's markers: those that are given by name, and the window's."""

import datetime
import itertools
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import OptionError, SourceMismatchError, TimeWindowError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.results import CaptureResult
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from tests.inserted_rows import insert_rows
from tests.integration.test_capture import timeuuid
from tests.keyspaces import make_keyspace

DAYS = [datetime.datetime(2024, 1, day, tzinfo=datetime.timezone.utc) for day in (1, 2, 3, 4)]
TICK = datetime.timedelta(milliseconds=1)


def window(first: datetime.datetime, end: datetime.datetime) -> TimeWindow:
    return TimeWindow(start=first, end=end)


@pytest.fixture(scope="module")
def events(session: Session) -> str:
    """Tables with rows on, just before and just after each midnight; ``n`` is the day's number, from 1."""
    keyspace = make_keyspace(session)
    lows = (0x8080808080808080, 0x807F7F7F7F7F7F7F, 0xBF7F7F7F7F7F7F7F)
    moments = [(day.day, moment) for day in DAYS for moment in (day, day + TICK, day + datetime.timedelta(1) - TICK)]
    cells: dict[str, list[Any]] = {
        "timestamp": [(n, moment) for n, moment in moments],
        "date": [(day.day, day.date()) for day in DAYS],
        "timeuuid": [(n, timeuuid(moment, low=low)) for n, moment in moments for low in lows]
        + [(day.day - 1, timeuuid(day, ticks=-1, low=low)) for day in DAYS for low in lows],
    }
    for cql_type, rows in cells.items():
        session.execute(f"CREATE TABLE {keyspace}.by_{cql_type} (k int, at {cql_type}, n int, PRIMARY KEY (k, at))")
        insert_rows(session, f"INSERT INTO {keyspace}.by_{cql_type} (k, n, at) VALUES (0, ?, ?)", rows)
    return keyspace


def run(session: Session, path: Path, *queries: str, **values: Any) -> CaptureResult:
    return capture(session, CaptureOptions(path=str(path), queries=queries, **values))


@pytest.mark.parametrize("codec", ["native"], indirect=True)
@pytest.mark.parametrize(("cql_type", "rows_a_day"), [("timestamp", 3), ("date", 1), ("timeuuid", 12)])
@pytest.mark.usefixtures("codec")
def test_window_markers_are_what_their_column_is(
    session: Session, events: str, tmp_path: Path, cql_type: str, rows_a_day: int
) -> None:
    query = f"SELECT n, at FROM {events}.by_{cql_type} WHERE k = 0 AND at >= :window_start AND at < :window_end"
    counted = []
    for first, end in itertools.pairwise(DAYS):
        path = tmp_path / f"{first.day}.parquet"
        result = run(session, path, query, window=window(first, end))
        assert set(pq.read_table(path)["n"].to_pylist()) == {first.day}
        assert result.window == window(first, end)
        counted.append(result.rows)
    # Each row in one window: no bound leaves a timeuuid of any node out, or takes it twice.
    assert counted == [rows_a_day] * 3


def test_one_name_may_stand_for_values_of_several_types(session: Session, events: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {events}.days (day date, at timeuuid, n int, PRIMARY KEY (day, at))")
    insert_rows(
        session,
        f"INSERT INTO {events}.days (day, at, n) VALUES (?, ?, ?)",
        [(day.date(), timeuuid(day, ticks=ticks), day.day) for day in DAYS for ticks in (0, 1)],
    )
    query = f"SELECT n FROM {events}.days WHERE day = :window_start AND at >= :window_start AND at < :window_end"
    run(session, tmp_path / "d.parquet", query, window=window(DAYS[1], DAYS[2]))
    assert pq.read_table(tmp_path / "d.parquet")["n"].to_pylist() == [2, 2]


def test_a_rerun_of_a_window_replaces_exactly_it(session: Session, events: str, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k int, at timestamp, v int, PRIMARY KEY (k, at))")
    insert_rows(session, f"INSERT INTO {keyspace}.t (k, at, v) VALUES (0, ?, 1)", [(day,) for day in DAYS])
    query = f"SELECT at, v FROM {keyspace}.t WHERE k = 0 AND at >= :window_start AND at < :window_end"
    root = tmp_path / "t"
    for first, end in itertools.pairwise(DAYS):
        run(session, root, query, window=window(first, end), partition_by="at.date")
    kept = {path for path in root.rglob("*.parquet") if "2024-01-02" not in str(path.parent)}
    insert_rows(session, f"INSERT INTO {keyspace}.t (k, at, v) VALUES (0, ?, 2)", [(day,) for day in DAYS])
    run(session, root, query, window=window(DAYS[1], DAYS[2]), partition_by="at.date")
    rows = duckdb.sql(f"SELECT CAST(\"at.date\" AS text) AS d, v FROM '{root}/**/*.parquet' ORDER BY d").fetchall()
    assert rows == [("2024-01-01", 1), ("2024-01-02", 2), ("2024-01-03", 1)]
    assert len(kept) == 2
    assert all(path.exists() for path in kept)
    with pytest.raises(SourceMismatchError, match="queries is"):
        run(
            session, root, f"{query} AND v = 1 ALLOW FILTERING", window=window(DAYS[1], DAYS[2]), partition_by="at.date"
        )


@pytest.mark.parametrize(
    ("query", "moments", "message"),
    [
        ("SELECT n FROM {}.by_date WHERE k = 0 AND at >= :window_start", None, "there is no window"),
        (
            "SELECT n FROM {}.by_date WHERE k = 0 AND at >= :window_start",
            (DAYS[0] + TICK, DAYS[1]),
            "is a date, but .* is not midnight UTC",
        ),
        ("SELECT n FROM {}.by_date WHERE k = :window_end", (DAYS[0], DAYS[1]), ":window_end stands for a int"),
    ],
)
def test_a_window_marker_that_cannot_be_is_an_error(
    session: Session, events: str, tmp_path: Path, query: str, moments: Any, message: str
) -> None:
    with pytest.raises(TimeWindowError, match=message):
        run(session, tmp_path / "e.parquet", query.format(events), window=window(*moments) if moments else None)
    assert not list(tmp_path.iterdir())


def test_one_mapping_serves_all_queries(session: Session, events: str, tmp_path: Path) -> None:
    query = "SELECT n FROM {}.by_{} WHERE k = :k AND at >= :first LIMIT :most"
    result = run(
        session,
        tmp_path / "e.parquet",
        query.format(events, "timestamp"),
        "SELECT n FROM {}.by_date WHERE k = :k LIMIT :most".format(events),  # noqa: UP032
        parameters={"k": 0, "first": DAYS[3], "most": 2},
    )
    assert [each.rows for each in result.queries] == [2, 2]
    assert set(pq.read_table(tmp_path / "e.parquet")["n"].to_pylist()[:2]) == {4}


def test_each_query_may_have_its_own_values(session: Session, events: str, tmp_path: Path) -> None:
    query = f"SELECT n FROM {events}.by_date WHERE k = 0 AND at = :day"
    result = run(
        session,
        tmp_path / "e.parquet",
        *[query] * 2,
        f"SELECT n FROM {events}.by_date",
        parameters=[{"day": DAYS[2].date()}, {"day": DAYS[0].date()}, {}],
    )
    assert pq.read_table(tmp_path / "e.parquet")["n"].to_pylist() == [3, 1, 1, 2, 3, 4]
    assert [each.rows for each in result.queries] == [1, 1, 4]


@pytest.mark.parametrize("chosen", [None, window(*DAYS[:2])])
def test_the_windows_markers_take_no_parameter(
    session: Session, events: str, tmp_path: Path, chosen: TimeWindow | None
) -> None:
    query = f"SELECT n FROM {events}.by_date WHERE k = 0 AND at >= :window_start"
    with pytest.raises(OptionError, match=":window_start is the window's own"):
        run(session, tmp_path / "e.parquet", query, window=chosen, parameters={"window_start": "2023-01-01"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "query 1 of 2: the marker :k has no value"),
        ({"k": 0, "kk": 1, "z": 2}, "no query has the marker :kk, :z"),
        ([{"k": 0}], "1 mappings for 2 queries"),
        ([{"k": 0}, {"k": 0, "more": 1}], "query 2 of 2 has no marker :more"),
        ({"k": "zero"}, "query 1 of 2: parameters: :k is of type int, and 'zero' is not a whole number"),
        ({"k": 2**40}, "query 1 of 2: the value of :k, of type int, is not a valid int"),
        ("k=0", "expected a mapping of values by name, or a list with one for each query, not a str"),
        ([["k", 0], {}], "expected a mapping of values by name"),
    ],
)
def test_values_and_markers_that_do_not_fit_are_refused_before_the_first_query_runs(
    session: Session, events: str, tmp_path: Path, parameters: Any, message: str
) -> None:
    query = f"SELECT n FROM {events}.by_date WHERE k = :k"
    with pytest.raises(OptionError, match=message) as raised:
        run(session, tmp_path / "e.parquet", query, query, parameters=parameters)
    assert raised.value.option == "parameters"
    assert not list(tmp_path.iterdir())
