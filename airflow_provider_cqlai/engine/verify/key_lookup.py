"""Reads rows by their primary keys: the SELECTs of many keys in flight at once, bounded, repeated where one failed.

There are one or a few `KeyRequest` objects for each partition. Rows come back in no order, in record batches of
undecoded cells. Memory holds the pages in flight and one record batch.
"""

from __future__ import annotations

import queue
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cassandra.query import BoundStatement, PreparedStatement

from airflow_provider_cqlai.engine.cancellation import POLL_SECONDS, Cancellation
from airflow_provider_cqlai.engine.cassandra.codec.decoder import open_row_decoder
from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    is_list_too_long,
    is_page_too_large,
    translate_driver_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import EngineSession
from airflow_provider_cqlai.engine.cassandra.connect.pool_renewal import PoolRenewal
from airflow_provider_cqlai.engine.cassandra.connect.waiting import RetryPauses
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.select_statement import Restriction, prepare_select
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import ClusterUnavailableError, PageReadError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType, quote_name
from airflow_provider_cqlai.engine.types.column import result_column
from airflow_provider_cqlai.engine.types.order.canonical import FLOATS, MAPPED_ADDRESS, canonical_cell

MAX_REQUESTS_IN_FLIGHT = 32
MAX_ATTEMPTS = 8
# Rows of single-row partitions arrive one a page; they are decoded together.
_DECODE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class KeyRequest:
    """The bound values of one SELECT: what `KeyLookup.bind` takes, and where its pages have got to."""

    values: tuple[bytes, ...]
    paging_state: bytes | None = None
    attempt: int = 1
    page_rows: int = 0
    """That a page was asked for with."""
    is_single: bool = False
    """``values`` has the cells of one key, not a list of keys."""


