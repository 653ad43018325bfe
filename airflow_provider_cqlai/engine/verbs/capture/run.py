"""CAPTURE: the results of queries become one result (specification, "Capture Mode Integration").

Two ways in, one engine: `capture` knows all queries and prepares and compares them before the first runs, `Capture`
takes them one after the other. Nothing is visible before all of them have been read: one that fails leaves nothing.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from cassandra.cluster import Session
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import codec_name, warn_of_missing_codec
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableWatch
from airflow_provider_cqlai.engine.errors import EmptyResultError, OptionError, PublishError
from airflow_provider_cqlai.engine.options.capture import CaptureOptions
from airflow_provider_cqlai.engine.options.values.checks import check_type
from airflow_provider_cqlai.engine.progress import count_of
from airflow_provider_cqlai.engine.results import CapturedQuery, CaptureResult, DataFile
from airflow_provider_cqlai.engine.verbs.capture.output import CaptureOutput
from airflow_provider_cqlai.engine.verbs.capture.plan import (
    check_parameters_used,
    check_together,
    check_types,
    describe_columns,
    open_decoder,
    open_lines,
    read_queries,
    split_queries,
)
from airflow_provider_cqlai.engine.verbs.capture.query import CaptureQuery, own_parameters
from airflow_provider_cqlai.engine.verbs.capture.query_reader import QueryReader
from airflow_provider_cqlai.engine.without_pandas import leave_pandas_out

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)


def capture(
    session: Session,
    options: CaptureOptions,
    *,
    filesystem: AbstractFileSystem | None = None,
    cancellation: Cancellation | None = None,
) -> CaptureResult:
    """Run ``options.queries`` and publish their rows as one result.

    Args:
        session: connected; the engine opens a session of its own on the same cluster and leaves this one alone.
        options: which queries, and where to; every field is explained there.
        filesystem: where ``options.path`` lies; None resolves its URI with fsspec and the environment's credentials.
        cancellation: raised from elsewhere, ends the capture before the commit point with nothing published.

    Raises:
        CqlaiError: see `engine.errors`; unless it returned, nothing of this call is visible.
    """
    texts = read_queries(options)
    if not texts:
        raise OptionError("queries is empty: there is nothing to capture", option="queries")
    with Capture(session, options, filesystem=filesystem, cancellation=cancellation) as running:
        running.prepare_all(texts)
        for query in list(running.prepared):
            running.run(query)
    assert running.result is not None
    return running.result


class Capture:
    """A capture that is going on: leaving the context publishes, leaving it with an error publishes nothing.

    Queries that `execute` is given must return the columns of the first one, where the format needs that
    (`CaptureOptions.needs_same_columns`).
    """

    result: CaptureResult | None
    """What was published; None before the end."""

    def __init__(
        self,
        session: Session,
        options: CaptureOptions,
        *,
        filesystem: AbstractFileSystem | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        check_type("options", options, CaptureOptions)
        self._session = session
        self._options = options
        self._filesystem = filesystem
        self._cancellation = cancellation or Cancellation()
        self._stack = ExitStack()
        self._open_reader: QueryReader | None = None
        self._output: CaptureOutput | None = None
        self._zero_length_cells: Counter[str] = Counter()
        self._unfinished: CaptureQuery | None = None
        self._started = self._last_line = time.monotonic()
        self._queries: list[CapturedQuery] = []
        self._watches: dict[str, TableWatch] = {}
        self.prepared: list[CaptureQuery] = []
        self.result = None

    def __enter__(self) -> Self:
        if self._open_reader is not None or self.prepared:
            raise RuntimeError("a capture is used once")
        leave_pandas_out()
        engine_session = self._stack.enter_context(
            # Queries name their tables themselves, perhaps without a keyspace.
            open_engine_session(self._session, self._options, keyspace=self._session.keyspace)
        )
        self._open_reader = QueryReader(self._session, engine_session, self._options, self._cancellation)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                # Without a commit the publication removes what it staged.
                self._stack.__exit__(error_type, error, traceback)
                return
            with self._stack:
                self.result = self._publish()
        finally:
            self._open_reader = None

    @property
    def _reader(self) -> QueryReader:
        if self._open_reader is None:
            raise RuntimeError("the capture is not open: it is a context manager")
        return self._open_reader

    def execute(self, query: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Run one more SELECT; the number of rows it returned.

        Raises:
            OptionError: it is not a SELECT, or returns other columns than the first query; the capture can go on.
            CqlaiError: it could not be read to its end; nothing will be published.
        """
        texts = split_queries(query)
        if len(texts) != 1:
            raise OptionError(f"execute takes one query, and was given {len(texts)}", option="queries")
        return self.run(self.prepare(texts[0], f"query {len(self.prepared) + 1}", parameters))

    def prepare(self, text: str, description: str, parameters: Mapping[str, Any] | None = None) -> CaptureQuery:
        """Prepare one more SELECT, without comments before it, for `run`; messages call it ``description``.

        Raises:
            OptionError: as `execute`; the capture can go on.
        """
        prepared = self._reader.prepare(text, len(self.prepared) + 1, description, own_parameters(parameters or {}))
        check_together([*self.prepared[:1], prepared], self._options)
        if self._options.needs_same_columns:
            check_types([prepared], self._options)
        self.prepared.append(prepared)
        return prepared

    def prepare_all(self, texts: list[str]) -> None:
        """Prepare and compare every query before the first one runs."""
        options = self._options
        each = options.parameters
        if not isinstance(each, Mapping) and len(each) != len(texts):
            raise OptionError(f"parameters: {len(each)} mappings for {len(texts)} queries", option="parameters")
        for number, text in enumerate(texts, 1):
            values = each if isinstance(each, Mapping) else own_parameters(each[number - 1])
            self.prepared.append(self._reader.prepare(text, number, f"query {number} of {len(texts)}", values))
        if isinstance(each, Mapping):
            check_parameters_used(each, self.prepared)
        check_together(self.prepared, options)
        check_types(self.prepared, options)
        # All of them show one state of each table.
        self._watches = {query.table: self._reader.watch(query) for query in self.prepared}

    def run(self, query: CaptureQuery) -> int:
        """Read a prepared query to its end; the number of its rows."""
        self._check_finished()
        # Between queries that come one by one, whoever sends them may change the table.
        watch = self._watches.get(query.table) or self._reader.watch(query)
        decoder = open_decoder(query, self._options)
        lines = open_lines(query, decoder, self._options)
        output = self._output = self._output or self._open_output(decoder.arrow_schema)
        self._unfinished = query
        output.begin_query(decoder.arrow_schema if lines is None else lines.arrow_schema, query.number)
        started = time.monotonic()
        rows = pages = 0
        with closing(self._reader.stream(query, decoder, watch, lines)) as record_batches:
            for record_batch in record_batches:
                pages += 1
                rows += record_batch.num_rows
                output.write(record_batch)
                self._log_if_due(query, pages, rows)
        output.end_query()
        self._zero_length_cells.update(decoder.zero_length_cells)
        captured = CapturedQuery(query=query.text, rows=rows, pages=pages, elapsed_seconds=time.monotonic() - started)
        self._queries.append(captured)
        self._unfinished = None
        logger.info("%s: %s in %s", query.description, count_of(rows, "row"), count_of(pages, "page"))
        return rows

    def status(self) -> str:
        """One line about what is being captured, and to where."""
        if self.result is not None:
            return f"captured {count_of(self.result.rows, 'row')} to {self.result.path}"
        rows = sum(query.rows for query in self._queries)
        done = count_of(len(self._queries), "query", "queries")
        return f"capturing to {self._options.path}: {done}, {count_of(rows, 'row')}, nothing is published yet"

    def _open_output(self, arrow_schema: pa.Schema) -> CaptureOutput:
        """Now that the first columns are known."""
        options = self._options
        warn_of_missing_codec()
        logger.info("capturing to %s with the %s codec", options.path, codec_name())
        return self._stack.enter_context(
            CaptureOutput(
                options,
                queries=read_queries(options),
                masked=self._reader.masked,
                keyspaces=list(dict.fromkeys(query.table.partition(".")[0] for query in self.prepared)),
                arrow_schema=arrow_schema,
                consistency_level=self._reader.consistency_level,
                filesystem=self._filesystem,
                cancellation=self._cancellation,
            )
        )

    def _log_if_due(self, query: CaptureQuery, pages: int, rows: int) -> None:
        now = time.monotonic()
        if now - self._last_line >= self._options.progress_interval_seconds:
            self._last_line = now
            total = rows + sum(done.rows for done in self._queries)
            rate = total / max(now - self._started, 1e-9)
            logger.info(
                "%s, page %d: %s, %s in all, %s rows/s",
                query.description, pages, count_of(rows, "row"), count_of(total, "row"), f"{rate:,.0f}",
            )  # fmt: skip

    def _check_finished(self) -> None:
        if self._unfinished is not None:
            raise PublishError(f"{self._unfinished.description} was not read to its end: nothing can be published")

    def _publish(self) -> CaptureResult:
        if self._output is None:
            raise OptionError("no query was run: there is nothing to capture", option="queries")
        self._check_finished()
        options = self._options
        # Of queries that came one by one, whose columns may differ, only now all are known.
        check_types(self.prepared, options)
        rows = sum(query.rows for query in self._queries)
        if not rows and options.on_empty == "fail":
            raise EmptyResultError("no query returned a row, and on_empty='fail'")
        if not rows and options.on_empty == "skip":
            logger.info("no query returned a row; nothing is published (on_empty='skip')")
            return self._report((), None, is_published=False)
        for watch in self._watches.values():
            watch.check()
        published = self._output.publish(rows)
        result = self._report(published.files, published.manifest, is_published=True)
        logger.info(
            "published %s of %s in %s, %.1f s", count_of(result.rows, "row"),
            count_of(len(self._queries), "query", "queries"), count_of(len(result.files), "file"),
            result.elapsed_seconds,
        )  # fmt: skip
        return result

    def _report(self, files: tuple[DataFile, ...], manifest: str | None, *, is_published: bool) -> CaptureResult:
        assert self._output is not None
        for column, count in self._zero_length_cells.items():
            logger.warning(
                "column %s: %s captured as null",
                column,
                count_of(count, "cell of zero bytes was", "cells of zero bytes were"),
            )
        return CaptureResult(
            path=self._output.path,
            queries=tuple(self._queries),
            tables=tuple(dict.fromkeys(query.table for query in self.prepared)),
            rows=sum(file.rows for file in files),
            files=files,
            bytes=sum(file.bytes for file in files),
            window=self._options.window,
            elapsed_seconds=time.monotonic() - self._started,
            is_published=is_published,
            codec=codec_name(),
            zero_length_cells=dict(self._zero_length_cells),
            manifest=manifest,
            columns=describe_columns(self.prepared),
        )
