"""``partition_filter`` on the texts of directories, each read as what the given value is."""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
import uuid
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.importing.sources.partition_filter import matches_partition_filter
from airflow_provider_cqlai.engine.options.values.conditions import read_conditions

SIX = datetime.datetime(2024, 1, 1, 6, tzinfo=datetime.timezone.utc)
NAIVE_SIX = SIX.replace(tzinfo=None)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NUMBERS = ["-10", "-3", "05", "+7", "10"]
DECIMALS = ["-1.5", "1.50", "9.5", "10.0"]
MOMENTS = ["2024-01-01T00:00:00.000Z", "2024-01-01T06:00:00Z", "2024-01-01 07:00:00", "2024-01-02"]
UUIDS = ["0000000a-0000-0000-0000-000000000000", "0000000B-0000-0000-0000-000000000000"]


def select(texts: list[str], sign: str, value: Any) -> list[str]:
    conditions = read_conditions("partition_filter", [("key", sign, value)])
    return [text for text in texts if matches_partition_filter(conditions, [("key", text)])]


@pytest.mark.parametrize(
    ("texts", "sign", "value", "expected"),
    [
        (NUMBERS, "<", -5, ["-10"]),
        (NUMBERS, "<", "-5", ["-10"]),
        (NUMBERS, ">", "+6", ["+7", "10"]),
        (NUMBERS, "=", "-03", ["-3"]),
        (NUMBERS, "<", np.int64(-5), ["-10"]),
        (NUMBERS, "in", [np.uint8(5), np.int16(7)], ["05", "+7"]),
        (NUMBERS, ">=", 6.5, ["+7", "10"]),
        (NUMBERS, ">=", np.float32(6.5), ["+7", "10"]),
        (NUMBERS, "<", fractions.Fraction(-7, 2), ["-10"]),
        (NUMBERS, ">", decimal.Decimal("9.9"), ["10"]),
        (["9007199254740992", "9007199254740993"], "=", 2.0**53, ["9007199254740992"]),
        (["0.1", "0.10", "1e-1", "0.2"], "=", 0.1, ["0.1", "0.10", "1e-1"]),
        (["0.1", "0.2"], "=", np.float32(0.1), ["0.1"]),
        (["nan", "1", "inf", "-Infinity"], ">", 0.0, ["1", "inf"]),
        (["nan", "1"], "!=", math.nan, ["nan", "1"]),
        (["nan", "1"], "<", math.nan, []),
        (DECIMALS, "<", decimal.Decimal("10.0"), ["-1.5", "1.50", "9.5"]),
        (DECIMALS, "=", decimal.Decimal("1.5"), ["1.50"]),
        (DECIMALS, "not in", [decimal.Decimal("-1.5"), decimal.Decimal(10)], ["1.50", "9.5"]),
        (MOMENTS, "<", NAIVE_SIX, MOMENTS[:1]),
        (MOMENTS, "<=", SIX, MOMENTS[:2]),
        (MOMENTS, "=", SIX.astimezone(BERLIN), MOMENTS[1:2]),
        (MOMENTS, ">=", SIX + datetime.timedelta(hours=1), MOMENTS[2:]),
        (MOMENTS, ">", datetime.date(2024, 1, 1), MOMENTS[1:]),
        (MOMENTS, "=", datetime.date(2024, 1, 2), MOMENTS[3:]),
        (MOMENTS, "<", datetime.datetime.max.replace(tzinfo=datetime.timezone.utc), MOMENTS),
        (
            ["2024-10-27T00:30:00Z"],
            "=",
            datetime.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
            ["2024-10-27T00:30:00Z"],
        ),
        (["2024-01-01T06:00:00.000000001Z"], ">", SIX, ["2024-01-01T06:00:00.000000001Z"]),
        (
            ["2024-01-01T06:00:00.000000001Z"],
            "=",
            pd.Timestamp(SIX) + pd.Timedelta(1),
            ["2024-01-01T06:00:00.000000001Z"],
        ),
        (UUIDS, "=", uuid.UUID(UUIDS[1]), UUIDS[1:]),
        (["true", "True", "false"], "=", True, ["true", "True"]),
        (["true", "True", "false"], "=", np.True_, ["true", "True"]),
        (["a", "10", "9"], "=", "a", ["a"]),
        (["1_0", "\uff11\uff10", "0x0a"], "=", "10", []),
    ],
)
def test_directory_is_compared_as_what_the_value_is(texts: list[str], sign: str, value: Any, expected: Any) -> None:
    assert select(texts, sign, value) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x", 1),
        ("1.5", 1),
        ("1_0", 10),
        ("\uff11", 1),
        ("0x10", 16),
        ("1_0", 10.0),
        ("\uff11", decimal.Decimal(1)),
        ("", 0.0),
        ("x", decimal.Decimal(1)),
        ("1", decimal.Decimal("sNaN")),
        ("2024-13-01", datetime.date(2024, 1, 1)),
        ("12024-01-01", SIX),
        ("2024-01-01", pd.NaT),
        ("x", uuid.UUID(int=1)),
        ("0" * 30 + "_1", uuid.UUID(int=1)),
    ],
)
def test_directory_that_is_no_value_of_the_type_is_an_error(text: str, value: Any) -> None:
    with pytest.raises(OptionError, match=rf"partition_filter: key={text} cannot be compared with") as raised:
        select([text], "=", value)
    assert raised.value.details["option"] == "partition_filter"


@pytest.mark.parametrize("value", [b"1", object(), datetime.time(1), [1], 1j, np.datetime64("2024-01-01"), pd.NA])
@pytest.mark.parametrize("text", ["1", None])
def test_value_of_another_type_is_an_error(text: str | None, value: Any) -> None:
    for sign, given in (("=", value), ("in", ["1", value])):
        conditions = read_conditions("partition_filter", [("key", sign, given)])
        with pytest.raises(OptionError, match=r"partition_filter: key = .* cannot be compared") as raised:
            matches_partition_filter(conditions, [("key", text)])
        assert raised.value.details["option"] == "partition_filter"


@pytest.mark.parametrize(
    ("sign", "value", "expected"),
    [("=", None, True), ("!=", None, False), ("!=", 1, True), ("<", SIX, False), ("in", [1, None], True)],
)
def test_null_equals_null_only(sign: str, value: Any, expected: bool) -> None:
    conditions = read_conditions("partition_filter", [("key", sign, value)])
    assert matches_partition_filter(conditions, [("key", None)]) is expected


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1"])
def test_truth_values_are_read_as_an_import_reads_them(text: str) -> None:
    assert matches_partition_filter([("b", "=", True)], [("b", text)])
    assert not matches_partition_filter([("b", "!=", True)], [("b", text)])
    assert not matches_partition_filter([("b", "=", False)], [("b", text)])
    assert matches_partition_filter([("b", "in", [True])], [("b", text)])


def test_directory_that_is_no_truth_value_is_an_error() -> None:
    with pytest.raises(OptionError, match="b=2 cannot be compared"):
        matches_partition_filter([("b", "=", True)], [("b", "2")])
