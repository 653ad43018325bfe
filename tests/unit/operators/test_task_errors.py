"""Which errors fail a task for good."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

from airflow_provider_cqlai.engine import errors
from airflow_provider_cqlai.operators.task_errors import failing_without_retries


@pytest.mark.parametrize(
    "error_type", [errors.OptionError, errors.TableMetadataError, errors.AccessDeniedError, errors.ValueDoesNotFitError]
)
def test_a_terminal_error_fails_without_retries_and_keeps_its_message(error_type: type[errors.CqlaiError]) -> None:
    cause = error_type("shop.orders.amount: 1e99 does not fit")
    with pytest.raises(AirflowFailException) as raised, failing_without_retries():
        raise cause
    assert str(raised.value) == f"{error_type.__name__}: shop.orders.amount: 1e99 does not fit"
    assert raised.value.__cause__ is cause


@pytest.mark.parametrize("error_type", [errors.ClusterUnavailableError, errors.StorageError, errors.SupersededError])
def test_a_retryable_error_goes_through_as_it_is(error_type: type[errors.CqlaiError]) -> None:
    cause = error_type("no host answered")
    with pytest.raises(error_type) as raised, failing_without_retries():
        raise cause
    assert raised.value is cause


def test_a_connection_that_does_not_exist_fails_without_retries() -> None:
    with pytest.raises(AirflowFailException, match="no such connection"), failing_without_retries():
        raise AirflowNotFoundException("no such connection")


def test_an_error_of_nobody_goes_through_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), failing_without_retries():
        raise ZeroDivisionError
