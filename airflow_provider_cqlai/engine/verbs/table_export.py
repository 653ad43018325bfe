"""One export as it is planned: what is read, as which types, and how the rows get into files.

COPY TO does it in one call, a shard of an export that several tasks share for its part of the token ring. Note: the row
count is told three times, by what was decoded, by what the writer took and by the footers of the written files, and all
must agree. Footers are read back from local files; an object store shows none before they are published.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import (
    RowDecoder,
    codec_name,
    open_row_decoder,
    warn_of_missing_codec,
)
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import EngineSession
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import open_lost_pools
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import ExportPlan, PlannedRead, plan_export
from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.errors import StorageError
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.publish.publication import Publication
from airflow_provider_cqlai.engine.files.storage.staged_file import WrittenFile
from airflow_provider_cqlai.engine.files.write.dataset_writer import DatasetWriter
from airflow_provider_cqlai.engine.files.write.renaming import check_rename, renamed_schema
from airflow_provider_cqlai.engine.files.write.row_names import RowNames
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.pipeline import ReadFinished, stream_reads
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import CopyResult, DataFile
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import ResultColumn, check_overrides, result_column
from airflow_provider_cqlai.engine.without_pandas import leave_pandas_out

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableExport:
    """A planned export. ``options`` are those of the call, whose columns may be pinned to those of an earlier plan."""

    options: CopyToOptions
    plan: ExportPlan
    decoder: RowDecoder

    @property
    def table(self) -> str:
        """``keyspace.table``."""
        return self.plan.table_metadata.qualified_name

    @property
    def arrow_schema(self) -> pa.Schema:
        """What is published: columns, hive columns included, and their companions, under the names of the files."""
        return renamed_schema(self._exported_schema, self.options.rename)

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that are exported, in their order."""
        return tuple(column.name for column in self.plan.columns if not column.is_hidden)

    def describe_source(self, columns: Sequence[str] | None) -> Source:
        """Whose rows the dataset holds; ``columns`` as they were asked for, None for all that there are."""
        options = self.options
        return Source(
            table=self.table,
            columns=columns,
            where=options.where,
            partition_by=options.partition_by,
            types=options.types,
            time=_describe_time(options),
            include_writetime=options.include_writetime,
            include_ttl=options.include_ttl,
            masked=self.plan.masked,
            keeps_partition_columns=options.keep_partition_columns,
            virtual_column_separator=options.virtual_column_separator,
            rename=options.rename,
        )

    def write(
        self,
        session: EngineSession,
        publication: Publication,
        progress: Progress,
        cancellation: Cancellation,
        *,
        ensures_file: bool,
    ) -> list[WrittenFile]:
        """Read all rows of the plan and write them into files of ``publication``, which nobody sees yet.

        ``ensures_file`` makes one without rows where there is no row, but in a hive dataset: an empty file at its root
        would break its readers.

        Raises:
            StorageError: the files do not hold the rows that were read.
        """
        record_batches = self._stream(session, progress, cancellation)
        with closing(record_batches), self._open_writer(publication, cancellation) as writer:
            for record_batch in record_batches:
                writer.write(record_batch)
                publication.check_if_due()
            written = writer.finish(ensure_file=ensures_file and not self.options.partition_by)
        rows_in_footers = sum(file.rows for file in written)
        if rows_in_footers != progress.rows:
            raise StorageError(
                f"{self.options.path}: {progress.rows} rows were read but the written files hold {rows_in_footers};"
                " nothing was published"
            )
        return written

    def write_no_row(self, publication: Publication, cancellation: Cancellation) -> list[WrittenFile]:
        """The file that a dataset without rows has; none in a hive dataset."""
        with self._open_writer(publication, cancellation) as writer:
            return writer.finish(ensure_file=not self.options.partition_by)

    def report(
        self,
        progress: Progress,
        path: str,
        files: tuple[DataFile, ...],
        manifest: str | None,
        *,
        is_published: bool = True,
    ) -> CopyResult:
        """What was published at ``path``."""
        for column, count in self.decoder.zero_length_cells.items():
            logger.warning(
                "%s.%s: %s exported as null",
                self.options.table,
                column,
                count_of(count, "cell of zero bytes was", "cells of zero bytes were"),
            )
        return CopyResult(
            path=path,
            table=self.table,
            rows=sum(file.rows for file in files),
            files=files,
            bytes=sum(file.bytes for file in files),
            window=self.options.window,
            elapsed_seconds=progress.elapsed_seconds,
            is_published=is_published,
            route=self.plan.route,
            query_count=len(self.plan.reads),
            retried_pages=progress.retried_pages,
            codec=codec_name(),
            zero_length_cells=dict(self.decoder.zero_length_cells),
            manifest=manifest,
            columns={column.name: column.cql_text for column in self.plan.columns if not column.is_hidden},
        )

    @property
    def _exported_schema(self) -> pa.Schema:
        fields = zip(self.decoder.arrow_schema, self.plan.columns, strict=True)
        asked = [field for field, column in fields if not column.is_hidden]
        return pa.schema([*asked, *(self.plan.cell_times.arrow_fields if self.plan.cell_times is not None else ())])

    @property
    def _hidden_keys(self) -> tuple[str, ...]:
        """What the writer is given beside: into directories also keys nobody asked for, so that errors name a row."""
        if not self.options.partition_by:
            return ()
        return tuple(column.name for column in self.plan.columns if column.is_hidden and column.is_primary_key)

    def _open_writer(self, publication: Publication, cancellation: Cancellation) -> DatasetWriter:
        table, hidden_keys = self.plan.table_metadata, self._hidden_keys
        return DatasetWriter(
            pa.schema([*self._exported_schema, *(self.decoder.arrow_schema.field(name) for name in hidden_keys)]),
            self.options,
            publication.create_file,
            footer_metadata=publication.footer_metadata,
            row_names=RowNames(table.qualified_name, tuple(table.primary_key), hidden_keys),
            cancellation=cancellation,
        )

    def _stream(
        self, session: EngineSession, progress: Progress, cancellation: Cancellation
    ) -> Generator[pa.RecordBatch, None, None]:
        """Record batches of all planned reads, as many at once as ``concurrency`` says."""
        plan, decoder = self.plan, self.decoder
        carried = [*self._exported_schema.names, *self._hidden_keys]
        asked = f" (where={self.options.where!r})" if self.options.where is not None else ""
        page_reader = PageReader(session, self.options, plan.watch, asked=asked, on_retry=progress.count_retry)

        def read_record_batches(read: PlannedRead, stop: Cancellation) -> Iterator[pa.RecordBatch]:
            for page in page_reader.read_pages(read, stop):
                decoded = decoder.decode(page)
                record_batch = decoded if plan.window_filter is None else plan.window_filter(decoded)
                if not record_batch.num_rows:
                    continue
                if plan.cell_times is not None:
                    # The clock is the page's, whichever of its rows are left.
                    record_batch = plan.cell_times.add_companions(record_batch, plan.cell_times.read_clock(decoded))
                yield record_batch.select(carried)

        with closing(
            stream_reads(
                plan.reads, read_record_batches, concurrency=self.options.concurrency, cancellation=cancellation
            )
        ) as items:
            for item in items:
                if isinstance(item, ReadFinished):
                    progress.finish_read(item.read.ring_share)
                elif item is not None:
                    progress.add_rows(item.num_rows, item.nbytes)
                    yield item
                progress.log_if_due()
                plan.watch.check_if_due()
        plan.watch.check()


