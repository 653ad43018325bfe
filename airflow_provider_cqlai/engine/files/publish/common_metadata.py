"""``_common_metadata`` of a hive dataset: the files' schema, where readers look for it."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_cqlai.engine.files.manifests.manifest import Manifest
from airflow_provider_cqlai.engine.files.publish.attempt import Attempt
from airflow_provider_cqlai.engine.files.storage.storage import Storage, join
from airflow_provider_cqlai.engine.options.values.file_formats import PARQUET

_NAME = "_common_metadata"


def write_common_metadata(
    storage: Storage, root: str, attempt: Attempt, manifest: Manifest, *, only_if_missing: bool = False
) -> None:
    """Make it that of ``manifest``, where its dataset has one.

    Raises:
        SupersededError: a newer attempt than ``attempt`` removed the file that it was written to.
    """
    if not manifest.is_hive or manifest.source.format != PARQUET:
        return
    path = join(root, _NAME)
    try:
        present: bytes | None = storage.read(path)
    except FileNotFoundError:
        present = None
    if present is not None and only_if_missing:
        return
    content = _encode(manifest)
    if content == present:
        return
    attempt.write_through(lambda temporary_path: storage.replace(path, content, through=temporary_path))


def _encode(manifest: Manifest) -> bytes:
    """Without the columns that are directories only."""
    source = manifest.source
    keys = () if source.keeps_partition_columns else source.partition_by or ()
    hive_columns = {source.directory_name(key, is_virtual=False) for key in keys}
    file_schema = pa.schema([field for field in manifest.arrow_schema if field.name not in hive_columns])
    sink = io.BytesIO()
    pq.write_metadata(file_schema, sink)
    return sink.getvalue()
