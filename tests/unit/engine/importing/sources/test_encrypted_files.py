"""Files with encrypted columns: an error, where pyarrow would abort the process at the first look at such a column."""

from __future__ import annotations

import base64
import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as encryption
import pytest

from airflow_provider_cqlai.engine.errors import SourceFileError
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files

TABLE = pa.table({"id": [1, 2], "secret": ["a", "b"]})


class _Keys(encryption.KmsClient):  # type: ignore[misc]
    def wrap_key(self, key: bytes, _master_key: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, wrapped_key: bytes, _master_key: str) -> bytes:
        return base64.b64decode(wrapped_key)


def write_encrypted(path: Path, *, plaintext_footer: bool) -> None:
    factory = encryption.CryptoFactory(lambda _configuration: _Keys())
    configuration = encryption.EncryptionConfiguration(
        footer_key="footer",
        column_keys={"key": ["secret"]},
        plaintext_footer=plaintext_footer,
        cache_lifetime=datetime.timedelta(minutes=5),
    )
    properties: Any = factory.file_encryption_properties(encryption.KmsConnectionConfig(), configuration)
    with pq.ParquetWriter(path, TABLE.schema, encryption_properties=properties) as writer:
        writer.write_table(TABLE)


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_encrypted_columns_are_an_error_and_not_the_end_of_the_process(tmp_path: Path, plaintext_footer: bool) -> None:
    path = tmp_path / "t.parquet"
    write_encrypted(path, plaintext_footer=plaintext_footer)
    code = f"""
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.errors import SourceFileError
from airflow_provider_cqlai.engine.importing.sources.sources import find_source_files
[file] = find_source_files([{str(path)!r}], None, StorageAccess())
try:
    with file.open() as parquet_file:
        print(parquet_file.metadata.row_group(0).column(1).statistics)
except SourceFileError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    assert "encrypted" in done.stdout
    if plaintext_footer:
        assert "id, secret" in done.stdout


def test_it_is_final(tmp_path: Path) -> None:
    write_encrypted(tmp_path / "t.parquet", plaintext_footer=True)
    [file] = find_source_files([str(tmp_path)], None, StorageAccess())
    with pytest.raises(SourceFileError, match="encrypted") as caught, file.open():
        pass
    assert not caught.value.is_retryable


@pytest.mark.parametrize("rows", [1, 200_000])
def test_other_files_are_read(tmp_path: Path, rows: int) -> None:
    pq.write_table(pa.table({"id": range(rows)}), tmp_path / "t.parquet", row_group_size=100)
    [file] = find_source_files([str(tmp_path)], None, StorageAccess())
    with file.open() as parquet_file:
        assert parquet_file.metadata.row_group(0).column(0).statistics.min == 0
