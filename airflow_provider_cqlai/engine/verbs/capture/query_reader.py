"""Reads the results of queries as record batches, page by page and one page ahead of whoever takes them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import pyarrow as pa
from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import RowDecoder
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import EngineSession
from airflow_provider_cqlai.engine.cassandra.metadata.masking import check_masked_columns, find_masked_columns, named_in
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableWatch
from airflow_provider_cqlai.engine.cassandra.plan.export_plan import PlannedRead
from airflow_provider_cqlai.engine.cassandra.read.page_reader import PageReader
from airflow_provider_cqlai.engine.files.formats.text_lines import TextLines
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.pipeline import ReadFinished, stream_reads
from airflow_provider_cqlai.engine.verbs.capture.query import CaptureQuery, is_aggregate, prepare_query


class QueryReader:
    """Prepares and reads queries with the pages, tries and rates of ``options``.

    Args:
        session: the caller's, which the server's own tables are asked with.
        engine_session: the engine's, which the queries are read with.
        options: how.
        cancellation: ends what is being read.
    """

    def __init__(
        self, session: Session, engine_session: EngineSession, options: CaptureOptions, cancellation: Cancellation
    ) -> None:
        self._session = session
        self._engine_session = engine_session
        self._options = options
        self._cancellation = cancellation
        self._masked: dict[str, None] = {}

    @property
    def consistency_level(self) -> str:
        """Name of the consistency level that pages are read with."""
        return self._engine_session.consistency_level

    @property
    def masked(self) -> tuple[str, ...]:
        """The columns of the prepared queries that the role sees masked."""
        return tuple(self._masked)

    def prepare(self, text: str, number: int, description: str, parameters: Mapping[str, Any]) -> CaptureQuery:
        """One SELECT, without comments before it; messages call it ``description``. Raises what `prepare_query` raises,
        and for masked columns."""
        prepared = prepare_query(
            self._engine_session.session, text, number, description, parameters, self._options.window
        )
        keyspace, table = prepared.keyspace_and_table
        prepared = replace(prepared, is_aggregate=is_aggregate(self._session, text, keyspace))
        masked = named_in(text, find_masked_columns(self._session, keyspace, table))
        self._masked |= dict.fromkeys(
            check_masked_columns(masked, prepared.table, allow_masked=self._options.allow_masked)
        )
        return prepared

    def watch(self, query: CaptureQuery) -> TableWatch:
        """On the table of ``query``, from now on."""
        return TableWatch(self._session, *query.keyspace_and_table, "it was read", cancellation=self._cancellation)

    def stream(
        self, query: CaptureQuery, decoder: RowDecoder, watch: TableWatch, lines: TextLines | None = None
    ) -> Generator[pa.RecordBatch, None, None]:
        """The pages of ``query``, each decoded and perhaps written as text, one ahead of the taker.

        Raises:
            TableChangedError: the table is another one than when ``watch`` began.
            CqlaiError: the query could not be read to its end.
        """
        page_reader = PageReader(
            self._engine_session,
            self._options,
            watch,
            asked=f": {query.text}",
            has_fixed_pages=query.is_aggregate,
            row_limit=query.row_limit,
        )

        def read_record_batches(read: PlannedRead, stop: Cancellation) -> Iterator[pa.RecordBatch]:
            for page in page_reader.read_pages(read, stop):
                record_batch = decoder.decode(page)
                yield record_batch if lines is None else lines.write(record_batch)

        with closing(
            stream_reads([query.read], read_record_batches, concurrency=1, cancellation=self._cancellation)
        ) as items:
            for item in items:
                if item is not None and not isinstance(item, ReadFinished):
                    yield item
                watch.check_if_due()
        watch.check()
