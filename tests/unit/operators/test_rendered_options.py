"""Texts that Jinja rendered, read by the types of the option's field."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.operators.rendered_options import read_flag, read_rendered


@pytest.mark.parametrize(
    ("option", "rendered", "expected"),
    [
        ("concurrency", "8", 8),
        ("concurrency", " 8 ", 8),
        ("shard_index", "0", 0),
        ("compression_level", "3", 3),
        ("request_timeout_seconds", "2.5", 2.5),
        ("allow_filtering", "False", False),
        ("allow_filtering", "true", True),
        ("page_index", "0", False),
        ("statistics", "True", True),
        ("statistics", "id,name", "id,name"),
        ("dictionary", "false", False),
        ("chunk_size", "50K", "50K"),
        ("page_size", "500", "500"),
        ("table", "shop.orders", "shop.orders"),
        ("where", "8", "8"),
        ("columns", "id,name", "id,name"),
        ("types", '{"id": "uuid"}', {"id": "uuid"}),
        ("bloom_filters", "id,name", "id,name"),
        ("bloom_filters", '{"id": 0.05}', {"id": 0.05}),
    ],
)
def test_a_text_becomes_what_the_option_takes(option: str, rendered: str, expected: Any) -> None:
    read = read_rendered(option, rendered)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize("value", [None, 4, 2.5, True, ["id"], {"id": "uuid"}])
def test_anything_but_a_text_is_left_alone(value: Any) -> None:
    assert read_rendered("concurrency", value) is value


@pytest.mark.parametrize(
    ("option", "rendered", "expected"),
    [
        ("concurrency", "None", "a whole number"),
        ("concurrency", "many", "a whole number"),
        ("concurrency", "2.5", "a whole number"),
        ("request_timeout_seconds", "", "a number"),
        ("allow_filtering", "perhaps", "True or False"),
        ("types", "id=uuid", "is not a JSON object"),
        ("metadata", "[1]", "is not a JSON object"),
    ],
)
def test_a_text_that_cannot_be_read_is_an_error_naming_the_option(option: str, rendered: str, expected: str) -> None:
    with pytest.raises(OptionError, match=f"^{option}=") as raised:
        read_rendered(option, rendered)
    assert expected in str(raised.value)
    assert raised.value.option == option


@pytest.mark.parametrize(("rendered", "expected"), [(True, True), (" true ", True), ("False", False), (False, False)])
def test_a_flag_is_a_truth_value_or_its_text(rendered: Any, expected: bool) -> None:
    assert read_flag("use_run_window", rendered) is expected


@pytest.mark.parametrize("rendered", ["", "yes", None, 1])
def test_anything_else_is_no_flag(rendered: Any) -> None:
    with pytest.raises(OptionError, match=r"use_run_window=.*expected True or False"):
        read_flag("use_run_window", rendered)
