"""The engine's own session: pages arrive undecoded, and the caller's session stays as it is.

It is a second session on the same cluster, with a protocol handler that keeps each page's bytes and an execution
profile that never retries by itself: `page_reader` retries, from the paging state, with pauses that can be cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, Session
from cassandra.policies import FallthroughRetryPolicy

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage, RawPageProtocolHandler
from airflow_provider_cqlai.engine.options.read import ReadOptions

# For a session of somebody else's that has paging switched off; the driver's own default.
DEFAULT_PAGE_SIZE_ROWS = 5_000


@dataclass(frozen=True, kw_only=True)
class EngineSession:
    """A session whose results are `RawPage` objects, and the profile to execute with."""

    session: Session
    profile: ExecutionProfile
    page_size_rows: int
    """Rows per page at the most: what was asked for, else what the connection says. 0 is a whole result."""

    @property
    def consistency_level(self) -> str:
        """Name of the consistency level that pages are read with."""
        return str(ConsistencyLevel.value_to_name[self.profile.consistency_level])


@contextmanager
def open_engine_session(
    session: Session, options: ReadOptions, *, keyspace: str | None = None
) -> Iterator[EngineSession]:
    """A session of the engine's own on the cluster of ``session``; shut down on leaving, the cluster stays open.

    Names without a keyspace are looked for in ``keyspace``.
    """
    with open_own_session(session, keyspace) as own_session:
        own_session.client_protocol_handler = RawPageProtocolHandler
        changes = {"retry_policy": FallthroughRetryPolicy(), "row_factory": box_page}
        if options.consistency_level is not None:
            changes["consistency_level"] = ConsistencyLevel.name_to_value[options.consistency_level]
        if options.request_timeout_seconds is not None:
            changes["request_timeout"] = options.request_timeout_seconds
        profile = own_session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, **changes)
        of_session = session.default_fetch_size or DEFAULT_PAGE_SIZE_ROWS
        page_size_rows = int(of_session if options.page_size is None else options.page_size)
        yield EngineSession(session=own_session, profile=profile, page_size_rows=page_size_rows)


@contextmanager
def open_own_session(session: Session, keyspace: str | None = None) -> Iterator[Session]:
    """A further session on the cluster of ``session``; shut down on leaving, the cluster stays open."""
    try:
        own_session = session.cluster.connect(keyspace)
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, "opening the engine's session") from error
    try:
        yield own_session
    finally:
        own_session.shutdown()


def box_page(_column_names: object, page: RawPage) -> list[RawPage]:
    """A list, which whoever takes the page out of it leaves empty.

    The driver's futures are in reference cycles: with the page itself in them some 40 pages would wait for Python's
    garbage collector.
    """
    return [page]
