"""The estimate of an open file's memory, beside what Arrow's allocator really holds for it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.files.formats.parquet_writer import ParquetFile, ParquetSettings
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions
from tests.pyarrow_versions import NEEDS_BLOOM_FILTERS
from tests.unit.engine.files.local_staged_files import LocalFolder
from tests.unit.engine.files.write.test_dataset_writer_memory import random_rows


@pytest.mark.parametrize("dictionary", [True, False, ["text", "pairs", "number"]], ids=str)
@pytest.mark.parametrize("last_column", ["text", "pairs", "number"])
@pytest.mark.parametrize("rows", [100, 2500, 30_000])
def test_estimate_is_near_what_is_held(
    tmp_path: Path, rows: int, last_column: str, dictionary: bool | list[str]
) -> None:
    columns = [name for name in ("text", "pairs", "number") if name != last_column]
    table = pa.Table.from_batches([random_rows(1, rows, 1)]).select([*columns, last_column])
    settings = ParquetSettings(table.schema, DatasetOptions(dictionary=dictionary), {})
    before = pa.total_allocated_bytes()
    file = ParquetFile(LocalFolder(tmp_path).create_file(""), settings, table)
    file.write(table)
    file.write(table)
    held = pa.total_allocated_bytes() - before
    assert held * 0.9 < file.held_bytes < held * 2.5 + 64 * 1024
    file.close()


@NEEDS_BLOOM_FILTERS
def test_bloom_filters_of_each_row_group_are_counted(tmp_path: Path) -> None:
    table = pa.Table.from_batches([random_rows(1, 10_000, 1)]).select(["text", "number"])
    settings = ParquetSettings(table.schema, DatasetOptions(bloom_filters=["text", "number"]), {})
    before = pa.total_allocated_bytes()
    file = ParquetFile(LocalFolder(tmp_path).create_file(""), settings, table)
    for _ in range(40):
        file.write(table)
    held = pa.total_allocated_bytes() - before
    assert held > 1_000_000
    assert held * 0.9 < file.held_bytes < held * 1.5
    file.close()
