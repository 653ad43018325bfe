"""The cluster's token ring: its partitioner, its nodes' tokens, and the ranges a table is read in.

The ranges cover a shard exactly, in a shuffled order that is the same for every try. Note: only Murmur3 tokens can be
split here; other partitioners leave a table whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.system_query import read_system_rows
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.table_size import RANGES_PER_READER, choose_range_count
from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import (
    WHOLE_RING,
    TokenRange,
    check_cover,
    shard_of_ring,
    shuffle_ranges,
    split_range,
)

MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"


@dataclass(frozen=True)
class Ring:
    """The partitioner, and the tokens of the nodes where it is Murmur3's. A stale token only costs speed."""

    partitioner: str
    tokens: frozenset[int]

    @property
    def is_murmur3(self) -> bool:
        return self.partitioner == MURMUR3


def load_ring(session: Session) -> Ring:
    """The ring as the node that answers sees it."""
    what = "reading the token ring"
    local = read_system_rows(session, "SELECT partitioner, tokens FROM system.local", what=what)
    peers = read_system_rows(session, "SELECT tokens FROM system.peers", what=what)
    partitioner: str = local[0][0]
    if partitioner != MURMUR3:
        return Ring(partitioner, frozenset())
    sets = [local[0][1], *(tokens for (tokens,) in peers)]
    return Ring(partitioner, frozenset(int(token) for tokens in sets for token in tokens or ()))


def plan_ranges(
    session: Session,
    table: TableMetadata,
    ring: Ring,
    *,
    concurrency: int,
    shard_index: int,
    shard_count: int,
    is_index_search: bool,
) -> list[TokenRange]:
    """The ranges of one shard, as many as the table's size deserves.

    With ``is_index_search`` there are a few per reader only: the server searches the index anew for each range, and
    what it finds does not grow with the table.
    """
    shard = shard_of_ring(shard_index, shard_count)
    count = choose_range_count(session, table, concurrency)
    if is_index_search:
        count = min(count, RANGES_PER_READER * concurrency)
    ranges = split_range(shard, max(1, round(count * shard.width / WHOLE_RING.width)), ring.tokens)
    check_cover(ranges, shard)
    return shuffle_ranges(ranges)