class KeyLookup:
    """One prepared SELECT by key and the decoder of its rows."""

    def __init__(
        self,
        engine_session: EngineSession,
        table: TableMetadata,
        columns: Sequence[str],
        *,
        by_clustering: bool,
        cancellation: Cancellation,
    ) -> None:
        """Prepare to read ``columns``, the primary key among them.

        Args:
            engine_session: to read with.
            table: that is read.
            columns: in their order; without ``by_clustering`` of the partition key and static ones only, where the
                table has a clustering key.
            by_clustering: rows are asked for by whole primary keys, else by partition keys alone.
            cancellation: ends a wait.
        """
        self._engine_session = engine_session
        self._pools = PoolRenewal(engine_session.session)
        self._pauses = RetryPauses("requests")
        self._table = table
        self._cancellation = cancellation
        self._is_list = takes_list(table, by_clustering=by_clustering)
        self._page_rows = engine_session.page_size_rows
        # As many as one SELECT may list, once the server has refused more.
        self._most_keys: int | None = None
        names = ", ".join(quote_name(name) for name in columns)
        is_distinct = bool(table.clustering) and not by_clustering

        def prepare(*, is_list: bool) -> PreparedStatement:
            selection = prepare_select(
                engine_session.session,
                f"DISTINCT {names}" if is_distinct else names,
                table.cql_name,
                _restrict(table, by_clustering=by_clustering, is_list=is_list),
                allow_filtering=False,
            )
            return selection.statement

        self._statement = prepare(is_list=self._is_list)
        listed = table.clustering if by_clustering else table.partition_key
        self._key_columns = len(listed)
        # Of keys whose cells differ and whose values are equal a list finds one.
        alone = ("inet",) if by_clustering else ("inet", "decimal", *FLOATS)
        asks_alone = any(table.column(name).cql_text in alone for name in listed)
        self._single_statement = prepare(is_list=False) if self._is_list and asks_alone else None
        self._has_equal_keys = asks_alone and not by_clustering
        self.driver_columns = tuple((column[2], column[3]) for column in self._statement.result_metadata)
        self.cql_types = {name: CqlType.from_driver_type(driver_type) for name, driver_type in self.driver_columns}
        # As bytes: equal bytes are equal values whatever the type, and need no decoding.
        self._decoder = open_row_decoder(
            [
                result_column(name, cql_type, overrides={name: "binary"}, is_primary_key=name in table.primary_key)
                for name, cql_type in self.cql_types.items()
            ],
            driver_columns=self.driver_columns,
            table=table.qualified_name,
            primary_key=table.primary_key,
        )

    def read(self, requests: Iterable[KeyRequest]) -> Iterator[Any]:
        """Record batches of the rows that are there, every column ``binary``.

        Raises:
            PageReadError: a SELECT failed on every try.
            CqlaiError: what the server refuses for good.
        """
        pages: list[RawPage] = []
        byte_count = 0
        for page in self._read_pages(requests):
            pages.append(page)
            byte_count += page.byte_count
            if byte_count >= _DECODE_BYTES:
                yield self._decode(pages)
                pages, byte_count = [], 0
        if pages:
            yield self._decode(pages)

    def split(self, body: bytes, row_count: int) -> Any:
        """Cells of rows that are encoded in the order of this SELECT's columns, as `read` gives those of the table."""
        version = self._engine_session.session.cluster.protocol_version
        return self._decoder.decode(RawPage(body, 0, row_count, self.driver_columns, version))

    def _decode(self, pages: Sequence[RawPage]) -> Any:
        first = pages[0]
        if len(pages) == 1:
            return self._decoder.decode(first)
        if any(page.columns != first.columns for page in pages):
            # The driver makes new classes for nested types with every page; the decoder compares what they stand for.
            for page in pages:
                self._decoder.decode(replace(page, body=b"", rows_offset=0, row_count=0))
        body = b"".join(memoryview(page.body)[page.rows_offset :] for page in pages)
        rows = sum(page.row_count for page in pages)
        return self._decoder.decode(replace(first, body=body, rows_offset=0, row_count=rows))

    def _read_pages(self, requests: Iterable[KeyRequest]) -> Iterator[RawPage]:
        waiting = (part for request in requests for part in self._within_limit(request))
        answers: queue.SimpleQueue[tuple[KeyRequest, Any]] = queue.SimpleQueue()
        retries: list[tuple[float, KeyRequest]] = []
        in_flight, has_more = 0, True
        while in_flight or retries or has_more:
            self._cancellation.raise_if_cancelled()
            now = time.monotonic()
            for moment, request in retries:
                in_flight += self._send(request, answers) if moment <= now else 0
            retries = [(moment, request) for moment, request in retries if moment > now]
            # A cluster that refuses work is not given more before it did what it refused.
            while has_more and in_flight < MAX_REQUESTS_IN_FLIGHT and not retries:
                fresh = next(waiting, None)
                if fresh is None:
                    has_more = False
                    break
                in_flight += self._send(fresh, answers)
            try:
                request, answer = answers.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            in_flight -= 1
            try:
                result = _result_of(answer)
            except DRIVER_EXCEPTIONS as error:
                retries += self._plan_retry(request, error)
                continue
            if result.paging_state is not None:
                following = replace(request, paging_state=result.paging_state, attempt=1)
                in_flight += self._send(following, answers)
            page = result.current_rows[0]
            if page.row_count:
                yield page

    def _send(self, request: KeyRequest, answers: queue.SimpleQueue[tuple[KeyRequest, Any]]) -> int:
        request = replace(request, page_rows=self._page_rows)
        bound = BoundStatement(self._single_statement if request.is_single else self._statement)
        # Past the driver's own serializers: the bytes are those that were written.
        bound.values = list(request.values)
        bound.fetch_size = self._page_rows
        try:
            future = self._engine_session.session.execute_async(
                bound, execution_profile=self._engine_session.profile, paging_state=request.paging_state
            )
        except DRIVER_EXCEPTIONS as error:
            answers.put((request, error))
            return 1
        future.add_callbacks(
            lambda _result: answers.put((request, future)), lambda _error: answers.put((request, future))
        )
        return 1

    def _within_limit(self, request: KeyRequest) -> Sequence[KeyRequest]:
        """``request``, or several: for as many keys as the server takes in a list, or for one each."""
        if not self._is_list or request.is_single or request.paging_state is not None:
            return (request,)
        *partition, listed = request.values
        if self._single_statement is not None and (MAPPED_ADDRESS in listed or self._lists_equal_keys(listed)):
            # In a list the server makes 4 bytes of such an address, and finds no row with its 16.
            has_tuples = self._key_columns > 1
            keys = [list(_list_elements(each, 4)) if has_tuples else [each] for each in _list_elements(listed)]
            return [KeyRequest((*partition, *(cell[4:] for cell in key)), is_single=True) for key in keys]
        if self._most_keys is None:
            return (request,)
        elements = list(_list_elements(listed))
        return [
            KeyRequest((*partition, _list_of(elements[first : first + self._most_keys])))
            for first in range(0, len(elements), self._most_keys)
        ]

    def _lists_equal_keys(self, listed: bytes) -> bool:
        """1.5 and 1.50, or two NaNs, are two partitions."""
        if not self._has_equal_keys:
            return False
        cql_type = self.cql_types[self._table.partition_key[0]]
        cells = [element[4:] for element in _list_elements(listed)]
        return len({canonical_cell(cell, cql_type) for cell in cells}) < len(cells)

    def _shrink(self, request: KeyRequest, error: Exception) -> bool:
        """Whether a guardrail refused what is to be less from now on."""
        if is_page_too_large(error) and request.page_rows > 1:
            # Of many requests in flight the first that is refused decides.
            self._page_rows = min(self._page_rows, request.page_rows // 2)
            return True
        if self._is_list and not request.is_single and is_list_too_long(error):
            (count,) = struct.unpack_from(">i", request.values[-1])
            if count > 1:
                self._most_keys = min(self._most_keys or count, max(1, count // 2))
                return True
        return False

    def _plan_retry(self, request: KeyRequest, error: Exception) -> list[tuple[float, KeyRequest]]:
        if self._shrink(request, error):
            return [(0.0, part) for part in self._within_limit(request)]
        translated = translate_driver_error(error, f"reading {self._table} back")
        if not isinstance(translated, ClusterUnavailableError):
            raise translated from error
        if request.attempt >= MAX_ATTEMPTS:
            raise PageReadError(
                f"gave up reading {self._table} back after {request.attempt} tries (request_timeout_seconds is the"
                f" option to change): {translated}"
            ) from error
        self._pools.renew()
        pause = self._pauses.plan(translated, request.attempt)
        return [(time.monotonic() + pause, replace(request, attempt=request.attempt + 1))]


def _result_of(answer: Any) -> Any:
    """The result of a request, or what became of it raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer.result()


def _list_elements(listed: bytes, offset: int = 4) -> Iterator[bytes]:
    """The elements of a bound list behind their number, or of a tuple, each with its length before it."""
    while offset < len(listed):
        (length,) = struct.unpack_from(">i", listed, offset)
        end = offset + 4 + max(0, length)
        yield listed[offset:end]
        offset = end


def _list_of(elements: Sequence[bytes]) -> bytes:
    return struct.pack(">i", len(elements)) + b"".join(elements)


def takes_list(table: TableMetadata, *, by_clustering: bool) -> bool:
    """Whether one SELECT takes a list of keys: of clustering keys in one partition, or of partition keys.

    In a list the server does not bring sets and maps in order, as it does with each by itself, and so finds no row.
    """
    if by_clustering:
        return not any("frozen<" in table.column(name).cql_text for name in table.clustering)
    return len(table.partition_key) == 1


def _restrict(table: TableMetadata, *, by_clustering: bool, is_list: bool) -> list[Restriction]:
    """Where the markers are: the partition key, then the clustering key or a list of them."""
    if is_list and not by_clustering:
        return [Restriction(f"{quote_name(table.partition_key[0])} IN ?", (None,))]
    if not is_list:
        names = table.primary_key if by_clustering else table.partition_key
        return [Restriction(f"{quote_name(name)} = ?", (None,)) for name in names]
    partition_key = [Restriction(f"{quote_name(name)} = ?", (None,)) for name in table.partition_key]
    clustering = ", ".join(quote_name(name) for name in table.clustering)
    marker = f"({clustering}) IN ?" if len(table.clustering) > 1 else f"{clustering} IN ?"
    return [*partition_key, Restriction(marker, (None,))]
