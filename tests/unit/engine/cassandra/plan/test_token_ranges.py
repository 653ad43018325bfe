"""Token ranges cover what they should, and the check notices when they do not."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import (
    MAX_TOKEN,
    MIN_TOKEN,
    WHOLE_RING,
    TokenRange,
    check_cover,
    check_ring,
    shard_of_ring,
    shuffle_ranges,
    split_range,
)

tokens = st.integers(MIN_TOKEN, MAX_TOKEN)


@given(count=st.integers(1, 500), ring_tokens=st.sets(tokens, max_size=60))
def test_split_covers_the_ring(count: int, ring_tokens: set[int]) -> None:
    ranges = split_range(WHOLE_RING, count, ring_tokens)
    check_ring(ranges)
    assert len(ranges) == count or len(ring_tokens) < count


@given(shard_count=st.integers(1, 40), count=st.integers(1, 50), ring_tokens=st.sets(tokens, max_size=30))
def test_shards_together_cover_the_ring(shard_count: int, count: int, ring_tokens: set[int]) -> None:
    ranges: list[TokenRange] = []
    for index in range(shard_count):
        shard = shard_of_ring(index, shard_count)
        own = split_range(shard, count, ring_tokens)
        check_cover(own, shard)
        ranges += own
    check_ring(ranges)


@given(token=tokens, count=st.integers(1, 100))
def test_each_token_is_in_one_range(token: int, count: int) -> None:
    holding = [each for each in split_range(WHOLE_RING, count) if each.start < token <= each.end]
    # A key's token is never the minimum; what has it is found by `token(...) > minimum`, in the first range.
    assert len(holding) == (token != MIN_TOKEN)


def test_enough_ranges_end_at_the_nodes_tokens() -> None:
    inner = {-(2**62), 5, 2**61}
    ends = {each.end for each in split_range(WHOLE_RING, 12, inner)}
    assert inner <= ends
    few = split_range(WHOLE_RING, 2, inner)
    assert len(few) == 2


def test_narrow_range_is_not_split_further_than_its_tokens() -> None:
    assert split_range(TokenRange(0, 3), 10) == [TokenRange(0, 1), TokenRange(1, 2), TokenRange(2, 3)]


@pytest.mark.parametrize("index", [0, 3, 7])
@pytest.mark.parametrize("change", ["missing", "doubled", "begins later", "ends earlier", "ends later", "empty"])
def test_tampered_ranges_are_noticed(index: int, change: str) -> None:
    ranges = split_range(WHOLE_RING, 8)
    victim = ranges[index]
    match change:
        case "missing":
            del ranges[index]
        case "doubled":
            ranges.append(victim)
        case "begins later":
            ranges[index] = dataclasses.replace(victim, start=victim.start + 1)
        case "ends earlier":
            ranges[index] = dataclasses.replace(victim, end=victim.end - 1)
        case "ends later":
            ranges[index] = dataclasses.replace(victim, end=victim.end + 1)
        case "empty":
            ranges.append(TokenRange(victim.start, victim.start))
    with pytest.raises(AssertionError, match="rows"):
        check_ring(shuffle_ranges(ranges))


def test_no_ranges_cover_nothing() -> None:
    with pytest.raises(AssertionError):
        check_ring([])


def test_shuffle_keeps_every_range_in_a_steady_order() -> None:
    ranges = split_range(WHOLE_RING, 50)
    shuffled = shuffle_ranges(ranges)
    assert shuffled != ranges
    assert shuffled == shuffle_ranges(ranges)
    check_ring(shuffled)
