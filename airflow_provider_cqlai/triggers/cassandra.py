"""`CassandraTrigger`: asks the cluster again and again whether a table or a row is there, for a deferred sensor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_cqlai.engine.errors import CqlaiError
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.hooks.queries import is_there


class CassandraTrigger(BaseTrigger):
    """Fires once: when what is looked for is there, or when asking failed.

    :param table: ``keyspace.table``, or a table of the connection's keyspace.
    :param keys: values by column of the row that is looked for; None asks for the table alone.
    :param cassandra_conn_id: the Airflow connection to Cassandra.
    :param poke_interval: seconds between two questions.
    """

    def __init__(
        self, *, table: str, keys: Mapping[str, Any] | None, cassandra_conn_id: str, poke_interval: float
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.table = table
        self.keys = keys
        self.cassandra_conn_id = cassandra_conn_id
        self.poke_interval = poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow stores of it."""
        names = ("table", "keys", "cassandra_conn_id", "poke_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: ``found``, or ``error`` with its ``message``."""
        hook = CqlaiHook(self.cassandra_conn_id)
        # In threads of their own: the driver waits, and other triggers are not to wait with it.
        ask = sync_to_async(is_there, thread_sensitive=False)
        try:
            while not await ask(hook, self.table, self.keys):
                await asyncio.sleep(self.poke_interval)
            event = {"found": self.table}
        except CqlaiError as error:
            event = {"error": type(error).__name__, "message": error.message}
        finally:
            await sync_to_async(hook.close, thread_sensitive=False)()
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]
