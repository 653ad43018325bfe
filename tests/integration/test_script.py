"""Scripts on a server: what runs, in which keyspace, and what an error leaves; `tests/acceptance` has the forms."""

from __future__ import annotations

import datetime
import logging
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import (
    CopyCancelledError,
    CqlaiError,
    OptionError,
    QueryError,
    TableMetadataError,
    TimeWindowError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.options.copy_to import TimeWindow
from airflow_provider_cqlai.engine.results import CaptureResult, CopyResult, ImportResult
from airflow_provider_cqlai.engine.verbs.script.plan import ScriptSurroundings
from airflow_provider_cqlai.engine.verbs.script.result import CqlResult, ScriptResult
from airflow_provider_cqlai.engine.verbs.script.run import run_script
from tests.journal_files import FileJournalStore

CREATE = "CREATE TABLE users (id int PRIMARY KEY, name text);\n"
DAY = TimeWindow(
    start=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    end=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
)


@pytest.fixture
def own(session: Session, keyspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A caller's session in the test's keyspace; relative paths are below ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    connected = session.cluster.connect(keyspace)
    yield connected
    connected.shutdown()


def run(session: Session, text: str, **arguments: Any) -> ScriptResult:
    return run_script(session, text, **arguments)


def tables(session: Session, keyspace: str) -> set[str]:
    rows = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    return {row.table_name for row in rows}


def test_statements_run_in_their_order_and_tell_their_lines(own: Session, keyspace: str) -> None:
    result = run(
        own,
        f"""{CREATE}
        INSERT INTO users (id, name) VALUES (1, 'a;b');  -- the semicolon is the row's
        COPY users TO 'users.parquet';
        TRUNCATE users; COPY users FROM 'users.parquet';
        CAPTURE 'names.parquet';
        SELECT name FROM users;
        CAPTURE OFF;
        SELECT count(*) FROM users;
        SELECT * FROM users
        """,
    )
    assert [(each.line, each.kind, type(each.result)) for each in result.statements] == [
        (1, "CREATE", CqlResult),
        (3, "INSERT", CqlResult),
        (4, "COPY TO", CopyResult),
        (5, "TRUNCATE", CqlResult),
        (5, "COPY FROM", ImportResult),
        (6, "CAPTURE", CaptureResult),
        (9, "SELECT", CqlResult),
        (10, "SELECT", CqlResult),
    ]
    assert [each.result for each in result.statements[-2:]] == [CqlResult(rows=1, count=1), CqlResult(rows=1)]
    assert pq.read_table("names.parquet").to_pylist() == [{"name": "a;b"}]
    assert [row.name for row in own.execute("SELECT name FROM users")] == ["a;b"]


@pytest.mark.parametrize(
    ("last", "error", "words"),
    [
        ("COPY users TO", OptionError, "line 3, column 14: expected a path"),
        ("COPY users TO 'x.parquet' WITH COMPRESSION='BROTLI'", OptionError, "line 3, COPY TO: compression='BROTLI'"),
        ("COPY users TO 'x.parquet' WITH PARTITION='id'", OptionError, "line 3, COPY TO: partition_by makes several"),
        ("COPY users FROM 'x.parquet' WITH MAX_ERRORS=5", OptionError, "line 3, COPY FROM: max_errors=5 needs"),
        (
            "COPY users FROM 'x' WITH START='2024-01-01'",
            OptionError,
            "line 3, COPY FROM: there is no run to resolve",
        ),
        ("COPY users TO 'x' WITH TIME_COLUMN='name'", OptionError, "line 3, COPY TO: there is no run"),
        ("CAPTURE 'x.parquet'; SELECT * FROM users", OptionError, "line 3, CAPTURE: .*open at the end of the script"),
        ("CAPTURE OFF", OptionError, "line 3, CAPTURE: CAPTURE OFF without a CAPTURE"),
        ("COPY users FROM 'x.csv'", OptionError, "line 3, COPY FROM: path='x.csv': imports read Parquet, not text"),
        (
            "CAPTURE 'd'; SELECT * FROM users;\nCOPY users TO 'd/';\nCAPTURE OFF",
            OptionError,
            "line 4, COPY TO: path='d/' is that of the CAPTURE around it",
        ),
        ("CAPTURE 'x.parquet';\nUSE system;\nCAPTURE OFF", OptionError, "line 4, USE: the keyspace cannot change"),
        ("CAPTURE 'x.parquet' WITH ON_EMPTY='fail';\nCAPTURE OFF", OptionError, "line 3, CAPTURE: no query follows"),
        ("CAPTURE 'x.parquet' WITH CODEC='LZ4';\nCAPTURE OFF", OptionError, "line 3: CAPTURE: unknown option CODEC"),
        ("COPY c FROM 'x' WITH MODE='counter_update'; SELECT * FROM c", OptionError, "line 3, COPY FROM: MODE=.*last"),
        (
            "CAPTURE 'y'; COPY c FROM 'x' WITH MODE='counter_update';SELECT * FROM c;CAPTURE OFF",
            OptionError,
            "line 3, COPY FROM: MODE=.*last",
        ),
        ("INSERT INTO users (id) VALUES ('", OptionError, "line 3: a text in '...' begins here and is not closed"),
    ],
)
def test_nothing_runs_before_all_of_the_script_was_checked(
    own: Session, keyspace: str, tmp_path: Path, last: str, error: type[CqlaiError], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        run(own, f"{CREATE}\n{last}")
    assert raised.value.line in (3, 4)
    assert tables(own, keyspace) == set()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", " ;; -- nothing", "\ufeff"])
def test_a_script_without_a_statement_is_an_error(own: Session, text: str) -> None:
    with pytest.raises(OptionError, match="no statement"):
        run(own, text)


@pytest.mark.parametrize(
    ("statement", "error", "words"),
    [
        ("SELEC * FROM users", QueryError, "line 3, SELEC: running it: the server refuses the query: .*SELEC"),
        ("INSERT INTO users (id, nam) VALUES (2, 'secret')", QueryError, "line 3, INSERT: running it: .*nam"),
        ("COPY user TO 'u.parquet'", TableMetadataError, "line 3, COPY TO: .*did you mean"),
        ("CAPTURE 'u.parquet';\nSELECT id FROM user;\nCAPTURE OFF", QueryError, "line 4, SELECT: preparing the query"),
        ("USE nowhere_to_be_found", QueryError, "line 3, USE: running it: .*nowhere_to_be_found"),
    ],
)
def test_an_error_names_its_line_keeps_its_class_and_pickles(
    own: Session, statement: str, error: type[CqlaiError], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        run(own, f"{CREATE}INSERT INTO users (id) VALUES (1);\n{statement};\nTRUNCATE users")
    assert "secret" not in str(raised.value)
    copied = pickle.loads(pickle.dumps(raised.value))
    assert (type(copied), copied.line, copied.statement) == (error, raised.value.line, raised.value.statement)
    assert str(copied) == str(raised.value)
    # What was done before stays, what follows was not done.
    assert [row.id for row in own.execute("SELECT id FROM users")] == [1]


def test_details_of_an_export_error_are_kept(own: Session) -> None:
    with pytest.raises(ValueDoesNotFitError) as raised:
        run(
            own,
            "CREATE TABLE t (id int PRIMARY KEY, at time); INSERT INTO t (id, at) VALUES (7, '00:00:00.000000001');"
            "COPY t TO 't.parquet'",
        )
    assert (raised.value.column, raised.value.line, raised.value.statement) == ("at", 1, "COPY TO")
    assert raised.value.primary_key == {"id": "7"}


def test_use_is_for_the_script_alone(own: Session, session: Session, keyspace: str) -> None:
    other = f"{keyspace}_Other"
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    try:
        result = run(
            own,
            f"""{CREATE}
            CREATE KEYSPACE "{other}" WITH replication = {replication};
            USE "{other}";
            {CREATE} INSERT INTO users (id, name) VALUES (1, 'other');
            COPY users TO 'users.parquet';
            CAPTURE 'names.parquet'; SELECT name FROM users; CAPTURE OFF;
            COPY {keyspace}.users FROM 'users.parquet';
            """,
        )
        exported, captured, imported = result.moved
        assert isinstance(captured, CaptureResult)
        assert not isinstance(exported, CaptureResult)
        assert not isinstance(imported, CaptureResult)
        assert (exported.table, captured.tables) == (f'"{other}".users', (f"{other}.users",))
        assert imported.table == f"{keyspace}.users"
        assert own.keyspace == keyspace
        assert session.keyspace is None
        # In the caller's keyspace, as before.
        assert [row.name for row in own.execute("SELECT name FROM users")] == ["other"]
    finally:
        session.execute(f'DROP KEYSPACE IF EXISTS "{other}"')


def test_statements_inside_of_a_capture_run_and_their_results_stay_out(own: Session) -> None:
    [created, captured, *_] = run(
        own,
        f"""{CREATE}
        CAPTURE 'u.parquet';
        INSERT INTO users (id) VALUES (1);
        SELECT id FROM users;
        CREATE TABLE more (id int PRIMARY KEY);
        INSERT INTO more (id) VALUES (2);
        SELECT id FROM more;
        SELECT id FROM users;
        CAPTURE OFF;
        """,
    ).statements
    assert (created.kind, captured.kind) == ("CREATE", "CAPTURE")
    assert pq.read_table("u.parquet")["id"].to_pylist() == [1, 2, 1]


def test_the_status_tells_what_is_captured(own: Session, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        run(own, f"CAPTURE;{CREATE}CAPTURE 'u.parquet';\nSELECT * FROM users;CAPTURE;\nCAPTURE OFF;\nCAPTURE;")
    told = [record.getMessage() for record in caplog.records if "captur" in record.getMessage()]
    assert "line 1: nothing is being captured" in told
    assert "line 3: capturing to u.parquet: 1 query, 0 rows, nothing is published yet" in told
    assert "line 5: nothing is being captured" in told


def test_a_condition_that_does_not_hold_is_told(own: Session, caplog: pytest.LogCaptureFixture) -> None:
    insert = "INSERT INTO users (id) VALUES (1) IF NOT EXISTS;"
    results = [each.result for each in run(own, f"{CREATE}{insert}\n{insert}").statements[1:]]
    assert results == [CqlResult(rows=1, is_applied=True), CqlResult(rows=1, is_applied=False)]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "line 3: INSERT was not applied: its condition did not hold"
    ]


def test_warnings_of_the_server_are_logged_and_every_page_is_counted(
    own: Session, caplog: pytest.LogCaptureFixture
) -> None:
    inserts = "".join(f"INSERT INTO users (id) VALUES ({number});" for number in range(30))
    own.default_fetch_size = 7
    result = run(
        own, f"{CREATE}BEGIN UNLOGGED BATCH {inserts} APPLY BATCH;SELECT * FROM users; SELECT max(id) FROM users"
    )
    assert [each.result for each in result.statements[2:]] == [CqlResult(rows=30), CqlResult(rows=1)]
    assert "the server warns: Unlogged batch covering 30 partitions" in caplog.text


def test_windows_come_from_whoever_runs_the_script(own: Session) -> None:
    asked: list[tuple[dict[str, str], bool]] = []

    def resolve(written: Any, is_needed: bool) -> TimeWindow | None:
        asked.append((dict(written), is_needed))
        return DAY if is_needed else None

    result = run(
        own,
        """CREATE TABLE e (k int, at timestamp, PRIMARY KEY (k, at));
        INSERT INTO e (k, at) VALUES (1, '2024-01-01 12:00:00+0000');
        INSERT INTO e (k, at) VALUES (1, '2024-01-02 00:00:00+0000');
        COPY e TO 'day' WITH TIME_COLUMN='at' AND PERIOD='1 day';
        COPY e TO 'all.parquet';
        CAPTURE 'captured' WITH PERIOD='1 day'; SELECT * FROM e WHERE at >= :window_start ALLOW FILTERING; CAPTURE OFF;
        CAPTURE 'marked'; SELECT * FROM e WHERE k = 1 AND at < :window_end; CAPTURE OFF;
        """,
        surroundings=ScriptSurroundings(resolve_window=resolve),
    )
    assert asked == [({"period": "1 day"}, True), ({}, False), ({"period": "1 day"}, True), ({}, True)]
    assert [(each.rows, getattr(each, "window", None)) for each in result.moved] == [
        (1, DAY),
        (2, None),
        (2, DAY),
        (1, DAY),
    ]


def test_a_window_that_the_run_does_not_have_is_an_error_before_anything_runs(own: Session, keyspace: str) -> None:
    def resolve(written: Any, is_needed: bool) -> TimeWindow | None:
        raise TimeWindowError("the run has no data interval")

    with pytest.raises(TimeWindowError, match="line 2, COPY TO: the run has no data interval"):
        run(own, f"{CREATE}COPY users TO 'x'", surroundings=ScriptSurroundings(resolve_window=resolve))
    assert tables(own, keyspace) == set()


@pytest.mark.parametrize(
    "slow",
    [
        "CAPTURE 'u.parquet' WITH PAGE_SIZE=1 AND RATE_LIMIT_ROWS_PER_SECOND=2;SELECT * FROM users;CAPTURE OFF;",
        "COPY users TO 'u.parquet' WITH PAGE_SIZE=1 AND RATE_LIMIT_ROWS_PER_SECOND=2;",
    ],
)
def test_a_cancelled_script_ends_within_two_seconds(own: Session, tmp_path: Path, slow: str) -> None:
    run(own, CREATE + "".join(f"INSERT INTO users (id) VALUES ({number});" for number in range(30)))
    cancellation = Cancellation()
    asked_at: list[float] = []

    def cancel() -> None:
        asked_at.append(time.monotonic())
        cancellation.cancel()

    timer = threading.Timer(1.5, cancel)
    timer.start()
    with pytest.raises(CopyCancelledError, match="line 1, "):
        run(own, f"{slow}\nTRUNCATE users", cancellation=cancellation)
    assert time.monotonic() - asked_at[0] < 2
    assert not list(tmp_path.glob("*.parquet"))
    assert len(list(own.execute("SELECT id FROM users"))) == 30


@pytest.mark.parametrize(
    ("before", "journaled"),
    [
        ("", [1]),
        ("SELECT * FROM users; COPY users TO 'other.parquet';", [1]),
        ("DELETE FROM users WHERE id IN (0, 1, 2, 3);", []),
        ("COPY users FROM 'rows.parquet';", [1]),
    ],
)
def test_an_import_resumes_only_where_nothing_before_it_writes(
    own: Session, tmp_path: Path, before: str, journaled: list[int]
) -> None:
    """A retry runs what is before it again, over rows that this import wrote in the first try."""
    own.execute(CREATE)
    pq.write_table(pa.table({"id": pa.array(range(4), pa.int32()), "name": ["a"] * 4}), tmp_path / "rows.parquet")
    opened = []

    def open_journal(number: int, _options: Any) -> FileJournalStore:
        opened.append(number)
        return FileJournalStore(tmp_path / f"journal-{number}")

    result = run(own, f"{before} COPY users FROM 'rows.parquet'", open_journal=open_journal)
    assert (opened, result.statements[-1].to_dict()["rows"]) == (journaled, 4)


def test_a_refused_password_is_in_no_message(own: Session) -> None:
    with pytest.raises(QueryError, match="line 1, CREATE: the server refuses it") as raised:
        run(own, "CREATE ROLE someone WITH PASSWORD 'geheim' AND LOGIN = true")
    assert "geheim" not in str(raised.value)
    cause: BaseException | None = raised.value
    while cause is not None:
        assert "geheim" not in str(cause)
        cause = cause.__cause__
