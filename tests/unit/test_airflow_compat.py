"""Every name is there on the Airflow that runs this, whatever its line."""

from __future__ import annotations

import inspect

import pytest

from airflow_provider_cqlai import airflow_compat


@pytest.mark.parametrize("name", airflow_compat.__all__)
def test_name_is_there(name: str) -> None:
    value = getattr(airflow_compat, name)
    assert inspect.isclass(value) or callable(value) or hasattr(value, "get")


def test_a_name_that_is_not_among_them_is_missing() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        airflow_compat.Nothing  # noqa: B018
