"""Datasets as they are written: every row once, no more files than needed, row groups, rolling, nothing left behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.errors import OptionError, ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.files.write.hive_partitioning import parse_hive_partition
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions
from tests.pyarrow_versions import NEEDS_BLOOM_FILTERS, PYARROW
from tests.unit.engine.files.local_staged_files import LocalFolder


def numbered_rows(start: int, keys: list[int] | np.ndarray, text_length: int = 20) -> pa.RecordBatch:
    """Rows with a number each of its own, a key, and a text that does not compress well."""
    rows = range(start, start + len(keys))
    characters = np.random.default_rng(start).bytes(len(keys) * text_length // 2).hex()
    texts = [characters[n * text_length : (n + 1) * text_length] for n in range(len(keys))]
    columns = {"text": pa.array(texts, pa.string()), "n": pa.array(rows, pa.int64()), "k": pa.array(keys, pa.int64())}
    return pa.record_batch(columns)


def read_rows(folder: LocalFolder) -> list[tuple[str | None, int]]:
    """The key (from the directory) and number of every row that is really in a file."""
    rows: list[tuple[str | None, int]] = []
    for path in folder.paths:
        table = pq.ParquetFile(path).read()
        pairs = parse_hive_partition(str(path.relative_to(folder.root).parent))
        rows += [(pairs[0][1] if pairs else None, n) for n in table["n"].to_pylist()]
    return rows


def row_groups(folder: LocalFolder) -> list[list[int]]:
    footers = [pq.read_metadata(path) for path in folder.paths]
    return [[footer.row_group(n).num_rows for n in range(footer.num_row_groups)] for footer in footers]


def count_files(written: list[WrittenFile]) -> Counter[str]:
    return Counter(file.staged.hive_partition for file in written)


def test_500_hive_partitions_with_8_open_files_keep_every_row_in_500_files(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    keys = np.arange(20_000) * 7 % 500
    record_batches = [numbered_rows(start, keys[start : start + 1000]) for start in range(0, 20_000, 1000)]
    written = folder.write(*record_batches, options=DatasetOptions(partition_by="k", max_open_files=8))
    assert sorted(read_rows(folder), key=lambda row: row[1]) == [(str(key), n) for n, key in enumerate(keys)]
    assert len(written) == 500
    assert folder.most_open <= 8
    assert sum(file.rows for file in written) == 20_000


def test_rows_beyond_the_budget_go_on_in_new_files_never_over_old_ones(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    keys = np.random.default_rng(1).integers(0, 50, 20_000)
    record_batches = [numbered_rows(start, keys[start : start + 500]) for start in range(0, 20_000, 500)]
    options = DatasetOptions(partition_by="k", max_open_files=3, write_buffer_bytes="300K", chunk_size=1000)
    written = folder.write(*record_batches, options=options)
    assert len(written) > 50
    assert folder.most_open == 3
    assert sorted(read_rows(folder), key=lambda row: row[1]) == [(str(key), n) for n, key in enumerate(keys)]


def test_open_files_go_on_being_filled_when_memory_is_short(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    keys = np.arange(20_000) % 5
    record_batches = [numbered_rows(start, keys[start : start + 500], 200) for start in range(0, 20_000, 500)]
    written = folder.write(*record_batches, options=DatasetOptions(partition_by="k", write_buffer_bytes="1MB"))
    assert len(written) == 5
    assert min(len(groups) for groups in row_groups(folder)) > 1


def test_file_closed_for_anothers_sake_takes_its_waiting_rows_along(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    # Three hive partitions, one after the other, each with a row more than a row group.
    record_batches = [numbered_rows(start, [start] * 101) for start in (0, 1000, 2000)]
    options = DatasetOptions(partition_by="k", max_open_files=1, row_group_size=100)
    written = folder.write(*record_batches, options=options)
    assert len(written) == 3
    assert row_groups(folder) == [[100, 1]] * 3


def test_rows_of_a_hive_partition_keep_their_order(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    keys = np.random.default_rng(3).integers(0, 4, 5000)
    options = DatasetOptions(partition_by="k", write_buffer_bytes="100K", chunk_size=300)
    folder.write(*[numbered_rows(start, keys[start : start + 250]) for start in range(0, 5000, 250)], options=options)
    for key in range(4):
        numbers = [n for text, n in read_rows(folder) if text == str(key)]
        assert numbers == sorted(numbers)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_every_row_is_written_once_whatever_the_sizes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = LocalFolder(tmp_path_factory.mktemp("dataset"))
    batches = data.draw(st.lists(st.lists(st.integers(0, 12), max_size=60), min_size=1, max_size=12))
    options = DatasetOptions(
        partition_by=data.draw(st.sampled_from([None, "k"])),
        max_open_files=data.draw(st.integers(1, 4)),
        row_group_size=data.draw(st.integers(1, 50)),
        chunk_size=data.draw(st.integers(1, 80)),
        write_buffer_bytes=data.draw(st.integers(1, 20_000)),
        max_file_size=data.draw(st.none() | st.integers(1, 5000)),
        bloom_filters=data.draw(st.sampled_from([(), ("text",)] if PYARROW >= 26 else [()])),
    )
    keys = [key for batch in batches for key in batch]
    starts = np.cumsum([0] + [len(batch) for batch in batches]).tolist()
    record_batches = [numbered_rows(start, batch) for start, batch in zip(starts, batches, strict=False)]
    written = folder.write(*record_batches, options=options)
    expected = [(str(key) if options.partition_by else None, n) for n, key in enumerate(keys)]
    assert sorted(read_rows(folder), key=lambda row: row[1]) == expected
    assert sum(file.rows for file in written) == len(keys)
    assert {file.bytes for file in written} == {path.stat().st_size for path in folder.paths}
    assert folder.most_open <= options.max_open_files
    assert all(rows <= options.row_group_size for groups in row_groups(folder) for rows in groups)


def test_row_groups_have_the_size_asked_for(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    record_batches = [numbered_rows(start, [1] * 700) for start in range(0, 7000, 700)]
    folder.write(*record_batches, options=DatasetOptions(row_group_size=2000))
    assert row_groups(folder) == [[2000, 2000, 2000, 1000]]


def test_row_group_is_smaller_where_memory_asks_for_it(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    record_batches = [numbered_rows(start, [1] * 10, text_length=10_000) for start in range(0, 200, 10)]
    folder.write(*record_batches, options=DatasetOptions(write_buffer_bytes="500K"))
    assert len(folder.paths) == 1
    assert max(row_groups(folder)[0]) < 60


@pytest.mark.parametrize("partition_by", [None, "k"])
@pytest.mark.parametrize("compression", ["snappy", "none", "zstd"])
def test_files_roll_near_the_size_asked_for(tmp_path: Path, compression: str, partition_by: str | None) -> None:
    folder = LocalFolder(tmp_path)
    keys = np.arange(60_000) % 2
    record_batches = [numbered_rows(start, keys[start : start + 5000], 60) for start in range(0, 60_000, 5000)]
    options = DatasetOptions(compression=compression, partition_by=partition_by, max_file_size="400K")
    written = folder.write(*record_batches, options=options)
    assert sum(file.rows for file in written) == 60_000
    assert len(written) >= 4
    by_hive_partition: dict[str, list[int]] = {}
    for file in written:
        by_hive_partition.setdefault(file.staged.hive_partition, []).append(file.bytes)
    for sizes in by_hive_partition.values():
        # Only the last one may be smaller; the footer comes on top of what is measured.
        assert all(360_000 <= size <= 440_000 for size in sizes[:-1])
        assert sizes[-1] <= 440_000
    assert [path.name for path in folder.paths][:2] == ["part-00000.parquet", "part-00001.parquet"]


def test_well_compressed_rows_still_fill_a_file(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    rows = 100_000
    record_batch = pa.record_batch(
        {"n": range(rows), "text": [f"a long text that repeats {n % 3}" for n in range(rows)]}
    )
    written = folder.write(*[record_batch] * 4, options=DatasetOptions(max_file_size="500K", dictionary=False))
    sizes = [file.bytes for file in written]
    assert len(sizes) > 3
    assert all(450_000 <= size <= 550_000 for size in sizes[:-1])
    # What the first row group became tells how many rows fill the rest.
    assert max(len(groups) for groups in row_groups(folder)[1:]) <= 3


@NEEDS_BLOOM_FILTERS
def test_bloom_filters_count_towards_the_file_size(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    record_batches = [numbered_rows(start, [1] * 5000, 40) for start in range(0, 60_000, 5000)]
    options = DatasetOptions(max_file_size="400K", bloom_filters={"text": 0.0001, "n": 0.0001}, row_group_size=2500)
    written = folder.write(*record_batches, options=options)
    assert all(340_000 <= file.bytes <= 460_000 for file in written[:-1])


def test_virtual_columns_are_directories_as_in_the_specification_and_not_in_the_files(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    arrow_schema = pa.schema(
        [pa.field("event_id", pa.string(), metadata={b"cql_type": b"timeuuid"}), ("n", pa.int64())]
    )
    # The first tick of 2024-02-01, and the one before.
    ids = ["d79ac000-c094-11ee-8080-808080808080", "d79abfff-c094-11ee-8080-808080808080"]
    record_batch = pa.record_batch([pa.array(ids), pa.array([1, 2])], schema=arrow_schema)
    folder.write(record_batch, options=DatasetOptions(partition_by="event_id.year,event_id.month"))
    assert [str(path.relative_to(tmp_path)) for path in folder.paths] == [
        "event_id.year=2024/event_id.month=01/part-00000.parquet",
        "event_id.year=2024/event_id.month=02/part-00000.parquet",
    ]
    assert pq.ParquetFile(folder.paths[0]).read().to_pydict() == {"event_id": [ids[1]], "n": [2]}


def test_plain_partition_column_is_only_in_the_directories(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    record_batch = numbered_rows(0, [1, 2])
    with DatasetWriter(record_batch.schema, DatasetOptions(partition_by="k"), folder.create_file) as writer:
        assert writer.file_schema.names == ["text", "n"]
        writer.write(record_batch)
        writer.finish()
    assert pq.ParquetFile(folder.paths[0]).schema_arrow.names == ["text", "n"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partition_by": "nope"}, "no column 'nope'"),
        ({"partition_by": "n,k,text"}, "every column"),
        ({"partition_by": "k", "bloom_filters": ["k"]}, "the files have no column 'k'"),
    ],
    ids=str,
)
def test_option_that_does_not_fit_the_table_is_an_error_before_any_file(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    folder = LocalFolder(tmp_path)
    with pytest.raises(OptionError, match=message):
        DatasetWriter(numbered_rows(0, [1]).schema, DatasetOptions(**options), folder.create_file)
    assert folder.created == []


def test_no_rows_make_no_file(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    assert folder.write(numbered_rows(0, []), options=DatasetOptions(partition_by="k")) == []
    assert folder.created == []


def test_no_rows_make_one_readable_file_where_it_is_asked_for(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    arrow_schema = numbered_rows(0, []).schema
    with DatasetWriter(arrow_schema, DatasetOptions(), folder.create_file) as writer:
        written = writer.finish(ensure_file=True)
    assert [file.rows for file in written] == [0]
    assert written[0].bytes == folder.paths[0].stat().st_size > 0
    assert pq.read_table(folder.paths[0]).schema.equals(arrow_schema)


def test_ensured_file_is_not_added_to_others(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    with DatasetWriter(numbered_rows(0, []).schema, DatasetOptions(), folder.create_file) as writer:
        writer.write(numbered_rows(0, [1, 2]))
        assert [file.rows for file in writer.finish(ensure_file=True)] == [2]


def test_leaving_without_finish_discards_open_and_finished_files(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    options = DatasetOptions(partition_by="k", row_group_size=10, max_open_files=1, chunk_size=20)
    with DatasetWriter(numbered_rows(0, []).schema, options, folder.create_file) as writer:
        writer.write(numbered_rows(0, [1] * 10 + [2] * 10))
        assert len(folder.paths) == 2
    assert folder.paths == []
    assert folder.open_count == 0


def test_discarding_goes_on_when_one_file_cannot_be_discarded(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    options = DatasetOptions(partition_by="k", row_group_size=1, chunk_size=3)
    writer = DatasetWriter(numbered_rows(0, []).schema, options, folder.create_file)
    writer.write(numbered_rows(0, [1, 2, 3]))

    def refuse() -> None:
        raise PermissionError("not allowed")

    folder.created[1].discard = refuse  # type: ignore[method-assign]
    with pytest.raises(PermissionError):
        writer.abort()
    assert folder.paths == [folder.created[1].path]
    folder.created[1].stream.close()


def test_writer_that_failed_takes_no_more_rows_and_does_not_finish(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    arrow_schema = pa.schema([("k", pa.string()), ("n", pa.int64())])
    with DatasetWriter(arrow_schema, DatasetOptions(partition_by="k", chunk_size=1), folder.create_file) as writer:
        bad = pa.record_batch([pa.array(["__HIVE_DEFAULT_PARTITION__"]), pa.array([1])], schema=arrow_schema)
        with pytest.raises(ValueDoesNotFitError, match="column k"):
            writer.write(bad)
        with pytest.raises(RuntimeError, match="failed"):
            writer.write(bad)
        with pytest.raises(RuntimeError, match="failed"):
            writer.finish()
    assert folder.created == []


def test_record_batch_of_another_arrow_schema_is_refused(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    writer = DatasetWriter(numbered_rows(0, []).schema, DatasetOptions(), folder.create_file)
    with writer, pytest.raises(ValueError, match="expected text: string"):
        writer.write(pa.record_batch({"n": [1]}))


def test_field_metadata_is_in_every_file(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    arrow_schema = pa.schema([("k", pa.int32()), pa.field("c", pa.int64(), metadata={b"cql_type": b"counter"})])
    record_batch = pa.record_batch([pa.array([1, 2], pa.int32()), pa.array([1, 2])], schema=arrow_schema)
    options = DatasetOptions(partition_by="k")
    with DatasetWriter(arrow_schema, options, folder.create_file, footer_metadata={"cqlai:source": "ks.t"}) as writer:
        writer.write(record_batch)
        writer.finish()
    for path in folder.paths:
        read = pq.read_schema(path)
        assert read.field("c").metadata[b"cql_type"] == b"counter"
        assert read.metadata[b"cqlai:source"] == b"ks.t"
