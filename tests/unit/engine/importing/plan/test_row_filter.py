"""``where`` on a file: the rows and row groups it selects, and the values that it refuses."""

from __future__ import annotations

import datetime
import decimal
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.importing.plan.row_filter import RowFilter, plan_row_filter
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile

NAN = math.nan
NOON = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone.utc).replace(tzinfo=None)
MIDNIGHT = NOON.replace(hour=0)
BERLIN = datetime.timezone(datetime.timedelta(hours=1))


def plan(array: Any, sign: str, value: Any) -> tuple[RowFilter | None, list[str]]:
    problems: list[str] = []
    return plan_row_filter(pa.schema([("x", array.type)]), [("x", sign, value)], "file", problems), problems


def select_places(array: Any, sign: str, value: Any) -> list[int]:
    """The places of the rows that meet the condition."""
    row_filter, problems = plan(array, sign, value)
    assert (problems, row_filter is None) == ([], False)
    assert row_filter is not None
    _, places = row_filter.select(pa.record_batch([array], names=["x"]), np.arange(len(array)))
    return list(places)


@pytest.mark.parametrize("arrow_type", [pa.float32(), pa.float64()])
@pytest.mark.parametrize(
    ("sign", "members", "expected"),
    [
        ("in", [0.0], [0, 1]),
        ("in", [-0.0], [0, 1]),
        ("in", [0.0, 2.0, None], [0, 1, 4, 5]),
        ("in", [NAN], [2, 3]),
        ("in", ["nan", "2"], [2, 3, 5]),
        ("in", [], []),
        ("not in", [0.0], [2, 3, 4, 5]),
        ("not in", [NAN], [0, 1, 4, 5]),
        ("not in", [NAN, None], [0, 1, 5]),
        ("not in", [], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_floats_are_among_others_as_numbers(arrow_type: Any, sign: str, members: Any, expected: list[int]) -> None:
    # Two NaN of different bits.
    other_nan = np.array([0xFFF8000000000000], np.uint64).view(np.float64)[0]
    array = pa.array([0.0, -0.0, NAN, other_nan, None, 2.0], arrow_type)
    assert select_places(array, sign, members) == expected


@pytest.mark.parametrize(("members", "groups"), [([0.0, 2.0], {0, 1}), ([NAN], {2})])
def test_no_row_group_is_left_out_for_zeros_and_nan(tmp_path: Path, members: Any, groups: set[int]) -> None:
    path = tmp_path / "x.parquet"
    array = pa.array([0.0, 0.0, 1.5, 2.0, NAN, 1.0])
    pq.write_table(pa.table({"x": array}), path, row_group_size=2)
    row_filter, _ = plan(array, "in", members)
    assert row_filter is not None
    found = row_filter.find_row_groups(SourceFile(LocalStorage(), str(path), ()))
    assert found is None or groups <= found


@pytest.mark.parametrize(
    ("arrow_type", "value"),
    [
        (pa.date32(), NOON),
        (pa.date32(), MIDNIGHT.replace(tzinfo=BERLIN)),
        (pa.date32(), 19_000),
        (pa.date64(), NOON),
        (pa.int32(), decimal.Decimal("1.5")),
        (pa.int32(), 1.5),
        (pa.int32(), True),
        (pa.int32(), "0x10"),
        (pa.uint64(), "0X1F"),
        (pa.float16(), "0x10"),
        (pa.float32(), "0x1p3"),
        (pa.float64(), "0x10"),
        (pa.float64(), True),
        (pa.float64(), 2**53 + 1),
        (pa.float64(), "9007199254740993"),
        (pa.float64(), "1e400"),
        (pa.float32(), 0.123456789),
        (pa.float32(), 1e300),
        (pa.float32(), "16777217"),
        (pa.time32("ms"), datetime.time(1, 2, 3, 4001)),
        (pa.time32("ms"), 5),
        (pa.time64("us"), datetime.time(1, tzinfo=datetime.timezone.utc)),
        (pa.timestamp("ms"), 0.7),
        (pa.timestamp("ms"), 5),
        (pa.timestamp("ms", "UTC"), NOON.replace(microsecond=1)),
        (pa.duration("s"), datetime.timedelta(microseconds=1)),
        (pa.duration("s"), 5),
        (pa.decimal128(10, 2), decimal.Decimal("1.555")),
        (pa.string(), 5),
        (pa.string(), b"\xff"),
    ],
)
@pytest.mark.parametrize("sign", ["<", "in"])
def test_value_that_a_column_cannot_hold_is_a_problem(arrow_type: Any, value: Any, sign: str) -> None:
    row_filter, problems = plan(pa.array([], arrow_type), sign, [value] if sign == "in" else value)
    assert row_filter is None
    [problem] = problems
    assert problem.startswith(f"file: where: x {sign} ")
    assert repr(value) in problem


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (pa.array([MIDNIGHT.date()]), MIDNIGHT),
        (pa.array([MIDNIGHT.date()]), MIDNIGHT.replace(tzinfo=datetime.timezone.utc)),
        (pa.array([MIDNIGHT.date()]), "2024-01-01"),
        (pa.array([MIDNIGHT.date()], pa.date64()), MIDNIGHT.date()),
        (pa.array([1], pa.int32()), 1.0),
        (pa.array([1], pa.int32()), decimal.Decimal("1.00")),
        (pa.array([1], pa.int32()), np.int64(1)),
        (pa.array([-5], pa.int8()), "-05"),
        (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
        (pa.array([1.0]), 1),
        (pa.array([2.0**53]), 2**53),
        (pa.array([0.1]), 0.1),
        (pa.array([0.1]), "0.1"),
        (pa.array([1e22]), "10000000000000000000000"),
        (pa.array([math.inf]), math.inf),
        (pa.array([0.1], pa.float32()), 0.1),
        (pa.array([0.1], pa.float32()), "0.10"),
        (pa.array([0.1], pa.float32()), float(np.float32(0.1))),
        (pa.array([16_777_216], pa.float32()), 16_777_216),
        (pa.array([datetime.time(1, 2, 3, 4000)], pa.time32("ms")), datetime.time(1, 2, 3, 4000)),
        (pa.array([datetime.timedelta(seconds=5)], pa.duration("s")), datetime.timedelta(seconds=5)),
        (pa.array([decimal.Decimal("1.50")]), decimal.Decimal("1.5")),
        (pa.array([decimal.Decimal("1.00")]), 1),
        (pa.array([NOON], pa.timestamp("ns")), NOON),
        (pa.array([NOON], pa.timestamp("ms")), NOON.replace(hour=13, tzinfo=BERLIN)),
        (pa.array([NOON], pa.timestamp("ms", "Europe/Berlin")), NOON),
        (pa.array([NOON], pa.timestamp("ms", "Europe/Berlin")), NOON.replace(hour=13, tzinfo=BERLIN)),
        (pa.array([NOON], pa.timestamp("s", "UTC")), "2024-01-01T12:00:00"),
        (pa.array([NOON], pa.timestamp("s", "UTC")), "2024-01-01T13:00:00+01:00"),
        (pa.array([MIDNIGHT], pa.timestamp("us", "Europe/Berlin")), MIDNIGHT.date()),
        (pa.array(["é"]), "é".encode()),
        (pa.array([b"\xff"]), b"\xff"),
    ],
)
def test_value_that_a_column_holds_is_found(array: Any, value: Any) -> None:
    assert select_places(array, "=", value) == [0]
    assert select_places(array, "in", [value]) == [0]
