"""Reads the server's own tables: what a plan asks before the first row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, ResultSet, Session, _ConfigMode
from cassandra.query import SimpleStatement, Statement, named_tuple_factory

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    is_page_too_large,
    translate_driver_error,
)
from airflow_provider_cqlai.engine.errors import ConnectionSettingsError

# The session's own pages may be larger than the guardrail `page_size_fail_threshold` lets an ordinary role ask for.
_PAGE_ROWS = 100


def read_system_rows(session: Session, statement: str, *parameters: Any, what: str) -> Sequence[Any]:
    """All rows of ``statement`` as named tuples; ``what`` is being done, for messages.

    Raises:
        CqlaiError: the server refuses, or no host answers.
    """
    profile = system_profile(session)
    simple_statement = SimpleStatement(statement, fetch_size=_PAGE_ROWS)
    try:
        return list(session.execute(simple_statement, parameters or None, execution_profile=profile))
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, what) from error


def execute_in_allowed_pages(session: Session, statement: Statement) -> ResultSet:
    """The result of ``statement`` in pages that the role may ask for: of its ``fetch_size``, or smaller where a
    guardrail refuses that, which runs nothing. Raises what the driver raises."""
    profile = system_profile(session)
    while True:
        try:
            return session.execute_async(statement, execution_profile=profile).result()
        except DRIVER_EXCEPTIONS as error:
            if (statement.fetch_size or 0) < 2 or not is_page_too_large(error):
                raise
            statement.fetch_size //= 2


def system_profile(session: Session) -> ExecutionProfile:
    """The session's own profile, with rows that are named tuples whatever it makes of rows.

    Raises:
        ConnectionSettingsError: the cluster has no profiles.
    """
    if session.cluster._config_mode == _ConfigMode.LEGACY:
        raise ConnectionSettingsError(
            "the session's settings are the driver's legacy ones (Cluster(load_balancing_policy=...),"
            " session.row_factory = ... or session.default_consistency_level = ...), which sessions of the same cluster"
            " do not share; give them as Cluster(execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(...)})",
            setting="execution_profiles",
        )
    return session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=named_tuple_factory)
