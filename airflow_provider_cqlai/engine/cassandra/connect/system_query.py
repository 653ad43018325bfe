"""Reads the server's own tables: what a plan asks before the first row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, Session, _ConfigMode
from cassandra.query import SimpleStatement, named_tuple_factory

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import DRIVER_EXCEPTIONS, translate_driver_error
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
