"""Writes one file of text lines, compressed as a whole or not.

The lines are the last column of each table; bytes go to a `StagedFile`, and the counts are returned as a `WrittenFile`.
Note: a text has no footer that tells its rows: they are counted as line ends in the bytes on their way to the file.
"""

from __future__ import annotations

import zlib
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from airflow_provider_cqlai.engine.files.formats.counting_sink import CountingSink
from airflow_provider_cqlai.engine.files.formats.text_lines import HEADER_KEY
from airflow_provider_cqlai.engine.files.storage.staged_file import StagedFile, WrittenFile
from airflow_provider_cqlai.engine.options.dataset import DatasetOptions
from airflow_provider_cqlai.engine.options.values.file_formats import CSV

# zlib's own default: the highest level takes twice the time for some per cent.
_GZIP_LEVEL = 6
# zlib's "with a gzip header": the smallest sum of window bits 15 and 16.
_GZIP_WINDOW_BITS = 31
# What a compressor keeps: zlib's window and hash chains, zstd's window at pyarrow's level.
_HELD_BYTES = {"none": 0, "gzip": 300 * 1024, "zstd": 1536 * 1024}
_QUOTE, _LINE_FEED = b'"'[0], b"\n"[0]


class TextSettings:
    """How the text files of one dataset are written.

    Args:
        file_schema: its last column is the lines, whose field has the header; `text_lines.TextLines` makes it.
        options: the format and its compression.
    """

    def __init__(self, file_schema: pa.Schema, options: DatasetOptions) -> None:
        line_field = file_schema.field(len(file_schema) - 1)
        self.line_column = line_field.name
        self.header = line_field.metadata[HEADER_KEY]
        self.has_quoted_line_ends = options.format == CSV
        self.compression = str(options.compression)
        self.compression_level = options.compression_level

    def open_file(self, staged: StagedFile, first_rows: pa.Table) -> TextFile:
        """Begin a file."""
        return TextFile(staged, self)


class TextFile:
    """One file that is being written. `close` or `discard` ends it; neither leaves the other anything to do."""

    def __init__(self, staged: StagedFile, settings: TextSettings) -> None:
        self.staged = staged
        self._settings = settings
        self._sink = CountingSink(staged)
        self._compressor = _open_compressor(self._sink, settings)
        self._rows = 0
        self._rows_in_file = 0
        if settings.header:
            self._compressor.write(pa.py_buffer(settings.header))

    @property
    def position(self) -> int:
        """Bytes written so far, up to what a compressor still keeps."""
        return self._sink.byte_count

    @property
    def held_bytes(self) -> int:
        """Memory that the open file keeps."""
        return _HELD_BYTES[self._settings.compression]

    def write(self, table: pa.Table) -> None:
        """Append the lines of ``table``.

        Raises:
            StorageError: the stream failed.
        """
        for lines in table.column(self._settings.line_column).chunks:
            content = _bytes_of(lines)
            self._compressor.write(content)
            self._rows += len(lines)
            self._rows_in_file += _count_line_ends(content, outside_quotes=self._settings.has_quoted_line_ends)

    def close(self) -> WrittenFile:
        """Finish the staged file.

        Raises:
            StorageError: the stream failed, or line ends or bytes are others than those of the rows handed over.
        """
        self._compressor.close()
        return self._sink.finish(rows_given=self._rows, count_rows=lambda: self._rows_in_file)

    def discard(self) -> None:
        """Drop the file and what it holds."""
        # What a compressor still keeps must not reach a discarded stream.
        self._sink.is_dropped = True
        self._compressor.close()
        self.staged.discard()


class _Compressor(Protocol):
    def write(self, content: Any) -> Any: ...

    def close(self) -> None: ...


class _GzipStream:
    """Not pyarrow's, which has one level: the slowest."""

    def __init__(self, sink: CountingSink, level: int) -> None:
        self._sink = sink
        self._compressor = zlib.compressobj(level, wbits=_GZIP_WINDOW_BITS)
        self._is_closed = False

    def write(self, content: Any) -> None:
        compressed = self._compressor.compress(content)
        if compressed:
            self._sink.write(compressed)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._sink.write(self._compressor.flush())


def _open_compressor(sink: CountingSink, settings: TextSettings) -> _Compressor:
    if settings.compression == "gzip":
        return _GzipStream(sink, settings.compression_level or _GZIP_LEVEL)
    if settings.compression == "zstd":
        # One frame from the beginning to the end: several readers stop after the first.
        stream: _Compressor = pa.CompressedOutputStream(pa.PythonFile(sink, mode="w"), "zstd")
        return stream
    return sink


def _bytes_of(lines: pa.Array) -> Any:
    """The lines one after the other, which is how Arrow keeps them."""
    if not len(lines):
        return pa.py_buffer(b"")
    _, offsets_buffer, characters = lines.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return characters[int(offsets[0]) : int(offsets[-1])]


def _count_line_ends(content: Any, *, outside_quotes: bool) -> int:
    characters = np.frombuffer(content, np.uint8)
    is_end = characters == _LINE_FEED
    if outside_quotes:
        is_end &= ~np.logical_xor.accumulate(characters == _QUOTE)
    return int(np.count_nonzero(is_end))
