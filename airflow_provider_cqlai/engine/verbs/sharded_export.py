"""One export by several tasks: plan, a shard of the token ring each, publish. Nothing is visible before the last step.

`plan_sharded_export` decides everything once and opens the attempt that all of them share; `export_shard` stages the
files of one shard, on whatever worker; `publish_sharded_export` checks that every shard is there and commits once.
`remove_sharded_export` ends an attempt that came to nothing. Each may be killed and run again.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import math
import socket
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cassandra.cluster import Session
from fsspec import AbstractFileSystem

from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.cassandra.connect.engine_session import open_engine_session
from airflow_provider_cqlai.engine.cassandra.metadata.table_identity import TableIdentity
from airflow_provider_cqlai.engine.cassandra.plan.table_size import estimate_table
from airflow_provider_cqlai.engine.errors import OptionError, PublishError, TableChangedError, TableMetadataError
from airflow_provider_cqlai.engine.files.manifests.publication_log import DatasetLog, RunKeyLog
from airflow_provider_cqlai.engine.files.manifests.run_key import RunKey
from airflow_provider_cqlai.engine.files.manifests.sharding import Sharding
from airflow_provider_cqlai.engine.files.publish.dataset_publication import DatasetPublication
from airflow_provider_cqlai.engine.files.publish.publish import locate_result
from airflow_provider_cqlai.engine.files.publish.sharded_publication import (
    ShardedPublication,
    find_kept_shard,
    find_sharding,
    join_shared_attempt,
    remove_shared_attempt,
)
from airflow_provider_cqlai.engine.files.publish.shards import ShardPublication
from airflow_provider_cqlai.engine.files.storage.storage import Storage
from airflow_provider_cqlai.engine.files.storage.storage_access import StorageAccess
from airflow_provider_cqlai.engine.files.storage.storage_location import locate
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.options.publish import MOST_SHARDS
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.engine.progress import Progress, count_of
from airflow_provider_cqlai.engine.results import CopyResult, DataFile, ShardResult
from airflow_provider_cqlai.engine.verbs.copy_to import log_published, report_empty
from airflow_provider_cqlai.engine.verbs.table_export import TableExport, plan_table_export

logger = logging.getLogger(__name__)

# With shards="auto": what one shard reads, by the size of the table in the nodes' files or, where that is not known, by
# its rows.
_SHARD_BYTES = 2 * 1024**3
_SHARD_ROWS = 20_000_000


@dataclass(frozen=True, kw_only=True)
class ShardedExportPlan:
    """What the tasks of one sharded export have in common, small enough for XCom: the rest is in the dataset's log."""

    plan_id: str
    table: str
    path: str
    """The dataset root, placeholders filled in."""
    shard_count: int
    window: TimeWindow | None
    host: str
    """Where the plan was made, for a local path that is not shared."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` reads them."""
        window = None if self.window is None else [self.window.start.isoformat(), self.window.end.isoformat()]
        return {**dataclasses.asdict(self), "window": window}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ShardedExportPlan:
        """What `to_dict` gave."""
        window = None
        if values["window"] is not None:
            start, end = map(datetime.datetime.fromisoformat, values["window"])
            window = TimeWindow(start=start, end=end)
        return cls(**{**values, "window": window})


def plan_sharded_export(
    session: Session,
    options: CopyToOptions,
    *,
    shards: int | str = "auto",
    filesystem: AbstractFileSystem | None = None,
    cancellation: Cancellation | None = None,
) -> ShardedExportPlan:
    """Decide what the shards of an export have in common, and open the attempt that they share.

    Args:
        session: connected.
        options: as for `copy_to`; the path is a directory, and the window is the one that all shards have.
        shards: how many, at most 256; ``"auto"`` is one for each 2 GiB of the table.
        filesystem: where ``options.path`` lies; None resolves its URI with the environment's credentials.
        cancellation: ends the call.

    Raises:
        CqlaiError: as `copy_to`; nothing is left then.
    """
    check_sharded_options(options, shards)
    cancellation = cancellation or Cancellation()
    export = plan_table_export(session, options, cancellation)
    count = _choose_count(session, export, shards)
    sharding = Sharding(
        plan_id=uuid.uuid4().hex,
        shard_count=count,
        columns=export.columns,
        arrow_schema=export.arrow_schema,
        table_identity=export.plan.watch.identity.to_json(),
        owner=options.owner,
    )
    access = StorageAccess.of(options, filesystem, cancellation)
    texts = export.plan.table_metadata.path_texts
    place = _Place(*locate_result(options, options.window, access, texts=texts), RunKey(options.window))
    with (
        open_engine_session(session, options) as engine_session,
        DatasetPublication(
            options,
            storage=place.storage,
            root=place.root,
            run_key=place.run_key,
            source=export.describe_source(options.columns),
            file_format=options.file_format,
            is_hive=bool(options.partition_by),
            is_log=options.window_by == "writetime",
            arrow_schema=sharding.arrow_schema,
            consistency_level=engine_session.consistency_level,
            cancellation=cancellation,
            sharding=sharding,
        ) as publication,
    ):
        published = find_sharding(place.log) if publication.already_published is not None else None
        if published is not None:
            logger.info("%s was published by this task instance before; nothing is left to do", options.table)
            sharding = published
        else:
            publication.share()
    logger.info("%s: %s share the export to %s", export.table, count_of(count, "task"), publication.path)
    return ShardedExportPlan(
        plan_id=sharding.plan_id,
        table=export.table,
        path=publication.path,
        shard_count=sharding.shard_count,
        window=options.window,
        host=socket.gethostname(),
    )


