"""Windows on columns of numbers that count time, their parts as directories, and such numbers in imports."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.errors import (
    ImportPlanError,
    OptionError,
    TimeWindowError,
    ValueDoesNotFitError,
)
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions, TimeWindow
from airflow_provider_cqlai.engine.verbs.copy_from import copy_from
from airflow_provider_cqlai.engine.verbs.copy_to import copy_to

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
DAY = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
DAY_SECONDS = int(DAY.timestamp())


def _window(start_ms: int = 0, end_ms: int = 86_400_000) -> TimeWindow:
    return TimeWindow(
        start=DAY + datetime.timedelta(milliseconds=start_ms), end=DAY + datetime.timedelta(milliseconds=end_ms)
    )


def _numbers_around(unit: str) -> list[int]:
    """The day's first and last number, and those beside them."""
    start, end = DAY_SECONDS * PER_SECOND[unit], (DAY_SECONDS + 86_400) * PER_SECOND[unit]
    return [start - 1, start, start + 1, end - 1, end, end + 1]


def _make(session: Session, keyspace: str, cql_type: str, key: str, numbers: list[int]) -> str:
    table = f"{keyspace}.events"
    session.execute(f"CREATE TABLE {table} (k int, at {cql_type}, v int, PRIMARY KEY {key})")
    for number in numbers:
        session.execute(f"INSERT INTO {table} (k, at, v) VALUES ({number % 7}, {number}, 1)")
    return table


def _export(session: Session, table: str, path: Path, **options: Any) -> list[int]:
    copy_to(session, CopyToOptions(table=table, path=str(path), time_column="at", **options))
    files = [path] if path.is_file() else path.glob("**/*.parquet")
    return sorted(number for file in files for number in pq.read_table(file, partitioning=None)["at"].to_pylist())


@pytest.mark.parametrize("key", ["(k, at)", "((k, at))", "(k, v)"])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_numbers_of_a_window_are_exported(session: Session, keyspace: str, tmp_path: Path, unit: str, key: str) -> None:
    numbers = _numbers_around(unit)
    if key == "(k, v)":
        # One row for each k.
        numbers = [numbers[0], numbers[1], numbers[4]]
    table = _make(session, keyspace, "bigint", key, numbers)
    start, end = DAY_SECONDS * PER_SECOND[unit], (DAY_SECONDS + 86_400) * PER_SECOND[unit]
    exported = _export(session, table, tmp_path / "e.parquet", time_unit=unit, window=_window())
    stored = [row.at for row in session.execute(f"SELECT at FROM {table}")]
    assert exported == sorted(number for number in stored if start <= number < end) != []


def test_a_window_within_seconds_takes_each_number_once(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = _make(session, keyspace, "int", "(k, at)", [DAY_SECONDS + second for second in range(4)])
    found = [
        _export(session, table, tmp_path / f"{start}.parquet", time_unit="s", window=_window(start, end))
        for start, end in [(0, 1), (1, 1_000), (1_000, 1_500), (1_500, 2_001), (2_001, 4_000)]
    ]
    assert [[number - DAY_SECONDS for number in numbers] for numbers in found] == [[0], [], [1], [2], [3]]


def test_windows_beyond_an_int_end_where_it_does(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = _make(session, keyspace, "int", "(k, at)", [2**31 - 1, -(2**31), 0])
    beyond = TimeWindow(
        start=datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc),
        end=datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc),
    )
    options = {"time_unit": "s", "allow_future_end": True}
    assert _export(session, table, tmp_path / "a.parquet", window=beyond, **options) == [2**31 - 1]
    outside = TimeWindow(start=beyond.end, end=beyond.end + datetime.timedelta(days=1))
    with pytest.raises(TimeWindowError, match="do not reach"):
        _export(session, table, tmp_path / "b.parquet", window=outside, **options)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_parts_of_numbers_are_directories(session: Session, keyspace: str, tmp_path: Path, unit: str) -> None:
    table = _make(session, keyspace, "bigint", "(k, at)", [*_numbers_around(unit), -1])
    copy_to(
        session,
        CopyToOptions(
            table=table,
            path=f"{tmp_path}/d/",
            time_column="at",
            time_unit=unit,
            window=TimeWindow(
                start=datetime.datetime(1969, 1, 1, tzinfo=datetime.timezone.utc), end=DAY + datetime.timedelta(days=2)
            ),
            partition_by="at.date,at.hour",
        ),
    )
    found = {str(file.parent.relative_to(tmp_path / "d")) for file in (tmp_path / "d").glob("*/*/*.parquet")}
    assert found == {
        "at.date=1969-12-31/at.hour=23",
        "at.date=2024-02-29/at.hour=23",
        "at.date=2024-03-01/at.hour=00",
        "at.date=2024-03-01/at.hour=23",
        "at.date=2024-03-02/at.hour=00",
    }
    back = f"{keyspace}.back"
    session.execute(f"CREATE TABLE {back} (k int, at bigint, v int, PRIMARY KEY (k, at))")
    assert copy_from(session, CopyFromOptions(table=back, path=f"{tmp_path}/d/", verify="all")).rows == 7


def test_units_are_asked_for_and_checked(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = _make(session, keyspace, "bigint", "(k, at)", [1])
    session.execute(f"ALTER TABLE {table} ADD moment timestamp")
    path = str(tmp_path / "e.parquet")
    with pytest.raises(TimeWindowError, match=r"time_unit='s', 'ms' or 'us' says what time_column='at' counts"):
        copy_to(session, CopyToOptions(table=table, path=path, time_column="at", window=_window()))
    with pytest.raises(TimeWindowError, match=r"leave time_unit out"):
        copy_to(session, CopyToOptions(table=table, path=path, time_column="moment", time_unit="s", window=_window()))
    with pytest.raises(OptionError, match="time_unit='minutes' is unknown"):
        CopyToOptions(table=table, path=path, time_column="at", time_unit="minutes", window=_window())  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="give that, too"):
        CopyToOptions(table=table, path=path, time_unit="s")


