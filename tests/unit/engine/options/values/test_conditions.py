"""Conditions as users write them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.values.conditions import read_conditions


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ("year=2024,month=01", (("year", "=", "2024"), ("month", "=", "01"))),
        ([("year", ">=", 2023)], (("year", ">=", 2023),)),
        ('[["year", ">=", 2023], ["region", "in", ["eu"]]]', (("year", ">=", 2023), ("region", "in", ["eu"]))),
        (' [["v", "=", null]]', (("v", "=", None),)),
        ((), ()),
    ],
)
def test_all_spellings_are_read(given: Any, expected: Any) -> None:
    assert read_conditions("where", given) == expected


@pytest.mark.parametrize("given", ["[('year', '=', 1)]", '["year", "=", 1]', '[["year", "~", 1]]', '[["a", "in", 1]]'])
def test_what_is_no_list_of_conditions_names_the_option(given: str) -> None:
    with pytest.raises(OptionError, match="where"):
        read_conditions("where", given)


@pytest.mark.parametrize("given", ["year==2024", "a=1,year= =2024"])
def test_a_doubled_sign_is_no_part_of_the_value(given: str) -> None:
    with pytest.raises(OptionError, match=r"write year=value; .*\[\('year', '=', '=value'\)\]"):
        read_conditions("where", given)
    assert read_conditions("where", [("year", "=", "=2024")]) == (("year", "=", "=2024"),)


@pytest.mark.parametrize("option", ["where", "partition_filter"])
@pytest.mark.parametrize("given", ["", " ", ",", " , ", "[]", " [ ] ", []])
def test_what_is_given_and_has_no_condition_is_not_taken_for_no_filter(option: str, given: Any) -> None:
    with pytest.raises(OptionError, match="has no condition") as raised:
        CopyFromOptions(table="t", path="p", **{option: given})
    assert raised.value.details["option"] == option
