"""Chooses how many token ranges a table is read in: one for a handful of rows, many for a large table.

Note: `system.size_estimates` is minutes old and says zero for new tables, and later for small ones, so a small answer
is checked by reading one page of tokens.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Any

from cassandra import OperationTimedOut, ReadFailure, ReadTimeout, Unavailable
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from airflow_provider_cqlai.engine.cassandra.connect.driver_errors import (
    DRIVER_EXCEPTIONS,
    translate_driver_error,
)
from airflow_provider_cqlai.engine.cassandra.connect.system_query import execute_in_allowed_pages, read_system_rows
from airflow_provider_cqlai.engine.cassandra.metadata.table_metadata import TableMetadata
from airflow_provider_cqlai.engine.cassandra.plan.token_ranges import MIN_TOKEN, RING_WIDTH
from airflow_provider_cqlai.engine.errors import AccessDeniedError
from airflow_provider_cqlai.engine.types.cells.cql_type import quote_name

logger = logging.getLogger(__name__)

# A range of a large table: some seconds of reading, so that progress and the last ranges' balance stay fine.
RANGE_BYTES = 64 * 1024 * 1024
RANGE_ROWS = 250_000
# Below this there is nothing to gain from another range: about half a page.
SMALLEST_RANGE_BYTES = 1024 * 1024
SMALLEST_RANGE_ROWS = 5_000
# Ranges for each reader, so that an uneven one does not leave the others idle at the end.
RANGES_PER_READER = 4
# A query costs a few milliseconds on every range, however empty.
MOST_RANGES = 20_000
PROBE_ROWS = 2_000
# Fewer different tokens in the probe say nothing about the density of the ring: wide rows of few keys.
PROBE_TOKENS = 20


def choose_range_count(session: Session, table: TableMetadata, concurrency: int) -> int:
    """The number of token ranges for the whole of ``table``."""
    enough = RANGES_PER_READER * concurrency
    estimated_bytes = _estimated_bytes(session, table)
    by_bytes = count_ranges(estimated_bytes, RANGE_BYTES, SMALLEST_RANGE_BYTES, enough)
    if by_bytes >= enough:
        logger.info("%s: about %d MB by system.size_estimates", table, estimated_bytes // 1_000_000)
        return by_bytes
    rows = _probed_rows(session, table)
    if rows is None:
        return enough
    return max(by_bytes, count_ranges(rows, RANGE_ROWS, SMALLEST_RANGE_ROWS, enough))


def estimate_table(session: Session, table: TableMetadata) -> tuple[int | None, int | None]:
    """About how many rows and bytes the whole of ``table`` has; None where nothing tells."""
    return _probed_rows(session, table), _estimated_bytes(session, table) or None


def count_ranges(size: int, range_size: int, smallest_range_size: int, enough: int) -> int:
    few = min(enough, math.ceil(size / smallest_range_size))
    return min(max(1, few, math.ceil(size / range_size)), MOST_RANGES)


def _estimated_bytes(session: Session, table: TableMetadata) -> int:
    """Bytes of the table over the whole ring; zero means unknown, not small."""
    try:
        rows = read_system_rows(
            session,
            "SELECT range_start, range_end, mean_partition_size, partitions_count FROM system.size_estimates"
            " WHERE keyspace_name = %s AND table_name = %s",
            table.keyspace,
            table.name,
            what=f"reading the size of {table}",
        )
    except AccessDeniedError:
        # Unlike system.local, this table is not open to every role; the export itself does not need it.
        logger.info("%s: the role may not read system.size_estimates, so the size is estimated from a page", table)
        return 0
    return extrapolate(rows)


def extrapolate(estimates: Iterable[Any]) -> int:
    """Bytes over the whole ring from one node's ``(range_start, range_end, mean_partition_size, partitions_count)``."""
    total_bytes = covered = 0
    for start, end, mean_bytes, keys in estimates:
        total_bytes += mean_bytes * keys
        # The range that wraps around the ring's end has its start above its end.
        covered += (int(end) - int(start)) % (RING_WIDTH + 1) or RING_WIDTH
    if covered == 0:
        return 0
    return round(total_bytes * max(1.0, RING_WIDTH / covered))


def _probed_rows(session: Session, table: TableMetadata) -> int | None:
    """Rows of the table, from the share of the ring that one page of tokens covers; None where that says nothing."""
    names = ", ".join(quote_name(name) for name in table.partition_key)
    statement = SimpleStatement(f"SELECT token({names}) FROM {table.cql_name}", fetch_size=PROBE_ROWS)
    try:
        result = execute_in_allowed_pages(session, statement)
    except (ReadTimeout, ReadFailure, OperationTimedOut, Unavailable) as error:
        logger.info("%s: no estimate of its size (%s)", table, type(error).__name__)
        return None
    except DRIVER_EXCEPTIONS as error:
        raise translate_driver_error(error, f"reading the tokens of {table}") from error
    tokens = [row[0] for row in result.current_rows]
    if not result.has_more_pages:
        return len(tokens)
    return density_rows(tokens)


def density_rows(tokens: list[int]) -> int | None:
    """Rows on the whole ring when ``tokens`` are those of its first rows; None for too few different ones."""
    if len(set(tokens)) < PROBE_TOKENS:
        return None
    return round(len(tokens) * RING_WIDTH / max(1, tokens[-1] - MIN_TOKEN))