def _import(session: Session, table: str, file: Path, column: Any, **options: Any) -> list[Any]:
    pq.write_table(pa.table({"k": pa.array(range(len(column)), pa.int32()), "at": column}), file)
    copy_from(session, CopyFromOptions(table=table, path=str(file), **options))
    rows = session.execute(f"SELECT k, at FROM {table}")
    found = [row.at for row in sorted(rows, key=lambda row: row.k)]
    # The driver gives moments in UTC without a zone.
    return [at.replace(tzinfo=datetime.timezone.utc) if isinstance(at, datetime.datetime) else at for at in found]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_numbers_of_files_become_timestamps(session: Session, keyspace: str, tmp_path: Path, unit: str) -> None:
    table = f"{keyspace}.moments"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, at timestamp)")
    numbers = pa.array([DAY_SECONDS * PER_SECOND[unit], -PER_SECOND[unit], None], pa.int64())
    back = _import(session, table, tmp_path / "n.parquet", numbers, time_units={"AT": unit}, verify="all")
    assert back == [DAY, EPOCH - datetime.timedelta(seconds=1), None]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_numbers_of_directories_become_timestamps(session: Session, keyspace: str, tmp_path: Path, unit: str) -> None:
    table = f"{keyspace}.moments"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, at timestamp)")
    number = DAY_SECONDS * PER_SECOND[unit]
    of_number = tmp_path / f"at={number}" / "a.parquet"

    def write(directory: str, key: int, **columns: Any) -> None:
        (tmp_path / directory).mkdir(exist_ok=True)
        pq.write_table(pa.table({"k": pa.array([key], pa.int32()), **columns}), tmp_path / directory / "a.parquet")

    def load() -> None:
        copy_from(session, CopyFromOptions(table=table, path=str(tmp_path), time_units={"at": unit}, verify="all"))

    write(of_number.parent.name, 0)
    write("at=__HIVE_DEFAULT_PARTITION__", 1)
    load()
    rows = session.execute(f"SELECT k, at FROM {table}")
    assert {row.k: row.at for row in rows} == {0: DAY.replace(tzinfo=None), 1: None}
    # The files have the column as well.
    write(of_number.parent.name, 0, at=pa.array([number], pa.int64()))
    load()
    write(of_number.parent.name, 0, at=pa.array([number + PER_SECOND[unit]], pa.int64()))
    with pytest.raises(ValueDoesNotFitError, match=f"where its directories say at={number}"):
        load()
    of_number.unlink()
    write("at=2024-03-01", 2)
    with pytest.raises(ImportPlanError, match="is not a whole number"):
        load()


def test_numbers_that_do_not_fit_are_errors(session: Session, keyspace: str, tmp_path: Path) -> None:
    table = f"{keyspace}.moments"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, at timestamp, n bigint, small int)")
    file = tmp_path / "n.parquet"
    with pytest.raises(ValueDoesNotFitError, match=r"moments\.at: "):
        _import(session, table, file, pa.array([2**60], pa.int64()), time_units={"at": "s"}, on_missing_column="ignore")
    with pytest.raises(ValueDoesNotFitError, match=r"moments\.at: "):
        _import(
            session, table, file, pa.array([1_001], pa.int64()), time_units={"at": "us"}, on_missing_column="ignore"
        )
    options: dict[str, Any] = {"allow_lossy": "at", "on_missing_column": "ignore"}
    cut = _import(session, table, file, pa.array([-1_001], pa.int64()), time_units={"at": "us"}, **options)
    assert cut == [EPOCH - datetime.timedelta(milliseconds=2)]
    with pytest.raises(ImportPlanError, match="is for whole numbers of the file and a timestamp"):
        _import(session, table, file, pa.array(["x"]), time_units={"at": "s"}, on_missing_column="ignore")
    with pytest.raises(ImportPlanError, match="time_units"):
        _import(session, table, file, pa.array([1]), time_units={"nowhere": "s"}, on_missing_column="ignore")
    with pytest.raises(OptionError, match="time_units='h' is unknown"):
        CopyFromOptions(table=table, path=str(file), time_units={"at": "h"})  # type: ignore[dict-item]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("counted", ["s", "ms", "us"])
def test_moments_of_files_become_numbers(
    session: Session, keyspace: str, tmp_path: Path, unit: str, counted: str
) -> None:
    table = f"{keyspace}.numbers"
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, at bigint)")
    moments = pa.array([DAY, None, DAY - datetime.timedelta(days=40_000)], pa.timestamp(unit, "UTC"))
    expected = [DAY_SECONDS * PER_SECOND[counted], None, (DAY_SECONDS - 40_000 * 86_400) * PER_SECOND[counted]]
    options: dict[str, Any] = {"time_units": {"at": counted}, "verify": "all"}
    assert _import(session, table, tmp_path / "m.parquet", moments, **options) == expected
    if unit in ("us", "ns") and counted != "us":
        fine = pa.array([DAY + datetime.timedelta(microseconds=1)], pa.timestamp(unit, "UTC"))
        with pytest.raises(ValueDoesNotFitError, match="finer than time_units"):
            _import(session, table, tmp_path / "f.parquet", fine, time_units={"at": counted})
