"""Files that other programs wrote, imported into a real server and read back value by value with the driver."""

from __future__ import annotations

import datetime
import decimal
import logging
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ImportPlanError, ValueDoesNotFitError
from tests.cassandra_versions import NEEDS_VECTORS, has_vectors
from tests.integration.foreign_rows import MOMENT, create_table, read_row
from tests.integration.import_cases import import_files

pytestmark = pytest.mark.usefixtures("codec")


DAY = datetime.date(2024, 5, 1)


TIME = datetime.time(12, 34, 56, 123_456)


TIME_NANOSECONDS = 45_296_123_456_000


ID = uuid.UUID("550e8400-e29b-41d4-a716-446655440000")


TIME_ID = uuid.UUID("a4a70900-24e1-11df-8924-001ff3591711")


AMOUNT = decimal.Decimal("-12.5")


YEAR_NANOSECONDS = 3 * 3_600_000_000_000


def check(session: Session, keyspace: str, path: Path, expected: Mapping[str, tuple[str, Any]], **options: Any) -> None:
    """Row 1 holds the values, row 2 nulls, of a file whose columns are ``k`` and those of ``expected``."""
    create_table(session, keyspace, {name: cql_type for name, (cql_type, _) in expected.items()})
    import_files(session, keyspace, "t", path, **options)
    assert read_row(session, keyspace, 1) == {name: value for name, (_, value) in expected.items()}
    assert read_row(session, keyspace, 2) == dict.fromkeys(expected)


