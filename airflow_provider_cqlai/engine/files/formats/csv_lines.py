"""CSV by RFC 4180: a header, commas, CR LF, quotes where a field has a comma, a quote or a line break.

Each row becomes one text; lists, maps and structs are JSON. Note: null is the unquoted ``csv_null``, an empty string
always ``""``, and a value that a reader that ignores quotes would take for a null is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.files.formats.json_texts import open_json_texts
from airflow_provider_cqlai.engine.files.formats.text_values import NoTextError, open_scalar_text
from airflow_provider_cqlai.engine.options.text import TextOptions

# White space at the ends too: readers trim it, and pass over a line that has nothing else.
_NEEDS_QUOTES = r'[",\r\n]|^$|^\s|\s$'
_LINE_END = "\r\n"


class CsvLines:
    """Writes rows of one Arrow schema."""

    def __init__(self, arrow_schema: pa.Schema, options: TextOptions) -> None:
        if not options.csv_null.strip() and len(arrow_schema) == 1:
            raise OptionError(
                f"csv_null={options.csv_null!r}: a null in {arrow_schema.names[0]!r}, the only column, would be a blank"
                r" line, which readers pass over; give a text that stands for null, such as '\N'",
                option="csv_null",
            )
        self._columns = [_open_cells(field.type, field.name, options) for field in arrow_schema]
        self.header = ",".join(_quote(pa.array(arrow_schema.names, pa.string())).to_pylist()) + _LINE_END

    def write(self, record_batch: pa.RecordBatch) -> Any:
        """One line a row.

        Raises:
            NoTextError: a value that equals the text for null, or that JSON cannot hold.
        """
        pieces: list[Any] = []
        for number, (write, array) in enumerate(zip(self._columns, record_batch.columns, strict=True)):
            pieces += [",", write(array)] if number else [write(array)]
        return pc.binary_join_element_wise(*pieces, _LINE_END, "")


def _open_cells(arrow_type: Any, path: str, options: TextOptions) -> Callable[[Any], Any]:
    present = _open_present(arrow_type, path, options)

    def write(array: Any) -> Any:
        if pa.types.is_floating(arrow_type) and options.non_finite == "null":
            array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, arrow_type))
        texts = present(array.drop_null() if array.null_count else array)
        if options.csv_null and pc.any(pc.equal(texts, options.csv_null)).as_py():
            raise NoTextError(path, "a value that equals the text for null", "csv_null", "a text that no value equals")
        cells = _quote(texts)
        if not array.null_count:
            return cells
        return pc.replace_with_mask(pa.repeat(pa.scalar(options.csv_null), len(array)), array.is_valid(), cells)

    return write


def _open_present(arrow_type: Any, path: str, options: TextOptions) -> Callable[[Any], Any]:
    if not pa.types.is_nested(arrow_type):
        non_finite = "error" if options.non_finite == "error" else "string"
        scalar = open_scalar_text(arrow_type, path, blob_encoding=options.blob_encoding, non_finite=non_finite)
        if scalar is not None:
            return scalar
    return open_json_texts(arrow_type, path, options)


def _quote(texts: Any) -> Any:
    needs_quotes = pc.match_substring_regex(texts, _NEEDS_QUOTES)
    if not pc.any(needs_quotes).as_py():
        return texts
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(needs_quotes, quoted, texts)
