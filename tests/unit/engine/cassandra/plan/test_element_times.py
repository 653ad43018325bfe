"""Times of elements are summed up by row: agreement, the latest, and what never expires."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.cassandra.plan.element_times import ElementTimes
from airflow_provider_cqlai.engine.types.companions import EXPIRY, WRITETIME


def element_times(writetimes: list[Any], ttls: list[Any] | None = None) -> ElementTimes:
    return ElementTimes(
        pa.array(writetimes, pa.list_(pa.int64())), None if ttls is None else pa.array(ttls, pa.list_(pa.int32()))
    )


@pytest.mark.parametrize(
    ("writetimes", "ttls", "mixed"),
    [
        ([1, 1], [None, None], (None, None)),
        ([1, 2], [None, None], (0, None)),
        ([1, 1], [5, 6], (None, 0)),
        ([1, 1], [5, None], (None, 0)),
        ([1, 1], [None, 5], (None, 0)),
        # A null field of a user-defined type: no cell, so nothing to differ from.
        ([None, 1], [None, 5], (None, None)),
        ([None, 1, 2], [None, 5, 5], (0, None)),
        ([None, None], [None, None], (None, None)),
        ([], [], (None, None)),
        (None, None, (None, None)),
    ],
)
def test_elements_differ_by_their_cells_only(
    writetimes: list[int | None] | None, ttls: list[int | None] | None, mixed: tuple[int | None, int | None]
) -> None:
    times = element_times([writetimes], [ttls])
    assert (times.find_mixed(WRITETIME), times.find_mixed(EXPIRY)) == mixed


def test_latest_agrees_with_a_plain_reading_of_random_lists() -> None:
    chance = random.Random(8877)
    for _ in range(200):
        writetimes: list[Any] = []
        ttls: list[Any] = []
        for _ in range(chance.randrange(20)):
            cells = [
                (chance.choice([None, -5, 0, 7]), chance.choice([None, 60, 90])) for _ in range(chance.randrange(4))
            ]
            is_null = chance.random() < 0.2
            writetimes.append(None if is_null else [written for written, _ in cells])
            ttls.append(None if is_null else [None if written is None else ttl for written, ttl in cells])
        times = element_times(writetimes, ttls)
        rows = [
            [pair for pair in zip(row or [], row_ttls or [], strict=True) if pair[0] is not None]
            for row, row_ttls in zip(writetimes, ttls, strict=True)
        ]
        assert times.latest(WRITETIME).to_pylist() == [max((pair[0] for pair in row), default=None) for row in rows]
        assert times.latest(EXPIRY).to_pylist() == [
            max(pair[1] for pair in row) if row and all(pair[1] is not None for pair in row) else None for row in rows
        ]
        for kind, place in ((WRITETIME, 0), (EXPIRY, 1)):
            mixed = [number for number, row in enumerate(rows) if len({pair[place] for pair in row}) > 1]
            assert times.find_mixed(kind) == (mixed[0] if mixed else None)


def test_a_slice_counts_from_its_own_first_row() -> None:
    writetimes = pa.array([[9, 9], None, [1, 2], [3]], pa.list_(pa.int64()))
    times = ElementTimes(writetimes.slice(1), None)
    assert times.find_mixed(WRITETIME) == 1
    assert times.latest(WRITETIME).to_pylist() == [None, 2, 3]


def test_write_times_need_no_ttls() -> None:
    times = element_times([[4, 4], [5]])
    assert times.latest(WRITETIME).to_pylist() == [4, 5]
