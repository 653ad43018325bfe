"""Rows by hive partition, whether they come one by one or in long stretches."""

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.files.write.row_buffers import RowBuffers

HIVE_PARTITIONS = ["day=a", "day=b", "day=c"]


def make_rows(count: int) -> pa.RecordBatch:
    numbers = range(count)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(numbers, pa.int64()),
            pa.array([None if n % 7 == 0 else f"text {n}" for n in numbers], pa.string()),
            pa.array([[(f"key {n % 3}", n)] * (n % 4) for n in numbers], pa.map_(pa.string(), pa.int64())),
            pa.array([n % 2 == 0 for n in numbers], pa.bool_()),
        ],
        names=["n", "text", "map", "flag"],
    )


@pytest.mark.parametrize("columns", [["n", "text", "map", "flag"], ["n", "flag"]])
@pytest.mark.parametrize("piece_rows", [3_000, 700, 1])
@pytest.mark.parametrize("stretch", [1, 40, 150, 1_000])
def test_rows_of_a_hive_partition_keep_their_order_and_values(
    stretch: int, piece_rows: int, columns: list[str]
) -> None:
    source = np.random.default_rng(stretch)
    # Slices, as the writer hands over: arrays that begin in the middle of their buffers.
    parts = [make_rows(3_100).select(columns).slice(50, 3_000), make_rows(2_000).select(columns).slice(1_000)]
    indices = [np.repeat(source.integers(0, 3, 1 + len(part) // stretch), stretch)[: len(part)] for part in parts]
    buffers = RowBuffers()
    for part, part_indices in zip(parts, indices, strict=True):
        present, numbers = np.unique(part_indices, return_inverse=True)
        pieces = [part.slice(start, piece_rows) for start in range(0, len(part), piece_rows)]
        buffers.add(pieces, [HIVE_PARTITIONS[number] for number in present], numbers)
    assert 0.8 < buffers.live_bytes / sum(part.nbytes for part in parts) < 1.2
    for number, hive_partition in enumerate(HIVE_PARTITIONS):
        expected = [
            row
            for part, part_indices in zip(parts, indices, strict=True)
            for row, index in zip(part.to_pylist(), part_indices, strict=True)
            if index == number
        ]
        assert buffers.row_count(hive_partition) == len(expected)
        if expected:
            assert buffers.take(hive_partition).to_pylist() == expected
    assert buffers.hive_partitions == []
