"""`CassandraRecordSensor`: waits for a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.sensors._base import CqlaiSensor


class CassandraRecordSensor(CqlaiSensor):
    """Waits until a table has a row.

    :param table: ``keyspace.table``, or a table of the connection's keyspace. A template.
    :param keys: values by column, beginning with the partition key's; texts are read by the column's type. A template.
    :param cassandra_conn_id: the Airflow connection to Cassandra, of type ``cqlai`` or ``cassandra``.
    :param deferrable: wait in the triggerer instead of a worker; None is ``[operators] default_deferrable``.

    Further arguments are those of Airflow's `BaseSensorOperator`, such as ``poke_interval`` and ``timeout``.
    """

    template_fields: Sequence[str] = ("table", "keys", "cassandra_conn_id")

    def __init__(
        self,
        *,
        table: str,
        keys: Mapping[str, Any],
        cassandra_conn_id: str = CqlaiHook.default_conn_name,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, **kwargs)
        self.table = table
        self.keys = keys
        self.cassandra_conn_id = cassandra_conn_id
