"""Texts as values of markers: one reading by the marker's type, or an error."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from cassandra import cqltypes
from cassandra.util import Date

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.verbs.capture.parameter_texts import read_parameter

ID = "0d2cd1f0-a8a5-11ee-8c90-0242ac120002"
UTC = datetime.timezone.utc


def read(text: str, driver_type: Any) -> Any:
    return read_parameter(text, CqlType.from_driver_type(driver_type), "p", "query 1 of 1")


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
        ("42", cqltypes.UTF8Type, "42"),
        ("1.5", cqltypes.DecimalType, "1.5"),
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
        ("2024-01-01T00:00:00", cqltypes.DateType, "a moment with an offset"),
        ("yesterday", cqltypes.DateType, "a moment with an offset"),
        ("2024-01-01T00:00:00", cqltypes.SimpleDateType, "a day"),
        ("1", cqltypes.BooleanType, "true or false"),
    ],
)
def test_anything_else_is_an_error_that_says_what_was_expected(text: str, driver_type: Any, expected: str) -> None:
    with pytest.raises(OptionError, match=expected) as caught:
        read(text, driver_type)
    assert ":p is of type" in str(caught.value)
