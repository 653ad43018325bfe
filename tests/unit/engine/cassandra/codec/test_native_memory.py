"""Pages that lie about what comes, in a process of little memory: the native codec asks for no more than it needs.

Where an allocation fails, Rust ends the process, which no handler of Python's could catch: so each case has its own.
"""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes

from airflow_provider_cqlai.engine.cassandra.codec.decoder import has_native_codec
from airflow_provider_cqlai.engine.cassandra.codec.native_plan import native_plan
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import result_column
from tests.cql_pages import length_prefixed, page_of, udt, vector_of

pytestmark = pytest.mark.skipif(not has_native_codec(), reason="the native codec is not built: no cargo here")

MEBIBYTE = 1024 * 1024
# Beyond what the process has already.
ALLOWED_BYTES = 2_000 * MEBIBYTE


def large_row_before_small_ones() -> RawPage:
    columns = [(f"c{number}", cqltypes.UTF8Type) for number in range(1_000)]
    return page_of(columns, [[b"x" * 4_000] * 1_000, *[[b""] * 1_000] * 3_000])


def row_count_that_lies() -> RawPage:
    columns = [("c", udt("wide", **{f"f{number}": cqltypes.LongType for number in range(300)}))]
    body = b"\x7f\xff\xff\xff" + bytes(16 * MEBIBYTE)
    return RawPage(body, 0, 4 * MEBIBYTE, tuple(columns), 5)


def null_in_the_place_of_a_vector_of_2_gib() -> RawPage:
    columns = [("c", vector_of(cqltypes.FloatType, 2**29))]
    return RawPage(length_prefixed(None), 0, 1, tuple(columns), 5)


def decode_within_limit(make_page: Callable[[], RawPage]) -> int | None:
    """Rows that come out of the compiled half of the codec; None where it leaves the page to the reference codec."""
    from airflow_provider_cqlai._native import Decoder
    from airflow_provider_cqlai.engine.cassandra.codec.arrow_capsules import CapsulePair

    page = make_page()
    columns: list[Any] = [
        result_column(name, CqlType.from_driver_type(driver_type), overrides={}, is_primary_key=False)
        for name, driver_type in page.columns
    ]
    decoder = Decoder([(native_plan(column), False) for column in columns])
    address_space = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (address_space + ALLOWED_BYTES, resource.RLIM_INFINITY))
    decoded = decoder.decode(page.body, page.rows_offset, page.row_count)
    if decoded is None:
        return None
    schema = pa.schema([column.arrow_field for column in columns])
    return int(pa.record_batch(CapsulePair(schema.__arrow_c_schema__(), decoded[0])).num_rows)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells, and limits, the address space")
@pytest.mark.parametrize(
    ("make_page", "rows"),
    [
        (large_row_before_small_ones, 3_001),
        (row_count_that_lies, None),
        (null_in_the_place_of_a_vector_of_2_gib, None),
    ],
)
def test_no_page_makes_the_codec_ask_for_more_than_it_needs(make_page: Callable[[], RawPage], rows: int | None) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        assert processes.submit(decode_within_limit, make_page).result(timeout=120) == rows
