"""`KeyspaceExport`: the tables of a keyspace, a dataset each, as mapped tasks of one group.

``plan`` finds the tables and decides the window, mapped ``export`` tasks export one table or a shard of a large one
each, ``publish`` publishes the large ones and sums up: it fails where a table is missing, by name. ``clean_up`` removes
what shards have staged of tables that were not published.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cqlai.airflow_compat import AirflowFailException, AssetAlias, TaskGroup, conf
from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError
from airflow_provider_cqlai.engine.options.values.checks import hint_near_names
from airflow_provider_cqlai.engine.options.window import TimeWindow
from airflow_provider_cqlai.hooks.cqlai import CqlaiHook
from airflow_provider_cqlai.lineage import name_cluster, record_asset_events
from airflow_provider_cqlai.operators._base import failing_without_retries
from airflow_provider_cqlai.operators.cassandra_to_parquet import CassandraToParquetOperator
from airflow_provider_cqlai.task_groups._group import GroupArguments
from airflow_provider_cqlai.task_groups.sharded_export import check_directory, read_shards, share_rate_limits

if TYPE_CHECKING:
    from airflow_provider_cqlai.airflow_compat import Context
    from airflow_provider_cqlai.engine.verbs.sharded_export import ShardedExportPlan

logger = logging.getLogger(__name__)

# Decided table by table.
_NOT_OF_A_GROUP = ("table", "shard_index", "shard_count", "dry_run")
# Of the group as a whole.
_NOT_OF_A_TABLE = (*_NOT_OF_A_GROUP, "cassandra_conn_id")
_OF_A_WINDOW = ("start", "end", "period", "since")
_AUTO = "auto"


class KeyspaceExport(TaskGroup):
    """Export the tables of a keyspace, each into a dataset of its own, by one mapped task a table, or several of a
    large one.

    Takes the arguments of `CassandraToParquetOperator` for all tables, but ``table``, ``shard_index``, ``shard_count``
    and ``dry_run``, and those of Airflow's tasks and task groups. Each table is published when it is complete, whatever
    becomes of the others; the group fails where one is missing.

    :param group_id: ``str``, required. The name of the group, a prefix of those of its tasks.
    :param keyspace: ``str``, required. The keyspace, as the server spells it.
    :param path: ``str | Path``, required. A directory for each table: ``"s3://lake/{keyspace}/{table}"``.
    :param tables: ``str | Sequence[str]``, default ``"*"``. Names or patterns such as ``"events_*"``. One that no table
        matches is an error.
    :param exclude: ``str | Sequence[str]``, default ``()``. Names or patterns of tables to leave out.
    :param time_column: ``str | None``, default ``None``. Export the window of the run: ``"auto"`` takes of each table
        the column of its primary key that tells a time (timeuuid, timestamp or date), and exports a table without one
        as a whole; a name is that of every table. None exports whole tables.
    :param table_options: ``Mapping[str, Mapping[str, Any]] | None``, default ``None``. Arguments of single tables, by
        name: ``{"events": {"partition_by": "event_id.date"}, "users": {"time_column": None}}``.
    :param shards: ``int | "auto"``, default ``"auto"``. Tasks for each table: ``"auto"`` is one, and one for each 2 GiB
        of a large table.
    :param outlets: by default an `AssetAlias` ``<dag>.<group>``, under which each table's dataset is an asset.
    """

    def __init__(
        self,
        group_id: str,
        *,
        keyspace: str,
        path: Any,
        tables: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        time_column: str | None = None,
        table_options: Mapping[str, Mapping[str, Any]] | None = None,
        shards: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = GroupArguments("KeyspaceExport", kwargs, CassandraToParquetOperator.arguments, _NOT_OF_A_GROUP)
        check_directory(path)
        _check_path(path)
        super().__init__(group_id=group_id, **arguments.of_group)
        arguments.take_defaults(self)
        tables = arguments.value("tables", "*") if tables is None else tables
        exclude = arguments.value("exclude", ()) if exclude is None else exclude
        time_column = arguments.value("time_column") if time_column is None else time_column
        table_options = arguments.value("table_options", {}) if table_options is None else table_options
        shards = arguments.value("shards", _AUTO) if shards is None else shards
        _check_table_options(table_options)
        _check_window(arguments, time_column, table_options)
        outlets = arguments.value("outlets") or [AssetAlias(f"{self.dag.dag_id}.{self.group_id}")]
        # An asset is about the whole group, an alias has one for each table.
        aliases = [outlet for outlet in outlets if isinstance(outlet, AssetAlias)]
        own = {"keyspace": keyspace, "path": path}
        with self:
            plan = PlanKeyspaceExport(
                task_id="plan",
                tables=tables,
                exclude=exclude,
                common_time_column=time_column,
                table_options=dict(table_options),
                shards=read_shards(shards),
                **own,
                **arguments.for_first(),
            )
            export = ExportKeyspaceTable.partial(
                task_id="export",
                tasks_at_once=arguments.tasks_at_once,
                map_index_template="{{ task.unit['label'] }}",
                **own,
                **{**arguments.for_mapped(), "outlets": aliases},
            ).expand(unit=plan.output)
            self.publish = PublishKeyspaceExport(
                task_id="publish",
                units=plan.output,
                exported=export.output,
                **own,
                **{**arguments.for_last(), "outlets": outlets, "trigger_rule": "all_done"},
            )
            export >> self.publish
            clean_up = RemoveFailedTables(task_id="clean_up", units=plan.output, **own, **arguments.for_clean_up())
            self.publish >> clean_up.as_teardown()

    @property
    def output(self) -> Any:
        """What ``publish`` returns: rows and bytes of all tables, and of each by name."""
        return self.publish.output


class _KeyspaceStep(CassandraToParquetOperator):
    """A task about one table after the other: ``unit`` says which, with the arguments that are its own."""

    _window: TimeWindow | None = None
    _owner_name = ""
    _common: Mapping[str, Any] | None = None

    def __init__(self, *, keyspace: str, **kwargs: Any) -> None:
        super().__init__(table=f"{keyspace}.*", **kwargs)
        self.keyspace = keyspace
        self.template_fields = (*(name for name in self.template_fields if name != "table"), "keyspace")

    template_fields: Sequence[str] = (*CassandraToParquetOperator.template_fields, "keyspace")

    def _take(self, unit: Mapping[str, Any], context: Context) -> ShardedExportPlan | None:
        """Become a task about the table of ``unit``; its plan where several tasks share it."""
        self._become(unit["table"], unit["options"])
        self._window = _read_window(unit["window"])
        instance = context["ti"]
        self._owner_name = "/".join((instance.dag_id, instance.run_id, str(self.path), unit["table"]))
        if unit["plan"] is None:
            return None
        from airflow_provider_cqlai.engine.verbs.sharded_export import ShardedExportPlan

        return ShardedExportPlan.from_dict(unit["plan"])

    def _become(self, table: str, options: Mapping[str, Any]) -> None:
        """Have the arguments of all tables, and ``options`` that are this one's own."""
        if self._common is None:
            names = [name for name in self.arguments if name not in self.renamed_arguments]
            # As rendered: what a table has of its own must not be the next one's.
            self._common = {name: getattr(self, name) for name in names}
        for name, value in {**self._common, **options, "table": table}.items():
            setattr(self, name, value)

    def _resolve_window(self, context: Context, *, is_needed: bool) -> TimeWindow | None:
        return self._window

    def _resolve_run_window(self, context: Context) -> TimeWindow | None:
        return super()._resolve_window(context, is_needed=True)

    def _name_owner(self, context: Context) -> str:
        # A map index is another table's once the keyspace has one more.
        return self._owner_name

    def _check_literals(self, given: Mapping[str, Any]) -> None:
        # What tells the time is said table by table.
        is_log = str(given["window_by"]).lower() == "writetime"
        is_told = is_log or given["time_column"] is not None or not self._tells_window()
        super()._check_literals(given if is_told else {**given, "time_column": "found"})


