"""Records, data frames and existence by the hook, and that what nobody knows is an error and not "no"."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from airflow_provider_cqlai.engine.errors import (
    ClusterUnavailableError,
    CqlaiError,
    OptionError,
    QueryError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress

ID = uuid.UUID("c3a1f6a0-5c3e-4b52-9b0f-0d6a2c3f1e11")
DAY = datetime.date(2024, 3, 1)


@pytest.fixture
def hook(
    cassandra: ServerAddress, session: Session, keyspace: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CqlaiHook]:
    session.execute(
        f"CREATE TABLE {keyspace}.orders (day date, id uuid, total decimal, at timestamp, count bigint, tags set<text>,"
        " PRIMARY KEY (day, id))"
    )
    session.execute(f'CREATE TABLE {keyspace}."Orders" ("Key" int PRIMARY KEY, v int)')
    session.execute(f"CREATE MATERIALIZED VIEW {keyspace}.by_id AS SELECT id, day FROM {keyspace}.orders"
                    " WHERE id IS NOT NULL AND day IS NOT NULL PRIMARY KEY (id, day)")  # fmt: skip
    session.execute(
        f"INSERT INTO {keyspace}.orders (day, id, total, at, count, tags) VALUES ('2024-03-01', {ID}, 1.10,"
        " '9999-12-31 23:59:59.999Z', 9007199254740993, {'a', 'b'})"
    )
    session.execute(f"INSERT INTO {keyspace}.orders (day, id) VALUES ('2024-03-02', {ID})")
    connection = {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": keyspace}
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", json.dumps(connection))
    with CqlaiHook() as opened:
        yield opened


def test_records_are_named_tuples_of_the_drivers_values(hook: CqlaiHook) -> None:
    [row] = hook.get_records("SELECT * FROM orders WHERE day = :day", {"day": "2024-03-01"})
    assert (row.id, row.total, row.count, set(row.tags)) == (ID, decimal.Decimal("1.10"), 2**53 + 1, {"a", "b"})
    assert len(hook.get_records("SELECT id FROM orders;")) == 2
    assert hook.get_records("SELECT id FROM orders WHERE day = :day", {"day": datetime.date(2020, 1, 1)}) == []


def test_the_first_row_or_none(hook: CqlaiHook) -> None:
    assert hook.get_first("SELECT id FROM orders WHERE day = :day AND id = :id", {"day": DAY, "id": ID}) == (ID,)
    assert hook.get_first("SELECT id FROM orders WHERE day = '2020-01-01'") is None


def test_data_frames_keep_every_value(hook: CqlaiHook) -> None:
    query = "SELECT day, id, total, at, count, tags FROM orders"
    polars = hook.get_df(query, df_type="polars", types={"id": "string"}).sort("day")
    assert polars["count"].to_list() == [2**53 + 1, None]
    assert polars["id"].to_list() == [str(ID)] * 2
    pandas = hook.get_df(query + " WHERE day = :day", {"day": "2024-03-01"}, consistency_level="ONE")
    [row] = pandas.to_dict("records")
    assert row["count"] == 2**53 + 1
    assert row["total"] == decimal.Decimal("1.10")
    assert row["at"] == datetime.datetime(9999, 12, 31, 23, 59, 59, 999_000, datetime.timezone.utc)
    assert str(row["id"]) == str(ID)
    assert list(row["tags"]) == ["a", "b"]


def test_statements_run_in_their_order(hook: CqlaiHook) -> None:
    assert hook.run("CREATE TABLE made (k int PRIMARY KEY, v text); INSERT INTO made (k, v) VALUES (1, 'a;b')") is None
    assert hook.run("INSERT INTO made (k, v) VALUES (:k, :v)", {"k": "2", "v": "c"}) is None
    assert hook.run("SELECT v FROM made WHERE k = 1", handler=list) == [("a;b",)]
    found = hook.run(["SELECT v FROM made WHERE k = :k"], {"k": 2}, handler=lambda result: result.one().v)
    assert found == ["c"]
    with pytest.raises(QueryError, match="running SELEC v FROM made"):
        hook.run("SELEC v FROM made")


def test_existence(hook: CqlaiHook, keyspace: str) -> None:
    assert hook.table_exists("orders")
    assert hook.table_exists(f"{keyspace}.by_id")
    assert hook.table_exists('"Orders"')
    assert hook.table_exists("system_views.clients")
    assert not hook.table_exists("nowhere")
    assert not hook.table_exists("no_keyspace.orders")
    assert hook.record_exists("orders", {"day": "2024-03-01", "id": str(ID)})
    assert hook.record_exists("orders", {"day": DAY})
    assert not hook.record_exists("orders", {"day": "2020-01-01"})
    assert not hook.record_exists(f'{keyspace}."Orders"', {"Key": 1})
    assert hook.list_tables() == ["Orders", "orders"]
    assert "local" in hook.list_tables("system")


def test_what_nobody_knows_is_no_no(hook: CqlaiHook, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="keys is empty"):
        hook.record_exists("orders", {})
    with pytest.raises(QueryError, match="nowhere"):
        hook.record_exists("orders", {"nowhere": 1})
    with pytest.raises(QueryError, match="ALLOW FILTERING"):
        hook.record_exists("orders", {"count": 1})
    with pytest.raises(OptionError, match="of type date, and 'today' is not a day"):
        hook.record_exists("orders", {"day": "today"})
    monkeypatch.setenv("AIRFLOW_CONN_NO_SERVER", json.dumps({"conn_type": "cqlai", "host": "127.0.0.1", "port": 1}))
    with CqlaiHook("no_server") as nobody, pytest.raises(ClusterUnavailableError):
        nobody.record_exists("ks.orders", {"day": "2024-03-01"})


def test_wrong_arguments_name_themselves(hook: CqlaiHook) -> None:
    with pytest.raises(OptionError, match="df_type='spark'"):
        hook.get_df("SELECT id FROM orders", df_type="spark")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="one statement"):
        hook.get_records("DELETE FROM orders WHERE day = '2024-03-01'; SELECT id FROM orders")
    assert len(hook.get_records("SELECT id FROM orders")) == 2
    with pytest.raises(OptionError, match="expected a mapping"):
        hook.get_records("SELECT id FROM orders WHERE day = :day", ["2024-03-01"])  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="one query"):
        hook.get_df("SELECT id FROM orders; SELECT id FROM orders")
    with pytest.raises(OptionError, match="no marker :nowhere"):
        hook.get_records("SELECT id FROM orders WHERE day = :day", {"day": DAY, "nowhere": 1})
    with pytest.raises(OptionError, match="the marker :day has no value"):
        hook.get_records("SELECT id FROM orders WHERE day = :day AND id = :id", {"id": ID})
    with pytest.raises(CqlaiError, match="day"):
        hook.get_records("SELECT id FROM orders WHERE day = :day")
    # Not even a capture's, where they would have no effect.
    with pytest.raises(OptionError, match="compression is no option of a query in memory, which has allow_masked"):
        hook.get_df("SELECT id FROM orders", compression="zstd")


def test_a_password_is_in_no_message(hook: CqlaiHook) -> None:
    with pytest.raises(CqlaiError) as caught:
        hook.run("CREATE ROLE someone WITH PASSWORD 'ver-y-secret' ANDD LOGIN = true")
    assert "ver-y-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_value_that_python_does_not_have_is_an_error_that_says_what_reads_it(hook: CqlaiHook) -> None:
    hook.run("INSERT INTO orders (day, id, at) VALUES ('2024-04-01', uuid(), 253402300800000)")
    with pytest.raises(ValueDoesNotFitError, match=r"column \"at\".*get_df"):
        hook.get_records("SELECT at FROM orders WHERE day = '2024-04-01'")
    # The driver gives the connection up with it, and makes another after some seconds.
    hook.close()
    frame = hook.get_df("SELECT at FROM orders WHERE day = '2024-04-01'", df_type="polars")
    assert frame["at"].cast(int).to_list() == [253402300800000]


def test_an_exact_decimal_is_found_and_a_float_refused(hook: CqlaiHook) -> None:
    hook.run("CREATE TABLE prices (price decimal PRIMARY KEY); INSERT INTO prices (price) VALUES (0.1)")
    assert hook.record_exists("prices", {"price": "0.1"})
    assert hook.record_exists("prices", {"price": decimal.Decimal("0.1")})
    with pytest.raises(OptionError, match="exact number"):
        hook.record_exists("prices", {"price": 0.1})
