"""Virtual columns: exact to the tick on both sides of 1970, checked against Python's own uuid and datetime."""

from __future__ import annotations

import datetime
import uuid

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.write.row_names import HiveValueError
from airflow_provider_cqlai.engine.files.write.virtual_columns import PARTS, find_virtual_column

UUID_EPOCH_TICKS = 0x01B21DD213814000
TICKS_PER_HOUR = 36_000_000_000


def cql_field(name: str, data_type: pa.DataType, cql_type: str) -> pa.Field:
    return pa.field(name, data_type, metadata={b"cql_type": cql_type.encode()})


ARROW_SCHEMA = pa.schema(
    [
        cql_field("event_id", pa.string(), "timeuuid"),
        cql_field("id", pa.string(), "uuid"),
        cql_field("at", pa.timestamp("ms", "UTC"), "timestamp"),
        cql_field("on", pa.date32(), "date"),
        cql_field("note", pa.string(), "text"),
        cql_field("dotted.name", pa.date32(), "date"),
    ]
)


def timeuuid(ticks_since_1970: int) -> uuid.UUID:
    ticks = ticks_since_1970 + UUID_EPOCH_TICKS
    return uuid.UUID(fields=(ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF | 0x1000, 0x80, 1, 2))


def directory_values(array: pa.Array, part: str, cql_type: str) -> list[str | None]:
    field = cql_field("t", array.type, cql_type)
    virtual_column = find_virtual_column(f"t.{part}", pa.schema([field]))
    values = virtual_column.values(pa.record_batch([array], schema=pa.schema([field])))
    texts = iter(virtual_column.texts(values.drop_null()))
    return [next(texts) if is_valid else None for is_valid in values.is_valid().to_pylist()]


def expected_parts(seconds: int) -> dict[str, str]:
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)  # noqa: DTZ001
    return {
        "year": f"{moment.year:04d}",
        "month": f"{moment.month:02d}",
        "day": f"{moment.day:02d}",
        "hour": f"{moment.hour:02d}",
        "date": moment.date().isoformat(),
    }


ticks_of_timeuuids = st.integers(min_value=-UUID_EPOCH_TICKS, max_value=2**60 - 1 - UUID_EPOCH_TICKS)


@given(ticks_of_timeuuids, st.booleans())
@example(-1, False)
@example(0, False)
@example(TICKS_PER_HOUR * 24 - 1, True)
@example(-UUID_EPOCH_TICKS, True)
@example(2**60 - 1 - UUID_EPOCH_TICKS, False)
def test_timeuuid_gives_the_parts_of_its_own_time(ticks: int, is_stored_as_bytes: bool) -> None:
    value = timeuuid(ticks)
    assert value.time == ticks + UUID_EPOCH_TICKS
    if is_stored_as_bytes:
        array = pa.array([None, value.bytes], pa.binary(16)).cast(pa.uuid())
    else:
        array = pa.array([None, str(value)])
    expected = expected_parts(ticks // 10_000_000)
    assert {part: directory_values(array, part, "timeuuid") for part in PARTS} == {
        part: [None, text] for part, text in expected.items()
    }


@given(st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999))
@example(-1)
def test_timestamp_gives_its_parts_in_utc(milliseconds: int) -> None:
    expected = expected_parts(milliseconds // 1000)
    for unit, factor in (("ms", 1), ("us", 1000)):
        array = pa.array([milliseconds * factor, None], pa.timestamp(unit, "UTC"))
        assert {part: directory_values(array, part, "timestamp") for part in PARTS} == {
            part: [text, None] for part, text in expected.items()
        }


@given(st.dates())
def test_date_gives_its_parts(date: datetime.date) -> None:
    expected = {"year": f"{date.year:04d}", "month": f"{date.month:02d}", "day": f"{date.day:02d}"}
    expected["date"] = date.isoformat()
    array = pa.array([date, None], pa.date32())
    assert {part: directory_values(array, part, "date") for part in expected} == {
        part: [text, None] for part, text in expected.items()
    }


def test_years_outside_four_digits_are_written_out() -> None:
    array = pa.array([-(2**63), 2**63 - 1, -62_198_755_200_000, 253_402_300_800_000], pa.timestamp("ms", "UTC"))
    assert directory_values(array, "year", "timestamp") == ["-292275055", "292278994", "-0001", "10000"]
    assert directory_values(array, "date", "timestamp")[2:] == ["-0001-01-01", "10000-01-01"]


def test_slices_and_upper_case_texts_are_read_right() -> None:
    values = [timeuuid(hour * TICKS_PER_HOUR) for hour in range(30)]
    texts = pa.array([str(value).upper() for value in values]).slice(7, 20)
    stored = pa.array([value.bytes for value in values], pa.binary(16)).cast(pa.uuid()).slice(7, 20)
    expected = [f"{hour % 24:02d}" for hour in range(7, 27)]
    assert directory_values(texts, "hour", "timeuuid") == expected
    assert directory_values(stored, "hour", "timeuuid") == expected


def test_no_rows_give_no_values() -> None:
    assert directory_values(pa.array([], pa.string()), "year", "timeuuid") == []


@pytest.mark.parametrize("is_stored_as_bytes", [False, True])
def test_random_uuid_in_a_timeuuid_column_is_an_error_rather_than_year_one(is_stored_as_bytes: bool) -> None:
    value = uuid.uuid4()
    values = [timeuuid(0), None, value]
    if is_stored_as_bytes:
        array = pa.array([value and value.bytes for value in values], pa.binary(16)).cast(pa.uuid())
    else:
        array = pa.array([value and str(value) for value in values])
    with pytest.raises(HiveValueError, match=r"t.year: .*version 1") as raised:
        directory_values(array, "year", "timeuuid")
    assert (raised.value.column, raised.value.position) == ("t", 2)
    assert str(value) not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("id.year", "'id' is uuid"),
        ("note.year", "'note' is text"),
        ("on.hour", r"a date has \.year, \.month, \.day, \.date, not \.hour"),
        ("event_id.week", r"a timeuuid has \.year, .*not \.week"),
        ("nothing.year", "no column 'nothing.year'; known columns: event_id, id"),
        ("nothing", "no column 'nothing'"),
    ],
)
def test_what_tells_no_such_time_is_refused_by_name(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        find_virtual_column(name, ARROW_SCHEMA)
    assert raised.value.option == "partition_by"


def test_column_with_a_dot_in_its_name_has_virtual_columns() -> None:
    assert find_virtual_column("dotted.name.year", ARROW_SCHEMA).column == "dotted.name"