class PlanKeyspaceExport(_KeyspaceStep):
    """The first task of a `KeyspaceExport`: returns what is to be exported, a list to be mapped over."""

    def __init__(
        self,
        *,
        tables: str | Sequence[str],
        exclude: str | Sequence[str],
        common_time_column: str | None,
        table_options: Mapping[str, Mapping[str, Any]],
        shards: int | str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tables = tables
        self.exclude = exclude
        self.common_time_column = common_time_column
        self.table_options = table_options
        self.shards = shards
        self.template_fields = (*self.template_fields, "tables", "exclude", "common_time_column", "table_options")

    template_fields: Sequence[str] = (
        *_KeyspaceStep.template_fields,
        "tables",
        "exclude",
        "common_time_column",
        "table_options",
    )

    def execute(self, context: Context) -> Any:
        """Find the tables, decide the window, and open an attempt for each table that several tasks share."""
        from airflow_provider_cqlai.engine.verbs.keyspace import choose_time_column, find_tables
        from airflow_provider_cqlai.engine.verbs.sharded_export import plan_sharded_export

        cancellation = self._begin_cancellation()
        units: list[dict[str, Any]] = []
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            session = hook.get_conn()
            found = find_tables(session, self.keyspace, self.tables, self.exclude)
            unknown = sorted(set(self.table_options) - {table.name for table in found})
            if unknown:
                raise OptionError(
                    f"table_options names {', '.join(unknown)}, which are not among the tables of this export",
                    option="table_options",
                )
            for table in found:
                own = dict(self.table_options.get(table.name, {}))
                if "time_column" not in own and self.common_time_column is not None:
                    is_auto = self.common_time_column == _AUTO
                    own["time_column"] = choose_time_column(table) if is_auto else self.common_time_column
                self._become(table.qualified_name, own)
                window = self._resolve_run_window(context) if self._is_window_asked_for() else None
                unit = {
                    "table": table.qualified_name,
                    "label": table.name,
                    "options": own,
                    "window": _write_window(window),
                    "plan": None,
                    "shard_index": 0,
                }
                count = table.shard_count if self.shards == _AUTO else int(self.shards)
                if count == 1:
                    units.append(unit)
                    continue
                self._take(unit, context)
                options, filesystem = self._open(context)
                plan = plan_sharded_export(
                    session, options, shards=count, filesystem=filesystem, cancellation=cancellation
                )
                units += [
                    {
                        **unit,
                        "plan": plan.to_dict(),
                        "shard_index": index,
                        "label": f"{table.name}, shard {index} of {count}",
                    }
                    for index in range(plan.shard_count)
                ]
        most = conf.getint("core", "max_map_length", fallback=1024)
        if len(units) > most:
            raise AirflowFailException(
                f"{len(units)} tasks would be mapped, and [core] max_map_length of Airflow's configuration is {most}:"
                " raise it, or choose fewer tables or shards"
            )
        logger.info("%d tables of %s by %d tasks", len(found), self.keyspace, len(units))
        return units


class ExportKeyspaceTable(_KeyspaceStep):
    """A mapped task of a `KeyspaceExport`: a table, or a shard of a large one."""

    def __init__(self, *, unit: Any, tasks_at_once: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit = unit
        self.tasks_at_once = tasks_at_once
        self.template_fields = (*self.template_fields, "unit")

    template_fields: Sequence[str] = (*_KeyspaceStep.template_fields, "unit")

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the table and publish it; of a shard, stage it for ``publish``."""
        from airflow_provider_cqlai.engine.verbs.copy_to import copy_to
        from airflow_provider_cqlai.engine.verbs.sharded_export import export_shard

        cancellation = self._begin_cancellation()
        with failing_without_retries(), CqlaiHook(self.cassandra_conn_id) as hook:
            plan = self._take(self.unit, context)
            options, filesystem = self._open(context)
            options = share_rate_limits(options, self.tasks_at_once or 1)
            if plan is not None:
                shard = export_shard(
                    hook.get_conn(),
                    options,
                    plan,
                    self.unit["shard_index"],
                    filesystem=filesystem,
                    cancellation=cancellation,
                )
                return {**shard.to_dict(), "unit": self.unit["table"]}
            self._cluster = name_cluster(hook.settings)
            result = copy_to(hook.get_conn(), options, filesystem=filesystem, cancellation=cancellation)
        if result.is_published:
            self._result = result
            record_asset_events(context, result)
        return {**result.to_dict(max_files=0), "unit": self.unit["table"]}


class PublishKeyspaceExport(_KeyspaceStep):
    """The task of a `KeyspaceExport` that publishes tables of several tasks, and sums all of them up."""

    def __init__(self, *, units: Any, exported: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.exported = exported
        self.template_fields = (*self.template_fields, "units", "exported")

    template_fields: Sequence[str] = (*_KeyspaceStep.template_fields, "units", "exported")

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish what is complete; a table that is missing, or was not published, fails the task by name."""
        if not self.units:
            raise AirflowFailException("the plan has failed: there is nothing to publish")
        done: dict[str, dict[str, Any]] = {}
        tries: dict[str, dict[int, str]] = {}
        for result in self.exported or ():
            if "shard_try" in result:
                tries.setdefault(result["unit"], {})[result["shard_index"]] = result["shard_try"]
            else:
                done[result["unit"]] = result
        errors: dict[str, CqlaiError | None] = {}
        for table, unit in {unit["table"]: unit for unit in self.units}.items():
            if unit["plan"] is not None:
                try:
                    done[table] = self._publish(unit, tries.get(table, {}), context)
                except CqlaiError as error:
                    logger.error("%s was not published: %s", table, error)
                    errors[table] = error
            elif table not in done:
                errors[table] = None
        if errors:
            retryable = [error for error in errors.values() if error is not None and error.is_retryable]
            text = (
                f"{len(errors)} of {len(errors) + len(done)} tables were not exported, the others are published:"
                f" {', '.join(errors)}; the log of each tells why"
            )
            if retryable:
                raise retryable[0]
            raise AirflowFailException(text)
        names = ("path", "rows", "bytes", "file_count", "window_start", "window_end", "is_published")
        tables = {table: {name: result[name] for name in names} for table, result in sorted(done.items())}
        for table, result in tables.items():
            logger.info("%s: %s rows, %s bytes in %s", table, result["rows"], result["bytes"], result["path"])
        return {
            "rows": sum(result["rows"] for result in tables.values()),
            "bytes": sum(result["bytes"] for result in tables.values()),
            "table_count": len(tables),
            "tables": tables,
        }

    def _publish(self, unit: Mapping[str, Any], tries: Mapping[int, str], context: Context) -> dict[str, Any]:
        from airflow_provider_cqlai.engine.verbs.sharded_export import publish_sharded_export

        cancellation = self._begin_cancellation()
        with CqlaiHook(self.cassandra_conn_id) as hook:
            plan = self._take(unit, context)
            assert plan is not None
            options, filesystem = self._open(context)
            result = publish_sharded_export(
                hook.get_conn(),
                options,
                plan,
                shard_tries=tries,
                filesystem=filesystem,
                cancellation=cancellation,
            )
        if result.is_published:
            record_asset_events(context, result)
        return result.to_dict(max_files=0)


class RemoveFailedTables(_KeyspaceStep):
    """The teardown of a `KeyspaceExport`: removes what was staged of tables that were not published."""

    def __init__(self, *, units: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.template_fields = (*self.template_fields, "units")

    template_fields: Sequence[str] = (*_KeyspaceStep.template_fields, "units")

    def execute(self, context: Context) -> dict[str, Any]:
        """Remove it; returns of which tables there was something."""
        from airflow_provider_cqlai.engine.verbs.sharded_export import remove_sharded_export

        removed = []
        with failing_without_retries():
            for table, unit in {unit["table"]: unit for unit in self.units or () if unit["plan"] is not None}.items():
                plan = self._take(unit, context)
                assert plan is not None
                options, filesystem = self._open(context)
                if remove_sharded_export(options, plan, filesystem=filesystem):
                    removed.append(table)
        return {"removed": removed}


def _check_path(path: Any) -> None:
    text = str(path)
    if "{table}" not in text and "{{" not in text:
        raise OptionError(
            f"path={text!r} is one dataset for all tables: it needs {{table}}, as in 's3://lake/{{keyspace}}/{{table}}'",
            option="path",
        )


def _check_table_options(table_options: Mapping[str, Mapping[str, Any]]) -> None:
    known = set(CassandraToParquetOperator.arguments) - set(_NOT_OF_A_TABLE)
    if not isinstance(table_options, Mapping):
        raise OptionError(f"table_options={table_options!r} must be a mapping of tables", option="table_options")
    for table, options in table_options.items():
        if not isinstance(options, Mapping):
            raise OptionError(f"table_options: {table!r} must have a mapping of arguments", option="table_options")
        if "path" in options:
            check_directory(options["path"])
        for name in options:
            if name not in known:
                raise OptionError(
                    f"table_options: {table!r} has the unknown argument {name!r}{hint_near_names(name, known)}",
                    option="table_options",
                )


def _check_window(
    arguments: GroupArguments, time_column: str | None, table_options: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise for a window that no table would have."""
    is_cut = time_column is not None or str(arguments.value("window_by", "")).lower() == "writetime"
    is_cut = is_cut or arguments.value("bucket_column") is not None
    for options in ({name: arguments.value(name) for name in _OF_A_WINDOW}, *table_options.values()):
        given = [name for name in _OF_A_WINDOW if options.get(name) is not None]
        own = [one.get("time_column") for one in table_options.values()]
        if given and not is_cut and not any(own):
            raise OptionError(
                f"{given[0]} without time_column: every table would be exported as a whole. time_column='auto' takes"
                " that of each table's key",
                option="time_column",
            )


def _write_window(window: TimeWindow | None) -> list[str] | None:
    return None if window is None else [window.start.isoformat(), window.end.isoformat()]


def _read_window(written: Sequence[str] | None) -> TimeWindow | None:
    if written is None:
        return None
    start, end = map(datetime.datetime.fromisoformat, written)
    return TimeWindow(start=start, end=end)
