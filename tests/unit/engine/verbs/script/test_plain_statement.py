"""How a statement of plain CQL is sent: once, whatever happens to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from cassandra.policies import FallthroughRetryPolicy

from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPageProtocolHandler
from airflow_provider_cqlai.engine.verbs.script.plain_statement import _send


class FakeSession:
    """Stands for the driver's session, and remembers the request."""

    cluster = SimpleNamespace(connect_timeout=5)
    client_protocol_handler: Any = "usual"

    def execution_profile_clone_update(self, name: Any, **changes: Any) -> dict[str, Any]:
        return changes

    def update_created_pools(self) -> set[Any]:
        return set()

    def execute_async(self, statement: Any, **arguments: Any) -> Any:
        return statement, arguments, self.client_protocol_handler


def test_a_statement_is_never_tried_again_by_the_driver() -> None:
    session: Any = FakeSession()
    text = "UPDATE hits SET n = n + 1 WHERE name LIKE '%(x)s'"
    statement, arguments, handler = _send(session, text, None, 5_000)
    assert isinstance(arguments["execution_profile"]["retry_policy"], FallthroughRetryPolicy)
    assert statement.is_idempotent is False
    assert statement.query_string == text
    assert handler is RawPageProtocolHandler
    assert session.client_protocol_handler == "usual"
