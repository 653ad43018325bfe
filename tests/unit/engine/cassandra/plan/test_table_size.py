"""How many token ranges a table deserves."""

import pytest

from airflow_provider_cqlai.engine.cassandra.plan.table_size import (
    MOST_RANGES,
    RANGE_BYTES,
    SMALLEST_RANGE_BYTES,
    count_ranges,
    density_rows,
    extrapolate,
)
from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import MAX_TOKEN, MIN_TOKEN, RING_WIDTH

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, 1),
        (1, 1),
        (MEGABYTE, 1),
        (3 * MEGABYTE, 3),
        (100 * MEGABYTE, 16),
        (16 * 64 * MEGABYTE, 16),
        (100 * 64 * MEGABYTE, 100),
        (10**18, MOST_RANGES),
    ],
)
def test_ranges_follow_the_size(size: int, expected: int) -> None:
    assert count_ranges(size, RANGE_BYTES, SMALLEST_RANGE_BYTES, enough=16) == expected


def test_one_nodes_share_is_extrapolated_to_the_ring() -> None:
    quarter = MIN_TOKEN + RING_WIDTH // 4
    assert extrapolate([(str(MIN_TOKEN), str(quarter), 100, 1000)]) == pytest.approx(400_000, rel=1e-6)


def test_range_around_the_end_of_the_ring_counts_with_its_own_width() -> None:
    start, end = MAX_TOKEN - RING_WIDTH // 8, MIN_TOKEN + RING_WIDTH // 8
    assert extrapolate([(str(start), str(end), 10, 100)]) == pytest.approx(4_000, rel=1e-6)


def test_no_estimate_is_zero_which_means_unknown() -> None:
    assert extrapolate([]) == 0
    assert extrapolate([(str(MIN_TOKEN), str(MAX_TOKEN), 0, 0)]) == 0


def test_density_of_the_first_rows_tells_the_number_of_all() -> None:
    step = RING_WIDTH // 1_000_000
    tokens = [MIN_TOKEN + step * number for number in range(1, 2_001)]
    assert density_rows(tokens) == pytest.approx(1_000_000, rel=1e-3)


def test_rows_of_few_keys_tell_no_density() -> None:
    assert density_rows([5] * 2_000) is None
