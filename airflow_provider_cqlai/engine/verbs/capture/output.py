"""Where the rows of a capture go: one writer for all its queries or one for each, one publication.

The files of all queries become visible together. A directory of CSV has files of its own for each query, whose columns
differ in the header; everything else is one sequence of rows, as Parquet takes them or as lines of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

import pyarrow as pa
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import StorageError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.publish.publish import Publication, PublishedResult, open_publication
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.files.write.renaming import check_rename, renamed_schema
from airflow_provider_cqlai.engine.files.write.row_names import RowNames
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.text import TextOptions

if TYPE_CHECKING:
    from typing_extensions import Self


class CaptureOutput:
    """A context manager: leaving it without `publish` discards everything.

    Args:
        options: where to, and how.
        queries: the texts that the result belongs to.
        keyspaces: of the tables that they read.
        masked: columns of which they read masks.
        arrow_schema: of the first query's rows.
        consistency_level: at which they are read.
        filesystem: where the path lies; None resolves it.
        cancellation: looked at until the commit point.
    """

    def __init__(
        self,
        options: CaptureOptions,
        *,
        queries: Sequence[str],
        keyspaces: Sequence[str],
        masked: Sequence[str],
        arrow_schema: pa.Schema,
        consistency_level: str,
        filesystem: AbstractFileSystem | None,
        cancellation: Cancellation,
    ) -> None:
        check_rename(options.rename, arrow_schema, options.partition_by or ())
        self._options = options
        self._cancellation = cancellation
        self._stack = ExitStack()
        self._publishing = open_publication(
            options,
            source=_describe_source(options, queries, keyspaces, masked),
            window=options.window,
            file_format=options.file_format,
            is_hive=bool(options.partition_by),
            is_log=False,
            arrow_schema=renamed_schema(arrow_schema, options.rename),
            consistency_level=consistency_level,
            access=StorageAccess.of(options, filesystem, cancellation),
            cancellation=cancellation,
        )
        self._publication: Publication
        self._writer: DatasetWriter | None = None
        self._written: list[WrittenFile] = []

    def __enter__(self) -> Self:
        self._publication = self._stack.enter_context(self._publishing)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(error_type, error, traceback)

    @property
    def path(self) -> str:
        """The path or URI, placeholders filled in."""
        return self._publication.path

    def begin_query(self, arrow_schema: pa.Schema, query_number: int) -> None:
        """The record batches that follow are of ``arrow_schema`` and of this query."""
        if self._writer is not None:
            return
        own_number = query_number if self._options.has_files_by_query else None
        self._writer = self._stack.enter_context(
            DatasetWriter(
                arrow_schema,
                self._options,
                partial(self._publication.create_file, query_number=own_number),
                footer_metadata=self._publication.footer_metadata,
                row_names=RowNames("the result"),
                cancellation=self._cancellation,
            )
        )

    def write(self, record_batch: pa.RecordBatch) -> None:
        """Take rows of the query that was begun."""
        assert self._writer is not None
        if record_batch.num_rows:
            self._writer.write(record_batch)
        self._publication.check_if_due()

    def end_query(self) -> None:
        """All rows of the query were written."""
        if self._options.has_files_by_query:
            # A query without rows has its file, too: one that only tells its columns.
            self._finish_writer(ensure_file=not self._options.partition_by)

    def publish(self, rows: int) -> PublishedResult:
        """Make the result visible, if ``rows`` are really in its files."""
        if self._writer is not None:
            self._finish_writer(ensure_file=not self._options.partition_by and self._options.on_empty == "write")
        in_files = sum(file.rows for file in self._written)
        if in_files != rows:
            raise StorageError(
                f"{self._options.path}: {rows} rows were read but the written files hold {in_files}; nothing was"
                " published"
            )
        return self._publication.commit(self._written)

    def _finish_writer(self, *, ensure_file: bool) -> None:
        assert self._writer is not None
        self._written += self._writer.finish(ensure_file=ensure_file)
        self._writer = None


def _describe_source(
    options: CaptureOptions, queries: Sequence[str], keyspaces: Sequence[str], masked: Sequence[str]
) -> Source:
    text = {}
    if options.file_format.is_text:
        text = {item.name: getattr(options, item.name) for item in fields(TextOptions)}
    return Source(
        queries=tuple(queries),
        # Nothing is compared of the queries of a session, which come one by one.
        keyspace=", ".join(keyspaces) if queries else None,
        partition_by=options.partition_by,
        types=options.types,
        format=options.file_format.name,
        keeps_partition_columns=options.keep_partition_columns,
        virtual_column_separator=options.virtual_column_separator,
        rename=options.rename,
        masked=masked,
        text=text,
    )
