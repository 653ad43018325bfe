"""Views of texts and bytes become plain at every depth, with their values and what a file tells of its columns."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_cqlai.engine.types.foreign.view_types import plain_record_batch, plain_schema
from tests.pyarrow_versions import NEEDS_VIEWS_IN_PARQUET, skip_without_newer_types

skip_without_newer_types()

TEXT, BYTES = pa.string_view(), pa.binary_view()
VALUES: dict[str, tuple[Any, Any]] = {
    "text": (TEXT, "a"),
    "bytes": (BYTES, b"\xff"),
    "list": (pa.list_(TEXT), ["a", None]),
    "large_list": (pa.large_list(TEXT), ["a"]),
    "fixed_size_list": (pa.list_(BYTES, 2), [b"a", b"b"]),
    "list_view": (pa.list_view(TEXT), ["a"]),
    "large_list_view": (pa.large_list_view(TEXT), ["a"]),
    "map": (pa.map_(TEXT, pa.list_(TEXT)), [("a", ["b"])]),
    "struct": (pa.struct([("x", TEXT), ("y", pa.int32())]), {"x": "a", "y": 1}),
    "json": (pa.json_(TEXT), "1"),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), "a"),
    "uuid": (pa.uuid(), b"0" * 16),
}


@NEEDS_VIEWS_IN_PARQUET
@pytest.mark.parametrize("name", VALUES)
def test_values_can_be_taken_and_filtered_after_they_were_read(name: str) -> None:
    arrow_type, value = VALUES[name]
    array = pa.array([value, None, value], arrow_type)
    field = pa.field("v", arrow_type, metadata={"told": "x"})
    content = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([array], schema=pa.schema([field])), content)
    parquet_file = pq.ParquetFile(content)
    plain = plain_record_batch(next(parquet_file.iter_batches()))
    if "list_view" not in name:
        assert "view" not in str(plain.column(0).type)
    assert plain.schema == plain_schema(parquet_file.schema_arrow)
    assert plain.schema.field(0).metadata[b"told"] == b"x"
    assert plain.column(0).to_pylist() == array.to_pylist()
    assert plain.take(pa.array([2, 1])).column(0).to_pylist() == array.to_pylist()[1:][::-1]
    assert plain.filter(pa.array([True, False, False])).column(0).to_pylist() == array.to_pylist()[:1]


def test_json_of_a_view_inside_of_a_list() -> None:
    storage = pa.array(["1", None], TEXT)
    array = pa.ListArray.from_arrays(
        pa.array([0, 2], pa.int32()), pa.ExtensionArray.from_storage(pa.json_(TEXT), storage)
    )
    plain = plain_record_batch(pa.record_batch([array], names=["v"]))
    assert plain.take(pa.array([0])).column(0).to_pylist() == [["1", None]]
