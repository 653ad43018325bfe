"""The engine's errors -> what Airflow does about them.

A terminal error becomes `AirflowFailException`, which fails the task without retries; a retryable one goes through as
it is, so that the task's ``retries`` apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

from airflow_provider_cqlai.engine.errors import CqlaiError


@contextmanager
def failing_without_retries() -> Iterator[None]:
    """Fail the task for good where trying again cannot help; the message and the cause stay whole."""
    try:
        yield
    except CqlaiError as error:
        if error.is_retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
    except AirflowNotFoundException as error:
        # A Connection that does not exist is a mistyped id.
        raise AirflowFailException(str(error)) from error
