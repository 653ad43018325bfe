"""Record batches of about as many bytes whatever a row has: no row lost or given twice when their size changes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.importing.read.record_batch_rows import (
    MAX_RECORD_BATCH_ROWS,
    RECORD_BATCH_BYTES,
    RecordBatchRows,
)
from tests.pyarrow_versions import NEEDS_VIEWS_IN_PARQUET


def read(table: pa.Table, row_group_size: int | None = None, **options: Any) -> tuple[list[int], list[Any], int]:
    """Rows and keys of the record batches, and the most bytes that one of those read has."""
    content = io.BytesIO()
    pq.write_table(table, content, row_group_size=row_group_size, **options)
    parquet_file = pq.ParquetFile(content)
    most = 0
    sizes: list[int] = []
    keys: list[Any] = []
    record_batch_rows = RecordBatchRows()
    for row_group in range(parquet_file.num_row_groups):

        def read_again(rows: int, row_group: int = row_group) -> Iterator[pa.RecordBatch]:
            nonlocal most
            for record_batch in parquet_file.iter_batches(rows, row_groups=[row_group]):
                most = max(most, record_batch.nbytes)
                yield record_batch

        for record_batch in record_batch_rows.read(parquet_file, row_group, table.schema.names, read_again):
            sizes.append(record_batch.num_rows)
            keys += record_batch.column("k").to_pylist()
    return sizes, keys, most


def test_small_rows_are_read_by_thousands() -> None:
    count = 3 * MAX_RECORD_BATCH_ROWS
    sizes, keys, _ = read(pa.table({"k": range(count)}))
    assert keys == list(range(count))
    assert sizes == [MAX_RECORD_BATCH_ROWS] * 3


def test_small_texts_that_may_repeat_soon_are_read_by_thousands() -> None:
    count = 20_000
    texts = pa.array([f"text {number % 5_000}" for number in range(count)])
    for values in (texts, texts.dictionary_encode()):
        sizes, keys, _ = read(pa.table({"k": range(count), "v": values}), row_group_size=10_000)
        assert keys == list(range(count))
        assert len(sizes) <= 6


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}])
@pytest.mark.parametrize("repeats", [True, False])
def test_large_rows_are_read_by_few(options: dict[str, Any], repeats: bool) -> None:
    count = 500
    texts = [f"{0 if repeats else number:0200000d}" for number in range(count)]
    sizes, keys, most = read(pa.table({"k": range(count), "v": texts}), row_group_size=200, **options)
    assert keys == list(range(count))
    assert max(sizes) > 10
    assert most <= RECORD_BATCH_BYTES * 1.1


def test_lists_of_one_repeated_number() -> None:
    count = 200
    values = pa.array([[7] * 100_000] * count, pa.list_(pa.int64()))
    _, keys, most = read(pa.table({"k": range(count), "v": values}))
    assert keys == list(range(count))
    assert most <= RECORD_BATCH_BYTES * 1.1


def test_rows_that_become_larger() -> None:
    count = 3_000
    # The average that the footer tells is a tenth of them.
    texts = ["x" * (10 if number < 2_700 else 400_000) for number in range(count)]
    sizes, keys, _ = read(pa.table({"k": range(count), "v": texts}), use_dictionary=False)
    assert keys == list(range(count))
    assert sizes[0] > 150
    assert max(sizes[-3:]) <= RECORD_BATCH_BYTES // 400_000


def test_rows_that_become_smaller_in_a_later_row_group() -> None:
    count = 10_100
    texts = ["x" * (400_000 if number < 100 else 10) for number in range(count)]
    sizes, keys, _ = read(pa.table({"k": range(count), "v": texts}), row_group_size=2_525)
    assert keys == list(range(count))
    assert sizes[-1] == 2_525


@NEEDS_VIEWS_IN_PARQUET
@pytest.mark.parametrize(
    "arrow_type", [pa.string_view(), pa.list_(pa.string_view()), pa.list_view(pa.int32()), pa.map_("string", "string")]
)
def test_nested_small_values_and_views_are_read_by_thousands(arrow_type: Any) -> None:
    count = 20_000
    value: Any = "a text of more than a dozen characters"
    if pa.types.is_map(arrow_type):
        value = [("a", value)]
    elif arrow_type != pa.string_view():
        value = [value] if pa.types.is_list(arrow_type) else [1]
    sizes, keys, _ = read(pa.table({"k": range(count), "v": pa.array([value] * count, arrow_type)}))
    assert keys == list(range(count))
    assert len(sizes) <= 6


def test_a_row_that_is_larger_than_all_of_it() -> None:
    sizes, keys, _ = read(pa.table({"k": range(3), "v": ["x" * (RECORD_BATCH_BYTES + 1)] * 3}))
    assert (sizes, keys) == ([1, 1, 1], [0, 1, 2])
