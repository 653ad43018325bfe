"""JSON lines: one object a row, whose values every reader reads exactly."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import uuid
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import OptionError, UnsupportedTypeError, ValueDoesNotFitError
from tests.unit.engine.files.formats.text_rows import write_text

TEXTS = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from(list('"\\/\x00\x1f\x7f\n\r\t\u2028'))), max_size=5
)
VALUES = st.fixed_dictionaries(
    {
        "t": st.none() | TEXTS,
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "d": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "f": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
        "l": st.none() | st.lists(st.none() | TEXTS, max_size=3),
        "s": st.none() | st.fixed_dictionaries({"x y": st.none() | st.integers(0, 9), 'q"': st.none() | TEXTS}),
        "m": st.none() | st.dictionaries(TEXTS, st.none() | st.lists(st.booleans(), max_size=2), max_size=3),
        "n": st.none() | st.lists(st.dictionaries(st.integers(-9, 9), st.none() | TEXTS, max_size=2), max_size=2),
    }
)
ARROW_SCHEMA = pa.schema(
    [
        ("t", pa.string()),
        ("i", pa.int64()),
        ("d", pa.float64()),
        ("f", pa.float32()),
        ("l", pa.list_(pa.string())),
        ("s", pa.struct([("x y", pa.int32()), ('q"', pa.string())])),
        ("m", pa.map_(pa.string(), pa.list_(pa.bool_()))),
        ("n", pa.list_(pa.map_(pa.int32(), pa.string()))),
    ]
)


def arrow_columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def as_arrow(name: str, value: Any) -> Any:
        if value is not None and name == "m":
            return list(value.items())
        return [list(each.items()) for each in value] if value is not None and name == "n" else value

    return {
        field.name: pa.array([as_arrow(field.name, row[field.name]) for row in rows], field.type)
        for field in ARROW_SCHEMA
    }


@settings(deadline=None)
@given(rows=st.lists(VALUES, min_size=1, max_size=5), skipped=st.integers(0, 2))
def test_any_values_are_read_back_by_python(rows: list[dict[str, Any]], skipped: int) -> None:
    # A slice begins in the middle of Arrow's buffers.
    columns = {name: array.slice(min(skipped, len(rows) - 1)) for name, array in arrow_columns(rows).items()}
    read = [json.loads(line) for line in write_text(columns, "json").split("\n")[:-1]]
    expected = [
        {"_query": 1} | row | {"n": row["n"] and [{str(key): text for key, text in each.items()} for each in row["n"]]}
        for row in rows[min(skipped, len(rows) - 1) :]
    ]
    assert read == expected
    for row, wanted in zip(read, expected, strict=True):
        # Equal numbers that are not the same: -0.0 and 0, or 1.0 and 1.
        assert repr([row["i"], row["d"], row["f"]]) == repr([wanted["i"], wanted["d"], wanted["f"]])


@settings(deadline=None)
@given(rows=st.lists(VALUES, min_size=1, max_size=5))
def test_any_values_are_read_back_by_duckdb_and_pandas(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("json") / "rows.json"
    columns = arrow_columns(rows)
    path.write_bytes(write_text({name: columns[name] for name in "tidl"}, "json").encode())
    read = duckdb.sql(
        f"SELECT t, i, d, l FROM read_json('{path}', format = 'newline_delimited',"
        " columns = {t: 'VARCHAR', i: 'BIGINT', d: 'DOUBLE', l: 'VARCHAR[]'})"
    ).fetchall()
    assert read == [(row["t"], row["i"], row["d"], row["l"]) for row in rows]
    frame = pd.read_json(path, lines=True, dtype=False)
    assert [text if isinstance(text, str) else None for text in frame["t"]] == [row["t"] for row in rows]
    assert [each if isinstance(each, list) else None for each in frame["l"]] == [row["l"] for row in rows]


def read_one(array: pa.Array, **options: Any) -> Any:
    [line] = write_text({"a": array}, "json", **options).splitlines()
    return json.loads(line)["a"]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([decimal.Decimal("-12.50")], pa.decimal128(10, 2)), "-12.50"),
        (pa.array([decimal.Decimal(10) ** 75], pa.decimal256(76, 0)), "1" + "0" * 75),
        (pa.array(["1E+19"]), "1E+19"),
        (pa.array([b"\x00\xff\xfe"]), "AP/+"),
        (pa.array([2**63 - 1]), 2**63 - 1),
        (pa.array([0], pa.timestamp("ms", "UTC")), "1970-01-01T00:00:00.000Z"),
        (pa.array([1], pa.timestamp("ns", "UTC")), "1970-01-01T00:00:00.000000001Z"),
        (pa.array([2**63 - 1], pa.timestamp("ms", "UTC")), "+292278994-08-17T07:12:55.807Z"),
        (pa.array([-(2**63)], pa.timestamp("ms", "UTC")), "-292275055-05-16T16:47:04.192Z"),
        (pa.array([-62_167_219_200_001], pa.timestamp("ms", "UTC")), "-0001-12-31T23:59:59.999Z"),
        (pa.array([datetime.date(1, 1, 1)]), "0001-01-01"),
        (pa.array([-719_163], pa.date32()), "0000-12-31"),
        (pa.array([2_932_897], pa.date32()), "+10000-01-01"),
        (pa.array([2**31 - 1], pa.date32()), "+5881580-07-11"),
        (pa.array([-(2**31)], pa.date32()), "-5877641-06-23"),
        (pa.array([3_723_000_000_001], pa.time64("ns")), "01:02:03.000000001"),
        (pa.array([uuid.UUID(int=1).bytes], pa.uuid()), str(uuid.UUID(int=1))),
        (pa.ListArray.from_arrays([0, 1], pa.array([uuid.UUID(int=1).bytes], pa.uuid())), [str(uuid.UUID(int=1))]),
        (pa.array([[1.5, 0.1]], pa.list_(pa.float32(), 2)), [1.5, 0.10000000149011612]),
        (
            pa.array(
                [{"f0": None, "f1": {"x": []}}],
                pa.struct([("f0", pa.int8()), ("f1", pa.struct([("x", pa.list_(pa.int8()))]))]),
            ),
            {"f0": None, "f1": {"x": []}},
        ),
        (pa.array([[([1, 2], True)]], pa.map_(pa.list_(pa.int32()), pa.bool_())), {"[1,2]": True}),
        (pa.array([[(b"\xff", 1)]], pa.map_(pa.binary(), pa.int32())), {"/w==": 1}),
        (pa.array([[(True, 1)]], pa.map_(pa.bool_(), pa.int32())), {"true": 1}),
        (pa.array([[(math.nan, 1), (math.inf, 2)]], pa.map_(pa.float64(), pa.int32())), {"NaN": 1, "Infinity": 2}),
        (pa.array([[[]]], pa.list_(pa.map_(pa.string(), pa.list_(pa.int8())))), [{}]),
    ],
)
def test_each_type_has_its_form(array: pa.Array, expected: Any) -> None:
    assert read_one(array) == expected
    # Beside a null, and not at the beginning of its buffers.
    beside = pa.concat_arrays([pa.nulls(2, array.type), array]).slice(1)
    assert [json.loads(line)["a"] for line in write_text({"a": beside}, "json").splitlines()] == [None, expected]


def test_blobs_are_hex_where_asked_for_at_any_depth() -> None:
    assert read_one(pa.array([[b"\x00\xff", b""]]), blob_encoding="hex") == ["00ff", ""]


def test_what_is_no_json_number_is_an_error_null_or_text() -> None:
    array = pa.array([[math.nan, -math.inf, None, -0.0]])
    with pytest.raises(ValueDoesNotFitError, match=r"query 1 of 1, column a\.element: NaN or .* non_finite"):
        read_one(array)
    assert read_one(array, non_finite="null") == [None, None, None, -0.0]
    assert read_one(array, non_finite="string") == ["NaN", "-Infinity", None, -0.0]
    assert read_one(pa.array([math.inf], pa.float32()), non_finite="string") == "Infinity"


@pytest.mark.parametrize("non_finite", [None, "null", "string"])
def test_keys_of_a_map_never_become_one(non_finite: str | None) -> None:
    array = pa.array([[([math.nan], 1), ([math.inf], 2)]], pa.map_(pa.list_(pa.float64()), pa.int32()))
    assert read_one(array, non_finite=non_finite) == {'["NaN"]': 1, '["Infinity"]': 2}


def test_two_keys_of_the_same_text_are_an_error() -> None:
    """As two tuples are whose only field is null for one and zero bytes for the other."""
    key_type = pa.struct([("f0", pa.int32())])
    array = pa.array([[({"f0": 1}, 1)], [({"f0": None}, 1), ({"f0": None}, 2)]], pa.map_(key_type, pa.int32()))
    with pytest.raises(ValueDoesNotFitError, match="column a: a map with two keys of the same text; types"):
        write_text({"a": array}, "json")
    assert read_one(array.slice(0, 1)) == {'{"f0":1}': 1}


def test_what_lies_below_a_null_is_not_looked_at() -> None:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([math.nan, 1.0, 2.0, 3.0]), 2, mask=pa.array([True, False]))
    lines = write_text({"a": vectors}, "json").splitlines()
    assert [json.loads(line)["a"] for line in lines] == [None, [2.0, 3.0]]


def test_each_line_begins_with_its_query_unless_told_otherwise() -> None:
    columns = {'a "b"': pa.array([1])}
    assert write_text(columns, "json") == '{"_query":1,"a \\"b\\"":1}\n'
    assert write_text(columns, "json", query_field='q"') == '{"q\\"":1,"a \\"b\\"":1}\n'
    assert write_text(columns, "json", query_field="") == '{"a \\"b\\"":1}\n'


def test_a_column_called_like_the_query_field_is_an_error() -> None:
    with pytest.raises(OptionError, match="query_field='_query' is a column") as raised:
        write_text({"_query": pa.array([1])}, "json")
    assert raised.value.option == "query_field"
    assert write_text({"_query": pa.array([7])}, "json", query_field=None) == '{"_query":7}\n'


def test_a_type_without_a_text_names_what_helps() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"'a\.element' is .*types="):
        write_text({"a": pa.array([[datetime.timedelta(1)]])}, "json")
