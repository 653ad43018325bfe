"""Ordinary roles on a server with guardrails and masked columns, which bind every role but superusers."""

from __future__ import annotations

import dataclasses
import datetime
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import AccessDeniedError, QueryError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.verbs.capture.run import capture
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
from airflow_provider_cqlai.engine.verbs.script.result import CqlResult
from airflow_provider_cqlai.engine.verbs.script.run import run_script
from dev.server_address import ServerAddress
from tests.inserted_rows import insert_rows
from tests.integration.export_cases import data_files, options
from tests.keyspaces import make_keyspace

NEEDS_GUARDRAILS = pytest.mark.needs_cassandra("4.1", "guardrails")
NEEDS_MASKING = pytest.mark.needs_cassandra("5.0", "dynamic data masking")
ROWS = 3_000
DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class Guarded:
    """A superuser's session, that of an ordinary role with its name, and a keyspace in which it may do all."""

    superuser: Session
    session: Session
    role: str
    keyspace: str


@pytest.fixture(scope="module")
def guarded(cassandra_with_auth: ServerAddress) -> Iterator[Guarded]:
    role = f"loader_{uuid.uuid4().hex}"
    with cassandra_with_auth.connect() as superuser:
        keyspace = make_keyspace(superuser)
        superuser.execute(f"CREATE ROLE {role} WITH PASSWORD = 'pw' AND LOGIN = true")
        for permission in ("SELECT", "MODIFY"):
            superuser.execute(f"GRANT {permission} ON KEYSPACE {keyspace} TO {role}")
        with dataclasses.replace(cassandra_with_auth, username=role, password="pw").connect() as session:
            # What a connection of the provider has; the driver's own are 5,000.
            session.default_fetch_size = 10_000
            yield Guarded(superuser, session, role, keyspace)