def export_shard(
    session: Session,
    options: CopyToOptions,
    plan: ShardedExportPlan,
    shard_index: int,
    *,
    filesystem: AbstractFileSystem | None = None,
    cancellation: Cancellation | None = None,
) -> ShardResult:
    """Export the rows of one shard into staged files that `publish_sharded_export` makes visible.

    A further call for the same shard takes the place of this one, also when the export was published meanwhile: then
    the next publication replaces the files of this shard only.

    Args:
        session: connected.
        options: those of the plan; the window, the columns and the shard are the plan's.
        plan: what `plan_sharded_export` returned.
        shard_index: from 0.
        filesystem: where ``options.path`` lies; None resolves its URI with the environment's credentials.
        cancellation: ends the export with nothing staged.

    Raises:
        PublishError: the attempt is not there any more, or the table is not the one that was planned: plan again.
        CqlaiError: as `copy_to`.
    """
    cancellation = cancellation or Cancellation()
    progress = Progress(f"{plan.table}, shard {shard_index} of {plan.shard_count}", options.progress_interval_seconds)
    place = _locate_plan(plan, options, filesystem, cancellation)
    kept = find_kept_shard(place.log, plan.plan_id, shard_index)
    if kept is not None:
        logger.info(
            "shard %d of %s is published and stays: an incremental log is never replaced", shard_index, plan.table
        )
        return _report_shard(plan, shard_index, *kept, progress)
    attempt = join_shared_attempt(place.log, plan.plan_id, plan.host)
    sharding = attempt.sharding
    assert sharding is not None
    own_options = dataclasses.replace(
        options,
        window=plan.window,
        columns=sharding.columns,
        shard_index=shard_index,
        shard_count=plan.shard_count,
    )
    with _told_to_plan_again():
        export = plan_table_export(session, own_options, cancellation)
        _check_planned(export, sharding)
        with (
            open_engine_session(session, options) as engine_session,
            ShardPublication(
                storage=place.storage,
                root=place.root,
                log=place.log,
                attempt=attempt,
                shard_index=shard_index,
                source=export.describe_source(options.columns),
                file_format=options.file_format,
                consistency_level=engine_session.consistency_level,
                cancellation=cancellation,
            ) as publication,
        ):
            written = export.write(engine_session, publication, progress, cancellation, ensures_file=False)
            export.plan.watch.check()
            result = export.report(progress, publication.path, (), None, is_published=False)
            publication.report = {
                "rows": progress.rows,
                "query_count": result.query_count,
                "retried_pages": result.retried_pages,
                "zero_length_cells": dict(result.zero_length_cells),
            }
            files = publication.commit(written).files
    logger.info(
        "%s: staged %s of shard %d in %s, %.1f s",
        plan.table, count_of(progress.rows, "row"), shard_index, count_of(len(files), "file"), progress.elapsed_seconds,
    )  # fmt: skip
    return _report_shard(plan, shard_index, files, publication.shard_try, progress)


def publish_sharded_export(
    session: Session,
    options: CopyToOptions,
    plan: ShardedExportPlan,
    *,
    shard_tries: Mapping[int, str] = MappingProxyType({}),
    filesystem: AbstractFileSystem | None = None,
    cancellation: Cancellation | None = None,
) -> CopyResult:
    """Make the files of all shards visible by one commit.

    Called again after its commit it changes nothing and returns what is published.

    Args:
        session: connected; the table is asked once more whether it is the one that was planned.
        options: those of the plan.
        plan: what `plan_sharded_export` returned.
        shard_tries: ``shard_try`` of the results of `export_shard`, by shard: none of them is published as an earlier
            try left it.
        filesystem: where ``options.path`` lies; None resolves its URI with the environment's credentials.
        cancellation: ends the call before the commit point.

    Raises:
        PublishError: a shard is missing, the attempt is not there any more, or the table has changed: nothing was
            published.
        CqlaiError: as `copy_to`.
    """
    cancellation = cancellation or Cancellation()
    progress = Progress(f"{plan.table}, all shards", options.progress_interval_seconds)
    options = dataclasses.replace(options, window=plan.window)
    place = _locate_plan(plan, options, filesystem, cancellation)
    with _told_to_plan_again():
        sharding = find_sharding(place.log, plan.plan_id, planning_host=plan.host)
        pinned = dataclasses.replace(options, columns=sharding.columns, owner=sharding.owner)
        export = plan_table_export(session, pinned, cancellation)
        with (
            open_engine_session(session, options) as engine_session,
            ShardedPublication(
                pinned,
                storage=place.storage,
                root=place.root,
                run_key=place.run_key,
                source=export.describe_source(options.columns),
                file_format=options.file_format,
                is_hive=bool(options.partition_by),
                is_log=options.window_by == "writetime",
                arrow_schema=sharding.arrow_schema,
                consistency_level=engine_session.consistency_level,
                cancellation=cancellation,
                sharding=sharding,
                expected=shard_tries,
            ) as publication,
        ):
            published = publication.already_published
            if published is None:
                _check_planned(export, sharding)
                written = []
                if publication.staged_rows == 0:
                    if options.on_empty != "write":
                        return report_empty(export, progress, publication.path)
                    written = export.write_no_row(publication, cancellation)
                published = publication.commit(written)
    reports = [shard.report for shard in publication.shards.values()]
    result = dataclasses.replace(
        export.report(progress, publication.path, published.files, published.manifest),
        query_count=sum(report["query_count"] for report in reports),
        retried_pages=sum(report["retried_pages"] for report in reports),
        zero_length_cells=dict(sum((Counter(report["zero_length_cells"]) for report in reports), Counter())),
    )
    log_published(options, result)
    return result


