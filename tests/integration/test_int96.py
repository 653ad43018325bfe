"""Timestamps of 96 bits, as Spark and older programs write them: of every year, and no digit lost without a word."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from tests.integration.foreign_rows import MOMENT, create_table, read_row
from tests.integration.import_cases import import_files

pytestmark = pytest.mark.usefixtures("codec")


def test_timestamps_of_96_bits_as_spark_writes_them(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_table(session, keyspace, {"v": "timestamp"})
    moments = [datetime.datetime(9999, 12, 31, 23, 59, 59), datetime.datetime(1, 1, 1), MOMENT]  # noqa: DTZ001
    path = tmp_path / "int96.parquet"
    table = pa.table({"k": range(3), "v": pa.array(moments, pa.timestamp("us"))})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=False)
    assert pq.ParquetFile(path).schema.column(1).physical_type == "INT96"
    import_files(session, keyspace, "t", path)
    assert [read_row(session, keyspace, key)["v"] for key in range(3)] == moments


@pytest.mark.parametrize("year", [1, 1677, 1969, 1970, 2024, 2262, 9999])
def test_digits_of_96_bits_below_a_microsecond_are_no_more_lost_than_others(
    session: Session, keyspace: str, tmp_path: Path, year: int
) -> None:
    create_table(session, keyspace, {"v": "timestamp"})
    moment = datetime.datetime(year, 1, 1, 1, 2, 3)  # noqa: DTZ001
    path = tmp_path / "int96.parquet"
    table = pa.table({"k": range(3), "v": pa.array([moment, None, moment], pa.timestamp("us"))})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=False, compression="none",
                   use_dictionary=False, write_statistics=False)  # fmt: skip
    # One nanosecond more in the last value, which is the nanoseconds of its day and then the day.
    content = path.read_bytes()
    nanoseconds = ((1 * 60 + 2) * 60 + 3) * 10**9
    first, last = content.find(nanoseconds.to_bytes(8, "little")), content.rfind(nanoseconds.to_bytes(8, "little"))
    assert last == first + 12
    path.write_bytes(content[:last] + (nanoseconds + 1).to_bytes(8, "little") + content[last + 8 :])
    with pytest.raises(ValueDoesNotFitError, match=r"v.*row 2"):
        import_files(session, keyspace, "t", path)
    import_files(session, keyspace, "t", path, allow_lossy=["v"])
    assert [read_row(session, keyspace, key)["v"] for key in range(3)] == [moment, None, moment]


def test_digits_of_96_bits_below_a_microsecond_inside_of_a_list_are_an_error(
    session: Session, keyspace: str, tmp_path: Path
) -> None:
    create_table(session, keyspace, {"v": "list<timestamp>"})
    table = pa.table({"k": [1], "v": pa.array([[1_000_000_001]], pa.list_(pa.timestamp("ns")))})
    path = tmp_path / "int96.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=False)
    with pytest.raises(ValueDoesNotFitError, match=r"column v .*below a microsecond"):
        import_files(session, keyspace, "t", path)
    whole = pa.table({"k": [1], "v": pa.array([[1_000_000_000]], pa.list_(pa.timestamp("ns")))})
    pq.write_table(whole, path, use_deprecated_int96_timestamps=True, store_schema=False)
    import_files(session, keyspace, "t", path)
    assert read_row(session, keyspace, 1)["v"] == [datetime.datetime(1970, 1, 1, 0, 0, 1)]  # noqa: DTZ001


def write_96_bits(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, use_deprecated_int96_timestamps=True, store_schema=False)
    return path


FINER = pa.array([1_000_000, 2_000_000_500], pa.timestamp("ns"))


def test_digits_of_96_bits_in_a_column_with_a_dot_in_its_name(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_table(session, keyspace, {'"a.b"': "timestamp"})
    path = write_96_bits(tmp_path / "dot.parquet", k=range(2), **{"a.b": FINER})
    with pytest.raises(ValueDoesNotFitError, match=r"a\.b.*1970-01-01 00:00:02.000000500.*row 1 of.*'k': '1'"):
        import_files(session, keyspace, "t", path)


def test_digits_of_96_bits_are_no_write_time(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_table(session, keyspace, {"v": "int"})
    path = write_96_bits(tmp_path / "finer.parquet", k=range(2), v=range(2), wt=FINER)
    with pytest.raises(ValueDoesNotFitError, match=r"wt.*000000500.*row 1 of"):
        import_files(session, keyspace, "t", path, timestamp="wt")
    assert not session.execute(f"SELECT * FROM {keyspace}.t").all()
    path = write_96_bits(tmp_path / "whole.parquet", k=range(2), v=range(2), wt=FINER.cast("timestamp[us]", safe=False))
    import_files(session, keyspace, "t", path, timestamp="wt")
    assert sorted(session.execute(f"SELECT k, writetime(v) FROM {keyspace}.t").all()) == [(0, 1_000), (1, 2_000_000)]


def test_digits_of_96_bits_reach_no_file_of_rejected_rows(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_table(session, keyspace, {"v": "timestamp"})
    path = write_96_bits(tmp_path / "finer.parquet", k=range(2), v=FINER)
    rejected = tmp_path / "rejected.parquet"
    with pytest.raises(ValueDoesNotFitError, match=r"000000500.*row 1 of"):
        import_files(session, keyspace, "t", path, max_errors=5, rejected_path=str(rejected))
    # Where they may be lost, the row has what is left of the value and nothing besides.
    path = write_96_bits(tmp_path / "no_key.parquet", k=pa.array([1, None], pa.int32()), v=FINER)
    import_files(session, keyspace, "t", path, max_errors=5, rejected_path=str(rejected), allow_lossy=["v"])
    assert pq.read_table(rejected)["v"].cast(pa.int64()).to_pylist() == [2_000_000]


def test_where_compares_96_bits_as_the_file_has_them(session: Session, keyspace: str, tmp_path: Path) -> None:
    create_table(session, keyspace, {"v": "timestamp"})
    path = write_96_bits(tmp_path / "finer.parquet", k=range(2), v=FINER)
    for sign, value, keys in (
        ("<", "1970-01-01 00:00:02", [0]),
        (">=", "1970-01-01 00:00:02", [1]),
        (">=", "1970-01-01 00:00:02.000001", []),
        ("!=", None, [0, 1]),
    ):
        session.execute(f"TRUNCATE {keyspace}.t")
        import_files(session, keyspace, "t", path, where=[("v", sign, value)], allow_lossy=["v"])
        assert sorted(row.k for row in session.execute(f"SELECT k FROM {keyspace}.t")) == keys
    # A row that is not selected need not fit.
    import_files(session, keyspace, "t", path, where=[("v", "<", "1970-01-01 00:00:02")])
    for sign in ("=", "!=", ">", "<="):
        with pytest.raises(ValueDoesNotFitError, match=r"row 1: where: v is 1970-01-01 00:00:02.000000500"):
            import_files(session, keyspace, "t", path, where=[("v", sign, "1970-01-01 00:00:02")], allow_lossy=["v"])


@pytest.mark.parametrize("moment", [datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc), "9999-12-31"])
def test_where_compares_96_bits_with_moments_of_any_year(
    session: Session, keyspace: str, tmp_path: Path, moment: Any
) -> None:
    create_table(session, keyspace, {"v": "timestamp"})
    days = pa.array([MOMENT, MOMENT.replace(year=9999, month=12, day=31)], pa.timestamp("us"))
    path = write_96_bits(tmp_path / "far.parquet", k=range(2), v=days)
    import_files(session, keyspace, "t", path, where=[("v", ">=", moment), ("k", ">=", 0)])
    expected = [0, 1] if moment != "9999-12-31" else [1]
    assert sorted(row.k for row in session.execute(f"SELECT k FROM {keyspace}.t")) == expected


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("options", [{}, {"allow_lossy": ["v"]}])
def test_day_of_96_bits_that_is_negative_is_an_error(
    session: Session, keyspace: str, tmp_path: Path, options: dict[str, Any], is_nested: bool
) -> None:
    create_table(session, keyspace, {"v": "list<timestamp>" if is_nested else "timestamp"})
    values: list[Any] = [0, None, 86_400_000_000]
    arrow_type = pa.list_(pa.timestamp("us")) if is_nested else pa.timestamp("us")
    array = pa.array([[value] for value in values] if is_nested else values, arrow_type)
    path = tmp_path / "int96.parquet"
    pq.write_table(pa.table({"k": range(3), "v": array}), path, use_deprecated_int96_timestamps=True,
                   store_schema=False, compression="none", use_dictionary=False, write_statistics=False)  # fmt: skip
    day, negative = (number.to_bytes(4, "little", signed=True) for number in (2_440_589, -1))
    content = path.read_bytes()
    assert content.count(bytes(8) + day) == 1
    path.write_bytes(content.replace(bytes(8) + day, bytes(8) + negative))
    with pytest.raises(ValueDoesNotFitError, match=r"column v has a timestamp of 96 bits whose day is negative"):
        import_files(session, keyspace, "t", path, **options)
    assert not list(session.execute(f"SELECT * FROM {keyspace}.t"))
