"""What a dataset holds, read with pyarrow from the files of its current generation."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.verbs.dataset_files import dataset_files


def read_ids(root: Path, start: str | None = None, end: str | None = None, column: str = "event_id") -> list[str]:
    """The column's values, in no order but each as often as it is there; of the windows that overlap a span."""
    bounds = [datetime.datetime.fromisoformat(bound) if bound else None for bound in (start, end)]
    ids: list[str] = []
    for file in dataset_files(str(root), *bounds):
        ids += pq.ParquetFile(file).read(columns=[column])[column].to_pylist()
    return ids
