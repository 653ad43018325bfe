"""Splits the token ring into ranges that together cover every row exactly once.

A range is ``(start, end]``. Note: the first range begins at the ring's minimum, which ``token(...) > minimum``
includes: no ordinary key has that token, but an empty key of a materialised view does, and Cassandra returns it there.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MIN_TOKEN = -(2**63)
MAX_TOKEN = 2**63 - 1
RING_WIDTH = MAX_TOKEN - MIN_TOKEN


@dataclass(frozen=True, slots=True)
class TokenRange:
    """Murmur3 tokens above ``start``, up to and including ``end``."""

    start: int
    end: int

    @property
    def width(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"({self.start}, {self.end}]"


WHOLE_RING = TokenRange(MIN_TOKEN, MAX_TOKEN)


def shard_of_ring(shard_index: int, shard_count: int) -> TokenRange:
    """The part of the ring that belongs to one of ``shard_count`` equal shards."""
    shards = split_range(WHOLE_RING, shard_count)
    check_cover(shards, WHOLE_RING)
    return shards[shard_index]


def split_range(whole: TokenRange, count: int, ring_tokens: Collection[int] = ()) -> list[TokenRange]:
    """About ``count`` ranges that cover ``whole``, in the ring's order.

    Where there are enough, they also end at the nodes' own tokens: such a range lives on one set of replicas, while
    one across several sets makes the coordinator ask each of them in turn.
    """
    inner = sorted({token for token in ring_tokens if whole.start < token < whole.end})
    if not inner or count <= len(inner):
        return _split_evenly(whole, count)
    ranges: list[TokenRange] = []
    edges = [whole.start, *inner, whole.end]
    for start, end in itertools.pairwise(edges):
        arc = TokenRange(start, end)
        ranges += _split_evenly(arc, max(1, round(count * arc.width / whole.width)))
    return ranges


def _split_evenly(whole: TokenRange, count: int) -> list[TokenRange]:
    count = min(count, whole.width)
    edges = [whole.start + whole.width * index // count for index in range(count + 1)]
    return [TokenRange(start, end) for start, end in itertools.pairwise(edges)]


def check_cover(ranges: Sequence[TokenRange], whole: TokenRange) -> None:
    """Raise `AssertionError` unless ``ranges``, in any order, cover ``whole`` exactly: no gap, no overlap, no excess.

    A defect here would lose or double rows silently, so every plan is checked, with assertions switched off too.
    """
    expected_start = whole.start
    for token_range in sorted(ranges, key=lambda each: each.start):
        if token_range.start != expected_start or token_range.end <= token_range.start:
            raise AssertionError(
                f"token range {token_range} does not continue at {expected_start}: rows lost or doubled"
            )
        expected_start = token_range.end
    if expected_start != whole.end:
        raise AssertionError(f"token ranges end at {expected_start} instead of {whole.end}: rows lost or added")


def check_ring(ranges: Sequence[TokenRange]) -> None:
    """Raise `AssertionError` unless ``ranges`` cover the whole ring exactly."""
    check_cover(ranges, WHOLE_RING)


def shuffle_ranges(ranges: Sequence[TokenRange]) -> list[TokenRange]:
    """The ranges in an order that spreads over the nodes and is the same for every try."""
    shuffled = list(ranges)
    random.Random(0).shuffle(shuffled)
    return shuffled