def known_here(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Without those whose CQL type, the last but one thing told of them, the server does not have."""
    return {name: column for name, column in columns.items() if has_vectors() or "vector<" not in column[-2]}


def test_every_type_of_duckdb(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TYPE {keyspace}.point (x bigint, label text)")
    # DuckDB's expression, the CQL type it is imported to, and the value that must be there.
    columns: dict[str, tuple[str, str, Any]] = {
        "c_tinyint": ("(-128)::TINYINT", "tinyint", -128),
        "c_smallint": ("7::SMALLINT", "smallint", 7),
        "c_integer": ("7::INTEGER", "bigint", 7),
        "c_bigint": ("(-9223372036854775808)::BIGINT", "bigint", -(2**63)),
        "c_hugeint": ("7::HUGEINT", "varint", 7),
        "c_uhugeint": ("7::UHUGEINT", "bigint", 7),
        "c_utinyint": ("255::UTINYINT", "smallint", 255),
        "c_usmallint": ("65535::USMALLINT", "int", 65_535),
        "c_uinteger": ("4294967295::UINTEGER", "bigint", 2**32 - 1),
        "c_ubigint": ("18446744073709551615::UBIGINT", "varint", 2**64 - 1),
        "c_float": ("1.5::FLOAT", "double", 1.5),
        "c_double": ("0.1::DOUBLE", "double", 0.1),
        "c_decimal_4": ("(-12.5)::DECIMAL(4, 2)", "decimal", AMOUNT),
        "c_decimal_9": ("(-12.5)::DECIMAL(9, 2)", "decimal", AMOUNT),
        "c_decimal_18": ("(-12.5)::DECIMAL(18, 2)", "decimal", AMOUNT),
        "c_decimal_38": ("(-12.5)::DECIMAL(38, 2)", "decimal", AMOUNT),
        "c_whole_decimal": ("7.00::DECIMAL(12, 2)", "int", 7),
        "c_boolean": ("true", "boolean", True),
        "c_varchar": ("' ü '", "text", " ü "),
        "c_ascii": ("'a'", "ascii", "a"),
        "c_blob": ("'\\x00\\xFF'::BLOB", "blob", b"\x00\xff"),
        "c_bit": ("'1010'::BIT", "text", "1010"),
        "c_enum": ("'b'::ENUM('a', 'b')", "text", "b"),
        "c_json": ("'{\"a\": 1}'::JSON", "text", '{"a": 1}'),
        "c_uuid": (f"'{ID}'::UUID", "uuid", ID),
        "c_uuid_text": (f"'{{{str(TIME_ID).upper()}}}'", "timeuuid", TIME_ID),
        "c_inet": ("'::1'", "inet", "::1"),
        "c_date": ("DATE '2024-05-01'", "date", DAY),
        "c_date_timestamp": ("DATE '2024-05-01'", "timestamp", datetime.datetime.combine(DAY, datetime.time())),
        "c_date_text": ("'2024-05-01'", "date", DAY),
        "c_midnight": ("TIMESTAMP '2024-05-01'", "date", DAY),
        "c_time": ("TIME '12:34:56.123456'", "time", TIME_NANOSECONDS),
        "c_time_text": ("'12:34:56.123456789'", "time", TIME_NANOSECONDS + 789),
        "c_timetz": ("'13:34:56.123456+01'::TIMETZ", "time", TIME_NANOSECONDS),
        "c_timestamp": ("TIMESTAMP '2024-05-01 12:30:00.123'", "timestamp", MOMENT),
        "c_timestamp_s": ("'2024-05-01 12:30:00'::TIMESTAMP_S", "timestamp", MOMENT.replace(microsecond=0)),
        "c_timestamp_ms": ("'2024-05-01 12:30:00.123'::TIMESTAMP_MS", "timestamp", MOMENT),
        "c_timestamp_ns": ("'2024-05-01 12:30:00.123'::TIMESTAMP_NS", "timestamp", MOMENT),
        "c_timestamptz": ("'2024-05-01 14:30:00.123+02'::TIMESTAMPTZ", "timestamp", MOMENT),
        "c_timestamp_text": ("'2024-05-01 14:30:00.123+0200'", "timestamp", MOMENT),
        "c_interval": ("INTERVAL '1 year 2 days 3 hours'", "duration", (12, 2, YEAR_NANOSECONDS)),
        "c_interval_text": ("'-1y2d3h'", "duration", (-12, -2, -YEAR_NANOSECONDS)),
        "c_list": ("[1, 2]", "list<bigint>", [1, 2]),
        "c_set": ("['b', 'a']", "set<text>", {"a", "b"}),
        # A null of a type with a fixed size makes a broken file (DuckDB's issue 24731): an error, never wrong values.
        "c_vector": ("array_value(1.5::FLOAT, 2::FLOAT)::FLOAT[]", "vector<float, 2>", [1.5, 2.0]),
        "c_struct": ("{'label': 'a', 'x': 1}", "point", {"x": 1, "label": "a"}),
        "c_row": ("{'a': 1, 'b': 'x'}", "tuple<int, text>", (1, "x")),
        "c_map": ("MAP {'a': 1, 'b': 2}", "map<text, bigint>", {"a": 1, "b": 2}),
        "c_nested": (
            "[{'m': MAP {'a': [1]}}]", "list<frozen<tuple<frozen<map<text, frozen<list<bigint>>>>>>>", [({"a": [1]},)],
        ),
        "c_null": ("NULL", "list<int>", None),
    }  # fmt: skip
    path = tmp_path / "duckdb.parquet"
    columns = known_here(columns)
    names = ", ".join(f"{expression} AS {name}" for name, (expression, _, _) in columns.items())
    nulls = ", ".join(f"NULL AS {name}" for name in columns)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY (SELECT 1 AS k, {names} UNION ALL SELECT 2, {nulls}) TO '{path}' (FORMAT parquet)")
    check(session, keyspace, path, {name: column[1:] for name, column in columns.items()})


def test_every_type_of_polars(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TYPE {keyspace}.point (x bigint, label text)")
    nanoseconds = datetime.timedelta(hours=-3)
    pairs = [{"key": "a", "value": 1}]
    columns: dict[str, tuple[Any, Any, str, Any]] = {
        "c_int8": (-128, pl.Int8, "tinyint", -128),
        "c_int16": (7, pl.Int16, "int", 7),
        "c_int32": (7, pl.Int32, "varint", 7),
        "c_int64": (7, pl.Int64, "tinyint", 7),
        "c_uint8": (255, pl.UInt8, "smallint", 255),
        "c_uint16": (65_535, pl.UInt16, "int", 65_535),
        "c_uint32": (2**32 - 1, pl.UInt32, "bigint", 2**32 - 1),
        "c_uint64": (2**64 - 1, pl.UInt64, "varint", 2**64 - 1),
        "c_float16": (1.5, pl.Float16, "float", 1.5),
        "c_float32": (1.5, pl.Float32, "double", 1.5),
        "c_float64": (0.1, pl.Float64, "double", 0.1),
        "c_decimal": (AMOUNT, pl.Decimal(10, 2), "decimal", AMOUNT),
        "c_boolean": (True, pl.Boolean, "boolean", True),
        "c_string": (" ü ", pl.String, "text", " ü "),
        "c_decimal_text": ("1.50", pl.String, "decimal", decimal.Decimal("1.50")),
        "c_varint_text": (str(2**100), pl.String, "varint", 2**100),
        "c_uuid_text": (ID.hex, pl.String, "uuid", ID),
        "c_binary": (b"\0\xff", pl.Binary, "blob", b"\0\xff"),
        "c_uuid_bytes": (ID.bytes, pl.Binary, "uuid", ID),
        "c_date": (DAY, pl.Date, "date", DAY),
        "c_time": (TIME, pl.Time, "time", TIME_NANOSECONDS),
        "c_datetime_ms": (MOMENT, pl.Datetime("ms"), "timestamp", MOMENT),
        "c_datetime_us": (MOMENT, pl.Datetime("us"), "timestamp", MOMENT),
        "c_datetime_ns": (MOMENT, pl.Datetime("ns"), "timestamp", MOMENT),
        "c_duration_ms": (nanoseconds, pl.Duration("ms"), "duration", (0, 0, -YEAR_NANOSECONDS)),
        "c_duration_us": (nanoseconds, pl.Duration("us"), "duration", (0, 0, -YEAR_NANOSECONDS)),
        "c_duration_ns": (nanoseconds, pl.Duration("ns"), "duration", (0, 0, -YEAR_NANOSECONDS)),
        "c_categorical": ("a", pl.Categorical, "text", "a"),
        "c_enum": ("b", pl.Enum(["a", "b"]), "ascii", "b"),
        "c_list": ([1, 2], pl.List(pl.Int64), "list<int>", [1, 2]),
        "c_set": (["b", "a"], pl.List(pl.Categorical), "set<text>", {"a", "b"}),
        "c_array": ([1.5, 2.0], pl.Array(pl.Float32, 2), "vector<float, 2>", [1.5, 2.0]),
        "c_vector_of_list": ([1.5, 2.0], pl.List(pl.Float32), "vector<float, 2>", [1.5, 2.0]),
        "c_struct": ({"label": "a"}, pl.Struct({"label": pl.String}), "point", {"x": None, "label": "a"}),
        "c_pairs": (pairs, pl.List(pl.Struct({"key": pl.String, "value": pl.Int64})), "map<text, int>", {"a": 1}),
        "c_nested": (
            [[{"u": ID.bytes, "t": MOMENT}]], pl.List(pl.List(pl.Struct({"u": pl.Binary, "t": pl.Datetime("us")}))),
            "list<frozen<list<frozen<tuple<uuid, timestamp>>>>>", [[(ID, MOMENT)]],
        ),
        "c_null": (None, pl.Null, "map<int, text>", None),
    }  # fmt: skip
    columns = known_here(columns)
    frame = pl.DataFrame(
        [pl.Series("k", [1, 2], pl.Int64)]
        + [pl.Series(name, [value, None], dtype) for name, (value, dtype, _, _) in columns.items()]
    ).with_columns(
        pl.col("c_datetime_us").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin").alias("c_zone")
    )
    expected = {name: column[2:] for name, column in columns.items()} | {"c_zone": ("timestamp", MOMENT)}
    path = tmp_path / "polars.parquet"
    frame.write_parquet(path)
    check(session, keyspace, path, expected)


def test_every_type_of_pandas(session: Session, keyspace: str, tmp_path: Path) -> None:
    session.execute(f"CREATE TYPE {keyspace}.point (x bigint, label text)")
    hours = datetime.timedelta(hours=-3)
    in_berlin = pd.Series([pd.Timestamp(MOMENT, tz="UTC").tz_convert("Europe/Berlin"), pd.NaT])
    columns: dict[str, tuple[Any, str, Any]] = {
        **{
            f"c_{dtype.lower()}": (pd.array([7, None], dtype=dtype), cql_type, 7)
            for dtype, cql_type in (("Int8", "bigint"), ("Int16", "int"), ("Int32", "smallint"), ("Int64", "tinyint"),
                                    ("UInt8", "int"), ("UInt16", "bigint"), ("UInt32", "varint"), ("UInt64", "bigint"),
                                    ("Float32", "double"), ("Float64", "double"))
        },
        "c_floats_of_integers": ([7, None], "bigint", 7),
        "c_float16": (np.array([1.5, np.nan], np.float16), "float", 1.5),
        "c_boolean": (pd.array([True, None], dtype="boolean"), "boolean", True),
        "c_object_boolean": ([True, None], "boolean", True),
        "c_string": (["ü", None], "text", "ü"),
        "c_pyarrow_string": (pd.array(["ü", None], dtype=pd.ArrowDtype(pa.string_view())), "text", "ü"),
        "c_bytes": ([b"\0\xff", None], "blob", b"\0\xff"),
        "c_decimal": ([AMOUNT, None], "decimal", AMOUNT),
        "c_category": (pd.Categorical(["a", None]), "text", "a"),
        "c_category_of_dates": (pd.Categorical([DAY, None]), "date", DAY),
        "c_date": ([DAY, None], "date", DAY),
        "c_normalized": (pd.to_datetime([DAY, None]), "date", DAY),
        "c_time": ([TIME, None], "time", TIME_NANOSECONDS),
        **{
            f"c_datetime_{unit}": (pd.array([MOMENT.replace(microsecond=0), None], dtype=f"datetime64[{unit}]"),
                                   "timestamp", MOMENT.replace(microsecond=0))
            for unit in ("s", "ms", "us", "ns")
        },
        "c_zone": (in_berlin, "timestamp", MOMENT),
        "c_timestamp_text": ([str(in_berlin[0]), None], "timestamp", MOMENT),
        "c_timedelta": (pd.to_timedelta([hours, None]), "duration", (0, 0, -YEAR_NANOSECONDS)),
        "c_timedelta_text": ([pd.Timedelta("1 days 1.5s").isoformat(), None], "duration", (0, 1, 1_500_000_000)),
        "c_uuid_text": ([str(ID), None], "uuid", ID),
        "c_list": ([[1, 2], None], "list<int>", [1, 2]),
        "c_array": ([np.array([1.5, 2.0], np.float32), None], "vector<float, 2>", [1.5, 2.0]),
        "c_dict": ([{"x": 1, "label": "a"}, None], "point", {"x": 1, "label": "a"}),
        "c_list_of_dicts": ([[{"key": "a", "value": 1}], None], "map<text, int>", {"a": 1}),
        "c_map": (pd.array([[("a", 1)], None], dtype=pd.ArrowDtype(pa.map_(pa.string(), pa.int64()))), "map<text, int>",
                  {"a": 1}),
        "c_nothing": ([None, None], "set<uuid>", None),
    }  # fmt: skip
    columns = known_here(columns)
    frame = pd.DataFrame({"k": [1, 2], **{name: column[0] for name, column in columns.items()}})
    path = tmp_path / "pandas.parquet"
    frame.to_parquet(path)
    check(session, keyspace, path, {name: column[1:] for name, column in columns.items()})


@NEEDS_VECTORS
def test_floats_and_embeddings_become_shorter_where_that_is_allowed(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    create_table(session, keyspace, {"v": "vector<float, 2>", "d": "decimal", "f": "float", "a": "date"})
    path = tmp_path / "long.parquet"
    pl.DataFrame({"k": [1], "v": [[0.1, 2.0]], "d": [0.1], "f": [0.1], "a": [MOMENT]}).write_parquet(path)
    with pytest.raises(ImportPlanError) as raised:
        import_files(session, keyspace, "t", path)
    named = [problem.split("allow_lossy=")[1][:3] for problem in raised.value.problems]
    assert sorted(named) == ["'d'", "'f'", "'v'"]
    import_files(session, keyspace, "t", path, allow_lossy=["v", "d", "f", "a"])
    short = float(np.float32(0.1))
    assert read_row(session, keyspace, 1) == {"v": [short, 2.0], "d": decimal.Decimal("0.1"), "f": short, "a": DAY}


def test_what_is_widened_or_read_is_logged_once_for_all_files(
    session: Session, keyspace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    create_table(session, keyspace, {"n": "bigint", "s": "text"})
    for number in range(3):
        columns = {
            "k": pa.array([number], pa.int32()),
            "n": pa.array([1], pa.int32()),
            "s": pa.array(["a"]).cast("large_string"),
        }
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet")
    with caplog.at_level(logging.INFO, "airflow_provider_cqlai.engine.importing.plan.plan"):
        import_files(session, keyspace, "t", tmp_path)
    told = [record.message for record in caplog.records if record.name.endswith("importing.plan.plan")]
    assert told == [f"{keyspace}.t.n: int32 is widened to bigint", f"{keyspace}.t.s: large_string is read as text"]


# CQL type, a value that fits, one that does not, and why.
MISFITS: tuple[tuple[str, Any, Any, str], ...] = (
    ("bigint", pa.array([1], pa.uint64()), pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    ("int", pa.array([1.0]), pa.array([float("inf")]), "inf"),
    ("bigint", pa.array([1.0]), pa.array([2.0**53]), "not a whole number"),
    ("timeuuid", pa.array([str(TIME_ID)]), pa.array([str(ID)]), "not of version 1"),
    ("uuid", pa.array([str(ID)]), pa.array([""]), "not a uuid"),
    ("inet", pa.array(["1.2.3.4"]), pa.array([""]), "not an IP address"),
    ("ascii", pa.array(["a"]), pa.array(["ü"]), "more than ascii"),
    ("text", pa.array(["a"]), pa.array([b"\xff"]).view(pa.string()), "UTF8"),
    ("duration", pa.array(["1d"]), pa.array(["P"]), "not a duration"),
    ("duration", pa.array([{"months": 1, "days": 1, "nanoseconds": 1}]),
     pa.array([{"months": 1, "days": -1, "nanoseconds": 1}]), "one sign"),
    ("date", pa.array(["2024-01-01"]), pa.array([" 2024-01-01"]), "not a date"),
    ("list<int>", pa.array([[1, 2]]), pa.array([[1, 2**40]]), str(2**40)),
    ("map<text, int>", pa.array([[{"key": "a", "value": 1}]]), pa.array([[{"key": None, "value": 1}]]),
     "a key that is null"),
    ("vector<float, 2>", pa.array([[1, 2]]), pa.array([[1]]), "1 elements, where a vector has 2"),
)  # fmt: skip


def test_the_row_that_does_not_fit_is_named(session: Session, keyspace: str, tmp_path: Path) -> None:
    misfits = [misfit for misfit in MISFITS if has_vectors() or "vector<" not in misfit[0]]
    create_table(session, keyspace, {f"v{number}": cql_type for number, (cql_type, *_) in enumerate(misfits)})
    path = tmp_path / "bad.parquet"
    for number, (_, good, bad, reason) in enumerate(misfits):
        values = pa.concat_arrays([good, good, good, bad.cast(good.type), good])
        pq.write_table(pa.table({"k": range(5), f"v{number}": values}), path)
        with pytest.raises(ValueDoesNotFitError, match=reason) as raised:
            import_files(session, keyspace, "t", path, on_missing_column="ignore")
        assert (raised.value.primary_key, raised.value.column) == ({"k": "3"}, f"v{number}")
    assert not list(session.execute(f"SELECT k FROM {keyspace}.t"))


@NEEDS_VECTORS
def test_fixed_size_arrays_of_duckdb(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_table(session, keyspace, {"v": "vector<double, 2>"})
    path = tmp_path / "array.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS k, array_value(0.1::DOUBLE, 2::DOUBLE) AS v) TO '{path}' (FORMAT parquet)")
    import_files(session, keyspace, "t", path)
    assert read_row(session, keyspace, 1) == {"v": [0.1, 2.0]}


def test_durations_are_what_the_server_makes_of_the_same_literals(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    create_table(session, keyspace, {"v": "duration"})
    texts = ["1y2mo3d4h5m6s7ms8us9ns", "-1y2mo3d4h5m6s7ms8us9ns", "1d", "-1h", "1w2d", "1Y2MO3D", "1M", "1µs", "0d",
             "P1Y2M3DT4H5M6S", "-P1Y2M3DT4H5M6S", "P2W", "-P2W", "PT5M", "P1M", "P0001-02-03T04:05:06",
             "2147483647mo", "9223372036854775807ns"]  # fmt: skip
    for number, text in enumerate(texts):
        session.execute(f"INSERT INTO {keyspace}.t (k, v) VALUES ({-number - 1}, {text})")
    path = tmp_path / "durations.parquet"
    pq.write_table(pa.table({"k": range(len(texts)), "v": texts}), path)
    import_files(session, keyspace, "t", path)
    found = {row.k: row.v for row in session.execute(f"SELECT k, v FROM {keyspace}.t")}
    assert [found[number] for number in range(len(texts))] == [found[-number - 1] for number in range(len(texts))]


def test_decimal_keys_come_back_from_their_texts_digit_for_digit(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (k decimal PRIMARY KEY)")
    keys = ["1.5", "1.50", "0", "0.00", "1E+3", "1000", "-7E-9"]
    pl.DataFrame({"k": keys}).write_parquet(tmp_path / "keys.parquet")
    import_files(session, keyspace, "t", tmp_path / "keys.parquet")
    assert sorted(str(row.k) for row in session.execute(f"SELECT k FROM {keyspace}.t")) == sorted(keys)
