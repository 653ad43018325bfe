"""`ShardedExport`: one table or window exported by several tasks, on any workers, and published once.

``plan`` decides everything once and opens the attempt that all tasks share, mapped ``export`` tasks stage a part of the
token ring each, ``publish`` commits when all of them are there, and ``clean_up``, a teardown, removes an attempt that
failed. Note: ``plan`` is no setup, since Airflow clears a task's setups with it: then no single shard could run again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.airflow_compat import TaskGroup
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.publish import MOST_SHARDS
from airflow_provider_cqlai.engine.options.values.file_formats import is_named_as_file
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.lineage import name_cluster
from airflow_provider_cqlai.operators._arguments import has_template
from airflow_provider_cqlai.operators._base import failing_without_retries, read_flag
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.task_groups._group import GroupArguments

if TYPE_CHECKING:
    from airflow_provider_cqlai.airflow_compat import Context
    from airflow_provider_cqlai.engine.options.copy_to import CopyToOptions
    from airflow_provider_cqlai.engine.options.window import TimeWindow
    from airflow_provider_cqlai.engine.verbs.sharded_export import ShardedExportPlan

# The shards are the group's, and only a single export has a dry run.
_NOT_OF_A_GROUP = ("shard_index", "shard_count", "dry_run")
_AUTO = "auto"


class ShardedExport(TaskGroup):
    """Export a table, or the window of the run, by several tasks, and publish their files by one commit.

    Takes every argument of `CassandraToParquetOperator` but ``shard_index``, ``shard_count`` and ``dry_run``, and those
    of Airflow's tasks and task groups: ``retries``, ``pool`` and so on are of every task, ``trigger_rule`` of ``plan``,
    ``outlets`` and ``inlets`` of ``publish``, ``max_active_tis_per_dagrun`` of the shards. The path is a directory; a
    local one must be on a disk that all workers share.

    Readers see nothing before the last shard is there. A shard that fails is tried again by itself. To run single
    shards again later, clear them and what is downstream of them: ``publish`` then replaces their files only.

    :param group_id: ``str``, required. The name of the group, a prefix of those of its tasks.
    :param shards: ``int | "auto"``, default ``"auto"``. How many tasks share the export, at most 256; ``"auto"`` is one
        for each 2 GiB of the table in the nodes' files.
    :param keep_failed: ``bool``, default ``False``. Keep what the shards of a failed run have staged, so that only the
        failed ones need to run again, with ``publish``. With ``False`` the run's last task removes it.
    """

    def __init__(
        self, group_id: str, *, shards: int | str | None = None, keep_failed: bool | str | None = None, **kwargs: Any
    ) -> None:
        arguments = GroupArguments("ShardedExport", kwargs, CassandraToParquetOperator.arguments, _NOT_OF_A_GROUP)
        super().__init__(group_id=group_id, **arguments.of_group)
        arguments.take_defaults(self)
        shards = arguments.value("shards", _AUTO) if shards is None else shards
        keep_failed = arguments.value("keep_failed", False) if keep_failed is None else keep_failed
        check_directory(arguments.value("path"))
        with self:
            plan = PlanShardedExport(task_id="plan", shards=shards, **arguments.for_first())
            export = ExportShard.partial(
                task_id="export",
                tasks_at_once=arguments.tasks_at_once,
                map_index_template="shard {{ task.shard['shard_index'] }} of {{ task.shard['shard_count'] }}",
                **arguments.for_mapped(),
            ).expand(shard=plan.output)
            self.publish = PublishShardedExport(
                task_id="publish", plan=plan.output, exported=export.output, **arguments.for_last()
            )
            export >> self.publish
            if not read_flag("keep_failed", keep_failed):
                clean_up = RemoveFailedExport(task_id="clean_up", plan=plan.output, **arguments.for_clean_up())
                # Also after the shards: a publication that is not to be is so as soon as one of them has failed.
                [self.publish, export] >> clean_up.as_teardown()

    @property
    def output(self) -> Any:
        """What ``publish`` returns, as of an operator: rows, bytes, files, path and window."""
        return self.publish.output


class PlanShardedExport(CassandraToParquetOperator):
    """The first task of a `ShardedExport`: returns what each shard needs, a list to be mapped over."""

    def __init__(self, *, shards: int | str = "auto", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shards = shards
        if not has_template(shards):
            read_shards(shards)
        self.template_fields = (*self.template_fields, "shards")

    template_fields: Sequence[str] = (*CassandraToParquetOperator.template_fields, "shards")

    def execute(self, context: Context) -> Any:
        """Plan, and open the attempt; see `engine.verbs.sharded_export`."""
        from airflow_provider_cqlai.engine.verbs.sharded_export import plan_sharded_export

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            options, filesystem = self._open(context)
            plan = plan_sharded_export(
                hook.get_conn(),
                options,
                shards=read_shards(self.shards),
                filesystem=filesystem,
                cancellation=cancellation,
            )
        return [{**plan.to_dict(), "shard_index": index} for index in range(plan.shard_count)]


class _PlannedStep(PlanShardedExport):
    """A task that goes on with what ``plan`` returned; its window is the plan's."""

    _plan: ShardedExportPlan | None = None

    def _read_plan(self, planned: Any) -> ShardedExportPlan:
        from airflow_provider_cqlai.engine.verbs.sharded_export import ShardedExportPlan

        values = dict(planned[0] if isinstance(planned, Sequence) else planned)
        values.pop("shard_index", None)
        self._plan = ShardedExportPlan.from_dict(values)
        return self._plan

    def _resolve_window(self, context: Context, *, is_needed: bool) -> TimeWindow | None:
        assert self._plan is not None
        return self._plan.window


