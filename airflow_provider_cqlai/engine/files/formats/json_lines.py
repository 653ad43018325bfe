"""JSON lines: one object per row, ended by a line feed.

With ``query_field`` each object begins with its query's number. Note: a column of that name is an error, since it would
be lost among two members of one name.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.formats.json_texts import join_object, json_keys, open_json_texts
from airflow_provider_cqlai.engine.options.text import TextOptions


class JsonLines:
    """Writes rows of one Arrow schema."""

    header = ""

    def __init__(self, arrow_schema: pa.Schema, options: TextOptions, query_number: int) -> None:
        if options.query_field in arrow_schema.names:
            raise OptionError(
                f"query_field={options.query_field!r} is a column of the result, too: give another name, or None",
                option="query_field",
            )
        self._columns = [open_json_texts(field.type, field.name, options) for field in arrow_schema]
        self._keys = json_keys(arrow_schema.names)
        self._before = "{"
        if options.query_field is not None:
            self._before += f"{json_keys([options.query_field])[0]}{query_number},"

    def write(self, record_batch: pa.RecordBatch) -> Any:
        """One line a row.

        Raises:
            NoTextError: a value that JSON cannot hold.
        """
        texts = [write(array) for write, array in zip(self._columns, record_batch.columns, strict=True)]
        return join_object(self._keys, texts, before=self._before, after="}\n")
