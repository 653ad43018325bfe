"""Values of markers, texts above all: one reading by the marker's type, or an error."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from typing import Any

import numpy as np
import pytest
from cassandra import cqltypes
from cassandra.util import Date, Time

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.verbs.capture.parameter_values import read_parameter

ID = "0d2cd1f0-a8a5-11ee-8c90-0242ac120002"
UTC = datetime.timezone.utc


def read(value: Any, driver_type: Any) -> Any:
    return read_parameter(value, CqlType.from_driver_type(driver_type), "p", "query 1 of 1")


@pytest.mark.parametrize(
    ("text", "driver_type", "value"),
    [
        ("42", cqltypes.Int32Type, 42),
        ("-7", cqltypes.LongType, -7),
        (" 5 ", cqltypes.ByteType, 5),
        (str(2**80), cqltypes.IntegerType, 2**80),
        (ID.upper(), cqltypes.UUIDType, uuid.UUID(ID)),
        (ID, cqltypes.TimeUUIDType, uuid.UUID(ID)),
        ("2024-01-01T00:00:00+00:00", cqltypes.DateType, datetime.datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01T00:00:00Z", cqltypes.DateType, datetime.datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01 12:30:00.250+02:00", cqltypes.DateType, datetime.datetime(2024, 1, 1, 10, 30, 0, 250_000, UTC)),
        ("2024-01-01", cqltypes.SimpleDateType, Date(datetime.date(2024, 1, 1))),
        ("True", cqltypes.BooleanType, True),
        ("23:59:59.123456789", cqltypes.TimeType, Time("23:59:59.123456789")),
        ("42", cqltypes.UTF8Type, "42"),
        ("1.10", cqltypes.DecimalType, decimal.Decimal("1.10")),
        ("0.1", cqltypes.DoubleType, 0.1),
        ("-1e3", cqltypes.FloatType, -1000.0),
        ("Infinity", cqltypes.DoubleType, math.inf),
        ("10.0.0.1", cqltypes.InetAddressType, "10.0.0.1"),
        ("0x00ff", cqltypes.BytesType, b"\x00\xff"),
    ],
)
def test_a_text_is_read_by_the_type_of_its_marker(text: str, driver_type: Any, value: Any) -> None:
    found = read(text, driver_type)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "driver_type", "expected"),
    [
        ("4.0", cqltypes.Int32Type, "a whole number"),
        ("1_000", cqltypes.Int32Type, "a whole number"),
        ("", cqltypes.Int32Type, "a whole number"),
        (ID.replace("-", ""), cqltypes.UUIDType, "a uuid of 36 characters"),
        ("2024-01-01T00:00:00", cqltypes.DateType, "a moment of whole milliseconds with an offset"),
        ("2024-01-01T00:00:00.0005Z", cqltypes.DateType, "a moment of whole milliseconds with an offset"),
        ("2024-01-01T00:00:00.0000001Z", cqltypes.DateType, "a moment of whole milliseconds with an offset"),
        ("yesterday", cqltypes.DateType, "a moment of whole milliseconds with an offset"),
        ("12:00:00.0000000001", cqltypes.TimeType, "a time of day"),
        ("12", cqltypes.TimeType, "a time of day"),
        ("2024-01-01T00:00:00", cqltypes.SimpleDateType, "a day"),
        ("1", cqltypes.BooleanType, "true or false"),
        ("1_000", cqltypes.DecimalType, "a number"),
        ("\uff11", cqltypes.DecimalType, "a number"),
        ("nan", cqltypes.DecimalType, "a number"),
        ("0.1000000000000000001", cqltypes.DoubleType, "a number"),
        ("1e999", cqltypes.DoubleType, "a number"),
        ("1.2.3", cqltypes.InetAddressType, "an address"),
        ("00ff", cqltypes.BytesType, "bytes in hexadecimal digits"),
    ],
)
def test_anything_else_is_an_error_that_says_what_was_expected(text: str, driver_type: Any, expected: str) -> None:
    with pytest.raises(OptionError, match=expected) as caught:
        read(text, driver_type)
    assert ":p is of type" in str(caught.value)


MAP = cqltypes.MapType.apply_parameters([cqltypes.Int32Type, cqltypes.DateType])
TUPLE = cqltypes.TupleType.apply_parameters([cqltypes.Int32Type, cqltypes.DateType])
UDT = cqltypes.UserType.make_udt_class("ks", "point", ("a", "b"), (cqltypes.Int32Type, cqltypes.DecimalType))
NOON = datetime.datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "driver_type"),
    [
        (5, cqltypes.Int32Type),
        (np.int64(5), cqltypes.LongType),
        (0.1, cqltypes.DoubleType),
        (0.1, cqltypes.FloatType),
        (2**53, cqltypes.DoubleType),
        (decimal.Decimal("0.1"), cqltypes.DoubleType),
        (decimal.Decimal("0.1"), cqltypes.FloatType),
        (math.inf, cqltypes.FloatType),
        (True, cqltypes.BooleanType),
        (NOON, cqltypes.DateType),
        (NOON.date(), cqltypes.DateType),
        (1_704_067_200_000, cqltypes.DateType),
        (1_704_067_200_000.0, cqltypes.DateType),
        (NOON.date(), cqltypes.SimpleDateType),
        (Date(19723), cqltypes.SimpleDateType),
        (None, cqltypes.SimpleDateType),
        (b"x", cqltypes.BytesType),
        ([1, 2], cqltypes.ListType.apply_parameters([cqltypes.Int32Type])),
        ({1: NOON}, MAP),
        ((1, NOON), TUPLE),
        ((1,), TUPLE),
        (3, cqltypes.DecimalType),
        (datetime.time(12, 30), cqltypes.TimeType),
        (0, cqltypes.TimeType),
    ],
)
def test_values_that_fit_stay_what_they_are(value: Any, driver_type: Any) -> None:
    assert read(value, driver_type) == (float(value) if isinstance(value, decimal.Decimal) else value)


def test_a_midnight_is_its_day_in_utc() -> None:
    midnight = datetime.datetime(2024, 1, 1, 19, tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))
    assert read(midnight, cqltypes.SimpleDateType) == Date(datetime.date(2024, 1, 2))


@pytest.mark.parametrize(
    ("value", "driver_type", "expected"),
    [
        (True, cqltypes.Int32Type, "a whole number"),
        (5.0, cqltypes.Int32Type, "a whole number"),
        (2**53 + 1, cqltypes.DoubleType, "a number that it holds without rounding"),
        (decimal.Decimal("9007199254740993"), cqltypes.DoubleType, "without rounding"),
        (decimal.Decimal("0.1000000000000000001"), cqltypes.DoubleType, "without rounding"),
        (16_777_217, cqltypes.FloatType, "without rounding"),
        (10**400, cqltypes.DoubleType, "a number that it holds"),
        (True, cqltypes.DoubleType, "a number"),
        (2, cqltypes.BooleanType, "True or False"),
        (NOON.replace(microsecond=500), cqltypes.DateType, "a moment of whole milliseconds"),
        (1_704_067_200_000.9, cqltypes.DateType, "whole milliseconds since 1970"),
        (True, cqltypes.DateType, "whole milliseconds since 1970"),
        (NOON, cqltypes.SimpleDateType, "a day: it has a time of day in UTC"),
        (19723, cqltypes.SimpleDateType, "a date"),
        ([1, 2.5], cqltypes.ListType.apply_parameters([cqltypes.Int32Type]), "a whole number"),
        (["x"], cqltypes.ListType.apply_parameters([cqltypes.Int32Type]), "is not a whole number"),
        ({1: NOON.replace(microsecond=500)}, MAP, "a moment of whole milliseconds"),
        ({True: NOON}, MAP, "a whole number"),
        ((1, 1.7), TUPLE, "whole milliseconds since 1970"),
        ({"f": 1}, cqltypes.DecimalType, "a number"),
        (0.1, cqltypes.DecimalType, "an exact number: give a text"),
        (True, cqltypes.DecimalType, "an exact number"),
        (decimal.Decimal("nan"), cqltypes.DecimalType, "a number"),
        (5, cqltypes.BytesType, "bytes"),
        (1, cqltypes.InetAddressType, "an address"),
        (datetime.time(1, tzinfo=UTC), cqltypes.TimeType, "without a timezone"),
        (-5, cqltypes.TimeType, "nanoseconds of a day"),
        (86_400_000_000_000, cqltypes.TimeType, "nanoseconds of a day"),
        ({"a": 1, "z": 2}, UDT, "one: it has no field z"),
    ],
)
def test_values_that_the_driver_would_cut_or_round_are_errors(value: Any, driver_type: Any, expected: str) -> None:
    with pytest.raises(OptionError, match=expected):
        read(value, driver_type)


def test_fields_of_a_type_are_told_by_name() -> None:
    assert read({"b": "1.5", "a": 1}, UDT) == (1, decimal.Decimal("1.5"))
    assert read({"a": 1}, UDT) == (1, None)
