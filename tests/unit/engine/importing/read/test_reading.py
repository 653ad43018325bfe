"""Files that bytes were changed in, and streams that fail: which error tells it, and whether a retry can help."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.errors import SourceFileError, StorageError
from airflow_provider_cqlai.engine.files.storage.local_storage import LocalStorage
from airflow_provider_cqlai.engine.importing.read.reading import told_damage
from airflow_provider_cqlai.engine.importing.sources.int96 import read_record_batches
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile

TABLE = pa.table({"k": range(300), "v": [f"value {number:03}" for number in range(300)]})
# The footer is read with the last 64 KiB, where others than the first pages are.
LONG_TABLE = pa.concat_tables([TABLE] * 100)


def read(path: Path, storage: LocalStorage | None = None) -> pa.Table:
    """All rows, as an import reads them."""
    file = SourceFile(storage or LocalStorage(), str(path), ())
    record_batches: list[pa.RecordBatch] = []
    with file.open() as parquet_file:
        names = parquet_file.schema_arrow.names
        for row_group in range(parquet_file.num_row_groups):
            with told_damage(parquet_file, file, row_group, names, 50):
                record_batches += read_record_batches(parquet_file, file, row_group, names, 50)
    return pa.Table.from_batches(record_batches)


def write(path: Path, table: pa.Table = TABLE, **options: Any) -> Path:
    pq.write_table(table, path, row_group_size=100, compression="none", **options)
    return path


def damage(path: Path) -> None:
    """Change one letter of a value: the file stays readable."""
    content = path.read_bytes()
    assert content.count(b"value 150") > 0
    path.write_bytes(content.replace(b"value 150", b"value 95x"))


@pytest.mark.parametrize("use_dictionary", [False, True], ids=["data page", "dictionary page"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_damaged_page_is_named(tmp_path: Path, use_dictionary: bool, version: str) -> None:
    path = write(
        tmp_path / "a.parquet",
        use_dictionary=use_dictionary,
        data_page_version=version,
        write_statistics=False,
        write_page_checksum=True,
    )
    assert read(path) == TABLE
    damage(path)
    with pytest.raises(SourceFileError, match=rf"^{path}: row group 1, column v: the file is damaged: .*CRC") as raised:
        read(path)
    assert not raised.value.is_retryable


def test_pages_that_cannot_be_decoded_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet")
    column = pq.read_metadata(path).row_group(2).column(0)
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)
    with pytest.raises(SourceFileError, match=rf"^{path}: row group 2, column k: the file is damaged: "):
        read(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 no footer PAR1", b"text" * 100])
def test_file_without_a_footer_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(SourceFileError, match=rf"^{path}: not a readable Parquet file: "):
        read(path)


def test_pages_without_checksums_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame: pd.DataFrame = TABLE.to_pandas()
    frame.to_parquet(path, index=False, compression=None)
    assert read(path).to_pydict() == TABLE.to_pydict()
    damage(path)
    assert read(path)["v"][150].as_py() == "value 95x"


class _FailingStream(io.BytesIO):
    """Of a disk or a store that fails after the footer was read."""

    def __init__(self, content: bytes, error: Exception) -> None:
        super().__init__(content)
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() < 1_000:
            raise self._error
        return super().read(size)


class _FailingStorage(LocalStorage):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def open_read(self, path: str) -> Any:
        return _FailingStream(Path(path).read_bytes(), self._error)


@pytest.mark.parametrize("error", [OSError(5, "a disk that fails"), OSError("a store's words"), TimeoutError()])
def test_storage_that_fails_is_no_damaged_file(tmp_path: Path, error: Exception) -> None:
    path = write(tmp_path / "a.parquet", LONG_TABLE)
    with pytest.raises(StorageError, match=rf"^{path}: cannot read") as raised:
        read(path, _FailingStorage(error))
    assert raised.value.is_retryable


def test_file_that_goes_while_it_is_read_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", LONG_TABLE)
    with pytest.raises(SourceFileError, match=rf"^{path}: there is no such file"):
        read(path, _FailingStorage(FileNotFoundError(2, "gone")))
