"""Text files through the dataset writer: compressed, rolled, counted, discarded."""

# ruff: noqa: PT012  (a writer discards its files when its context is left, so the whole of it is inside)

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cqlai.engine.errors import StorageError
from airflow_provider_cqlai.engine.files.formats.text_lines import TextLines
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.options.copy_to import DatasetOptions
from airflow_provider_cqlai.engine.options.text import TextOptions
from tests.unit.engine.files.local_staged_files import LocalFolder

ROWS = pa.RecordBatch.from_pydict(
    {"k": [f"k{number % 3}" for number in range(3_000)], "t": [f'"{number}"\r\n' for number in range(3_000)]}
)


def write(folder: LocalFolder, file_format: str, *batches: pa.RecordBatch, **options: Any) -> list[WrittenFile]:
    lines = TextLines(
        ROWS.schema,
        file_format,
        TextOptions(),
        line_columns=[name for name in ROWS.schema.names if name not in options.get("partition_by", ())],
        partition_by=options.get("partition_by", ()),
        query_number=1,
        description="query 1",
    )
    with DatasetWriter(lines.arrow_schema, DatasetOptions(format=file_format, **options), folder.create_file) as writer:
        for batch in batches:
            writer.write(lines.write(batch))
        return writer.finish(ensure_file=not options.get("partition_by"))


def decompressed(path: Path, compression: str) -> bytes:
    content = path.read_bytes()
    if compression == "gzip":
        return gzip.decompress(content)
    if compression == "zstd":
        return bytes(pa.CompressedInputStream(pa.BufferReader(content), "zstd").read())
    return content


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("file_format", ["json", "csv"])
def test_a_file_has_every_line_once(tmp_path: Path, file_format: str, compression: str) -> None:
    folder = LocalFolder(tmp_path)
    [written] = write(folder, file_format, *[ROWS] * 3, compression=compression, row_group_size=700)
    [path] = folder.paths
    content = decompressed(path, compression)
    assert (written.rows, written.bytes) == (9_000, path.stat().st_size)
    texts = ROWS["t"].to_pylist() * 3
    if file_format == "json":
        assert [json.loads(line)["t"] for line in content.splitlines()] == texts
    else:
        assert [row[1] for row in csv.reader(io.StringIO(content.decode(), newline=""))] == ["t", *texts]
    assert (compression == "none") == (len(content) == written.bytes)
    if file_format == "csv":
        assert content.startswith(b"k,t\r\nk0,")
        assert content.count(b"k,t\r\n") == 1


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_no_rows_are_a_header_or_nothing(tmp_path: Path, compression: str) -> None:
    for file_format, content in (("json", b""), ("csv", b"k,t\r\n")):
        folder = LocalFolder(tmp_path / file_format)
        [written] = write(folder, file_format, compression=compression)
        assert written.rows == 0
        assert decompressed(folder.paths[0], compression) == content


def test_a_full_file_goes_on_in_the_next_which_has_its_header(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    written = write(folder, "csv", *[ROWS] * 3, max_file_size=20_000, row_group_size=500)
    assert sum(file.rows for file in written) == 9_000
    assert len(written) > 5
    assert all(file.bytes < 22_000 for file in written)
    assert all(path.read_bytes().startswith(b"k,t\r\n") for path in folder.paths)


def test_columns_that_are_directories_leave_the_lines(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    written = write(folder, "csv", ROWS, partition_by=("k",))
    assert {file.staged.hive_partition: file.rows for file in written} == {f"k=k{n}": 1_000 for n in range(3)}
    assert all(path.read_bytes().startswith(b't\r\n"""') for path in folder.paths)


class FailingStream:
    """Takes the first bytes and then fails, as a full disk does; counts who tries again."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.failures = 0

    def write(self, content: Any) -> int:
        if self._stream.tell() > 1_000:
            self.failures += 1
            raise OSError("no space left")
        return int(self._stream.write(content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_stream_that_fails_is_left_alone_and_leaves_no_file(tmp_path: Path, compression: str) -> None:
    folder = LocalFolder(tmp_path)
    streams: list[FailingStream] = []

    def wrap(stream: Any) -> Any:
        streams.append(FailingStream(stream))
        return streams[-1]

    folder.wrap_stream = wrap
    noise = pa.RecordBatch.from_pydict({"k": ["k"] * 3_000, "t": [os.urandom(50).hex() for _ in range(3_000)]})
    with pytest.raises(StorageError, match="no space left"):
        write(folder, "json", *[noise] * 3, compression=compression, row_group_size=500)
    assert folder.paths == []
    assert folder.open_count == 0
    # What a compressor still keeps is not written when its file is dropped.
    assert [stream.failures for stream in streams] == [1]


def test_a_line_end_too_many_is_found_before_anything_is_published(tmp_path: Path) -> None:
    lines = TextLines(
        ROWS.schema,
        "json",
        TextOptions(),
        line_columns=ROWS.schema.names,
        partition_by=(),
        query_number=1,
        description="query 1",
    )
    broken = pa.RecordBatch.from_arrays([pa.array(['{"a":1}\n', '{"a":\n2}\n'])], schema=lines.arrow_schema)
    folder = LocalFolder(tmp_path)
    with (
        pytest.raises(StorageError, match="2 rows were written, but the file has 3"),
        DatasetWriter(lines.arrow_schema, DatasetOptions(format="json"), folder.create_file) as writer,
    ):
        writer.write(broken)
        writer.finish()
    assert folder.paths == []


def test_a_level_is_gzips_own(tmp_path: Path) -> None:
    sizes = [
        write(LocalFolder(tmp_path / str(level)), "csv", ROWS, compression="gzip", compression_level=level)[0].bytes
        for level in (1, 9)
    ]
    assert sizes[0] > sizes[1]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_memory_stays_within_the_budget(tmp_path: Path, compression: str) -> None:
    rows = pa.RecordBatch.from_pydict({"k": [f"{n % 20}" for n in range(1_000)], "t": ["x" * 1_000] * 1_000})
    lines = TextLines(
        rows.schema,
        "json",
        TextOptions(),
        line_columns=[name for name in rows.schema.names if name != "k"],
        partition_by=("k",),
        query_number=1,
        description="query 1",
    )
    budget_bytes = 8 * 1024 * 1024
    options = DatasetOptions(
        format="json", compression=compression, partition_by=("k",), write_buffer_bytes=budget_bytes, max_open_files=4
    )
    before = pa.total_allocated_bytes()
    folder = LocalFolder(tmp_path)
    with DatasetWriter(lines.arrow_schema, options, folder.create_file) as writer:
        for _ in range(60):
            writer.write(lines.write(rows))
            assert writer.held_bytes <= budget_bytes
            assert pa.total_allocated_bytes() - before < 2 * budget_bytes
        assert sum(file.rows for file in writer.finish()) == 60_000
