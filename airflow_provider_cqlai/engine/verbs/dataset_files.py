"""The files that hold a dataset's rows right now: for readers that want to be exact.

A glob may see two generations of a slice for the moment between the publication of one and the removal of the other;
this reads the manifests and sees one. What reads them is imported by the call: a DAG file may import this function.
"""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING

from airflow_provider_cqlai.engine.errors import OptionError, PublishError
from airflow_provider_cqlai.engine.options.copy_to import PublishOptions, TimeWindow
from airflow_provider_cqlai.engine.options.values.checks import read_path

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem

# Ends of time for a selection that is open on one side; whole milliseconds, as windows are.
_EARLIEST = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
_LATEST = datetime.datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=datetime.timezone.utc)


def dataset_files(
    path: str | os.PathLike[str],
    start: datetime.datetime | None = None,
    end: datetime.datetime | None = None,
    *,
    filesystem: AbstractFileSystem | None = None,
) -> list[str]:
    """Absolute paths, or URIs, of the data files of a dataset's current generation, as of one moment.

    Args:
        path: the root of a dataset, or a single file.
        start: with ``end``, selects the windows that **overlap** ``[start, end)``; the files of a window that reaches
            beyond it are listed whole. None leaves that side open. An export of the whole table overlaps everything.
        end: see ``start``.
        filesystem: where the path lies; None resolves its URI with the environment's credentials.

    Returns:
        Sorted; empty when the selected windows have no rows.

    Raises:
        PublishError: nothing was ever published at ``path``.
        OptionError: ``start`` or ``end`` is not a datetime with a timezone, or they are in the wrong order.
    """
    from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog
    from airflow_provider_cqlai.engine.files.storage.storage import join
    from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
    from airflow_provider_cqlai.engine.files.storage.storage_location import locate

    path = read_path("path", path)
    storage, root = locate(path, StorageAccess(filesystem))
    if PublishOptions(path=path).is_single_file:
        if not storage.exists(root):
            raise PublishError(f"{storage.describe(root)}: there is no such file")
        return [storage.describe(root)]
    selection = _read_selection(start, end)
    log = DatasetLog(storage, root)
    manifests = log.snapshot(log.published_source(), lambda run_key: run_key.overlaps(selection))
    return sorted(storage.describe(join(root, file.path)) for manifest in manifests.values() for file in manifest.files)


def dataset_schema(path: str | os.PathLike[str], *, filesystem: AbstractFileSystem | None = None) -> pa.Schema:
    """The Arrow schema of a dataset's rows, the keys of its directories included: the types for readers that would
    guess them, and take the text ``01234`` for a number.

    Args:
        path: the root of a dataset.
        filesystem: where it lies; None resolves its URI with the environment's credentials.

    Returns:
        The files' columns; then those that are directories, the virtual ones by their directories' names, ``date32``
        for a date and ``int32`` for the others. As the latest publication has them.

    Raises:
        PublishError: nothing was ever published at ``path``, or none of it holds any more.
    """
    import pyarrow as pa

    from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog
    from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
    from airflow_provider_cqlai.engine.files.storage.storage_location import locate

    storage, root = locate(read_path("path", path), StorageAccess(filesystem))
    log = DatasetLog(storage, root)
    manifests = log.snapshot(log.published_source(), lambda run_key: True).values()
    if not manifests:
        raise PublishError(f"{storage.describe(root)}: no window is published there any more")
    latest = max(manifests, key=lambda manifest: manifest.created)
    fields = {field.name: field for field in latest.arrow_schema}
    keys: dict[str, pa.Field] = {}
    for key in latest.source.partition_by or ():
        name = latest.source.directory_name(key, is_virtual=False)
        if name in fields:
            keys[name] = fields[name]
            continue
        name = latest.source.directory_name(key, is_virtual=True)
        keys[name] = pa.field(name, pa.date32() if key.endswith(".date") else pa.int32())
    return pa.schema([*(field for name, field in fields.items() if name not in keys), *keys.values()])


def _read_selection(start: datetime.datetime | None, end: datetime.datetime | None) -> TimeWindow | None:
    if start is None and end is None:
        return None
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and not isinstance(moment, datetime.datetime):
            raise OptionError(f"{name}={moment!r} must be a datetime with a timezone", option=name)
        if moment is not None and moment.tzinfo is None:
            raise OptionError(f"{name}={moment!r} must have a timezone", option=name)
    # Windows are whole milliseconds: widening the selection to whole ones selects the same windows.
    first = _EARLIEST if start is None else start - datetime.timedelta(microseconds=start.microsecond % 1000)
    last = _LATEST if end is None else end + datetime.timedelta(microseconds=-end.microsecond % 1000)
    return TimeWindow(start=first, end=last)
