"""The one place that chooses how a format's files are written. What opens, fills and closes files knows no formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from airflow_provider_cqlai.engine.files.formats.parquet_writer import ParquetSettings
from airflow_provider_cqlai.engine.files.formats.text_file import TextSettings
from airflow_provider_cqlai.engine.files.storage.staged_file import StagedFile, WrittenFile
from airflow_provider_cqlai.engine.options.dataset import DatasetOptions
from airflow_provider_cqlai.engine.options.values.file_formats import TEXT_FORMATS


class FormatFile(Protocol):
    """One file of any format that is being written; `close` or `discard` ends it."""

    @property
    def position(self) -> int:
        """Bytes written so far."""

    @property
    def held_bytes(self) -> int:
        """Memory that the open file keeps."""

    def write(self, table: pa.Table) -> None:
        """Append the rows of ``table``."""

    def close(self) -> WrittenFile:
        """Finish the staged file; its rows are those that are really in it."""

    def discard(self) -> None:
        """Drop the file and what it holds."""


class FileSettings(Protocol):
    """How all files of one dataset are written."""

    def open_file(self, staged: StagedFile, first_rows: pa.Table) -> FormatFile:
        """Begin a file, of which ``first_rows`` are the first that it will get."""


def read_file_settings(
    file_schema: pa.Schema, options: DatasetOptions, footer_metadata: Mapping[str, str]
) -> FileSettings:
    """The settings of ``options.format``.

    Raises:
        OptionError: options that the format or these columns cannot have.
    """
    if options.format in TEXT_FORMATS:
        return TextSettings(file_schema, options)
    return ParquetSettings(file_schema, options, footer_metadata)