def remove_sharded_export(
    options: CopyToOptions,
    plan: ShardedExportPlan,
    *,
    filesystem: AbstractFileSystem | None = None,
) -> bool:
    """End the attempt of ``plan`` and remove what its shards staged, unless it was published.

    Returns:
        Whether there was something to remove.
    """
    options = dataclasses.replace(options, window=plan.window)
    place = _locate_plan(plan, options, filesystem, Cancellation())
    is_removed = remove_shared_attempt(place.dataset_log, place.log, plan.plan_id)
    if is_removed:
        logger.info("%s: removed what the shards of the failed export had staged in %s", plan.table, plan.path)
    return is_removed


def check_sharded_options(options: CopyToOptions, shards: int | str) -> None:
    """Raise for what a sharded export cannot have."""
    if shards != "auto" and (isinstance(shards, bool) or not isinstance(shards, int) or not 1 <= shards <= MOST_SHARDS):
        raise OptionError(
            f"shards={shards!r} must be 'auto' or a whole number from 1 to {MOST_SHARDS}", option="shards"
        )
    if options.is_single_file:
        raise OptionError(
            f"path={options.path!r} is one file, and shards write several: give a directory", option="path"
        )
    if options.shard_count != 1:
        raise OptionError("shard_index and shard_count are the group's own: give shards", option="shard_count")
    if options.dry_run:
        raise OptionError("dry_run is of a single export: CassandraToParquetOperator has it", option="dry_run")


def _report_shard(
    plan: ShardedExportPlan, shard_index: int, files: Sequence[DataFile], shard_try: str, progress: Progress
) -> ShardResult:
    return ShardResult(
        path=plan.path,
        table=plan.table,
        shard_index=shard_index,
        shard_count=plan.shard_count,
        shard_try=shard_try,
        rows=sum(file.rows for file in files),
        bytes=sum(file.bytes for file in files),
        file_count=len(files),
        elapsed_seconds=progress.elapsed_seconds,
    )


@dataclass(frozen=True)
class _Place:
    storage: Storage
    root: str
    run_key: RunKey

    @property
    def dataset_log(self) -> DatasetLog:
        return DatasetLog(self.storage, self.root)

    @property
    def log(self) -> RunKeyLog:
        return self.dataset_log.run_key_log(self.run_key)


def _locate_plan(
    plan: ShardedExportPlan, options: CopyToOptions, filesystem: AbstractFileSystem | None, cancellation: Cancellation
) -> _Place:
    access = StorageAccess.of(options, filesystem, cancellation)
    return _Place(*locate(plan.path, access), RunKey(plan.window))


def _choose_count(session: Session, export: TableExport, shards: int | str) -> int:
    if isinstance(shards, int):
        return shards
    table = export.plan.table_metadata
    rows, size = (None, None) if table.is_node_local else estimate_table(session, table)
    # More than there are queries would have nothing to read.
    return min(count_shards(rows, size), max(1, len(export.plan.reads)))


def count_shards(rows: int | None, size: int | None) -> int:
    """How many shards a table of about so many rows and bytes, None for unknown, is worth; at least one."""
    count = math.ceil(size / _SHARD_BYTES) if size is not None else math.ceil((rows or 0) / _SHARD_ROWS)
    return max(1, min(count, MOST_SHARDS))


def _check_planned(export: TableExport, sharding: Sharding) -> None:
    """Raise unless the table is the one that was planned, now; its watch tells of any change from then on."""
    watch = export.plan.watch
    watch.identity = TableIdentity.from_json(sharding.table_identity)
    watch.check()
    if not export.arrow_schema.equals(sharding.arrow_schema):
        raise TableChangedError(f"{export.table} has other types than when the export was planned", table=export.table)


@contextmanager
def _told_to_plan_again() -> Iterator[None]:
    """A table that has changed makes the plan of all shards worthless, and another try of one of them as well."""
    try:
        yield
    except (TableChangedError, TableMetadataError) as error:
        raise PublishError(f"plan the export again, for all its shards: {error}", **error.details) from error
