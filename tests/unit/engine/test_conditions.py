"""Conditions as users write them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_cqlai.engine.conditions import read_conditions
from airflow_provider_cqlai.engine.errors import OptionError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ("year=2024,month=01", (("year", "=", "2024"), ("month", "=", "01"))),
        ([("year", ">=", 2023)], (("year", ">=", 2023),)),
        ('[["year", ">=", 2023], ["region", "in", ["eu"]]]', (("year", ">=", 2023), ("region", "in", ["eu"]))),
        (' [["v", "=", null]]', (("v", "=", None),)),
        ("[]", ()),
    ],
)
def test_all_spellings_are_read(given: Any, expected: Any) -> None:
    assert read_conditions("where", given) == expected


@pytest.mark.parametrize("given", ["[('year', '=', 1)]", '["year", "=", 1]', '[["year", "~", 1]]', '[["a", "in", 1]]'])
def test_what_is_no_list_of_conditions_names_the_option(given: str) -> None:
    with pytest.raises(OptionError, match="where"):
        read_conditions("where", given)
