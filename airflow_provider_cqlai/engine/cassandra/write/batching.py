"""Groups encoded rows into the messages they are sent in: which rows share a batch, and how large it may be.

Rows of one partition key go together up to ``max_batch_bytes``: the server exempts such batches from its thresholds.
Rows that are alone in their partition share small batches with others of the same replicas, below the thresholds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.codec.encoder import EncodedRows
from airflow_provider_cqlai.engine.cassandra.write.messages import MAX_BATCH_ROWS, StatementKind

# The server warns above this many partitions in an unlogged batch (unlogged_batch_across_partitions_warn_threshold).
PARTITIONS_PER_BATCH = 10
# Below batch_size_warn_threshold, 5 KiB, which counts cells as the server stores them: with some 40 bytes each.
SHARED_BATCH_BYTES = 5 * 1024
STORED_CELL_BYTES = 40

Spans = tuple[tuple[int, int], ...]


class MessageSplit:
    """Splits the encoded rows of one keyspace."""

    def __init__(self, session: Session, keyspace: str, max_batch_bytes: int) -> None:
        self._metadata = session.cluster.metadata
        self._keyspace = keyspace
        self._max_batch_bytes = max_batch_bytes

    def split(self, rows: EncodedRows, kind: StatementKind, column_count: int) -> Iterator[tuple[Spans, bytes]]:
        """Pieces of grouped ``rows``, each with the routing key of its first row; every row exactly once."""
        assert rows.group_starts is not None
        assert rows.routing_keys is not None
        starts = rows.group_starts.tolist()
        if kind is StatementKind.CONDITIONAL:
            for group, routing_key in enumerate(rows.routing_keys):
                for row in range(starts[group], starts[group + 1]):
                    yield ((row, row + 1),), routing_key
            return
        offsets = rows.row_offsets.tolist()
        alone: list[tuple[int, bytes]] = []
        for group, routing_key in enumerate(rows.routing_keys):
            start, end = starts[group], starts[group + 1]
            if end - start == 1:
                alone.append((start, routing_key))
                continue
            while start < end:
                # The last row that ends within the limit, but one row at least.
                stop = bisect_right(offsets, offsets[start] + self._max_batch_bytes, start + 1, end + 1) - 1
                stop = min(max(stop, start + 1), start + MAX_BATCH_ROWS)
                yield ((start, stop),), routing_key
                start = stop
        yield from self._share(alone, offsets, column_count)

    def _share(
        self, alone: list[tuple[int, bytes]], offsets: list[int], column_count: int
    ) -> Iterator[tuple[Spans, bytes]]:
        """Batches of rows with the same replicas."""
        waiting: dict[tuple[int, ...], list[tuple[int, bytes]]] = {}
        sizes: dict[tuple[int, ...], int] = {}
        for row, routing_key in alone:
            replicas = self._replicas_of(routing_key)
            if not replicas:
                yield ((row, row + 1),), routing_key
                continue
            stored_bytes = offsets[row + 1] - offsets[row] + column_count * STORED_CELL_BYTES
            batch = waiting.setdefault(replicas, [])
            if batch and sizes[replicas] + stored_bytes > SHARED_BATCH_BYTES:
                yield _join(batch)
                batch.clear()
            sizes[replicas] = stored_bytes + (sizes[replicas] if batch else 0)
            batch.append((row, routing_key))
            if len(batch) == PARTITIONS_PER_BATCH:
                yield _join(batch)
                batch.clear()
        for batch in waiting.values():
            if batch:
                yield _join(batch)

    def _replicas_of(self, routing_key: bytes) -> tuple[int, ...]:
        """Who has the row, told apart from others; nobody where the driver knows no ring."""
        return tuple(id(host) for host in self._metadata.get_replicas(self._keyspace, routing_key))


def _join(batch: list[tuple[int, bytes]]) -> tuple[Spans, bytes]:
    """One batch's rows; those that stand together become one piece."""
    spans: list[tuple[int, int]] = []
    for row, _ in batch:
        if spans and spans[-1][1] == row:
            spans[-1] = (spans[-1][0], row + 1)
        else:
            spans.append((row, row + 1))
    return tuple(spans), batch[0][1]
