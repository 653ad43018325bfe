"""Opens a `Publication`: how a result becomes visible, complete or not at all.

What flows in: where the result goes, what it is and which slice of time it covers. A path with the extension of a file
is a single file, any other the root of a dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.files.manifests.manifest import Source
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.files.publish.output_path import check_location, fill_path
from airflow_provider_cqlai.engine.files.publish.publication import Publication, PublishedResult
from airflow_provider_cqlai.engine.files.publish.single_file import STAGING_NAME_BYTES, SingleFilePublication
from airflow_provider_cqlai.engine.files.storage.storage_location import locate
from airflow_provider_cqlai.engine.options.copy_to import PublishOptions, TimeWindow
from airflow_provider_cqlai.engine.options.file_formats import FileFormat

__all__ = ["Publication", "PublishedResult", "open_publication"]


@contextmanager
def open_publication(
    options: PublishOptions,
    *,
    source: Source,
    window: TimeWindow | None,
    file_format: FileFormat,
    is_hive: bool,
    is_log: bool,
    arrow_schema: pa.Schema,
    consistency_level: str,
    filesystem: AbstractFileSystem | None,
    cancellation: Cancellation,
) -> Iterator[Publication]:
    """Start an attempt to publish; leaving the context without a commit removes all it staged.

    Args:
        options: where to, and what may be replaced.
        source: what the rows are; must be the same for every run of one export.
        window: the slice of time, None for the whole.
        file_format: of the files that will be written.
        is_hive: the files lie in ``key=value`` directories.
        is_log: a slice once published is never replaced (``window_by="writetime"``).
        arrow_schema: of the rows, hive columns included.
        consistency_level: at which they were read.
        filesystem: where the path lies; None resolves its URI with the environment's credentials.
        cancellation: looked at until the commit point.

    Raises:
        OptionError: a path that cannot be, or a storage that cannot publish safely.
        PublishError: what is there does not allow this publication; see its subclasses.
        SupersededError: another attempt started at the same moment and won.
    """
    path = fill_path(str(options.path), window)
    storage, location = locate(path, filesystem)
    check_location(storage, location, longest_prefix_and_suffix=STAGING_NAME_BYTES if options.is_single_file else 0)
    run_key = RunKey(window, options.shard_index, options.shard_count)
    publication: DatasetPublication | SingleFilePublication
    if options.is_single_file:
        publication = SingleFilePublication(
            options,
            storage=storage,
            path=location,
            run_key=run_key,
            source=source,
            has_footer=not file_format.is_text,
            is_log=is_log,
            consistency_level=consistency_level,
            cancellation=cancellation,
        )
    else:
        publication = DatasetPublication(
            options,
            storage=storage,
            root=location,
            run_key=run_key,
            source=source,
            file_format=file_format,
            is_hive=is_hive,
            is_log=is_log,
            arrow_schema=arrow_schema,
            consistency_level=consistency_level,
            cancellation=cancellation,
        )
    with publication:
        yield publication
