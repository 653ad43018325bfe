"""Which rows share a message: every row in exactly one, within the limits that the server warns above."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.write.batching import (
    PARTITIONS_PER_BATCH,
    SHARED_BATCH_BYTES,
    STORED_CELL_BYTES,
    MessageSplit,
)
from airflow_provider_cqlai.engine.cassandra.write.messages import MAX_BATCH_ROWS, StatementKind


def encoded(groups: list[list[int]]) -> EncodedRows:
    """Rows of these sizes in bytes, by partition key."""
    sizes = [size for group in groups for size in group]
    return EncodedRows(
        body=memoryview(bytes(sum(sizes))),
        row_offsets=np.cumsum([0, *sizes]),
        row_numbers=np.arange(len(sizes)),
        key_hashes=np.arange(len(sizes), dtype=np.uint64),
        group_starts=np.cumsum([0, *map(len, groups)]),
        routing_keys=[f"key {number}".encode() for number in range(len(groups))],
    )


def split_with(replica_count: int, max_batch_bytes: int) -> MessageSplit:
    """A split for a ring in which key n has the n-th replica, modulo their number; none where there are none."""
    hosts = [object() for _ in range(replica_count)]

    def get_replicas(keyspace: str, routing_key: bytes) -> list[object]:
        assert keyspace == "ks"
        return [hosts[int(routing_key.split()[1]) % replica_count]] if hosts else []

    session: Any = SimpleNamespace(cluster=SimpleNamespace(metadata=SimpleNamespace(get_replicas=get_replicas)))
    return MessageSplit(session, "ks", max_batch_bytes)


groups_of_sizes = st.lists(st.lists(st.integers(10, 3_000), min_size=1, max_size=6), max_size=40)


@settings(deadline=None)
@given(
    groups=groups_of_sizes,
    replica_count=st.integers(0, 3),
    max_batch_bytes=st.integers(1, 8_000),
    column_count=st.integers(1, 30),
    kind=st.sampled_from(StatementKind),
)
def test_every_row_is_in_one_message_within_the_limits(
    groups: list[list[int]], replica_count: int, max_batch_bytes: int, column_count: int, kind: StatementKind
) -> None:
    rows = encoded(groups)
    group_of = [number for number, group in enumerate(groups) for _ in group]
    sizes = [size for group in groups for size in group]
    seen = []
    for spans, routing_key in split_with(replica_count, max_batch_bytes).split(rows, kind, column_count):
        members = [row for start, stop in spans for row in range(start, stop)]
        seen += members
        keys = [group_of[row] for row in members]
        assert routing_key == f"key {keys[0]}".encode()
        if kind is StatementKind.CONDITIONAL:
            assert len(members) == 1
        elif len(set(keys)) == 1:
            assert len(members) == 1 or sum(sizes[row] for row in members) <= max_batch_bytes
        else:
            assert all(len(groups[key]) == 1 for key in keys)
            assert len(keys) <= PARTITIONS_PER_BATCH
            assert sum(sizes[row] + column_count * STORED_CELL_BYTES for row in members) <= SHARED_BATCH_BYTES
            assert len({key % replica_count for key in keys}) == 1
    assert sorted(seen) == list(range(len(sizes)))


@settings(deadline=None)
@given(groups=groups_of_sizes)
def test_rows_of_one_partition_keep_their_order(groups: list[list[int]]) -> None:
    rows = encoded(groups)
    by_group: dict[int, list[int]] = {}
    group_of = [number for number, group in enumerate(groups) for _ in group]
    for spans, _ in split_with(2, 2_000).split(rows, StatementKind.UPSERT, 3):
        for start, stop in spans:
            for row in range(start, stop):
                by_group.setdefault(group_of[row], []).append(row)
    assert all(found == sorted(found) for found in by_group.values())


def test_row_larger_than_a_batch_goes_alone() -> None:
    found = split_with(1, 1_000).split(encoded([[10, 5_000, 10, 10]]), StatementKind.UPSERT, 1)
    assert [spans for spans, _ in found] == [((0, 1),), ((1, 2),), ((2, 4),)]


def test_large_row_alone_in_its_partition_shares_no_batch() -> None:
    found = split_with(1, 64_000).split(encoded([[100], [SHARED_BATCH_BYTES], [100], [100]]), StatementKind.UPSERT, 1)
    assert [spans for spans, _ in found] == [((0, 1),), ((1, 2),), ((2, 4),)]


def test_batch_has_no_more_rows_than_its_count_can_say() -> None:
    found = split_with(1, 10**9).split(encoded([[1] * (MAX_BATCH_ROWS + 2)]), StatementKind.COUNTER, 1)
    assert [spans for spans, _ in found] == [((0, MAX_BATCH_ROWS),), ((MAX_BATCH_ROWS, MAX_BATCH_ROWS + 2),)]


def test_no_rows_are_no_messages() -> None:
    assert list(split_with(1, 100).split(encoded([]), StatementKind.UPSERT, 1)) == []
