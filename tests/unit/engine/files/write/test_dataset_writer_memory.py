"""The memory budget, measured by Arrow's own allocator rather than by the writer's account."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.files.write.row_buffers import RowBuffers
from airflow_provider_cqlai.engine.files.write.row_sizes import row_sizes
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions
from tests.pyarrow_versions import NEEDS_BLOOM_FILTERS
from tests.unit.engine.files.local_staged_files import LocalFolder

MEBIBYTE = 1024 * 1024


def random_rows(seed: int, rows: int, hive_partitions: int, text_length: int = 100) -> pa.RecordBatch:
    random = np.random.default_rng(seed)
    text = random.bytes(rows * text_length // 2).hex()
    return pa.record_batch(
        {
            "k": random.integers(0, hive_partitions, rows),
            "text": [text[n * text_length : (n + 1) * text_length] for n in range(rows)],
            "pairs": pa.array([[("a", "b")]] * rows, pa.map_(pa.string(), pa.string())),
            "number": random.random(rows),
        }
    )


@pytest.mark.parametrize("hive_partitions", [1, 20, 300, pytest.param(2000, marks=pytest.mark.slow)])
def test_budget_holds_however_many_hive_partitions(tmp_path: Path, hive_partitions: int) -> None:
    folder = LocalFolder(tmp_path)
    budget = 4 * MEBIBYTE
    options = DatasetOptions(partition_by="k", write_buffer_bytes=budget, max_open_files=8)
    before, most = pa.total_allocated_bytes(), 0
    total = 0
    with DatasetWriter(random_rows(0, 1, 1).schema, options, folder.create_file) as writer:
        for seed in range(30):
            record_batch = random_rows(seed, 2500, hive_partitions)
            total += record_batch.nbytes
            writer.write(record_batch)
            del record_batch
            most = max(most, pa.total_allocated_bytes() - before)
            assert writer.held_bytes <= budget
        written = writer.finish()
    assert total > 2 * budget
    assert most <= budget * 1.05
    assert sum(file.rows for file in written) == 75_000
    assert pa.total_allocated_bytes() - before < MEBIBYTE


PEAK_SCRIPT = """
import sys
from pathlib import Path
import pyarrow as pa
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions
from tests.unit.engine.files.local_staged_files import LocalFolder
from tests.unit.engine.files.write.test_dataset_writer_memory import random_rows

budget, hive_partitions, folder = int(sys.argv[1]), int(sys.argv[2]), LocalFolder(Path(sys.argv[3]))
options = DatasetOptions(partition_by="k", write_buffer_bytes=budget, max_open_files=8)
with DatasetWriter(random_rows(0, 1, 1).schema, options, folder.create_file) as writer:
    for seed in range(40):
        writer.write(random_rows(seed, 5000, hive_partitions))
    assert sum(file.rows for file in writer.finish()) == 200_000
