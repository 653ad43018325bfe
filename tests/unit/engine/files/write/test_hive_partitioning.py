"""Directory names: the characters that Hive and Spark escape, null, empty, and exact texts of each type."""

from __future__ import annotations

import datetime
import decimal
import urllib.parse
import uuid
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import SourceFileError
from airflow_provider_cqlai.engine.files.write.hive_partitioning import (
    HIVE_NULL,
    MAX_NAME_BYTES,
    escape_name,
    hive_directory,
    parse_hive_partition,
    unescape_name,
    value_texts,
)
from airflow_provider_cqlai.engine.files.write.row_names import HiveValueError

# Spark 4.0, ExternalCatalogUtils.charToEscape, and NUL.
ESCAPED_BY_SPARK = "\"#%'*/:=?\\\x7f{[]^" + "".join(map(chr, range(32)))


def test_exactly_the_characters_that_spark_escapes_are_escaped() -> None:
    escaped = {character for character in map(chr, range(0x250)) if escape_name(character) != character}
    assert escaped == set(ESCAPED_BY_SPARK)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a b", "a b"),
        ("a/b", "a%2Fb"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("a=b", "a%3Db"),
        ("10:30", "10%3A30"),
        ("line\nbreak", "line%0Abreak"),
        ("Zürich 東京 🚀", "Zürich 東京 🚀"),
        ("..", ".."),
    ],
)
def test_value_is_escaped_as_hive_does(text: str, name: str) -> None:
    assert hive_directory("k", text) == f"k={name}"


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_escaping_round_trips(text: str) -> None:
    name = escape_name(text)
    assert unescape_name(name) == text
    assert "/" not in name
    assert "=" not in name


text_values = st.text(alphabet=st.characters(codec="utf-8"), max_size=20).filter(lambda text: text != HIVE_NULL)


@given(
    st.lists(
        st.tuples(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=20), st.none() | text_values),
        max_size=4,
    )
)
def test_a_path_is_parsed_back_to_its_keys_and_values(pairs: list[tuple[str, str | None]]) -> None:
    assert parse_hive_partition("/".join(hive_directory(key, text) for key, text in pairs)) == pairs


def test_null_and_empty_text_are_two_directories() -> None:
    assert hive_directory("k", None) == "k=__HIVE_DEFAULT_PARTITION__"
    assert hive_directory("k", "") == "k="
    assert parse_hive_partition("k=__HIVE_DEFAULT_PARTITION__/l=") == [("k", None), ("l", "")]


@pytest.mark.parametrize("name", ["%C3%A9", "%c3%a9", "é", "%E6%9D%B1京%F0%9F%9A%80%25%2F"])
def test_names_of_readers_that_escape_every_byte_of_utf_8(name: str) -> None:
    text = urllib.parse.unquote(name)
    assert parse_hive_partition(f"{name}={name}") == [(text, text)]


def test_partitions_of_pyarrow_and_duckdb_come_back(tmp_path: Path) -> None:
    cities = ["é", "a b", "50%", "a/b", "x%41y", "%C3%A9", "ß:?", "a+b", "東京"]
    table = pa.table({"k": range(len(cities)), "city": cities})
    pads.write_dataset(table, tmp_path / "pyarrow", format="parquet", partitioning=["city"], partitioning_flavor="hive")
    with duckdb.connect() as connection:
        connection.register("cities", table)
        connection.execute(f"COPY cities TO '{tmp_path / 'duckdb'}' (FORMAT parquet, PARTITION_BY (city))")
    for writer in ("pyarrow", "duckdb"):
        found = [parse_hive_partition(path.name) for path in (tmp_path / writer).iterdir()]
        assert sorted(found) == sorted([("city", city)] for city in cities)


@pytest.mark.parametrize("directory", ["city=%FF", "city=%E9", "%C3=x", "city=%C3é"])
def test_escaped_bytes_that_are_no_utf_8_are_an_error(directory: str) -> None:
    with pytest.raises(SourceFileError, match=rf"data/{directory}/part: the directory name .* not UTF-8"):
        parse_hive_partition(f"data/{directory}/part")


