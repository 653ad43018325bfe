"""Arrow columns written as JSON lines or CSV, without a file: what the tests of both formats share."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.files.formats.text_lines import HEADER_KEY, TextLines
from airflow_provider_cqlai.engine.options.text import TextOptions


def write_text(columns: dict[str, Any], file_format: str, **options: Any) -> str:
    """The content of a file with these columns."""
    record_batch = pa.RecordBatch.from_pydict(columns)
    lines = TextLines(
        record_batch.schema,
        file_format,
        TextOptions(**options),
        line_columns=record_batch.schema.names,
        partition_by=(),
        query_number=1,
        description="query 1 of 1",
    )
    field = lines.arrow_schema.field(0)
    return str(field.metadata[HEADER_KEY].decode() + "".join(lines.write(record_batch).column(0).to_pylist()))