@NEEDS_GUARDRAILS
@pytest.mark.parametrize("columns", ["id int PRIMARY KEY, c int, v text", "id int, c int, v text, PRIMARY KEY (id, c)"])
def test_pages_and_lists_shrink_to_what_the_guardrails_allow(guarded: Guarded, columns: str, tmp_path: Path) -> None:
    table = f"{guarded.keyspace}.t_{uuid.uuid4().hex[:8]}"
    copied = f"{table}_copy"
    for name in (table, copied):
        guarded.superuser.execute(f"CREATE TABLE {name} ({columns})")
    keys = range(ROWS) if "c int, v text, P" not in columns else [number // 100 for number in range(ROWS)]
    insert = f"INSERT INTO {table} (id, c, v) VALUES (?, ?, ?)"
    insert_rows(guarded.superuser, insert, ((key, number, f"v{number}") for number, key in enumerate(keys)))

    assert copy_to(guarded.session, options(table, tmp_path / "export")).rows == ROWS
    captured = CaptureOptions(queries=f"SELECT * FROM {table}", path=str(tmp_path / "capture.parquet"))
    assert capture(guarded.session, captured).rows == ROWS
    asked = CopyFromOptions(table=copied, path=str(tmp_path / "export"), verify="all")
    result = copy_from(guarded.session, asked)
    assert result.verification is not None
    assert (result.rows, result.verification.rows_checked) == (ROWS, ROWS)
    assert copy_to(guarded.session, options(copied, tmp_path / "again")).rows == ROWS
    script = run_script(guarded.session, f"SELECT count(*) FROM {copied}; SELECT * FROM {copied};")
    expected = [CqlResult(rows=1, count=ROWS), CqlResult(rows=ROWS)]
    assert [statement.result for statement in script.statements] == expected


@NEEDS_GUARDRAILS
@pytest.mark.parametrize("time_type", ["timestamp", "timeuuid", "date"])
@pytest.mark.parametrize("place", ["clustering", "regular"])
def test_a_window_is_exact_where_filtering_is_forbidden(
    guarded: Guarded, time_type: str, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = f"{guarded.keyspace}.w_{uuid.uuid4().hex[:8]}"
    key = "PRIMARY KEY (id, at)" if place == "clustering" else "PRIMARY KEY (id)"
    guarded.superuser.execute(f"CREATE TABLE {table} (id int, at {time_type}, v int, {key})")
    moments = ["2023-12-31 23:59:59.999", "2024-01-01 00:00:00.000"]
    moments += ["2024-01-01 23:59:59.999", "2024-01-02 00:00:00.000"]
    for number, moment in enumerate(moments):
        literal = {
            "timestamp": f"'{moment}+0000'",
            "timeuuid": f"minTimeuuid('{moment}+0000')",
            "date": f"'{moment[:10]}'",
        }[time_type]
        guarded.superuser.execute(f"INSERT INTO {table} (id, at, v) VALUES ({number}, {literal}, {number})")
    if place == "regular":
        guarded.superuser.execute(f"INSERT INTO {table} (id, v) VALUES (9, 9)")
    window = TimeWindow(start=DAY, end=DAY + datetime.timedelta(days=1))
    asked = options(table, tmp_path / "t", columns=["id", "v"], time_column="at", window=window)
    assert copy_to(guarded.session, asked).route.startswith("6: ")
    assert "reads more rows than it returns" in caplog.text
    (file,) = data_files(tmp_path / "t")
    assert pq.read_table(file).sort_by("id").to_pydict() == {"id": [1, 2], "v": [1, 2]}
    # The superuser's query is filtered by the server, with the same rows.
    assert copy_to(guarded.superuser, dataclasses.replace(asked, path=str(tmp_path / "same"))).rows == 2
    # What a superuser has prepared, the server gives to any role without a look at the guardrails.
    assert copy_to(guarded.session, dataclasses.replace(asked, path=str(tmp_path / "again"))).route.startswith("6: ")


@NEEDS_GUARDRAILS
def test_what_cannot_be_read_without_filtering_says_what_leads_to_rows(guarded: Guarded, tmp_path: Path) -> None:
    table = f"{guarded.keyspace}.f_{uuid.uuid4().hex[:8]}"
    guarded.superuser.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v int)")
    with pytest.raises(QueryError, match="bucket_column with bucket_format, an index, or whole partition keys"):
        copy_to(guarded.session, options(table, tmp_path / "t", where="v = 1"))


@NEEDS_GUARDRAILS
def test_where_on_the_rest_of_a_key_goes_with_the_window_that_completes_it(guarded: Guarded, tmp_path: Path) -> None:
    """Alone it would need filtering."""
    table = f"{guarded.keyspace}.b_{uuid.uuid4().hex[:8]}"
    guarded.superuser.execute(f"CREATE TABLE {table} (d date, x int, v int, PRIMARY KEY ((d, x)))")
    for day, x in [(1, 0), (1, 1), (2, 0)]:
        guarded.superuser.execute(f"INSERT INTO {table} (d, x, v) VALUES ('2024-01-0{day}', {x}, {day})")
    window = TimeWindow(start=DAY, end=DAY + datetime.timedelta(days=1))
    result = copy_to(guarded.session, options(table, tmp_path / "t", time_column="d", window=window, where="x = 0"))
    assert (result.rows, result.route[:2]) == (1, "1:")


@pytest.fixture
def masked_table(guarded: Guarded) -> str:
    table = f"{guarded.keyspace}.m_{uuid.uuid4().hex[:8]}"
    guarded.superuser.execute(
        f"CREATE TABLE {table} (id int PRIMARY KEY, email text MASKED WITH mask_inner(1, null), free text)"
    )
    insert_rows(
        guarded.superuser,
        f"INSERT INTO {table} (id, email, free) VALUES (?, ?, ?)",
        ((number, f"{number}@example.org", "free") for number in range(10)),
    )
    return table


@NEEDS_MASKING
class TestMaskedColumns:
    def test_an_export_of_masks_is_refused(self, guarded: Guarded, masked_table: str, tmp_path: Path) -> None:
        with pytest.raises(AccessDeniedError, match=f"GRANT UNMASK ON {masked_table}.*allow_masked=True.*email"):
            copy_to(guarded.session, options(masked_table, tmp_path / "t"))
        assert data_files(tmp_path / "t") == []
        assert copy_to(guarded.session, options(masked_table, tmp_path / "t", columns=["id", "free"])).rows == 10

    def test_masks_that_are_wanted_are_told_in_the_manifest(
        self, guarded: Guarded, masked_table: str, tmp_path: Path
    ) -> None:
        result = copy_to(guarded.session, options(masked_table, tmp_path / "t", allow_masked=True))
        (file,) = data_files(tmp_path / "t")
        assert {text[1:-1].strip("*") for text in pq.read_table(file)["email"].to_pylist()} == {""}
        assert result.manifest is not None
        assert json.loads(Path(result.manifest).read_text())["source"]["masked"] == ["email"]

    @pytest.mark.parametrize("right", ["UNMASK ON {table}", "UNMASK ON KEYSPACE {keyspace}"])
    def test_a_role_that_may_unmask_reads_the_values(
        self, right: str, guarded: Guarded, masked_table: str, tmp_path: Path
    ) -> None:
        granted = right.format(table=masked_table, keyspace=guarded.keyspace)
        guarded.superuser.execute(f"GRANT {granted} TO {guarded.role}")
        try:
            copy_to(guarded.session, options(masked_table, tmp_path / "t.parquet"))
        finally:
            guarded.superuser.execute(f"REVOKE {granted} FROM {guarded.role}")
        found = pq.read_table(tmp_path / "t.parquet")["email"].to_pylist()
        assert sorted(found) == [f"{number}@example.org" for number in range(10)]

    def test_a_superuser_reads_the_values(self, guarded: Guarded, masked_table: str, tmp_path: Path) -> None:
        copy_to(guarded.superuser, options(masked_table, tmp_path / "t.parquet"))
        assert "3@example.org" in pq.read_table(tmp_path / "t.parquet")["email"].to_pylist()

    @pytest.mark.parametrize("query", ["SELECT * FROM {}", "SELECT id, email FROM {}", "SELECT id, Email AS e FROM {}"])
    def test_a_capture_of_masks_is_refused(
        self, query: str, guarded: Guarded, masked_table: str, tmp_path: Path
    ) -> None:
        asked = CaptureOptions(queries=query.format(masked_table), path=str(tmp_path / "t.parquet"))
        with pytest.raises(AccessDeniedError, match="email"):
            capture(guarded.session, asked)
        assert not (tmp_path / "t.parquet").exists()
        assert capture(guarded.session, dataclasses.replace(asked, allow_masked=True)).rows == 10

    def test_a_capture_of_other_columns_is_not(self, guarded: Guarded, masked_table: str, tmp_path: Path) -> None:
        asked = CaptureOptions(queries=f"SELECT id, free FROM {masked_table}", path=str(tmp_path / "t.parquet"))
        assert capture(guarded.session, asked).rows == 10

    def test_masked_keys_are_never_read(self, guarded: Guarded, tmp_path: Path) -> None:
        table = f"{guarded.keyspace}.k_{uuid.uuid4().hex[:8]}"
        guarded.superuser.execute(f"CREATE TABLE {table} (id text MASKED WITH mask_default() PRIMARY KEY, v int)")
        with pytest.raises(AccessDeniedError, match="masks id of the primary key"):
            copy_to(guarded.session, options(table, tmp_path / "t", allow_masked=True))

    def test_what_cannot_be_read_back_is_not_written(self, guarded: Guarded, masked_table: str, tmp_path: Path) -> None:
        path = str(tmp_path / "rows.parquet")
        pq.write_table(pa.table({"id": [99], "email": ["new@example.org"], "free": ["x"]}), path)
        with pytest.raises(AccessDeniedError, match="verify=False"):
            copy_from(guarded.session, CopyFromOptions(table=masked_table, path=path, verify="all"))
        assert guarded.superuser.execute(f"SELECT id FROM {masked_table} WHERE id = 99").one() is None
        assert copy_from(guarded.session, CopyFromOptions(table=masked_table, path=path)).rows == 1