def plan_table_export(session: Session, options: CopyToOptions, cancellation: Cancellation) -> TableExport:
    """Plan the reads of ``options``, and check what is asked for against the table.

    Raises:
        CqlaiError: as `plan_export`, and `UnsupportedTypeError` or `OptionError` for types and names that cannot be.
    """
    leave_pandas_out()
    warn_of_missing_codec()
    logger.info("exporting %s to %s with the %s codec", options.table, options.path, codec_name())
    open_lost_pools(session)
    plan = plan_export(session, options, cancellation)
    export = TableExport(options, plan, _open_decoder(plan, options))
    check_rename(options.rename, export._exported_schema, options.partition_by or ())
    return export


def _open_decoder(plan: ExportPlan, options: CopyToOptions) -> RowDecoder:
    time_column = None
    if options.time_unit is not None and options.time_column is not None:
        time_column = plan.table_metadata.column(options.time_column, option="time_column").name
    columns: list[ResultColumn] = [
        result_column(
            column.name,
            CqlType.from_driver_type(column.driver_type),
            overrides={} if column.is_hidden else options.types,
            is_primary_key=column.is_primary_key,
            cql_text=column.cql_text,
            other_columns=[other.name for other in plan.columns],
            takes_handlers=column.is_primary_key or not column.is_hidden,
            time_unit=options.time_unit if column.name == time_column else None,
        )
        for column in plan.columns
    ]
    check_overrides(
        options.types, [column for column, planned in zip(columns, plan.columns, strict=True) if not planned.is_hidden]
    )
    return open_row_decoder(
        columns,
        driver_columns=[(column.name, column.driver_type) for column in plan.columns],
        table=plan.table_metadata.qualified_name,
        primary_key=plan.table_metadata.primary_key,
    )


def _describe_time(options: CopyToOptions) -> str | None:
    if options.window_by == "writetime":
        return "writetime"
    if options.time_unit is not None:
        return f"{options.time_column} ({options.time_unit})"
    return options.time_column or options.bucket_column
