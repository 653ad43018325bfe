"""The functions of datasets, with storage by Airflow connection as the operators take it: ``s3://my_aws@bucket/events``.

Those of `airflow_provider_cqlai.engine`, which never imports Airflow, take a file system instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cqlai import engine
from airflow_provider_cqlai.hooks.storage_connection import open_filesystem, split_connection

if TYPE_CHECKING:
    import datetime

    import pyarrow as pa
    from fsspec import AbstractFileSystem

    from airflow_provider_cqlai.hooks.storage_connection import AnyPath

__all__ = ["check_dataset", "dataset_files", "dataset_schema", "dataset_windows", "drop_windows"]


def dataset_files(
    path: AnyPath,
    start: datetime.datetime | None = None,
    end: datetime.datetime | None = None,
    *,
    storage_conn_id: str | None = None,
) -> list[str]:
    """`engine.dataset_files` of a path with a connection; the URIs that it returns have none."""
    uri, filesystem = open_storage(path, storage_conn_id)
    return engine.dataset_files(uri, start, end, filesystem=filesystem)


def dataset_schema(path: AnyPath, *, storage_conn_id: str | None = None) -> pa.Schema:
    """`engine.dataset_schema` of a path with a connection."""
    uri, filesystem = open_storage(path, storage_conn_id)
    return engine.dataset_schema(uri, filesystem=filesystem)


def dataset_windows(path: AnyPath, *, storage_conn_id: str | None = None) -> tuple[engine.PublishedWindow, ...]:
    """`engine.dataset_windows` of a path with a connection."""
    uri, filesystem = open_storage(path, storage_conn_id)
    return engine.dataset_windows(uri, filesystem=filesystem)


def check_dataset(path: AnyPath, *, storage_conn_id: str | None = None, repair: bool = False) -> engine.DatasetCheck:
    """`engine.check_dataset` of a path with a connection."""
    uri, filesystem = open_storage(path, storage_conn_id)
    return engine.check_dataset(uri, filesystem=filesystem, repair=repair)


def drop_windows(
    path: AnyPath,
    start: datetime.datetime,
    end: datetime.datetime,
    *,
    storage_conn_id: str | None = None,
    dry_run: bool = False,
) -> tuple[engine.PublishedWindow, ...]:
    """`engine.drop_windows` of a path with a connection."""
    uri, filesystem = open_storage(path, storage_conn_id)
    return engine.drop_windows(uri, start, end, filesystem=filesystem, dry_run=dry_run)


def open_storage(path: AnyPath, storage_conn_id: str | None) -> tuple[str, AbstractFileSystem | None]:
    """The URI without its connection, and the file system that the connection opens; None without one.

    Raises:
        OptionError: two connections, or one for a local path.
    """
    uri, connection = split_connection(path, storage_conn_id)
    return uri, open_filesystem(uri, connection)
