"""The import operator without a server: its arguments are the engine's, and what it passes on."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_cqlai.airflow_compat import DAG, ObjectStoragePath
from airflow_provider_cqlai.engine.errors import OptionError
from airflow_provider_cqlai.engine.options.copy_from import CopyFromOptions
from airflow_provider_cqlai.operators._arguments import read_rendered
from airflow_provider_cqlai.operators._base import WINDOW_ARGUMENTS
from airflow_provider_cqlai.operators.parquet_to_cassandra import ParquetToCassandraOperator

ENGINE_ARGUMENTS = [
    field.name for field in dataclasses.fields(CopyFromOptions) if field.name in ParquetToCassandraOperator.arguments
]


def operator(**arguments: Any) -> ParquetToCassandraOperator:
    return ParquetToCassandraOperator(task_id="import", table="ks.t", **{"path": "/data/t", **arguments})


def test_every_option_of_the_engine_is_an_argument_with_its_default() -> None:
    parameters = inspect.signature(ParquetToCassandraOperator.__init__).parameters
    assert set(ENGINE_ARGUMENTS) | set(WINDOW_ARGUMENTS) <= set(parameters)
    for field in dataclasses.fields(CopyFromOptions):
        if field.name in ENGINE_ARGUMENTS and field.default is not dataclasses.MISSING:
            assert parameters[field.name].default == field.default, field.name


def test_every_argument_is_templated() -> None:
    arguments = set(inspect.signature(ParquetToCassandraOperator.__init__).parameters) - {"self", "kwargs"}
    assert set(ParquetToCassandraOperator.template_fields) == arguments - {"dry_run"} | {"is_dry_run"}


def test_airflows_own_dry_run_still_works() -> None:
    operator(dry_run=True).dry_run()


def test_rendered_texts_become_the_engines_values() -> None:
    task = operator(
        column_mapping='{"a": "b"}', max_requests_in_flight="8", rate_limit_rows_per_second="1.5", path=["/a", "/b"]
    )
    assert read_rendered("column_mapping", task.column_mapping, CopyFromOptions) == {"a": "b"}
    assert read_rendered("max_requests_in_flight", task.max_requests_in_flight, CopyFromOptions) == 8
    assert task._split_paths() == (["/a", "/b"], None)


def test_a_path_object_is_one_path() -> None:
    assert operator(path=Path("/a"))._split_paths() == (["/a"], None)
    assert operator(path=ObjectStoragePath("file:///a"))._split_paths() == (["file:///a"], None)


@pytest.mark.parametrize("paths", [["/a", Path("/b")], ("/a", "/b"), dict.fromkeys(("/a", "/b")), iter(["/a", "/b"])])
def test_any_collection_is_a_list_of_paths(paths: Any) -> None:
    assert operator(path=paths)._split_paths() == (["/a", "/b"], None)


@pytest.mark.parametrize(
    ("rejected_path", "connection_id", "expected"),
    [
        (None, "one", None),
        (Path("/r.parquet"), None, "/r.parquet"),
        ("s3://bucket/r.parquet", "one", "s3://bucket/r.parquet"),
        ("s3://one@bucket/r.parquet", "one", "s3://bucket/r.parquet"),
    ],
)
def test_rejected_rows_go_by_the_connection_of_the_path(
    rejected_path: Any, connection_id: str | None, expected: str | None
) -> None:
    assert operator(rejected_path=rejected_path)._read_beside("rejected_path", connection_id) == expected


@pytest.mark.parametrize("connection_id", ["one", None])
def test_another_connection_for_rejected_rows_is_refused(connection_id: str | None) -> None:
    with pytest.raises(OptionError, match="rejected_path names the connection 'two'"):
        operator(rejected_path="s3://two@bucket/r.parquet")._read_beside("rejected_path", connection_id)


def test_paths_of_two_connections_are_refused() -> None:
    with pytest.raises(OptionError, match="same storage connection"):
        operator(path=["s3://one@bucket/a", "s3://two@bucket/b"])._split_paths()


@pytest.mark.parametrize("name", ["triggering_asset_events", "triggering_dataset_events"])
def test_template_of_the_documentation_takes_the_windows_of_all_events(name: str) -> None:
    documented = (Path(__file__).parents[3] / "docs" / "how-to" / "import-and-verify.md").read_text()
    [template] = re.findall(r'^TRIGGERED_WINDOWS = """(.*?)"""$', documented, re.M | re.S)
    assert template in (Path(__file__).parents[2] / "dags" / "dag_files" / "imports.py").read_text()
    with DAG("triggered", schedule=None):
        load = ParquetToCassandraOperator(task_id="load", table="t", path="/lake", windows=template)
    days = [{"window_start": f"2024-01-0{day}T00:00:00+00:00", "window_end": f"2024-01-0{day + 1}T00:00:00+00:00"}
            for day in (1, 2, 5)]  # fmt: skip
    events = {
        "exports": [SimpleNamespace(extra={"path": "it's", **day}) for day in days],
        "something else": [SimpleNamespace(extra={})],
    }
    load.render_template_fields({name: events})
    options = CopyFromOptions(table="t", path="/lake", windows=load.windows)
    assert [window.start.day for window in options.chosen_windows or ()] == [1, 2, 5]
