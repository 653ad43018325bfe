"""Record batches of files -> encoded rows at the writers, for the two statements that an import may need.

A partition can have static columns and no row: an export shows it as a row whose clustering columns are null, and it is
written by a statement of the partition key and the static columns alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cqlai.engine.cql.row_encoder import RowEncoder, open_row_encoder
from airflow_provider_cqlai.engine.cql.row_writer import RowWriter
from airflow_provider_cqlai.engine.cql.table_metadata import STATIC
from airflow_provider_cqlai.engine.import_plan import FilePlan, ImportPlan


class RowSender:
    """Encodes converted record batches and hands them to a writer; without writers it only encodes (a dry run)."""

    def __init__(self, plan: ImportPlan, open_writer: Callable[[Any, int], RowWriter] | None) -> None:
        self._plan = plan
        self._encoders: dict[tuple[Any, ...], RowEncoder] = {}
        self._writer = open_writer(plan.statement, len(plan.columns)) if open_writer else None
        self._static_writer = (
            open_writer(plan.static_statement, len(plan.static_columns))
            if open_writer and plan.static_statement is not None
            else None
        )
        self.duplicate_rows = 0

    def send(self, file: FilePlan, record_batch: Any) -> None:
        """Encode and write the rows of one converted record batch of ``file``."""
        static_only = self._find_static_only(record_batch)
        if static_only is not None:
            columns = self._plan.static_columns
            rows = record_batch.filter(static_only).select(columns)
            self._send(file, rows, columns, self._plan.table.partition_key, self._static_writer)
            record_batch = record_batch.filter(pc.invert(static_only))
        if record_batch.num_rows:
            self._send(file, record_batch, self._plan.columns, self._plan.table.primary_key, self._writer)

    def drain(self) -> tuple[int, int]:
        """Wait for every confirmation; rows and bytes that were written."""
        writers = [writer for writer in (self._writer, self._static_writer) if writer is not None]
        for writer in writers:
            writer.drain()
        return sum(writer.rows_written for writer in writers), sum(writer.bytes_written for writer in writers)

    def _send(
        self,
        file: FilePlan,
        record_batch: Any,
        columns: tuple[str, ...],
        key: tuple[str, ...],
        writer: RowWriter | None,
    ) -> None:
        encoder = self._encoder_of(file, columns)
        for number, distinct in enumerate(_split_duplicates(record_batch, key)):
            self.duplicate_rows += distinct.num_rows if number else 0
            encoded = encoder.encode(distinct, is_grouped=True)
            if writer is not None:
                writer.write(encoded)

    def _encoder_of(self, file: FilePlan, columns: tuple[str, ...]) -> RowEncoder:
        # Both statements have their markers in the table's order, as the file's plan has its columns.
        bound = tuple(column.bound for column in file.columns if column.bound.name in columns)
        encoder = self._encoders.get(bound)
        if encoder is None:
            table = self._plan.table
            encoder = open_row_encoder(bound, table=table.qualified_name, partition_key=table.partition_key)
            self._encoders[bound] = encoder
        return encoder

    def _find_static_only(self, record_batch: Any) -> Any | None:
        """Which rows have static columns only, or None where no row has."""
        table = self._plan.table
        if self._plan.static_statement is None or not record_batch.column(table.clustering[0]).null_count:
            return None
        is_static_only: Any = None
        for name in self._plan.columns:
            column = table.column(name)
            if name in table.partition_key or column.kind == STATIC:
                continue
            # A regular value without its clustering key stays with the rows, whose encoder refuses it by name.
            is_null = record_batch.column(name).is_null()
            is_static_only = is_null if is_static_only is None else pc.and_(is_static_only, is_null)
        return is_static_only


def _split_duplicates(record_batch: Any, key: tuple[str, ...]) -> Iterator[Any]:
    """The record batch in parts without two rows of one primary key, the first in file order first.

    Rows of one batch share a timestamp, and of two cells with one timestamp Cassandra keeps the greater value.
    """
    keys = pa.table({name: _plain(record_batch.column(name)) for name in key})
    numbered = keys.append_column("row number", pa.array(np.arange(len(keys))))
    firsts = numbered.group_by(list(key)).aggregate([("row number", "min")])
    if len(firsts) == len(keys):
        yield record_batch
        return
    first = np.sort(firsts.column("row number_min").to_numpy())
    rest = np.setdiff1d(np.arange(len(keys)), first)
    yield from (record_batch.take(pa.array(first)), *_split_duplicates(record_batch.take(pa.array(rest)), key))


def _plain(array: Any) -> Any:
    return array.storage if isinstance(array, pa.ExtensionArray) else array
