"""An export that four processes share, as workers of Airflow would, and the two steps around it with 256 shards."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Callable

from cassandra.cluster import Session

from airflow_provider_cqlai.engine.cassandra.connect.session import close_session
from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
from airflow_provider_cqlai.engine.verbs.sharded_export import (
    ShardedExportPlan,
    export_shard,
    plan_sharded_export,
    publish_sharded_export,
)
from benchmarks.target import Target, connect

_PROCESSES = 4
_MOST_SHARDS = 256


def sharded(session: Session, target: Target) -> int:
    """Plan, four shards at once in processes of their own, publish."""
    # As many token ranges in flight as in one export.
    options = dataclasses.replace(_options(target, "rows"), concurrency=CopyToOptions.concurrency // _PROCESSES)
    plan = plan_sharded_export(session, options, shards=_PROCESSES)
    # Forked, as workers are: they have what the parent has imported, and no session of it.
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_export, args=(target, options, plan, index)) for index in range(plan.shard_count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit(f"a shard ended with {process.exitcode}")
    publish_sharded_export(session, options, plan)
    return target.rows_in_parquet()


def sharded_steps(session: Session, target: Target) -> Callable[[], int]:
    """Planning 256 shards, and publishing 256 that were exported before."""
    options = _options(target, "rows")
    plan = plan_sharded_export(session, options, shards=_MOST_SHARDS)
    for index in range(plan.shard_count):
        export_shard(session, options, plan, index)

    def steps() -> int:
        plan_sharded_export(session, _options(target, "planned"), shards=_MOST_SHARDS)
        publish_sharded_export(session, options, plan)
        return target.rows_in_parquet()

    return steps


def _options(target: Target, name: str) -> CopyToOptions:
    return CopyToOptions(table=target.table, path=str(target.folder / name), **target.options)


def _export(target: Target, options: CopyToOptions, plan: ShardedExportPlan, index: int) -> None:
    session = connect(target.host, target.port)
    try:
        export_shard(session, options, plan, index)
    finally:
        close_session(session)


CASES: dict[str, Callable[[Session, Target], int | Callable[[], int]]] = {
    "sharded": sharded,
    "sharded_steps": sharded_steps,
}
PREPARED_CASES = ("sharded_steps",)
