"""Where a source file is damaged: pyarrow's errors about pages name neither the row group nor the column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.errors import SourceFileError
from airflow_provider_cqlai.engine.importing.sources.source_stream import DAMAGE_ERRORS
from airflow_provider_cqlai.engine.importing.sources.sources import SourceFile


@contextmanager
def told_damage(
    parquet_file: pq.ParquetFile, file: SourceFile, row_group: int, columns: Sequence[str], batch_rows: int
) -> Iterator[None]:
    """Name the place in an error about pages of ``columns`` in ``row_group``, which are read ``batch_rows`` at a time.

    Raises:
        SourceFileError: pages are damaged.
    """
    try:
        yield
    except DAMAGE_ERRORS as error:
        name = _find_damaged_column(parquet_file, row_group, columns, batch_rows)
        place = f"row group {row_group}" + (f", column {name}" if name is not None else "")
        raise SourceFileError(f"{file}: {place}: the file is damaged: {error}") from error


def _find_damaged_column(
    parquet_file: pq.ParquetFile, row_group: int, columns: Sequence[str], batch_rows: int
) -> str | None:
    """The first that cannot be read alone."""
    for name in columns:
        try:
            for _ in parquet_file.iter_batches(batch_rows, row_groups=[row_group], columns=[name], use_threads=False):
                pass
        except DAMAGE_ERRORS:
            return name
    return None
