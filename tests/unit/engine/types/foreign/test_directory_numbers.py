"""Texts of directories: exactly the numbers that a type has, where Arrow's own cast would round or take more."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.types.foreign.conversion import CONVERSION_ERRORS
from airflow_provider_cqlai.engine.types.foreign.directory_numbers import plan_directory_number


def read(name: str, text: str | None) -> Any:
    conversion = plan_directory_number(name)
    assert conversion is not None
    return conversion(pa.array([text], pa.string()))[0].as_py()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("float", "1e400"),
        ("float", "-1e39"),
        ("float", "16777217"),
        ("float", "16777217.0"),
        ("float", "1e-60"),
        ("double", "1e400"),
        ("double", "1e99999999999999999999999"),
        ("double", "9007199254740993"),
        ("double", "-1e-400"),
        ("double", "0x10"),
        ("double", ""),
        ("double", " 1"),
        ("double", "1_0"),
        ("tinyint", "0x10"),
        ("bigint", "0X10"),
        ("int", "1.0"),
        ("int", ""),
        ("int", "٣"),
        ("tinyint", "128"),
        ("boolean", "yes"),
    ],
)
def test_what_the_type_does_not_have_is_refused(name: str, text: str) -> None:
    with pytest.raises(CONVERSION_ERRORS):
        read(name, text)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("float", "16777216", 16777216.0),
        ("float", "0.5", 0.5),
        ("float", "3.4028235e38", float.fromhex("0x1.fffffep+127")),
        ("float", "1e-45", 2.0**-149),
        ("float", "inf", math.inf),
        ("double", "-inf", -math.inf),
        ("double", "0.1", 0.1),
        ("double", "-0.0", 0.0),
        ("double", "0e5", 0.0),
        # Not exactly, but how the float is shown.
        ("double", "1e23", 1e23),
        ("double", "5e-324", 5e-324),
        ("tinyint", "-128", -128),
        ("int", "007", 7),
        ("bigint", "9223372036854775807", 2**63 - 1),
        ("boolean", "true", True),
        ("int", None, None),
        ("float", None, None),
    ],
)
def test_what_the_type_has_is_read(name: str, text: str | None, value: Any) -> None:
    assert read(name, text) == value


def test_nan_is_read_and_counters_are_not() -> None:
    assert math.isnan(read("float", "nan"))
    assert plan_directory_number("counter") is None
    assert plan_directory_number("text") is None
