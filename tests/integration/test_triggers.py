"""The trigger of deferred sensors: it fires when there is something, or when it cannot know, and closes its session."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.triggers.cassandra import CassandraTrigger

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from dev.server_address import ServerAddress


@pytest.fixture
def table(cassandra: ServerAddress, session: Session, keyspace: str, monkeypatch: pytest.MonkeyPatch) -> str:
    session.execute(f"CREATE TABLE {keyspace}.ready (day date PRIMARY KEY)")
    connection = {"conn_type": "cqlai", "host": cassandra.host, "port": cassandra.port, "schema": keyspace}
    monkeypatch.setenv("AIRFLOW_CONN_CQLAI_DEFAULT", json.dumps(connection))
    return f"{keyspace}.ready"


def _trigger(table: str, keys: dict[str, Any] | None, connection: str = "cqlai_default") -> CassandraTrigger:
    return CassandraTrigger(table=table, keys=keys, cassandra_conn_id=connection, poke_interval=0.1)


async def _fire(trigger: CassandraTrigger) -> list[Any]:
    return [event.payload async for event in trigger.run()]


def test_it_fires_when_the_row_comes(session: Session, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    close = CqlaiHook.close
    monkeypatch.setattr(CqlaiHook, "close", lambda hook: (close(hook), closed.append(hook._session is None)))

    async def insert_meanwhile() -> list[Any]:
        firing = asyncio.create_task(_fire(_trigger(table, {"day": "2024-03-01"})))
        await asyncio.sleep(0.5)
        assert not firing.done()
        session.execute(f"INSERT INTO {table} (day) VALUES ('2024-03-01')")
        return await firing

    assert asyncio.run(insert_meanwhile()) == [{"found": table}]
    assert closed == [True]


def test_what_it_cannot_know_is_told(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [refused] = asyncio.run(_fire(_trigger(table, {"nowhere": 1})))
    assert (refused["error"], "nowhere" in refused["message"]) == ("QueryError", True)
    monkeypatch.setenv("AIRFLOW_CONN_NO_SERVER", json.dumps({"conn_type": "cqlai", "host": "127.0.0.1", "port": 1}))
    [unreachable] = asyncio.run(_fire(_trigger(table, None, "no_server")))
    assert unreachable["error"] == "ClusterUnavailableError"


def test_it_is_stored_and_made_again() -> None:
    path, arguments = _trigger("ks.t", {"k": "1"}).serialize()
    assert path == "airflow_provider_cqlai.triggers.cassandra.CassandraTrigger"
    assert CassandraTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
