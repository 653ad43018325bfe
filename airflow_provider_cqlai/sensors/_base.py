"""What the sensors share: a question about the cluster, asked by the worker or, deferred, by the triggerer."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.airflow_compat import BaseSensorOperator, conf
from airflow_provider_cqlai.engine import errors
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.hooks.queries import is_there
from airflow_provider_cqlai.operators._base import failing_without_retries

if TYPE_CHECKING:
    from airflow_provider_cqlai.airflow_compat import Context


class CqlaiSensor(BaseSensorOperator):
    """Base of the sensors. What cannot come true, such as an unknown column, fails the task without retries."""

    cassandra_conn_id: str
    table: str
    keys: Mapping[str, Any] | None = None
    """The row that is looked for; None asks for the table alone."""

    def __init__(self, *, deferrable: bool | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable

    def poke(self, context: Context) -> bool:
        """Whether it is there."""
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            return is_there(hook, self.table, self.keys)

    def execute(self, context: Context) -> None:
        """Wait until it is there, in this worker or deferred."""
        is_deferred = self.deferrable
        if is_deferred is None:
            is_deferred = conf.getboolean("operators", "default_deferrable", fallback=False)
        if not is_deferred:
            super().execute(context)
        elif not self.poke(context):
            # Airflow's base of triggers takes longer to import than the sensor.
            from airflow_provider_cqlai.triggers.cassandra import CassandraTrigger

            self.defer(
                trigger=CassandraTrigger(
                    table=self.table,
                    keys=None if self.keys is None else {name: _plain(value) for name, value in self.keys.items()},
                    cassandra_conn_id=self.cassandra_conn_id,
                    poke_interval=float(self.poke_interval),
                ),
                method_name="execute_complete",
                timeout=datetime.timedelta(seconds=float(self.timeout)),
            )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """What the triggerer found."""
        with failing_without_retries():
            if "error" in event:
                # By the name of its class, so that retries are what they would be.
                raise getattr(errors, event["error"])(event["message"])
        self.log.info("%s is there", event["found"])


def _plain(value: Any) -> Any:
    """As Airflow stores it with a trigger; texts are read by the column's type."""
    is_day = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    return str(value) if is_day or isinstance(value, uuid.UUID) else value
