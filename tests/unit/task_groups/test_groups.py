"""What task groups say when a DAG file is read, and which task gets which argument."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cqlai.airflow_compat import DAG, Asset, TaskGroup
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.task_groups import KeyspaceExport, ShardedExport


def sharded(dag_arguments: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """The tasks of a group in a DAG, by their own names."""
    with DAG("dag", schedule=None, **(dag_arguments or {})) as dag:
        ShardedExport("group", **{"table": "shop.events", "path": "/data/events", **arguments})
    return {task.task_id.removeprefix("group."): task for task in dag.tasks}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(({"shards": shards}, "must be 'auto' or a whole number from 1 to 256") for shards in (0, -1, 257, True, "0")),
        ({"shards": 2.5}, "must be 'auto'"),
        ({"path": "/data/events.parquet"}, "is one file: give a directory"),
        ({"path": Path("/data/events.parquet")}, "is one file: give a directory"),
        ({"shard_count": 3}, "shard_count is no argument of ShardedExport"),
        ({"dry_run": True}, "dry_run is no argument of ShardedExport"),
        ({"task_id": "x"}, "task_id is no argument of ShardedExport: the group has group_id"),
        ({"map_index_template": "x"}, "the group names its tasks itself"),
        ({"do_xcom_push": False}, "need the XComs of each other"),
        ({"partitionby": "id"}, "ShardedExport has no argument 'partitionby' .did you mean 'partition_by'"),
        ({"period": "1 dya"}, "period"),
        ({"keep_failed": "maybe"}, "expected True or False"),
        ({"default_args": {"shard_index": 1}}, "shard_index is no argument of ShardedExport"),
        ({"default_args": {"path": "/data/events.parquet"}, "path": None}, "path"),
    ],
)
def test_a_mistake_breaks_the_import_of_the_dag_file(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        sharded(**arguments)


def test_arguments_go_to_the_tasks_that_they_are_about() -> None:
    asset = Asset("events")
    tasks = sharded(
        retries=4, outlets=[asset], trigger_rule="one_success", depends_on_past=True, max_active_tis_per_dagrun=2
    )
    assert {name: task.retries for name, task in tasks.items()} == dict.fromkeys(tasks, 4)
    assert [name for name, task in tasks.items() if task.outlets] == ["publish"]
    assert [name for name, task in tasks.items() if task.depends_on_past] == ["plan"]
    assert [name for name, task in tasks.items() if task.trigger_rule == "one_success"] == ["plan"]
    assert tasks["export"].max_active_tis_per_dagrun == 2
    assert tasks["export"].partial_kwargs["tasks_at_once"] == 2


def test_default_args_are_divided_in_the_same_way() -> None:
    defaults = {
        "outlets": [Asset("events")],
        "trigger_rule": "all_done",
        "depends_on_past": True,
        "max_active_tis_per_dagrun": 3,
        "shards": 5,
        "keep_failed": True,
        "where": "kind = 'a'",
    }
    tasks = sharded({"default_args": defaults})
    assert sorted(tasks) == ["export", "plan", "publish"]
    assert tasks["plan"].shards == 5
    assert [name for name, task in tasks.items() if task.outlets] == ["publish"]
    assert [name for name, task in tasks.items() if task.trigger_rule == "all_done"] == ["plan"]
    assert [name for name, task in tasks.items() if task.depends_on_past] == ["plan"]
    assert tasks["export"].partial_kwargs["tasks_at_once"] == 3
    assert tasks["plan"].where == tasks["publish"].where == "kind = 'a'"


def test_the_end_of_the_group_waits_for_all_of_it() -> None:
    tasks = sharded()
    assert tasks["clean_up"].upstream_task_ids == {"group.plan", "group.export", "group.publish"}
    assert tasks["clean_up"].is_teardown
    assert not tasks["plan"].is_setup
    assert "clean_up" not in sharded(keep_failed="True")


def test_a_group_lies_in_another_one_and_outside_of_with() -> None:
    dag = DAG("dag", schedule=None)
    outer = TaskGroup("outer", dag=dag)
    ShardedExport("inner", table="events", path="/data/events", parent_group=outer, dag=dag)
    assert sorted(dag.task_ids) == [f"outer.inner.{name}" for name in ("clean_up", "export", "plan", "publish")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "/data/events"}, "is one dataset for all tables: it needs {table}"),
        ({"path": "/data/{table}.parquet"}, "is one file"),
        ({"table": "events"}, "table is no argument of KeyspaceExport"),
        ({"shards": 0}, "must be 'auto'"),
        ({"table_options": {"events": {"partitionby": "id"}}}, "'events' has the unknown argument 'partitionby'"),
        ({"period": "1 day"}, "period without time_column: every table would be exported as a whole"),
        ({"table_options": {"events": {"cassandra_conn_id": "x"}}}, "unknown argument 'cassandra_conn_id'"),
        ({"table_options": {"events": {"path": "/data/x.parquet"}}}, "is one file"),
        ({"table_options": {"events": None}}, "'events' must have a mapping"),
        ({"table_options": ["events"]}, "must be a mapping of tables"),
        ({"exlcude": "tmp"}, "KeyspaceExport has no argument 'exlcude'"),
    ],
)
def test_a_mistake_about_a_keyspace_breaks_the_import_of_the_dag_file(arguments: dict[str, Any], message: str) -> None:
    with DAG("dag", schedule=None), pytest.raises(OptionError, match=message):
        KeyspaceExport("group", **{"keyspace": "shop", "path": "/data/{table}", **arguments})


def test_the_arguments_of_a_keyspace_may_be_default_args() -> None:
    defaults = {"exclude": "users", "time_column": "auto", "period": "1 day", "table_options": {"a": {"columns": "id"}}}
    with DAG("dag", schedule=None, default_args=defaults) as dag:
        KeyspaceExport("group", keyspace="shop", path="/data/{table}", outlets=[Asset("shop")])
    plan: Any = dag.get_task("group.plan")
    assert (plan.exclude, plan.common_time_column, plan.table_options) == ("users", "auto", {"a": {"columns": "id"}})
    assert [task.task_id for task in dag.tasks if task.outlets] == ["group.publish"]


def test_a_keyspace_may_be_exported_by_write_times() -> None:
    with DAG("dag", schedule=None) as dag:
        KeyspaceExport("group", keyspace="shop", path="/data/{table}", window_by="writetime", period="1 day")
    assert len(dag.tasks) == 4


def test_a_keyspace_has_an_asset_for_each_table_by_an_alias() -> None:
    with DAG("dag", schedule=None) as dag:
        KeyspaceExport("group", keyspace="shop", path="/data/{table}", time_column="auto", period="1 day")
    named = {task.task_id: [outlet.name for outlet in task.outlets] for task in dag.tasks if task.outlets}
    assert named == {"group.export": ["dag.group"], "group.publish": ["dag.group"]}
