"""The native codec against the reference: the same record batches and the same errors, whatever the bytes."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pyarrow as pa
import pytest
from cassandra import cqltypes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_cqlai.engine.cassandra.codec.decoder import has_native_codec
from airflow_provider_cqlai.engine.cassandra.codec.python_decoder import PythonRowDecoder
from airflow_provider_cqlai.engine.cassandra.wire.raw_page import RawPage
from airflow_provider_cqlai.engine.errors import CqlaiError
from airflow_provider_cqlai.engine.types.cells.cql_type import CqlType
from airflow_provider_cqlai.engine.types.column import result_column
from tests.cql_pages import list_cell, list_of, page_of
from tests.cql_values import plain_values
from tests.pyarrow_versions import PYARROW
from tests.random_pages import NUMBERS, Result, damaged_results, results

needs_native = pytest.mark.skipif(not has_native_codec(), reason="the native codec is not built: no cargo here")
unhurried = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo here to build it with")
def test_where_there_is_cargo_the_compiled_module_loads() -> None:
    # An optional extension that does not compile is silently left out.
    from airflow_provider_cqlai import _native

    assert _native.Decoder([]) is not None


def open_both(result: Result) -> list[Any]:
    from airflow_provider_cqlai.engine.cassandra.codec.native_decoder import NativeRowDecoder

    arguments: dict[str, Any] = {
        "driver_columns": result.page.columns,
        "table": "ks.t",
        "primary_key": [column.name for column in result.columns if column.is_primary_key],
    }
    return [
        PythonRowDecoder(result.columns, **arguments),
        NativeRowDecoder(PythonRowDecoder(result.columns, **arguments)),
    ]


def outcome(decoder: Any, page: RawPage) -> Any:
    try:
        record_batch = decoder.decode(page)
    except CqlaiError as error:
        return type(error), str(error)
    record_batch.validate(full=True)
    assert record_batch.schema.equals(decoder.arrow_schema, check_metadata=PYARROW >= 19)
    return [plain_values(column) for column in record_batch.columns], dict(decoder.zero_length_cells)


def check_same(result: Result) -> None:
    reference, native = (outcome(decoder, result.page) for decoder in open_both(result))
    assert native == reference


@needs_native
@unhurried
@given(results())
def test_any_cells_have_the_same_outcome(result: Result) -> None:
    check_same(result)


@needs_native
@unhurried
@given(results(column=st.sampled_from(NUMBERS)))
def test_odd_numbers_have_the_same_outcome(result: Result) -> None:
    check_same(result)


@needs_native
@unhurried
@given(results(is_well_formed=True))
def test_well_formed_values_are_decoded_without_the_reference(result: Result) -> None:
    reference, native = open_both(result)
    assert outcome(native, result.page) == outcome(reference, result.page)
    assert native.reference_pages == 0


@needs_native
@settings(unhurried, max_examples=15)
@given(results(is_well_formed=True, repeated=150))
def test_pages_of_several_blocks_of_rows_have_the_same_outcome(result: Result) -> None:
    reference, native = open_both(result)
    assert outcome(native, result.page) == outcome(reference, result.page)
    assert native.reference_pages == 0


@needs_native
def test_large_values_before_and_behind_small_ones() -> None:
    columns_of_page = [("c0", cqltypes.UTF8Type), ("c1", list_of(cqltypes.UTF8Type))]
    columns = [
        result_column(name, CqlType.from_driver_type(driver_type), overrides={}, is_primary_key=False)
        for name, driver_type in columns_of_page
    ]
    texts = [*("é" * 300_000, None, "", "€"), *(str(number) for number in range(1_000)), "ß" * 200_000, None]
    cells = [None if text is None else text.encode() for text in texts]
    rows = [(cell, list_cell(cell, b"x")) if cell is not None else (None, None) for cell in cells]
    check_same(Result(columns, page_of(columns_of_page, rows)))
    _, native = open_both(Result(columns, page_of(columns_of_page, rows)))
    decoded = native.decode(page_of(columns_of_page, rows))
    assert decoded.column(0).to_pylist() == texts
    assert native.reference_pages == 0


@needs_native
@unhurried
@given(damaged_results())
def test_damaged_pages_have_the_same_outcome(result: Result) -> None:
    check_same(result)


@needs_native
@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(unhurried, max_examples=int(os.environ.get("CQLAI_FUZZ_EXAMPLES", "5000")))
@given(damaged_results())
def test_many_damaged_pages_have_the_same_outcome(result: Result) -> None:
    check_same(result)


@needs_native
def test_a_record_batch_outlives_its_page_and_decoder() -> None:
    columns_of_page = [("c0", cqltypes.UTF8Type)]
    column = result_column("c0", CqlType.from_driver_type(cqltypes.UTF8Type), overrides={}, is_primary_key=False)
    _, decoder = open_both(Result([column], page_of(columns_of_page, [[b"text"]])))
    record_batch = decoder.decode(page_of(columns_of_page, [[b"text"]]))
    del decoder
    assert pa.Table.from_batches([record_batch]).to_pydict() == {"c0": ["text"]}
