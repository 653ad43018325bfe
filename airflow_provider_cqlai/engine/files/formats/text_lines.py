"""Turns the rows of one query into lines of text, in front of the dataset writer.

The record batches it makes have the columns that ``partition_by`` looks at and, last, one line per row, which is all
that the files get. So queries of different columns can share files, and whatever splits, buffers and rolls rows need
not know about formats.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from airflow_provider_cqlai.engine.errors import ValueDoesNotFitError
from airflow_provider_cqlai.engine.files.formats.csv_lines import CsvLines
from airflow_provider_cqlai.engine.files.formats.json_lines import JsonLines
from airflow_provider_cqlai.engine.files.formats.text_values import NoTextError
from airflow_provider_cqlai.engine.options.text import TextOptions
from airflow_provider_cqlai.engine.options.values.file_formats import JSON

# Of the line column's field: what each file begins with.
HEADER_KEY = b"header"


class TextLines:
    """Writes the rows of one query.

    Args:
        arrow_schema: of the query's record batches.
        file_format: ``"json"`` or ``"csv"``.
        options: the form of values.
        line_columns: columns of the lines.
        partition_by: columns that become directories.
        query_number: counted from 1.
        description: of the query, for errors.

    Raises:
        OptionError: an option that these columns do not allow.
        UnsupportedTypeError: a column that has no text.
    """

    def __init__(
        self,
        arrow_schema: pa.Schema,
        file_format: str,
        options: TextOptions,
        *,
        line_columns: Sequence[str],
        partition_by: Sequence[str],
        query_number: int,
        description: str,
    ) -> None:
        self._description = description
        self._line_columns = list(line_columns)
        in_lines = pa.schema([arrow_schema.field(name) for name in line_columns])
        self._lines: JsonLines | CsvLines
        if file_format == JSON:
            self._lines = JsonLines(in_lines, options, query_number)
        else:
            self._lines = CsvLines(in_lines, options)
        needed = [name if name in arrow_schema.names else name.rpartition(".")[0] for name in partition_by]
        self._kept_columns = list(dict.fromkeys(needed))
        line_name = "line"
        while line_name in self._kept_columns:
            line_name += "_"
        line = pa.field(line_name, pa.string(), metadata={HEADER_KEY: self._lines.header.encode()})
        self.arrow_schema = pa.schema([*(arrow_schema.field(name) for name in self._kept_columns), line])

    def write(self, record_batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows as lines, in their order.

        Raises:
            ValueDoesNotFitError: a value that the format cannot hold.
        """
        try:
            lines = self._lines.write(record_batch.select(self._line_columns))
        except NoTextError as error:
            raise ValueDoesNotFitError(
                f"{self._description}, column {error.path}: {error.reason}; {error.option} can be {error.hint}",
                table=self._description,
                column=error.path,
                primary_key={},
                override=error.option,
            ) from error
        kept = [record_batch.column(name) for name in self._kept_columns]
        return pa.RecordBatch.from_arrays([*kept, lines], schema=self.arrow_schema)