print(pa.default_memory_pool().max_memory())
"""


@pytest.mark.parametrize("hive_partitions", [20, 300, pytest.param(2000, marks=pytest.mark.slow)])
def test_peak_of_the_whole_process_is_the_budget_and_a_few_record_batches(tmp_path: Path, hive_partitions: int) -> None:
    budget = 16 * MEBIBYTE
    arguments = [sys.executable, "-c", PEAK_SCRIPT, str(budget), str(hive_partitions), str(tmp_path)]
    result = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert budget * 0.8 < int(result.stdout) < budget * 1.5


def test_python_objects_of_10000_hive_partitions_are_part_of_the_budget(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    record_batches = [random_rows(seed, 10_000, 10_000, text_length=10) for seed in range(5)]
    options = DatasetOptions(partition_by="k", write_buffer_bytes="1GB", chunk_size=10_000)
    with DatasetWriter(record_batches[0].schema, options, folder.create_file) as writer:
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        for record_batch in record_batches:
            writer.write(record_batch)
        python_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        held = pa.total_allocated_bytes() - before + python_bytes
        assert 0.7 * writer.held_bytes <= held <= 1.1 * writer.held_bytes


def test_slice_of_a_large_record_batch_does_not_hold_it_in_memory(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    schema = random_rows(0, 1, 1).schema
    for partition_by in (None, "k"):
        before = pa.total_allocated_bytes()
        with DatasetWriter(
            schema, DatasetOptions(partition_by=partition_by, chunk_size=10), folder.create_file
        ) as writer:
            large = random_rows(1, 50_000, 3)
            for start in range(0, 1000, 10):
                writer.write(large.slice(start, 10))
            del large
            assert pa.total_allocated_bytes() - before < MEBIBYTE


def test_large_record_batches_are_written_at_once_when_memory_is_short(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    options = DatasetOptions(partition_by="k", write_buffer_bytes=MEBIBYTE)
    with DatasetWriter(random_rows(0, 1, 1).schema, options, folder.create_file) as writer:
        for seed in range(5):
            writer.write(random_rows(seed, 40, 2, text_length=100_000))
            assert writer.held_bytes <= MEBIBYTE
        assert sum(file.rows for file in writer.finish()) == 200


@NEEDS_BLOOM_FILTERS
def test_bloom_filters_of_many_row_groups_stay_within_the_budget(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    options = DatasetOptions(partition_by="k", write_buffer_bytes=MEBIBYTE, bloom_filters=["text"], row_group_size=1000)
    before, most = pa.total_allocated_bytes(), 0
    with DatasetWriter(random_rows(0, 1, 1).schema, options, folder.create_file) as writer:
        for seed in range(400):
            writer.write(random_rows(seed, 1000, 1, text_length=10))
            most = max(most, pa.total_allocated_bytes() - before)
        assert sum(file.rows for file in writer.finish()) == 400_000
    assert most <= MEBIBYTE * 1.05


@NEEDS_BLOOM_FILTERS
def test_file_that_must_be_one_is_not_closed_for_its_memory(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    options = DatasetOptions(write_buffer_bytes=1000, bloom_filters=["text"], row_group_size=1000)
    assert len(folder.write(*[random_rows(seed, 1000, 1) for seed in range(10)], options=options)) == 1


def test_largest_buffer_in_bytes_goes_first() -> None:
    buffers = RowBuffers()
    record_batch = pa.record_batch({"text": ["x"] * 99 + ["x" * 100_000]})
    buffers.add([record_batch], ["small", "large"], np.array([0] * 99 + [1]))
    assert buffers.largest()[0][1] == "large"


def test_compacting_gives_back_what_was_taken_and_keeps_the_rest_in_order() -> None:
    buffers = RowBuffers()
    for start in range(0, 1000, 10):
        rows = pa.record_batch({"n": range(start, start + 10), "text": ["y" * 1000] * 10})
        buffers.add([rows], ["a", "b"], np.arange(10) % 2)
    held = buffers.held_bytes
    assert buffers.take("a")["n"].to_pylist() == list(range(0, 1000, 2))
    assert buffers.take("b", 100)["n"].to_pylist() == list(range(1, 200, 2))
    assert buffers.hive_partitions == ["b"]
    buffers.compact()
    assert buffers.held_bytes < held * 0.45
    assert buffers.take("b")["n"].to_pylist() == list(range(201, 1000, 2))
    assert buffers.held_bytes == 0


@pytest.mark.parametrize(
    ("array", "sizes"),
    [
        (pa.array([1, 2, None], pa.int64()), [8, 8, 8]),
        (pa.array([True, False, None]), [1, 1, 1]),
        (pa.array(["", "abc", None]), [4, 7, 4]),
        (pa.array([b"", b"ab", None]), [4, 6, 4]),
        (pa.array([["a"], None, ["bb", "c"]]), [9, 4, 15]),
        (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())), [13, 4, 4]),
        (pa.array([{"a": "x", "b": 1}, None, {"a": None, "b": 2}], pa.struct([("a", pa.string()), ("b", pa.int8())])),
         [6, 5, 5]),
        (pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)), [8, 8, 8]),
        (pa.array([bytes(16)] * 3, pa.binary(16)).cast(pa.uuid()), [16, 16, 16]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)  # fmt: skip
def test_row_sizes_are_those_of_the_values(array: pa.Array, sizes: list[int]) -> None:
    record_batch = pa.record_batch({"a": array})
    assert row_sizes(record_batch).tolist() == sizes
    assert row_sizes(record_batch.slice(1)).tolist() == sizes[1:]
