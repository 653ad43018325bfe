"""Prepares a statement as ``session.prepare`` does, but reads its result types with the engine's own parser.

Note: the driver's ``prepare`` ignores the session's protocol handler, and its own parser fails on a vector of a
user-defined type with some names, see `result_types`.
"""

from __future__ import annotations

from cassandra.cluster import ResponseFuture, Session
from cassandra.protocol import PrepareMessage
from cassandra.query import PreparedStatement

from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPageProtocolHandler


def prepare_statement(session: Session, query: str) -> PreparedStatement:
    """``query``, prepared on one host; the driver prepares it again wherever a host does not know it.

    Raises what ``session.prepare`` raises.
    """
    future = ResponseFuture(session, PrepareMessage(query=query), query=None, timeout=session.default_timeout)
    future._protocol_handler = RawPageProtocolHandler
    future.send_request()
    response = future.result().one()
    statement = PreparedStatement.from_message(
        response.query_id,
        response.bind_metadata,
        response.pk_indexes,
        session.cluster.metadata,
        query,
        None,
        session._protocol_version,
        response.column_metadata,
        response.result_metadata_id,
    )
    session.cluster.add_prepared(response.query_id, statement)
    return statement