def test_other_directories_of_a_path_are_passed_over() -> None:
    assert parse_hive_partition("data/k=1/more") == [("k", "1")]


def test_text_that_stands_for_null_is_an_error_naming_the_column() -> None:
    with pytest.raises(HiveValueError, match=r"k: .*null") as raised:
        hive_directory("k", HIVE_NULL)
    assert raised.value.column == "k"


def test_name_longer_than_a_file_system_takes_is_an_error_naming_the_column_but_not_the_value() -> None:
    longest = "x" * (MAX_NAME_BYTES - 2)
    assert hive_directory("k", longest) == f"k={longest}"
    with pytest.raises(HiveValueError, match=r"k: .* 256 bytes") as raised:
        hive_directory("k", longest + "x")
    assert longest not in str(raised.value)
    # Bytes count, not characters, and after escaping.
    with pytest.raises(HiveValueError, match="bytes"):
        hive_directory("k", "ü" * 127)
    with pytest.raises(HiveValueError, match="bytes"):
        hive_directory("k", "/" * 85)


def test_key_that_readers_would_hide_is_escaped() -> None:
    assert hive_directory("_id", "1") == "%5Fid=1"
    assert hive_directory(".id", "1") == "%2Eid=1"
    assert hive_directory("a=b", "1") == "a%3Db=1"
    assert parse_hive_partition("%5Fid=1") == [("_id", "1")]


SOME_UUID = uuid.UUID("5b6962dd-3f90-4c93-8f61-eabfa4a803e2")


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array(["a", ""], pa.string()), ["a", ""]),
        (pa.array([-(2**63), 2**63 - 1], pa.int64()), ["-9223372036854775808", "9223372036854775807"]),
        (pa.array([-128, 5], pa.int8()), ["-128", "5"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([decimal.Decimal("1.50"), decimal.Decimal("-0.01")], pa.decimal128(5, 2)), ["1.5", "-0.01"]),
        (pa.array([decimal.Decimal("1E-18")], pa.decimal128(38, 18)), ["0.000000000000000001"]),
        (pa.array([decimal.Decimal("1E+40")], pa.decimal256(60, 0)), ["1" + "0" * 40]),
        (pa.array([datetime.date(2024, 1, 5), datetime.date(1969, 12, 31)]), ["2024-01-05", "1969-12-31"]),
        (pa.array([-(2**31), 2**31 - 1], pa.date32()), ["-5877641-06-23", "5881580-07-11"]),
        (
            pa.array([0, -1, 1704103200123], pa.timestamp("ms", "UTC")),
            ["1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "2024-01-01T10:00:00.123Z"],
        ),
        (
            pa.array([-(2**63), 2**63 - 1], pa.timestamp("ms", "UTC")),
            ["-292275055-05-16T16:47:04.192Z", "292278994-08-17T07:12:55.807Z"],
        ),
        (pa.array([1], pa.timestamp("us")), ["1970-01-01T00:00:00.000001"]),
        (pa.array([1], pa.timestamp("s", "UTC")), ["1970-01-01T00:00:01Z"]),
        (pa.array([86_399_999, 0], pa.time32("ms")), ["23:59:59.999", "00:00:00.000"]),
        (pa.array([3_723_000_000_004], pa.time64("ns")), ["01:02:03.000000004"]),
        (pa.array([SOME_UUID.bytes], pa.binary(16)).cast(pa.uuid()), [str(SOME_UUID)]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_value_has_one_exact_text(array: pa.Array, texts: list[str]) -> None:
    make_texts = value_texts(array.type)
    assert make_texts is not None
    assert make_texts(array) == texts


@pytest.mark.parametrize(
    "data_type",
    [
        pa.float32(),
        pa.float64(),
        pa.binary(),
        pa.list_(pa.string()),
        pa.map_(pa.string(), pa.string()),
        pa.struct([("a", pa.int32())]),
        pa.list_(pa.float32(), 3),
    ],
    ids=str,
)
def test_types_without_one_exact_text_make_no_directories(data_type: pa.DataType) -> None:
    assert value_texts(data_type) is None