class ExportShard(_PlannedStep):
    """A mapped task of a `ShardedExport`: stages the rows of one shard."""

    def __init__(self, *, shard: Any, tasks_at_once: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shard = shard
        self.tasks_at_once = tasks_at_once
        self.template_fields = (*self.template_fields, "shard")

    template_fields: Sequence[str] = (*PlanShardedExport.template_fields, "shard")

    def execute(self, context: Context) -> Any:
        """Export the shard; nothing of it is visible before ``publish``."""
        from airflow_provider_cqlai.engine.verbs.sharded_export import export_shard

        cancellation = self._begin_cancellation()
        plan = self._read_plan(self.shard)
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            options, filesystem = self._open(context)
            result = export_shard(
                hook.get_conn(),
                share_rate_limits(options, min(plan.shard_count, self.tasks_at_once or plan.shard_count)),
                plan,
                self.shard["shard_index"],
                filesystem=filesystem,
                cancellation=cancellation,
            )
        return result.to_dict()


class PublishShardedExport(_PlannedStep):
    """The task of a `ShardedExport` that makes the files of all shards visible."""

    def __init__(self, *, plan: Any, exported: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.exported = exported
        self.template_fields = (*self.template_fields, "plan", "exported")

    template_fields: Sequence[str] = (*PlanShardedExport.template_fields, "plan", "exported")

    def execute(self, context: Context) -> dict[str, Any]:
        """Check that all shards are there, commit, and report as `CassandraToParquetOperator` does."""
        from airflow_provider_cqlai.engine.verbs.sharded_export import publish_sharded_export

        cancellation = self._begin_cancellation()
        plan = self._read_plan(self.plan)
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            options, filesystem = self._open(context)
            self._cluster = name_cluster(hook.settings)
            result = publish_sharded_export(
                hook.get_conn(),
                options,
                plan,
                shard_tries={shard["shard_index"]: shard["shard_try"] for shard in self.exported or ()},
                filesystem=filesystem,
                cancellation=cancellation,
            )
        return self._report(context, result)


class RemoveFailedExport(_PlannedStep):
    """The teardown of a `ShardedExport`: removes what a failed attempt has staged."""

    def __init__(self, *, plan: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.template_fields = (*self.template_fields, "plan")

    template_fields: Sequence[str] = (*PlanShardedExport.template_fields, "plan")

    def execute(self, context: Context) -> dict[str, Any]:
        """Remove it, unless it was published; returns whether there was something."""
        from airflow_provider_cqlai.engine.verbs.sharded_export import remove_sharded_export

        if not self.plan:
            # The plan itself has failed, and left nothing.
            return {"is_removed": False}
        plan = self._read_plan(self.plan)
        with failing_without_retries():
            options, filesystem = self._open(context)
            return {"is_removed": remove_sharded_export(options, plan, filesystem=filesystem)}


def share_rate_limits(options: CopyToOptions, tasks: int) -> CopyToOptions:
    """``options`` of one of ``tasks`` tasks that run at once: limits are of all of them together."""
    rows, byte_count = options.rate_limit_rows_per_second, options.rate_limit_bytes_per_second
    return dataclasses.replace(
        options,
        rate_limit_rows_per_second=None if rows is None else max(rows / tasks, 0.001),
        rate_limit_bytes_per_second=None if byte_count is None else max(1, int(byte_count) // tasks),
    )


def check_directory(path: Any) -> None:
    """Raise for a ``path`` that is one file."""
    if path is not None and is_named_as_file(str(path)):
        raise OptionError(f"path={str(path)!r} is one file: give a directory, which takes several", option="path")


def read_shards(shards: Any) -> int | str:
    """``shards`` as a number or ``"auto"``, also of a template.

    Raises:
        OptionError: it is neither, or no number of tasks.
    """
    text = str(shards).strip().lower()
    if text == _AUTO:
        return text
    if isinstance(shards, bool) or not text.isdigit() or not 1 <= int(text) <= MOST_SHARDS:
        raise OptionError(
            f"shards={shards!r} must be 'auto' or a whole number from 1 to {MOST_SHARDS}", option="shards"
        )
    return int(text)
